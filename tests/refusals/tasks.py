"""Bad input to tasks and training."""

import math

import torch

from seqdocs.tasks.adding import adding
from seqdocs.tasks.associative_recall import associative_recall
from seqdocs.tasks.batch import Batch, check_sizes, distinct, generator, only_last, uniform_bits
from seqdocs.tasks.brackets import brackets
from seqdocs.tasks.characters import decode, encode, next_character
from seqdocs.tasks.copying import copying
from seqdocs.tasks.delayed_xor import delayed_xor
from seqdocs.tasks.markov import draw, log_probability, next_tokens, transitions
from seqdocs.tasks.parity import parity
from seqdocs.tasks.questions import first_token, meaning, occurs, which_first
from seqdocs.tasks.selective_copying import selective_copying
from seqdocs.tasks.series import column, next_value
from seqdocs.tasks.training import accuracy, answers, cross_entropy, squared_error, train
from tests.refusals.row import Row

T = torch.tensor([[0, 1, 2]])
P = transitions(3, 1, 2, seed=0)
YES, NO = torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.bool)
NET = torch.nn.Sequential(torch.nn.Embedding(3, 3))


ROWS: list[Row] = [
    (adding, lambda: adding(1, math.nan, 0), "`length` is nan; it is a whole number, at least 2"),
    (adding, lambda: adding(1, 8.5, 0), "`length` is 8.5; it is a whole number, at least 2"),
    (
        associative_recall,
        lambda: associative_recall(1, math.nan, 0),
        "`length` is nan; it is a whole number, at least 1",
    ),
    (brackets, lambda: brackets(1, math.nan, 0), "`length` is nan; it is a whole number, at least 1"),
    (copying, lambda: copying(1, 8.5, 0), "`length` is 8.5; it is a whole number, at least 1"),
    (delayed_xor, lambda: delayed_xor(1, math.nan, 0), "`length` is nan; it is a whole number, at least 2"),
    (
        delayed_xor,
        lambda: delayed_xor(1, 8, 0, delay=1.5),
        "`delay` is 1.5; it is a whole number, at least 0",
    ),
    (parity, lambda: parity(math.nan, 8, 0), "`batch` is nan; it is a whole number, at least 0"),
    (occurs, lambda: occurs(1, 8.5, 0), "`length` is 8.5; it is a whole number, at least 1"),
    (which_first, lambda: which_first(1, math.nan, 0), "`length` is nan; it is a whole number, at least 3"),
    (first_token, lambda: first_token(1, 8.5, 0), "`length` is 8.5; it is a whole number, at least 1"),
    (meaning, lambda: meaning(1, 8, 0, kinds=9.5), "`kinds` is 9.5; it is a whole number, at least 5"),
    (
        selective_copying,
        lambda: selective_copying(1, 8.5, 0),
        "`length` is 8.5; it is a whole number, at least 8",
    ),
    (check_sizes, lambda: check_sizes(batch=1.5), "`batch` is 1.5; it is a whole number, at least 0"),
    (generator, lambda: generator(2.5), "`seed` is 2.5; it is a whole number or a torch.Generator"),
    (only_last, lambda: only_last(1, math.nan), "`T` is nan; it is a whole number, at least 0"),
    (uniform_bits, lambda: uniform_bits(1, 2.5, 0), "`length` is 2.5; it is a whole number, at least 0"),
    (distinct, lambda: distinct(1, 5, 3, 0), "`count` is 5; it is at most `among` = 3"),
    (
        encode,
        lambda: encode("B"),
        "`text` holds 'B', which is not in the alphabet \" abcdefghijklmnopqrstuvwxyz.,;:'-\"",
    ),
    (decode, lambda: decode(torch.tensor([99])), "`tokens` holds 99; tokens are 0 … 32"),
    (decode, lambda: decode(torch.tensor([-1])), "`tokens` holds -1; tokens are 0 … 32"),
    (
        decode,
        lambda: decode(torch.tensor([0.5])),
        "`tokens` is torch.float32 of shape (1,); it is integers, (T,)",
    ),
    (
        next_character,
        lambda: next_character(T[0], 1, math.nan, 0),
        "`length` is nan; it is a whole number, at least 1",
    ),
    (transitions, lambda: transitions(3, 1.5, 2, 0), "`order` is 1.5; it is a whole number, at least 0"),
    (
        transitions,
        lambda: transitions(3, 1, 2, 0, fall=math.nan),
        "`fall` is nan; it is more than 0 and at most 1",
    ),
    (draw, lambda: draw(P, 1, math.nan, 0), "`length` is nan; it is a whole number, at least 0"),
    (draw, lambda: draw(P, 1, 5, 0, start=T * 3), "`start` holds 3; tokens are 0 … 2"),
    (draw, lambda: draw(P, 2, 5, 0, start=T), "`start` has shape (1, 3); it is (B, S) = (2, 1 … 5)"),
    (
        draw,
        lambda: draw(P[:2], 1, 5, 0),
        "`P` is torch.float64 of shape (2, 3); it is floating point, (V, …, V)",
    ),
    (log_probability, lambda: log_probability(P, T + 1), "`tokens` holds 3; tokens are 0 … 2"),
    (
        log_probability,
        lambda: log_probability(P, T[:, :0]),
        "`tokens` has shape (1, 0); it is (B, T) with T ≥ r = 1",
    ),
    (
        log_probability,
        lambda: log_probability(P, T.double()),
        "`tokens` is torch.float64 of shape (1, 3); it is integers, (B, T)",
    ),
    (next_tokens, lambda: next_tokens(P, 1, 2.5, 0), "`length` is 2.5; it is a whole number, at least 0"),
    (column, lambda: column("a,b\n1,2\n", "c"), "the table has no column 'c'; it has a, b"),
    (
        next_value,
        lambda: next_value(torch.zeros(9), 1, math.nan, 0),
        "`length` is nan; it is a whole number, at least 1",
    ),
    (
        answers,
        lambda: answers(NET, Batch(T, T, NO)),
        "`batch.scored` is nowhere true; at least one answer counts",
    ),
    (
        answers,
        lambda: answers(torch.nn.Flatten(0), Batch(T, T, YES)),
        "`model` returned (3,) for a batch of (1, 3) steps; it returns (B, T, …)",
    ),
    (
        cross_entropy,
        lambda: cross_entropy(NET, Batch(T, T.float(), YES)),
        "`batch.y` is torch.float32; it is classes, torch.int64",
    ),
    (
        cross_entropy,
        lambda: cross_entropy(torch.nn.Identity(), Batch(T, T, YES)),
        "`model` returned one number for each step; it returns scores of classes, (B, T, V)",
    ),
    (
        squared_error,
        lambda: squared_error(NET, Batch(T, T.float(), YES)),
        "`model(batch.x)` has shape (9,); it is one number for each answer, (N,) = (3,)",
    ),
    (
        accuracy,
        lambda: accuracy(NET, Batch(T, T.float(), YES)),
        "`batch.y` is torch.float32; it is classes, torch.int64",
    ),
    (
        accuracy,
        lambda: accuracy(NET, Batch(T, T, NO)),
        "`batch.scored` is nowhere true; at least one answer counts",
    ),
    (
        train,
        lambda: train(NET, lambda seed: Batch(T, T, YES), 1.5),
        "`steps` is 1.5; it is a whole number, at least 0",
    ),
    (
        train,
        lambda: train(NET, lambda seed: Batch(T, T, YES), 1, rate=math.nan),
        "`rate` is nan; it is finite and at least 0",
    ),
]
