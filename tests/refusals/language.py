"""Bad input to models of tokens, to what counts their costs, and to generation."""

import math

import torch

from seqdocs.generation.beam import beam_search, wu_penalty
from seqdocs.generation.decoding import generate, greedy
from seqdocs.generation.exposure_bias import drift
from seqdocs.generation.model import check_prompt, take_rows
from seqdocs.generation.nucleus import nucleus
from seqdocs.generation.ragged import generate_ragged, left_fill
from seqdocs.generation.sampling import filtered, sampler
from seqdocs.generation.scheduled_sampling import exponential, inverse_sigmoid, linear, truth
from seqdocs.generation.speculative import chooser, expected_tokens, keep_probability, rest, speculate
from seqdocs.generation.teacher_forcing import unroll
from seqdocs.generation.temperature import tempered
from seqdocs.generation.top_k import top_k
from seqdocs.models.bert import Bert, load_bert, mean_pool
from seqdocs.models.cost import path_length
from seqdocs.models.gpt2 import gpt2_weights, load_gpt2
from seqdocs.models.language_model import CausalLM
from seqdocs.models.memory import cache_bytes, largest_context
from seqdocs.models.ngram import NGram
from seqdocs.models.seq2seq import Seq2Seq
from seqdocs.models.token_classifier import TokenClassifier
from tests.refusals.row import META, Row

T = torch.tensor([[0, 1, 2]])
FAR = torch.tensor([[0, 9, 2]])
Z = torch.zeros(1, 5)
P = torch.full((5,), 0.2)
RANDOM = torch.Generator()
SMALL = {"vocabulary": 5, "context": 8, "width": 4, "layers": 1, "heads": 2}


def gpt(**options: object) -> CausalLM:
    return CausalLM(**{**SMALL, **options})


def bert(**options: object) -> Bert:
    return Bert(**{**SMALL, "hidden": 8, **options})


def pair(**options: object) -> Seq2Seq:
    sizes = {"source_vocabulary": 5, "target_vocabulary": 5, "width": 4, "hidden_size": 4}
    return Seq2Seq(**{**sizes, **options})


def two(draft: int, ahead: object = 1, new: object = 2) -> object:
    return speculate(gpt(), gpt(vocabulary=draft), T[0], new, ahead=ahead, choose=lambda p: 0)


ROWS: list[Row] = [
    (CausalLM, lambda: gpt(vocabulary=0), "`vocabulary` is 0; it is at least 1"),
    (CausalLM, lambda: gpt(context=-1), "`context` is -1; it is at least 1"),
    (CausalLM, lambda: gpt(layers=0), "`layers` is 0; it is at least 1"),
    (CausalLM, lambda: gpt(layers=math.nan), "`layers` is nan; it is a whole number, at least 1"),
    (CausalLM, lambda: gpt()(FAR), "`tokens` holds 9; tokens are 0 … 4"),
    (CausalLM, lambda: gpt()(-T), "`tokens` holds -1; tokens are 0 … 4"),
    (
        CausalLM,
        lambda: gpt()(T.to(META)),
        "`tokens` is on meta but the parameters are on cpu; move one of them",
    ),
    (CausalLM, lambda: gpt()(T.bool()), "`tokens` is torch.bool of shape (1, 3); it is integers, (B, T)"),
    (CausalLM, lambda: gpt().prefill(FAR), "`tokens` holds 9; tokens are 0 … 4"),
    (CausalLM, lambda: gpt().prefill(T, capacity=2.5), "`capacity` is 2.5; it is a whole number, at least 0"),
    (CausalLM, lambda: gpt().decode(FAR[0, 1:2], gpt().prefill(T)[1]), "`token` holds 9; tokens are 0 … 4"),
    (
        CausalLM,
        lambda: gpt().decode(FAR[0, 1:2], gpt().prefill(T)[1], method="blocks"),
        "`tokens` holds 9; tokens are 0 … 4",
    ),
    (CausalLM, lambda: gpt().decode(T[0, :1], []), "`cache` holds 0 layers; the model has 1"),
    (
        CausalLM,
        lambda: gpt(layers=2).decode(T[0, :1], gpt().prefill(T)[1]),
        "`cache` holds 1 layers; the model has 2",
    ),
    (CausalLM, lambda: gpt().generate(T, 2.5), "`new_tokens` is 2.5; it is a whole number, at least 0"),
    (
        TokenClassifier,
        lambda: TokenClassifier(torch.nn.Identity(), 0, vocabulary=5, classes=2),
        "`width` is 0; it is at least 1",
    ),
    (
        TokenClassifier,
        lambda: TokenClassifier(torch.nn.Identity(), 4, vocabulary=5, classes=2)(FAR),
        "`tokens` holds 9; tokens are 0 … 4",
    ),
    (Bert, lambda: bert(layers=-1), "`layers` is -1; it is at least 0"),
    (Bert, lambda: bert(vocabulary=0), "`vocabulary` is 0; it is at least 1"),
    (Bert, lambda: bert()(FAR), "`tokens` holds 9; tokens are 0 … 4"),
    (Bert, lambda: bert()(T, None, T), "`segments` holds 2; tokens are 0 … 1"),
    (Bert, lambda: bert()(T.to(META)), "`tokens` is on meta but the parameters are on cpu; move one of them"),
    (mean_pool, lambda: mean_pool(T[..., None]), "`hidden` has dtype torch.int64; it is floating point"),
    (Seq2Seq, lambda: pair(source_vocabulary=0), "`source_vocabulary` is 0; it is at least 1"),
    (Seq2Seq, lambda: pair(hidden_size=math.nan), "`hidden_size` is nan; it is a whole number, at least 1"),
    (
        Seq2Seq,
        lambda: pair()(T[0], T),
        "`source` is torch.int64 of shape (3,); it is integers, (B, T)",
    ),
    (Seq2Seq, lambda: pair()(FAR, T), "`source` holds 9; tokens are 0 … 4"),
    (Seq2Seq, lambda: pair()(T, FAR), "`target` holds 9; tokens are 0 … 4"),
    (Seq2Seq, lambda: pair()(T, FAR, method="hoisted"), "`target` holds 9; tokens are 0 … 4"),
    (Seq2Seq, lambda: pair().greedy(T, -1, 0), "`steps` is -1; it is at least 0"),
    (Seq2Seq, lambda: pair().greedy(T, 2, 5), "`begin` is 5; it is a token, below 5"),
    (
        load_bert,
        lambda: load_bert({}, 2),
        "`state_dict` has no 'embeddings.word_embeddings.weight'; it holds the parameters of a BertModel",
    ),
    (
        load_gpt2,
        lambda: load_gpt2({}, 2),
        "`state_dict` has no 'wte.weight'; it holds the parameters of a GPT2LMHeadModel",
    ),
    (
        gpt2_weights,
        lambda: gpt2_weights(gpt(norm="rms")),
        "`model` is no GPT-2: that has learned positions, LayerNorm, a tied head, as many heads of keys as of queries, and no window",  # noqa: E501
    ),
    (NGram, lambda: NGram(2, 4.5), "`vocabulary` is 4.5; it is a whole number, at least 1"),
    (NGram, lambda: NGram(2, 3, math.nan), "`strength` is nan; it is above zero"),
    (NGram, lambda: NGram(2, 5).fit(FAR[0]), "`tokens` holds 9; tokens are 0 … 4"),
    (
        path_length,
        lambda: path_length(torch.neg, T),
        "`x` is torch.int64 of shape (1, 3); it is floating point, (B, T, …) with T ≥ 1",
    ),
    (
        cache_bytes,
        lambda: cache_bytes(1, math.nan, layers=1, key_value_heads=1, head_width=1),
        "`positions` is nan; it is a whole number, at least 0",
    ),
    (
        largest_context,
        lambda: largest_context(2.5, 0, layers=1, key_value_heads=1, head_width=1),
        "`memory` is 2.5; it is a whole number, at least 0",
    ),
    (
        beam_search,
        lambda: beam_search(gpt(), T[0], 2, width=math.nan),
        "`width` is nan; it is a whole number, at least 1",
    ),
    (
        beam_search,
        lambda: beam_search(gpt(), T[0], 2, width=2, penalty=lambda length: 0.0),
        "`penalty(2)` is 0.0; it is positive and finite",
    ),
    (beam_search, lambda: beam_search(gpt(), FAR[0], 2, width=2), "`tokens` holds 9; tokens are 0 … 4"),
    (wu_penalty, lambda: wu_penalty(math.nan), "`alpha` is nan; it is finite"),
    (generate, lambda: generate(gpt(), T, 2.5), "`new_tokens` is 2.5; it is a whole number, at least 0"),
    (generate, lambda: generate(gpt(), FAR, 2), "`tokens` holds 9; tokens are 0 … 4"),
    (greedy, lambda: greedy(torch.zeros(5)), "`logits` has shape (5,); it is (B, V) with V ≥ 1"),
    (greedy, lambda: greedy(torch.zeros(1, 0)), "`logits` has shape (1, 0); it is (B, V) with V ≥ 1"),
    (
        drift,
        lambda: drift(T[..., None], T[..., None]),
        "`forced` has dtype torch.int64; it is floating point",
    ),
    (
        drift,
        lambda: drift(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3, device=META)),
        "`free` is on meta but `forced` is on cpu; move one of them",
    ),
    (
        check_prompt,
        lambda: check_prompt(T, math.nan),
        "`new_tokens` is nan; it is a whole number, at least 0",
    ),
    (
        take_rows,
        lambda: take_rows([Z], torch.tensor([0.0])),
        "`rows` is torch.float32 of shape (1,); it is integers, (B',)",
    ),
    (
        take_rows,
        lambda: take_rows([Z], torch.tensor([0], device=META)),
        "`rows` is on meta but the cache is on cpu; move one of them",
    ),
    (nucleus, lambda: nucleus(T, 0.5), "`logits` has dtype torch.int64; it is floating point"),
    (top_k, lambda: top_k(Z, 1.5), "`k` is 1.5; it is a whole number, at least 1"),
    (top_k, lambda: top_k(T, 1), "`logits` has dtype torch.int64; it is floating point"),
    (tempered, lambda: tempered(T, 1.0), "`logits` has dtype torch.int64; it is floating point"),
    (tempered, lambda: tempered(torch.zeros(()), 1.0), "`logits` has shape (); it is (…, V) with V ≥ 1"),
    (filtered, lambda: filtered(Z, top_k=math.nan), "`k` is nan; it is a whole number, at least 1"),
    (sampler, lambda: sampler(3), "`generator` is 3; it is a torch.Generator"),
    (
        sampler,
        lambda: sampler(RANDOM)(Z * math.nan),
        "`logits` hold nan, or -inf alone; a row has a possible token",
    ),
    (
        left_fill,
        lambda: left_fill([torch.zeros(3)]),
        "`prompts[0]` is torch.float32 of shape (3,); it is integers, (T,)",
    ),
    (
        left_fill,
        lambda: left_fill([T[0], T[0].int()]),
        "`prompts[1]` is torch.int32 but `prompts[0]` is torch.int64; convert one of them",
    ),
    (left_fill, lambda: left_fill([T[0]], filler=0.5), "`filler` is 0.5; it is a whole number, at least 0"),
    (
        generate_ragged,
        lambda: generate_ragged(gpt(), [T[0], T[0].float()], 2),
        "`prompts[1]` is torch.float32 of shape (3,); it is integers, (T,)",
    ),
    (linear, lambda: linear(math.nan, 0.1, 0.0, 1), "`k` is nan; it is a probability, in 0 … 1"),
    (linear, lambda: linear(1.0, 0.1, 0.0, 1.5), "`i` is 1.5; it is a whole number, at least 0"),
    (exponential, lambda: exponential(2.0, 1), "`k` is 2.0; it is in 0 … 1"),
    (inverse_sigmoid, lambda: inverse_sigmoid(0, 1), "`k` is 0; it is finite and at least 1"),
    (truth, lambda: truth((2, math.nan), 0.5, RANDOM), "`shape[1]` is nan; it is a whole number, at least 0"),
    (truth, lambda: truth((2, 3), 0.5, 0), "`generator` is 0; it is a torch.Generator"),
    (chooser, lambda: chooser(3), "`generator` is 3; it is a torch.Generator"),
    (expected_tokens, lambda: expected_tokens(2.0, 1), "`acceptance` is 2.0; it is in 0 … 1"),
    (expected_tokens, lambda: expected_tokens(0.5, 1.5), "`ahead` is 1.5; it is a whole number, at least 0"),
    (keep_probability, lambda: keep_probability(P, P[:4], 0), "`q` has shape (4,); it is (V,) = (5,)"),
    (keep_probability, lambda: keep_probability(P, P, 5), "`guess` is 5; it is a token, below 5"),
    (rest, lambda: rest(P, P[:4]), "`q` has shape (4,); it is (V,) = (5,)"),
    (rest, lambda: rest(P, P.double()), "`q` is torch.float64 but `p` is torch.float32; convert one of them"),
    (speculate, lambda: two(4), "`draft` knows 4 tokens and `target` 5; they share a vocabulary"),
    (speculate, lambda: two(5, ahead=1.5), "`ahead` is 1.5; it is a whole number, at least 0"),
    (speculate, lambda: two(5, new=math.nan), "`new_tokens` is nan; it is a whole number, at least 0"),
    (
        unroll,
        lambda: unroll(lambda x, s: (x, s), T.float(), None, T.bool()),
        "`tokens` is torch.float32 of shape (1, 3); it is integers, (B, T)",
    ),
]
