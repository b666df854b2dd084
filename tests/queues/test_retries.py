"""A run that does not count is made again, and said to be rejected when no attempt is left."""

import pytest
import torch

from seqdocs.queues.engines.audit import audit
from seqdocs.queues.load import LateSenderError
from seqdocs.queues.retries import Retries, lateness
from seqdocs.queues.trace import Trace, fifo


def run_of(slip=0.0):
    """Three requests, each sent so much later than scheduled."""
    run = fifo(torch.arange(3.0, dtype=torch.float64), torch.full((3,), 0.5, dtype=torch.float64))
    return Trace(run.scheduled, run.scheduled + slip, run.start + slip, run.finish + slip, run.tokens)


def late():
    raise LateSenderError("late", run_of(0.3))


def attempts(*outcomes):
    """An attempt that does one thing after the other."""
    left = iter(outcomes)

    def attempt():
        return next(left)()

    return attempt


def test_a_run_that_counts_is_made_once():
    retries = Retries(2)
    assert retries.keep(attempts(run_of)).rejected is None
    assert retries.left == 2


def test_a_late_run_is_made_again():
    retries = Retries(2)
    kept = retries.keep(attempts(late, run_of))
    assert kept.rejected is None and lateness([kept.trace]).mean == 0
    assert retries.left == 1


def test_a_run_that_the_audit_rejects_is_made_again():
    kept = Retries(1).keep(attempts(lambda: run_of(0.3), run_of), audit)
    assert kept.rejected is None and audit(kept.trace).gap == 0


def test_the_last_run_is_kept_with_the_reason():
    kept = Retries(1).keep(attempts(late, late))
    assert kept.rejected == "late" and lateness([kept.trace]).latest == pytest.approx(0.3)
    assert "the mean wait is" in (Retries(0).keep(lambda: run_of(0.3), audit).rejected or "")


def test_attempts_are_shared_by_all_runs():
    retries = Retries(1)
    assert retries.keep(attempts(late, run_of)).rejected is None
    assert retries.keep(attempts(late, run_of)).rejected == "late"


def test_other_errors_are_not_swallowed():
    def broken():
        raise RuntimeError("the engine failed")

    with pytest.raises(RuntimeError, match=r"^the engine failed$"):
        Retries().keep(broken)
    with pytest.raises(ZeroDivisionError):
        Retries().keep(run_of, lambda trace: 1 / 0)


def test_lateness_is_the_worst_mean_and_the_latest_of_all():
    once = run_of()
    uneven = Trace(
        once.scheduled,
        once.scheduled + torch.tensor([0, 0, 0.5]),
        once.start + 0.5,
        once.finish + 0.5,
        once.tokens,
    )
    mean, latest = lateness([run_of(0.25), uneven])
    assert (mean, latest) == (0.25, 0.5)


def test_nothing_has_no_lateness_and_attempts_are_not_negative():
    with pytest.raises(ValueError, match=r"^of 0 runs 0 are empty; lateness needs requests$"):
        lateness([])
    with pytest.raises(ValueError, match=r"^of 1 runs 1 are empty"):
        lateness([fifo(torch.zeros(0), torch.zeros(0))])
    with pytest.raises(ValueError, match=r"^`spare` is -1; there are no fewer than 0 more attempts$"):
        Retries(-1)
