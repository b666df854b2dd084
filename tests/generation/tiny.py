"""Small models of different kinds, in fp64: keys and values as cache, all or in a window, and a state."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from seqdocs.models.language_model import CausalLM


def gpt(V: int = 5, seed: int = 0, **options) -> CausalLM:
    """Weights larger than the initialiser's, so that tokens really differ."""
    torch.manual_seed(seed)
    net = CausalLM(vocabulary=V, context=16, width=8, layers=2, heads=2, tied=False, **options).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.4 if parameter.ndim > 1 else 0.05)
    return net.requires_grad_(False)


class Elman:
    """A recurrent network with ``prefill`` and ``decode``; its cache is a dict with the batch first."""

    def __init__(self, V: int = 5, H: int = 6, seed: int = 0) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.E, self.U, self.W = (
            torch.randn(shape, dtype=torch.float64, generator=draw) for shape in ((V, H), (H, H), (H, V))
        )

    def step(self, token: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        before = token.new_zeros(len(token), len(self.U)).double() if h is None else h
        h = torch.tanh(self.E[token] + before @ self.U)
        return h @ self.W, h

    def prefill(self, tokens: Tensor):
        h = None
        for token in tokens.unbind(1):
            logits, h = self.step(token, h)
        return logits, {"h": h}

    def decode(self, token: Tensor, cache: dict[str, Tensor]) -> Tensor:
        logits, cache["h"] = self.step(token, cache["h"])
        return logits


MODELS = {
    "gpt": gpt,
    "rotary gpt with a window": lambda V=5, seed=0: gpt(V, seed, positions="rotary", window=3),
    "elman": lambda V=5, seed=0: Elman(V, seed=seed),
}


def prompt(B: int, T: int, V: int = 5) -> Tensor:
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(7))


def log_probability(model, prompt: Tensor, tokens: tuple[int, ...]) -> float:
    """log P(tokens | prompt), each factor from a prefill of all before it; prompt is (T,)."""
    total = 0.0
    for n, token in enumerate(tokens):
        known = torch.cat((prompt, prompt.new_tensor(tokens[:n])))
        total += float(model.prefill(known[None])[0][0].log_softmax(-1)[token])
    return total


def all_texts(V: int, N: int, stop: int | None = None) -> list[tuple[int, ...]]:
    """Every continuation of N tokens, or shorter ones that end with the first stop token."""
    if stop is None:
        return list(product(range(V), repeat=N))
    others = [v for v in range(V) if v != stop]
    open_ended = list(product(others, repeat=N))
    return open_ended + [(*start, stop) for n in range(N) for start in product(others, repeat=n)]
