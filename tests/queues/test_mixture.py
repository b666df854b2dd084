import pytest
import torch

from seqdocs.queues.arrivals import mix
from seqdocs.queues.mixture import mixed_requests


def test_requests_have_the_lengths_asked_for_and_tokens_of_the_vocabulary():
    prompts, answers = mix([1, 7], [0.5, 0.5], 50, 0), mix([1, 3], [0.5, 0.5], 50, 1)
    requests = mixed_requests(prompts, answers, 5, seed=0)
    assert [len(one.prompt) for one in requests] == prompts.tolist()
    assert [one.max_new_tokens for one in requests] == answers.tolist()
    assert {token for one in requests for token in one.prompt} == set(range(5))
    assert requests == mixed_requests(prompts, answers, 5, seed=0)
    assert requests != mixed_requests(prompts, answers, 5, seed=1)


def test_none_are_none():
    assert mixed_requests(torch.zeros(0), torch.zeros(0), 5, seed=0) == []


@pytest.mark.parametrize(
    ("prompts", "answers", "words"),
    [([1, 2], [1], r"^`prompts` has shape \(2,\) and `answers` \(1,\)"), ([0], [1], "^a length is below 1")],
)
def test_lengths_that_cannot_be_are_refused(prompts, answers, words):
    with pytest.raises(ValueError, match=words):
        mixed_requests(torch.tensor(prompts), torch.tensor(answers), 5, seed=0)
