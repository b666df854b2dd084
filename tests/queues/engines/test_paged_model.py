import itertools
import random

import pytest
import torch

from seqdocs.models.language_model import CausalLM
from seqdocs.queues.engines.decoder import kv_bytes_per_position
from seqdocs.queues.engines.paged_model import PagedModel
from seqdocs.queues.engines.scheduler import Reading

KINDS = [
    {},
    {"positions": "sinusoidal"},
    {"positions": "rotary", "key_value_heads": 2, "norm": "rms"},
    {"positions": "none", "key_value_heads": 1},
]


def language_model(**options):
    """In fp64, with weights so large that every token depends on those before."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=50, context=32, width=16, layers=2, heads=4, tied=False, **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)
    return model.eval()


def prompt(length, seed):
    draw = random.Random(seed)
    return [draw.randrange(50) for _ in range(length)]


def next_token(model, tokens):
    return int(model(torch.tensor([tokens]))[0, -1].argmax())


@pytest.mark.parametrize("size", [3, 32])  # in blocks, and contiguous
@pytest.mark.parametrize("options", KINDS)
def test_any_mix_of_sequences_reads_what_each_reads_alone(options, size):
    model = language_model(**options)
    paged = PagedModel(model, blocks=30, block_size=size)
    order = random.Random(1).sample(range(30), 30)
    mixes = [prompt(length, length) for length in (1, 2, 7, 7, 13)]
    blocks = [order[6 * n : 6 * n + 6] for n in range(5)]
    read = [0] * 5
    for step in range(6):  # chunks of several sizes in one pass, some of them alike
        readings, expected = [], []
        for n, tokens in enumerate(mixes):
            count = min(len(tokens) - read[n], (1, 3, 3, 2, 5)[(n + step) % 5])
            readings.append(Reading(tokens[read[n] : read[n] + count], read[n], blocks[n]))
            read[n] += count
            expected.append(next_token(model, tokens[: read[n]]))
        assert paged.next_tokens(readings) == expected
        for n, token in enumerate(expected):
            if read[n] == len(mixes[n]):
                mixes[n].append(token)


def test_what_lies_in_the_blocks_of_others_changes_nothing():
    model = language_model()
    paged = PagedModel(model, blocks=8, block_size=4)
    with torch.no_grad():
        paged._keys.fill_(torch.nan)  # survives every weight, even zero
        paged._values.fill_(torch.nan)
    long, short = prompt(9, 1), prompt(2, 2)
    tokens = paged.next_tokens([Reading(long, 0, [5, 2, 7]), Reading(short, 0, [1])])
    assert tokens == [next_token(model, long), next_token(model, short)]
    tokens = paged.next_tokens([Reading([tokens[0]], 9, [5, 2, 7]), Reading([tokens[1]], 2, [1])])
    before = [next_token(model, long), next_token(model, short)]
    assert tokens == [next_token(model, [*long, before[0]]), next_token(model, [*short, before[1]])]


def test_the_test_model_says_many_different_things():
    """Else the tests that compare tokens would hold for a cache that forgets."""
    model = language_model()
    said = model.generate(torch.tensor([prompt(4, n) for n in range(8)]), 20)[:, 4:]
    assert len(set(said.flatten().tolist())) > 20
    changed = [prompt(4, n) for n in range(8)]
    for tokens in changed:
        tokens[0] = (tokens[0] + 1) % 50
    assert (model.generate(torch.tensor(changed), 20)[:, 4:] != said).any(1).sum() >= 6


@pytest.mark.parametrize("options", [{"window": 4}, {"positions": "alibi"}])
def test_what_the_pass_does_not_know_is_refused(options):
    with pytest.raises(ValueError, match=r"a paged model has no window, and distance"):
        PagedModel(language_model(**options), 8, 4)


def test_a_position_is_as_many_bytes_as_its_keys_and_values():
    for options, dtype in itertools.product(KINDS, (torch.float32, torch.float64)):
        model = language_model(**options).to(dtype)
        _, cache = model.prefill(torch.tensor([[1]]), capacity=1)
        stored = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache)
        held = sum(memory.nbytes for memory in PagedModel(model, 5, 7).memory)
        assert held == 5 * 7 * stored == 5 * 7 * kv_bytes_per_position(model)
