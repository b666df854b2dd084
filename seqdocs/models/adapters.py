"""Models that are no step from vectors to vectors, called as if they were: for tables of all models.

Letters: B batch · T time · D width.

::

    y, state = net(x, state, **options)

What reads tokens does so here too, (B, T), of which there are as many as channels, D. What translates writes
as many tokens as it reads, and its own are all begin tokens. What has a cache makes it when it is given
``room``.

>>> y, state = Solving(8, 8)(torch.randn(2, 5, 8))
>>> y.shape, state.shape
(torch.Size([2, 5, 8]), torch.Size([1, 2, 8]))

Sources: each model's own module names its paper.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from seqdocs.models.catalogue import HEADS
from seqdocs.models.deer import deer
from seqdocs.models.gru import GRU, gru_step
from seqdocs.models.language_model import CausalLM
from seqdocs.models.ngram import NGram
from seqdocs.models.seq2seq import Seq2Seq, Source
from seqdocs.models.transformer import Transformer


class Answering(nn.Module):
    """What gives an answer for a whole sequence and carries no state."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, state: None = None, **options: Any) -> tuple[Tensor, None]:
        """All positions, and no state."""
        return self.net(x, **options), None


class Generating(nn.Module):
    """A language model; its state is the cache of its blocks."""

    def __init__(self, net: CausalLM) -> None:
        super().__init__()
        self.net = net

    def forward(self, tokens: Tensor, state: Any = None, room: int = 0) -> tuple[Tensor, Any]:
        """Logits; a first call with ``room`` reads a prompt into a cache of so many positions."""
        if room:
            return self.net.prefill(tokens, room)
        return (self.net(tokens), None) if state is None else (self.net.decode(tokens[:, 0], state), state)


class Translating(nn.Module):
    """Encoder and decoder; the state is the decoder's and, where it looks back, the source's states."""

    def __init__(self, width: int, attention: Literal["none", "additive"]) -> None:
        super().__init__()
        sizes = dict.fromkeys(("source_vocabulary", "target_vocabulary", "width", "hidden_size"), width)
        self.net = Seq2Seq(**sizes, attention=attention)

    def forward(self, tokens: Tensor, state: Any = None, room: int = 0, **options: Any) -> tuple[Tensor, Any]:
        """Logits of as many tokens as are read; a first call with ``room`` reads the source alone."""
        if room:
            source = self.net.encode(tokens)
            return source.last, (source.last, source.states)[: 1 if self.net.kind == "none" else 2]
        if state is None:
            return self.net(tokens, torch.zeros_like(tokens), **options)[0], None
        z, states = state[0], state[-1]
        seen = torch.ones(len(tokens), 1, states.shape[1], dtype=torch.bool, device=z.device)
        logits, z, _ = self.net.step(tokens[:, 0], z, Source(states, seen, z))
        return logits, (z, *state[1:])


class Looking(nn.Module):
    """Attention of a decoder: the inputs are the queries, the state is the keys it looks at."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What is read from the keys; at first they are the inputs themselves."""
        keys = x if state is None else state
        return self.net(x, keys)[0], keys


class Crossing(nn.Module):
    """The first Transformer: an encoder reads, a decoder writes zeros' successors."""

    def __init__(self, net: Transformer) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
        """(B, T, D) read, and as many written."""
        return self.net(x, torch.zeros_like(x)), None


class Counting(nn.Module):
    """An n-gram of a random text, on the CPU; its state is the tokens it will look at again."""

    def __init__(self, width: int, order: int = 3) -> None:
        super().__init__()
        self.net = NGram(order, width).fit(torch.randint(width, (1000,)))

    def forward(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Probabilities after each token, (B, T, D)."""
        whole = tokens.cpu() if state is None else torch.cat((state, tokens.cpu()), dim=1)
        p = torch.stack([self.net(row)[-tokens.shape[1] :] for row in whole])
        return p, whole[:, whole.shape[1] - (self.net.order - 2) :]  # with the next one n - 1 tokens


class Solving(GRU):
    """A GRU whose states are found by Newton's iteration; weights and decoding are the GRU's."""

    def forward(self, x: Tensor, state: Tensor | None = None, **options: Any) -> tuple[Tensor, Tensor]:  # type: ignore[override]  # its methods are DEER's
        """All states together; step by step with ``method="loop"``, and from a state."""
        if state is not None or options:
            return super().forward(x, state, **options)
        weights = self.weights(0)
        h, _ = deer(lambda x, h: gru_step(x, h, weights), x, x.new_zeros(len(x), self.hidden_size))
        return h, h[None, :, -1]


class StockBlock(nn.Module):
    """``torch.nn``'s block, told to be causal."""

    def __init__(self, width: int) -> None:
        super().__init__()
        options: dict[str, Any] = {"dropout": 0.0, "activation": "gelu", "batch_first": True}
        self.net = nn.TransformerEncoderLayer(width, HEADS, 4 * width, norm_first=True, **options)

    def forward(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
        """(B, T, D) to (B, T, D)."""
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device, dtype=x.dtype)
        return self.net(x, src_mask=mask, is_causal=True), None
