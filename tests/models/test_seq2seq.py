"""Encoder and decoder are torch's GRU with Bahdanau's and Luong's formulas, in training as in decoding."""

from __future__ import annotations

import re

import pytest
import torch

from seqdocs.models.seq2seq import Seq2Seq
from tests.models.agreement import BATCHES, assert_repeats, assert_same

V_SOURCE, V, D, H = 9, 7, 3, 4
KINDS = ("none", "additive", "dot", "general", "concat")
each_kind = pytest.mark.parametrize("kind", KINDS)


def make(kind, seed=0):
    torch.manual_seed(seed)
    net = Seq2Seq(
        source_vocabulary=V_SOURCE, target_vocabulary=V, width=D, hidden_size=H, attention=kind
    ).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.7)
    return net


def batch(B, S, T):
    torch.manual_seed(1)
    lengths = torch.tensor([S, 1, S // 2, 0, S][:B]).clamp(max=S)
    return torch.randint(V_SOURCE, (B, S)), torch.randint(V, (B, T)), lengths


def formula(net, source, target, lengths):
    """One sequence, one step and one pair at a time, with torch's own GRU."""
    encoder = torch.nn.GRU(D, H, batch_first=True, dtype=torch.float64)
    decoder = torch.nn.GRU(net.decoder.input_size, H, batch_first=True, dtype=torch.float64)
    rows = []
    for b, length in enumerate(lengths.tolist()):
        h = torch.zeros(1, 1, H, dtype=torch.float64)
        read = torch.zeros(0, H, dtype=torch.float64)
        if length:
            x = net.source_tokens.weight[source[b : b + 1, :length]]
            states, h = torch.func.functional_call(encoder, dict(net.encoder.named_parameters()), (x,))
            read = states[0]

        def look(z, read=read):
            a = net.attention
            if net.kind == "additive":
                scores = [a.v @ torch.tanh(a.W @ z + a.U @ k) for k in read]
            elif net.kind == "concat":
                scores = [a.v @ torch.tanh(a.W @ torch.cat((z, k))) for k in read]
            else:
                scores = [z @ k if net.kind == "dot" else z @ a.W @ k for k in read]
            return torch.stack(scores).softmax(0) @ read if scores else torch.zeros_like(z)

        logits = []
        for token in target[b]:
            y = net.target_tokens.weight[token]
            if net.kind == "additive":
                c = look(h[0, 0])
                y = torch.cat((y, c))
            z, h = torch.func.functional_call(
                decoder, dict(net.decoder.named_parameters()), (y[None, None], h)
            )
            z = z[0, 0]
            if net.kind == "none":
                answer = z
            elif net.kind == "additive":
                answer = torch.cat((z, c))
            else:
                answer = torch.tanh(net.mixed.weight @ torch.cat((look(z), z)))
            logits.append(net.output.weight @ answer + net.output.bias)
        rows.append(torch.stack(logits) if logits else torch.zeros(0, V, dtype=torch.float64))
    return torch.stack(rows)


@each_kind
@pytest.mark.parametrize(("S", "T"), [(0, 2), (1, 1), (2, 7), (7, 2), (7, 0), (63, 2), (2, 63)])
@pytest.mark.parametrize("B", BATCHES)
def test_values_and_gradients_are_those_of_the_formulas_one_by_one(B, S, T, kind):
    net, (source, target, lengths) = make(kind), batch(B, S, T)
    parameters = list(net.parameters()) if T else []
    for method in ("loop", "hoisted")[: 1 if kind == "additive" else 2]:
        assert_same(
            lambda _, method=method: net(source, target, lengths, method)[0],
            lambda _: formula(net, source, target, lengths),
            [torch.zeros(1, dtype=torch.float64)],
            parameters,
        )


@each_kind
def test_steps_give_what_the_whole_target_gives(kind):
    net, (source, target, lengths) = make(kind), batch(5, 7, 7)
    whole, looked = net(source, target, lengths)
    read = net.encode(source, lengths)
    state = read.last
    for t, token in enumerate(target.unbind(1)):
        logits, state, weights = net.step(token, state, read)
        torch.testing.assert_close(logits, whole[:, t], rtol=1e-12, atol=1e-12)
        if kind != "none":
            torch.testing.assert_close(weights, looked[:, t], rtol=1e-12, atol=1e-12)
    assert (looked is None) == (kind == "none")


@each_kind
def test_greedy_writes_the_likeliest_token_after_what_it_wrote(kind):
    source, _, lengths = batch(5, 7, 0)
    most = 0
    for seed in range(12):
        net = make(kind, seed)
        torch.nn.init.zeros_(net.output.bias)  # no token is likely from the beginning
        written = net.greedy(source, 9, begin=2, lengths=lengths)
        read = torch.cat((torch.full((5, 1), 2), written[:, :-1]), 1)
        assert torch.equal(net(source, read, lengths)[0].argmax(-1), written)
        most = max(most, *(len(set(row)) for row in written.tolist()))
    assert most > 2  # one token for ever would prove little


@each_kind
def test_weights_are_a_mean_over_the_source_and_leave_the_padding_out(kind):
    net, (source, target, lengths) = make(kind), batch(5, 7, 3)
    _, looked = net(source, target, lengths)
    if kind == "none":
        assert looked is None
        return
    for b, length in enumerate(lengths.tolist()):
        assert looked[b, :, length:].eq(0).all()
        torch.testing.assert_close(looked[b].sum(-1), torch.full((3,), float(length > 0)).double())


@each_kind
def test_without_attention_a_source_reaches_the_target_through_h_numbers(kind):
    """The Jacobian from all source vectors to all logits: its rank is at most H, or more with attention."""
    net, (source, target, _) = make(kind), batch(1, 7, 7)
    x = net.source_tokens(source).detach()

    def form(x):
        states, last = net.encoder(x)
        read = net.encode(source)._replace(states=states, last=last)
        state, logits = last, []
        for token in target.unbind(1):
            out, state, _ = net.step(token, state, read)
            logits.append(out)
        return torch.stack(logits)

    rank = torch.linalg.matrix_rank(torch.autograd.functional.jacobian(form, x).flatten(0, 2).flatten(1))
    assert rank == H if kind == "none" else rank > H


@each_kind
def test_later_target_tokens_do_not_reach_earlier_logits(kind):
    net, (source, target, _) = make(kind), batch(2, 5, 7)
    changed = target.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % V
    before, after = net(source, target)[0], net(source, changed)[0]
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


@each_kind
def test_sequences_of_a_batch_do_not_meet_and_runs_repeat(kind):
    net, (source, target, lengths) = make(kind).requires_grad_(False), batch(5, 7, 3)
    order = torch.tensor([3, 1, 4, 0, 2])
    mine, _ = net(source[order], target[order], lengths[order])
    torch.testing.assert_close(mine, net(source, target, lengths)[0][order], rtol=1e-12, atol=1e-12)
    assert_repeats(lambda: net(source, target, lengths)[0])


TOKENS = torch.zeros(2, 3, dtype=torch.long)
NET = make("additive")
REFUSED = [
    (lambda: NET(TOKENS[0], TOKENS), "`source` is torch.int64 of shape (3,); it is integers, (B, T)"),
    (
        lambda: NET(TOKENS, TOKENS.float()),
        "`target` is torch.float32 of shape (2, 3); it is integers, (B, T)",
    ),
    (lambda: NET(TOKENS, TOKENS[:1]), "`target` has 1 sequences and `source` 2; both have B"),
    (
        lambda: NET(TOKENS, TOKENS, torch.tensor([1])),
        "`lengths` has 1 numbers; there are 2 sequences",
    ),
    (
        lambda: NET(TOKENS, TOKENS, torch.tensor([1, 4])),
        "`lengths` reaches from 1 to 4; there are 3 positions",
    ),
    (
        lambda: NET(TOKENS, TOKENS, method="fast"),
        '`method` is \'fast\'; it is "loop" or "hoisted"',
    ),
    (
        lambda: NET(TOKENS, TOKENS, method="hoisted"),
        '`method` is "hoisted"; with additive attention each step waits for what it reads',
    ),
    (
        lambda: make("local"),
        "`attention` is 'local'; it is one of none, additive, dot, general, concat",
    ),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_a_wrong_argument_is_named(call, words):
    with pytest.raises(ValueError, match="^" + re.escape(words) + "$"):
        call()
