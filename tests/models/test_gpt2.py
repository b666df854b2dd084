"""GPT-2's weights under our names compute what they compute under its own."""

import re

import pytest
import torch

from seqdocs.models.gpt2 import gpt2_weights, load_gpt2
from seqdocs.models.language_model import CausalLM

SIZES = {"vocabulary": 11, "context": 12, "width": 8, "layers": 2, "heads": 2}


def model(**options):
    """Every parameter is random, biases and norms too: an exchange of two would show."""
    torch.manual_seed(0)
    net = CausalLM(**SIZES, **options).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.4 if parameter.ndim > 1 else 0.1)
    return net.requires_grad_(False)


def gpt2():
    """Hugging Face's, made from a config: nothing is downloaded."""
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=11, n_positions=12, n_embd=8, n_layer=2, n_head=2, activation_function="gelu",
        bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(1)
    return transformers.GPT2LMHeadModel(config).double().eval().requires_grad_(False)


def prompt(B=3, T=5):
    return torch.randint(11, (B, T), generator=torch.Generator().manual_seed(2))


def test_our_weights_in_gpt2_give_our_logits():
    ours, theirs = model(), gpt2()
    theirs.load_state_dict(gpt2_weights(ours))
    torch.testing.assert_close(ours(prompt()), theirs(prompt()).logits, rtol=0, atol=1e-12)


def test_gpt2s_weights_in_ours_give_its_logits():
    theirs = gpt2()
    for parameter in theirs.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.3)
    ours = load_gpt2(theirs.state_dict(), heads=2).eval()
    torch.testing.assert_close(ours(prompt()), theirs(prompt()).logits, rtol=0, atol=1e-12)
    alone = load_gpt2(theirs.transformer.state_dict(), heads=2)
    assert torch.equal(alone(prompt()), ours(prompt()))


@pytest.mark.parametrize("B", [1, 8])
def test_greedy_tokens_are_those_of_generate(B):
    ours, theirs = model(), gpt2()
    theirs.load_state_dict(gpt2_weights(ours))
    tokens = prompt(B, 3)
    new = theirs.generate(tokens, max_new_tokens=8, do_sample=False, attention_mask=torch.ones_like(tokens))
    assert torch.equal(ours.generate(tokens, 8), new)
    assert len(new[:, 3:].unique()) > 1  # one token for ever would prove little


def test_there_and_back_is_the_same_model():
    ours = model()
    again = load_gpt2(gpt2_weights(ours), heads=2)
    assert again.state_dict().keys() == ours.state_dict().keys()
    assert all(torch.equal(again.state_dict()[name], weight) for name, weight in ours.state_dict().items())
    assert again.head.weight is again.tokens.weight


def test_the_weights_handed_out_are_copies():
    ours = model()
    for weight in gpt2_weights(ours).values():
        weight.zero_()
    assert all(weight.ne(0).any() for weight in ours.state_dict().values())


NO_GPT2 = {
    "tied head": {"tied": False},
    "positions": {"positions": "rotary"},
    "norm": {"norm": "rms"},
    "shared keys": {"key_value_heads": 1},
    "window": {"window": 3},
}


@pytest.mark.parametrize("options", NO_GPT2.values(), ids=NO_GPT2)
def test_a_model_that_gpt2_cannot_be_is_refused(options):
    with pytest.raises(
        ValueError, match=r"^`model` is no GPT-2: that has learned positions, LayerNorm, a tied"
    ):
        gpt2_weights(model(**options))


def test_a_missing_weight_is_named():
    weights = gpt2_weights(model())
    del weights["transformer.h.1.ln_2.bias"]
    words = "`state_dict` has no 'h.1.ln_2.bias'; it holds the parameters of a GPT2LMHeadModel"
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        load_gpt2(weights, heads=2)
