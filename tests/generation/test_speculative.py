"""Speculative decoding draws from the target's distribution: every branch of chance is followed."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from functools import partial

import pytest
import torch
from torch import Tensor

from seqdocs.generation.sampling import filtered
from seqdocs.generation.speculative import chooser, expected_tokens, speculate
from tests.generation.tiny import gpt, prompt

V = 3
START = prompt(1, 2, V)[0]


def enumerate_chance(run):
    """Call ``run(choose)`` once for every sequence of possible choices.

    Yields its answers with their probabilities, the products of those of the choices.
    """
    waiting = [[]]
    while waiting:
        path, made = waiting.pop(), []
        probability = 1.0

        def choose(p: Tensor, path=path, made=made) -> int:
            nonlocal probability
            if len(made) < len(path):
                choice = path[len(made)]
            else:
                possible = [v for v, weight in enumerate(p.tolist()) if weight > 0]
                choice = possible[0]
                waiting.extend([*made, other] for other in possible[1:])
            made.append(choice)
            probability *= float(p[choice])
            return choice

        answer = run(choose)
        yield answer, probability


def joint(model, N: int, adjust) -> dict[tuple[int, ...], float]:
    """P(text | start) of all texts of N tokens, from the model alone."""
    texts = {(): 1.0}
    for _ in range(N):
        longer = {}
        for text, weight in texts.items():
            p = adjust(model(torch.cat((START, START.new_tensor(text)))[None])[0, -1]).exp().tolist()
            longer |= {(*text, v): weight * p[v] for v in range(V)}
        texts = longer
    return texts


ADJUST = {
    "plain": lambda logits: logits.log_softmax(-1),
    "tempered": partial(filtered, temperature=0.7),
    "top-k": partial(filtered, top_k=2),
    "nucleus": partial(filtered, top_p=0.6),
    "greedy": partial(filtered, temperature=0.0),
}


@pytest.mark.parametrize("adjust", ADJUST.values(), ids=ADJUST)
@pytest.mark.parametrize("ahead", [0, 1, 2, 3])
def test_the_distribution_is_exactly_the_targets(ahead, adjust):
    target, draft, N = gpt(V, seed=0), gpt(V, seed=5), 3
    found = defaultdict(float)
    passes = set()
    run = partial(speculate, target, draft, START, N, ahead=ahead, adjust=adjust)
    for (tokens, used), weight in enumerate_chance(lambda choose: run(choose=choose)):
        found[tuple(tokens.tolist())] += weight
        passes.add(used)
    right = joint(target, N, adjust)
    assert math.isclose(sum(found.values()), 1, abs_tol=1e-12)
    for text, weight in right.items():
        assert math.isclose(found[text], weight, abs_tol=1e-12), text
    assert joint(draft, N, adjust) != right  # the draft is another model
    if ahead == 0:
        assert passes == {N}


def test_a_draft_that_never_guesses_right_costs_passes_and_no_quality():
    target = gpt(V)
    wrong = lambda tokens: -1e3 * target(tokens)  # noqa: E731
    found = defaultdict(float)
    run = partial(speculate, target, wrong, START, 2, ahead=2)
    for (tokens, _), weight in enumerate_chance(lambda choose: run(choose=choose)):
        found[tuple(tokens.tolist())] += weight
    for text, weight in joint(target, 2, ADJUST["plain"]).items():
        assert math.isclose(found[text], weight, abs_tol=1e-12)


@pytest.mark.parametrize(("ahead", "passes"), [(0, 12), (1, 6), (2, 4), (3, 3), (5, 2), (11, 1), (40, 1)])
def test_the_target_as_its_own_draft_is_always_right(ahead, passes):
    model, chance = gpt(V), chooser(torch.Generator().manual_seed(0))
    tokens, used = speculate(model, model, START, 12, ahead=ahead, choose=chance)
    assert (len(tokens), used) == (12, passes)


def test_tokens_for_each_pass_are_as_many_as_the_formula_says():
    """Models without a memory keep guesses independently, with probability Σ min(p, q), as it assumes."""
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    target, draft = (lambda tokens, one=one: one.log().expand(1, tokens.shape[1], 3) for one in (p, q))
    N, chance = 6000, chooser(torch.Generator().manual_seed(0))
    passes = sum(speculate(target, draft, START, 60, ahead=3, choose=chance)[1] for _ in range(N // 60))
    a = float(torch.minimum(p, q).sum())
    assert math.isclose(expected_tokens(a, 3), (1 - a**4) / (1 - a), rel_tol=1e-9)
    assert math.isclose(N / passes, expected_tokens(a, 3), rel_tol=0.05)


def test_a_seed_repeats():
    runs = [
        speculate(gpt(V), gpt(V, 5), START, 12, ahead=3, choose=chooser(torch.Generator().manual_seed(seed)))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(runs[0][0], runs[1][0])
    assert not torch.equal(runs[0][0], runs[2][0])


REFUSED = [
    (lambda run: run(START, 1, ahead=-1), "`ahead` is -1; it is at least 0"),
    (lambda run: run(START[None], 1, ahead=1), "`prompt` has shape (1, 2); it is (T,), one prompt"),
    (lambda run: run(START, -1, ahead=1), "`new_tokens` is -1; it is at least 0"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call(partial(speculate, gpt(V), gpt(V), choose=chooser(torch.Generator())))
