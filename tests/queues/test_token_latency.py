import pytest
import torch

from seqdocs.queues import token_latency, trace
from seqdocs.queues.trace import Trace

RUN = Trace.load(
    {
        "scheduled": [0.0, 1.0, 2.0, 3.0],
        "sent": [0.0, 1.0, 2.0, 3.0],
        "start": [0.0, 2.0, 5.0, 6.0],
        "finish": [4.0, 5.0, 6.0, 10.0],
        "tokens": [3, 1, 0, 2],
        "token_times": [1.0, 2.0, 4.0, 5.0, 7.0, 10.0],
    }
)


def test_figures_of_a_run_worked_out_by_hand():
    assert token_latency.first_token_latencies(RUN).tolist() == [1.0, 4.0, 4.0]
    assert token_latency.seconds_per_token(RUN).tolist() == [1.5, 3.0]
    assert token_latency.inter_token_latencies(RUN).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("targets", "tokens"),
    [((), 6), ((3.9,), 3), ((4.0,), 6), ((4.0, 2.0), 4), ((4.0, 1.4), 1), ((0.5, 9.0), 0)],
)
def test_goodput_counts_the_answers_that_kept_both_targets(targets, tokens):
    assert token_latency.goodput_within(RUN, *targets) == tokens / 10


def test_without_targets_goodput_is_throughput():
    assert token_latency.goodput_within(RUN) == trace.throughput(RUN)


@pytest.mark.parametrize("name", ["first_token", "per_token"])
def test_a_negative_target_is_named(name):
    with pytest.raises(ValueError, match=f"^`{name}` is -1 seconds"):
        token_latency.goodput_within(RUN, **{name: -1})


def test_a_run_without_token_times_says_so():
    run = trace.fifo(torch.zeros(2), torch.ones(2))
    with pytest.raises(ValueError, match=r"^`trace` does not know when its tokens came"):
        token_latency.first_token_latencies(run)


def test_token_times_must_be_as_many_as_tokens():
    with pytest.raises(ValueError, match=r"^`token_times` has 5 tokens but `tokens` adds up to 6"):
        Trace.load({**RUN.export(), "token_times": [1.0] * 5})
