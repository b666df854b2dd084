"""Intervals for figures of a queue, whose samples depend on one another.

Who comes after a long wait waits long too. A thousand waits in a row may hold no more news than ten
independent ones, and whoever counts them as a thousand gets an interval that is far too narrow. Two ways out:

- **independent runs**: repeat the whole run with other arrivals, and take one figure from each;
- **batch means**: cut one long run into a few batches, so long that what one is like says next to nothing
  about the next, and take one figure from each.

Either way a handful of nearly independent, nearly normal figures is left, and Student's t makes the interval.

Whether a run was long enough only the run itself can say. It is judged by ten times as many, shorter parts:
when their neighbours are hardly correlated, those of the long batches are less so. For a percentile, every
batch must also have seen both sides of it: a tail that came in one burst says nothing about how often bursts
come. A run that was too short is refused; the figure is then known to nobody.

Sources: Law and Carson 1979, *Operations Research* 27(5), for judging the length by more and shorter batches;
Schmeiser 1982, *Operations Research* 30(3), for ten to thirty batches, beyond which more add next to nothing
(known here from abstracts and citations; ``tests/proofs/test_load_intervals.py`` measures the coverage).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from seqdocs.queues import percentiles
from seqdocs.queues.checks import series
from seqdocs.queues.estimate import Estimate, TooFewSamplesError, between
from seqdocs.queues.student import student_t

BATCHES = 20
PARTS = 10  # of each batch, for judging how much neighbours depend on one another
MOST_CORRELATION = 0.3  # of neighbouring parts; batches, ten times as long, keep a few hundredths of it


class RunTooShortError(TooFewSamplesError):
    """The batches of a run still depend on one another; a longer run has longer ones."""


def independent_runs(values: Sequence[float], level: float = 0.95) -> Estimate:
    """Mean of one figure over repeated runs, with its interval.

    Any figure will do: ``independent_runs([percentile(run, 0.99).value for run in runs])``.

    Args:
        values: the figure of each run; runs of equal length with arrivals of their own.
        level: probability with which the interval holds the truth, if the figures are about normal.

    Returns:
        the mean, in the unit of ``values``.

    Raises:
        ValueError: if ``values`` are not finite, or ``level`` not between 0 and 1.
        TooFewSamplesError: if there are fewer than two.

    >>> [round(end, 2) for end in independent_runs([2.0, 3.0, 4.0])]
    [3.0, 0.52, 5.48]
    """
    figures = series("values", torch.tensor(list(values), dtype=torch.float64))
    if len(figures) < 2:
        raise TooFewSamplesError(f"an interval from {len(figures)} runs is not known: it needs at least 2")
    return _around(float(figures.mean()), figures, level)


def batch_means(samples: Tensor, batches: int = BATCHES, level: float = 0.95) -> Estimate:
    """Mean of the samples of one long run, with its interval.

    Args:
        samples: (N,), in the order in which they came, such as the waits of a run.
        batches: into how many the run is cut.
        level: probability with which the interval holds the truth.

    Returns:
        the mean, in the unit of ``samples``.

    Raises:
        ValueError: if an argument is out of range.
        TooFewSamplesError: if there are fewer than ten samples for each batch.
        RunTooShortError: if neighbouring batches still depend on one another: run longer.
    """
    values = _long_run(samples, batches, batches * PARTS)
    _require_forgetting(values, batches)
    means = torch.stack([batch.mean() for batch in values.tensor_split(batches)])
    return _around(float(values.mean()), means, level)


def batch_percentile(samples: Tensor, q: float, batches: int = 10, level: float = 0.95) -> Estimate:
    """A quantile of the samples of one long run, with its interval.

    Args:
        samples: (N,), in the order in which they came, such as the latencies of a run.
        q: the quantile, between 0 and 1; 0.99 for the p99.
        batches: into how many the run is cut; each must be long enough to have this quantile of its own.
        level: probability with which the interval holds the truth.

    Returns:
        the quantile of all samples, in their unit; its interval from the quantiles of the batches.

    Raises:
        ValueError: if an argument is out of range.
        TooFewSamplesError: if a batch is shorter than :func:`seqdocs.queues.percentiles.fewest_samples`.
        RunTooShortError: if neighbouring batches still depend on one another: run longer.
    """
    values = _long_run(samples, batches, batches * max(PARTS, percentiles.fewest_samples(q)))
    _require_forgetting(values, batches)
    middle, cut = _quantile(values, q), values.tensor_split(batches)
    one_sided = sum(bool((batch < middle).all() | (batch > middle).all()) for batch in cut)
    if one_sided:
        raise RunTooShortError(
            f"{one_sided} of {batches} batches lie on one side of the p{100 * q:.6g}, so nobody knows how"
            " often the rest comes: run longer"
        )
    each = torch.tensor([_quantile(batch, q) for batch in cut], dtype=torch.float64)
    return _around(middle, each, level)


def _quantile(values: Tensor, q: float) -> float:
    return float(values.kthvalue(percentiles.nearest_rank(len(values), q)).values)


def _long_run(samples: Tensor, batches: int, fewest: int) -> Tensor:
    """The samples, if they are numbers and there are enough of them."""
    values = series("samples", samples)
    if batches < 2:
        raise ValueError(f"`batches` is {batches} but must be at least 2: an interval needs a spread")
    if len(values) < fewest:
        raise TooFewSamplesError(
            f"an interval from {batches} batches of {len(values)} samples is not known: it needs at least"
            f" {fewest} samples"
        )
    return values


def _require_forgetting(values: Tensor, batches: int) -> None:
    """Refuse a run whose batches are too short to have forgotten the one before."""
    means = torch.stack([part.mean() for part in values.tensor_split(PARTS * batches)])
    off = means - means.mean()
    spread = float(off.square().sum())
    correlation = float((off[:-1] * off[1:]).sum()) / spread if spread else 0.0
    if correlation > MOST_CORRELATION:
        raise RunTooShortError(
            f"neighbouring stretches of {len(values) // len(means)} samples are correlated by"
            f" {correlation:.2f}, more than {MOST_CORRELATION:g}, so {batches} batches are not independent:"
            " run longer"
        )


def _around(middle: float, figures: Tensor, level: float) -> Estimate:
    """The interval around ``middle`` from the spread of independent figures about it."""
    between("level", level)
    count = len(figures)
    error = math.sqrt(float((figures - middle).square().sum()) / (count - 1) / count)
    reach = student_t(count - 1, level) * error
    return Estimate(middle, middle - reach, middle + reach)
