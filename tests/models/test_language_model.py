"""The language model with a cache is the language model without one."""

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from seqdocs.models.language_model import CausalLM
from seqdocs.models.lean import LARGE
from tests.models.agreement import BATCHES, assert_same


def model(tied: bool = True, context: int = 12, layers: int = 2, **options: Any) -> CausalLM:
    """Weights larger than the initialiser's, so that tokens really differ."""
    torch.manual_seed(0)
    sizes = {"vocabulary": 11, "context": context, "width": 8, "layers": layers, "heads": 2}
    net = CausalLM(**sizes, tied=tied, **options).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.5 if parameter.ndim > 1 else 0.05)
    return net


def prompt(B: int, T: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(11, (B, T))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("T", [1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_prefill_and_decode_give_the_logits_of_the_whole_sequence(B: int, T: int, tied: bool) -> None:
    net, tokens = model(tied), prompt(B, 12)
    whole = net(tokens)
    logits, cache = net.prefill(tokens[:, :T])
    torch.testing.assert_close(logits, whole[:, T - 1], rtol=0, atol=1e-12)
    for t in range(T, 12):
        logits = net.decode(tokens[:, t], cache)
        torch.testing.assert_close(logits, whole[:, t], rtol=0, atol=1e-12)


@pytest.mark.parametrize("T", [1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_greedy_generation_is_the_same_with_and_without_a_cache(B: int, T: int) -> None:
    net, tokens = model(tied=False), prompt(B, T)
    generated = net.generate(tokens, 13 - T)
    assert torch.equal(generated, net.generate(tokens, 13 - T, cached=False))
    assert torch.equal(generated[:, :T], tokens)
    new = generated[:, T:].flatten().tolist()
    assert len(set(new)) > 2  # one token for ever would prove little


def test_sequences_of_a_batch_do_not_touch_each_other() -> None:
    net, tokens = model(), prompt(3, 4)
    together = net.generate(tokens, 5)
    alone = [net.generate(tokens[i : i + 1], 5) for i in range(3)]
    assert torch.equal(together, torch.cat(alone))


def test_no_new_tokens_is_the_prompt() -> None:
    assert torch.equal(model().generate(prompt(2, 3), 0), prompt(2, 3))


def test_later_tokens_do_not_change_earlier_logits() -> None:
    net, tokens = model(), prompt(1, 8)
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 11
    before, after = net(tokens), net(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5], rtol=0, atol=1e-14)
    assert not torch.allclose(before[:, 5], after[:, 5])


def test_positions_matter() -> None:
    """The two orders hold the same tokens, and the last token is the same."""
    net = model()
    assert not torch.allclose(net(torch.tensor([[1, 2, 3]]))[:, -1], net(torch.tensor([[2, 1, 3]]))[:, -1])


@pytest.mark.parametrize(("tied", "parameters"), [(True, 11 * 8), (False, 2 * 11 * 8)])
def test_a_tied_head_has_no_parameters_of_its_own(tied: bool, parameters: int) -> None:
    blocks = 2 * (12 * 8 * 8 + 13 * 8)  # attention 4 D², mlp 8 D²; their biases 9 D, norms 4 D
    assert sum(p.numel() for p in model(tied).parameters()) == parameters + 12 * 8 + blocks + 2 * 8


def test_every_parameter_gets_a_gradient() -> None:
    net = model(tied=False)
    net(prompt(2, 12)).logsumexp(-1).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_the_cache_is_as_long_as_asked() -> None:
    _, cache = model().prefill(prompt(2, 3), capacity=5)
    assert [tuple(c.keys.shape) for c in cache] == [(2, 2, 5, 4)] * 2


OPTIONS = {
    "sinusoidal": {"positions": "sinusoidal"},
    "rotary": {"positions": "rotary"},
    "alibi": {"positions": "alibi"},
    "no positions": {"positions": "none"},
    "rms": {"norm": "rms"},
    "shared keys": {"key_value_heads": 1},
    "window": {"window": 3},
    "llama-like": {"positions": "rotary", "norm": "rms", "key_value_heads": 1, "window": 4},
    "learned": {},
}
each_option = pytest.mark.parametrize("option", OPTIONS)


@each_option
@pytest.mark.parametrize("T", [1, 2, 7])
@pytest.mark.parametrize("B", [1, 5])
def test_every_option_decodes_what_it_gives_for_the_whole_sequence(B: int, T: int, option: str) -> None:
    net, tokens = model(**OPTIONS[option]), prompt(B, 12)
    whole = net(tokens)
    logits, cache = net.prefill(tokens[:, :T])
    torch.testing.assert_close(logits, whole[:, T - 1], rtol=0, atol=1e-12)
    for t in range(T, 12):
        logits = net.decode(tokens[:, t], cache)
        torch.testing.assert_close(logits, whole[:, t], rtol=0, atol=1e-12)


@each_option
@pytest.mark.parametrize("T", [1, 2, 7, 12])
@pytest.mark.parametrize("B", [0, 1, 5])
def test_a_prompt_read_leanly_is_a_walk_through_the_blocks(B: int, T: int, option: str) -> None:
    net, tokens = model(**OPTIONS[option]), prompt(B, T)
    (lean, one), (walked, other) = net.prefill(tokens), net.prefill(tokens, method="blocks")
    torch.testing.assert_close(lean, walked, rtol=0, atol=1e-12)
    for ours, theirs in zip(one, other, strict=True):
        assert ours.length == theirs.length == T
        torch.testing.assert_close((ours.keys, ours.values), (theirs.keys, theirs.values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 3])
def test_large_products_too_are_those_of_the_blocks(layers: int) -> None:
    torch.manual_seed(0)
    net = CausalLM(vocabulary=11, context=64, width=64, layers=layers, heads=4, key_value_heads=2)
    tokens = torch.randint(11, (8, 64))
    assert tokens.numel() * 64 * 64 * 4 >= LARGE
    torch.testing.assert_close(net.prefill(tokens)[0], net.prefill(tokens, method="blocks")[0])


@each_option
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("B", [1, 5])
def test_a_lean_step_is_a_walk_through_the_blocks(B: int, tied: bool, option: str) -> None:
    net, tokens = model(tied, **OPTIONS[option]), prompt(B, 12)
    _, cache = net.prefill(tokens[:, :4])
    _, other = net.prefill(tokens[:, :4])
    for t in range(4, 12):
        walked = net.decode(tokens[:, t], cache, method="blocks")
        torch.testing.assert_close(net.decode(tokens[:, t], other), walked, rtol=0, atol=1e-12)
    for one, same in zip(cache, other, strict=True):
        assert one.length == same.length == 12
        torch.testing.assert_close((one.keys, one.values), (same.keys, same.values), rtol=0, atol=1e-12)


LEAN = {"learned", "no positions", "rms", "shared keys"}


@each_option
def test_a_step_is_lean_where_it_can_be(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, walked = model(**OPTIONS[option]), []
    for prompted in ({}, {"lengths": torch.tensor([3, 2])}):
        _, cache = net.prefill(prompt(2, 3), **prompted)
        with monkeypatch.context() as patch:
            patch.setattr(CausalLM, "_hidden", lambda *_: walked.append(1) or torch.zeros(2, 1, 8).double())
            net.decode(torch.tensor([1, 2]), cache)
            net.prefill(prompt(2, 3), **prompted)
    assert len(walked) == (2 if option in LEAN else 4)  # what fills up a prompt is not lean's affair


@each_option
def test_prompts_of_different_lengths_decode_as_they_would_alone(option: str) -> None:
    net, lengths = model(**OPTIONS[option]), torch.tensor([1, 4, 2, 4, 3])
    tokens, later = prompt(5, 4), torch.randint(11, (5, 6))
    logits, cache = net.prefill(tokens, lengths=lengths)
    steps = [logits, *(net.decode(token, cache) for token in later.unbind(1))]
    for b, length in enumerate(lengths.tolist()):
        logits, cache = net.prefill(tokens[b : b + 1, 4 - length :])
        alone = [logits, *(net.decode(token[None], cache) for token in later[b])]
        torch.testing.assert_close(torch.stack(steps)[:, b], torch.cat(alone), rtol=0, atol=1e-12)


@each_option
def test_no_token_gives_no_logits(option: str) -> None:
    assert model(**OPTIONS[option])(prompt(5, 0)).shape == (5, 0, 11)


@each_option
def test_no_option_lets_a_later_token_change_earlier_logits(option: str) -> None:
    net, tokens = model(**OPTIONS[option]), prompt(1, 8)
    changed = tokens.clone()
    changed[:, 5:] = (changed[:, 5:] + 1) % 11
    before, after = net(tokens), net(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5], rtol=0, atol=1e-14)
    assert not torch.allclose(before[:, 5], after[:, 5])


@each_option
def test_order_matters_to_every_option_unless_it_has_one_block_and_no_positions(option: str) -> None:
    """With a causal mask alone, the second block sees in the averages of the first how much came before."""
    kept = {k: v for k, v in OPTIONS[option].items() if k != "window"}  # one of 3 would see 3 tokens at once
    for layers, blind in ((1, option == "no positions"), (2, False)):
        net = model(layers=layers, **kept)
        one, other = (net(torch.tensor([order]))[:, -1] for order in ([1, 2, 3], [2, 1, 3]))
        assert torch.allclose(one, other, rtol=0, atol=1e-12) == blind


def test_options_reach_every_block() -> None:
    norms = [name for name, _ in model(norm="rms").named_parameters() if "norm" in name]
    assert len(norms) == 2 * 2 + 1 and all(name.endswith("weight") for name in norms)
    net, tokens = model(norm="rms", positions="none"), prompt(2, 3)
    x = net.tokens(tokens)
    root = x.square().mean(-1, keepdim=True).add(1e-5).sqrt()
    torch.testing.assert_close(net.blocks[0].norm1(x), x / root * net.blocks[0].norm1.weight)
    _, cache = model(key_value_heads=1).prefill(tokens)
    assert [layer.keys.shape[1] for layer in cache] == [1, 1]


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary", "alibi", "none"])
def test_weights_without_a_table_of_positions_read_longer_sequences(positions: str) -> None:
    short, long = model(positions=positions), model(positions=positions, context=40)
    long.load_state_dict(short.state_dict())
    tokens = prompt(2, 40)
    torch.testing.assert_close(long(tokens)[:, :12], short(tokens[:, :12]), rtol=0, atol=1e-12)


def test_a_table_of_positions_does_not_grow() -> None:
    with pytest.raises(RuntimeError, match=re.escape("size mismatch for positions.weight")):
        model(context=40).load_state_dict(model().state_dict())


def test_the_cache_of_a_window_stays_bounded() -> None:
    net = model(window=3, positions="rotary", context=40)
    _, cache = net.prefill(prompt(2, 20))
    for token in prompt(2, 20).unbind(1):
        net.decode(token, cache)
        assert all(layer.keys.shape[2] <= 2 for layer in cache)


def by_torchs_layers(net: CausalLM, tokens: Tensor) -> Tensor:
    """GPT-2 of torch's own parts, with the parameters of ours, so that gradients reach them."""
    T = tokens.shape[1]
    x = net.tokens.weight[tokens] + net.positions.weight[:T]
    for block in net.blocks:
        layer = torch.nn.TransformerEncoderLayer(
            8, 2, 32, dropout=0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
        )
        weights = {
            name.replace("attention", "self_attn").replace("mlp.0", "linear1").replace("mlp.2", "linear2"): w
            for name, w in block.named_parameters()
        }
        later = torch.ones(T, T, dtype=torch.bool).triu(1)
        x = torch.func.functional_call(layer, weights, (x, later))
    return torch.nn.functional.layer_norm(x, (8,), net.norm.weight, net.norm.bias) @ net.head.weight.T


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("T", [1, 2, 7, 63])
@pytest.mark.parametrize("B", BATCHES)
def test_the_default_is_gpt_2_as_torchs_layers_have_it(B: int, T: int, tied: bool) -> None:
    net, tokens = model(tied, context=64), prompt(B, T)
    assert_same(
        lambda _: net(tokens),
        lambda _: by_torchs_layers(net, tokens),
        [torch.zeros(1, dtype=torch.float64)],
        net.parameters(),
    )


REFUSED = [
    (lambda net: net(prompt(1, 13)), "`tokens` would reach position 13; the context is 12 positions"),
    (lambda net: net(prompt(1, 3)[0]), "`tokens` is torch.int64 of shape (3,); it is integers, (B, T)"),
    (lambda net: net(torch.zeros(1, 3)), "`tokens` is torch.float32 of shape (1, 3); it is integers, (B, T)"),
    (lambda net: net.prefill(prompt(2, 0)), "the prompt has shape (2, 0); it is (B, T) with T ≥ 1"),
    (
        lambda net: net.generate(prompt(1, 5), 9),
        "`new_tokens` is 9; after a prompt of 5 there is room for 8 at most",
    ),
    (
        lambda net: net.generate(prompt(1, 5), -1),
        "`new_tokens` is -1; it is at least 0",
    ),
    (
        lambda net: net.generate(prompt(1, 14), 1),
        "`new_tokens` is 1; after a prompt of 14 there is room for 0 at most",
    ),
    (
        lambda net: net.decode(prompt(1, 1), net.prefill(prompt(1, 1))[1]),
        "`token` is torch.int64 of shape (1, 1); it is integers, (B,)",
    ),
    (
        lambda net: net.decode(prompt(1, 1)[0], net.prefill(prompt(1, 3), capacity=3)[1]),
        "the cache holds 3 positions; 3 and 1 more do not fit",
    ),
    (
        lambda net: net.decode(prompt(1, 1)[0], net.prefill(prompt(2, 3))[1]),
        "keys have shape (1, 2, 1, 4); this cache holds (B, m, T, d) = (2, 2, T, 4)",
    ),
    (
        lambda net: net.decode(prompt(1, 1)[0], net.prefill(prompt(1, 12), capacity=20)[1]),
        "`tokens` would reach position 13; the context is 12 positions",
    ),
    (
        lambda net: net.decode(torch.zeros(1), net.prefill(prompt(1, 3))[1]),
        "`token` is torch.float32 of shape (1,); it is integers, (B,)",
    ),
    (
        lambda net: net.decode(prompt(1, 1)[0], net.prefill(prompt(1, 3))[1], method="fast"),
        '`method` is \'fast\'; it is "blocks" or "lean"',
    ),
    (lambda net: net.prefill(prompt(1, 4), method="fast"), '`method` is \'fast\'; it is "blocks" or "lean"'),
    (
        lambda net: net.prefill(prompt(2, 3), lengths=torch.tensor([0, 3])),
        "`lengths` reaches from 0 to 3; a prompt has 1 to 3 tokens",
    ),
    (
        lambda net: net.prefill(prompt(2, 3), lengths=torch.tensor([1, 4])),
        "`lengths` reaches from 1 to 4; a prompt has 1 to 3 tokens",
    ),
    (
        lambda net: net.prefill(prompt(2, 3), lengths=torch.tensor([3.0, 1.0])),
        "`lengths` is torch.float32 of shape (2,); it is integers, (B,) = (2,)",
    ),
    (
        lambda net: net.prefill(prompt(2, 3), lengths=torch.tensor([3])),
        "`lengths` is torch.int64 of shape (1,); it is integers, (B,) = (2,)",
    ),
    (
        lambda net: model(positions="rope"),
        "`positions` is 'rope'; it is one of learned, sinusoidal, rotary, alibi, none",
    ),
    (lambda net: model(norm="batch"), "`norm` is 'batch'; it is one of layer, rms"),
    (
        lambda net: net.prefill(prompt(1, 4), capacity=3),
        "the cache holds 3 positions; 0 and 4 more do not fit",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call(model())


def test_a_lean_step_knows_which_queries_share_a_key() -> None:
    torch.manual_seed(0)
    sizes = {"vocabulary": 11, "context": 12, "width": 8, "layers": 1, "heads": 4, "key_value_heads": 2}
    net, tokens = CausalLM(**sizes).double(), prompt(3, 5)
    (_, cache), (_, other) = net.prefill(tokens), net.prefill(tokens)
    lean, walked = net.decode(tokens[:, 0], cache), net.decode(tokens[:, 0], other, method="blocks")
    torch.testing.assert_close(lean, walked, rtol=0, atol=1e-12)
