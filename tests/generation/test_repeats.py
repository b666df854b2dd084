"""Every strategy gives the same twenty times, bit by bit on one thread; where it draws, by the same seed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seqdocs.generation.beam import beam_search
from seqdocs.generation.decoding import generate
from seqdocs.generation.exposure_bias import drift
from seqdocs.generation.ragged import generate_ragged
from seqdocs.generation.sampling import filtered, sampler
from seqdocs.generation.scheduled_sampling import truth
from seqdocs.generation.speculative import chooser, speculate
from seqdocs.generation.teacher_forcing import unroll
from tests.generation.tiny import MODELS, Elman, gpt, prompt
from tests.models.agreement import assert_repeats


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def searched(model: object) -> list[Tensor]:
    found = beam_search(model, prompt(1, 3)[0], 4, width=3, stop=2)
    return [torch.tensor([*one.tokens, one.log_probability, one.score]) for one in found]


def unrolled() -> list[Tensor]:
    model, tokens = Elman(), prompt(3, 7)
    mixed, free = (truth((3, 7), probability, seeded()) for probability in (0.5, 0.0))
    (logits, states), (_, alone) = (unroll(model.step, tokens, None, true) for true in (mixed, free))
    s, u = torch.stack(states, 1), torch.stack(alone, 1)
    return [logits, s, drift(s, u)]


WAYS: dict[str, Callable[[], object]] = {
    f"{way}, {name}": (lambda make=make, run=run: run(make()))
    for name, make in MODELS.items()
    for way, run in {
        "greedy": lambda model: generate(model, prompt(3, 4), 6),
        "uncached": lambda model: generate(model, prompt(3, 4), 6, method="uncached"),
        "sampled": lambda model: generate(model, prompt(3, 4), 6, sampler(seeded(), temperature=0.7)),
        "beam": searched,
    }.items()
}
WAYS |= {
    "filtered": lambda: filtered(gpt()(prompt(3, 4)), temperature=0.8, top_k=4, top_p=0.9),
    "top-k and nucleus": lambda: generate(gpt(), prompt(3, 4), 6, sampler(seeded(), top_k=3, top_p=0.9)),
    "ragged": lambda: generate_ragged(gpt(), [prompt(1, 4)[0], prompt(1, 2)[0]], 5, method="padded"),
    "speculative": lambda: speculate(
        gpt(), gpt(seed=1), prompt(1, 3)[0], 6, ahead=2, choose=chooser(seeded())
    )[0],
    "unrolled": unrolled,
}


@pytest.mark.parametrize("way", WAYS)
def test_twenty_runs_are_equal_bit_by_bit(way: str) -> None:
    assert_repeats(WAYS[way])
