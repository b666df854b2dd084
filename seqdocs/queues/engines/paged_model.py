"""A causal language model that reads any mix of sequences in one pass, its KV cache lying in blocks.

Letters: N tokens of a pass, of all sequences · D width · n heads · m heads of keys and values · d width of a
head · G sequences of a group · C tokens each of them reads · S positions of the longest.

Everything but attention works on each token alone, so the tokens of all sequences stand in one (N, D) matrix
without padding, and every weight is read once for all of them: that is where a batch gains. In attention
each sequence looks at its own blocks. Those that read equally many tokens (all that decode read one) and are
about equally long do it together: their blocks are gathered side by side, as many as the longest has, and
what lies behind the end of the shorter ones is masked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs.models.attention import CausalSelfAttention
from seqdocs.models.language_model import CausalLM
from seqdocs.models.lean import product
from seqdocs.models.positional import LearnedPositions, SinusoidalPositions, sinusoids
from seqdocs.models.rotary import rotary_angles, rotate
from seqdocs.queues.engines.scheduler import Reading


@dataclass
class _Group:
    """Sequences that read equally many tokens and are about equally long."""

    rows: Tensor  # which of the N tokens, (G, C)
    blocks: Tensor  # of each sequence, filled up with its last, (G, most blocks)
    depth: int  # how much of a block is looked at: all of it, unless none of them fills its first
    seen: Tensor  # which positions each token may read, (G, 1, C, S)


@dataclass
class _Pass:
    """All that is read together."""

    groups: list[_Group]
    begun: list[int]  # blocks that somebody begins to fill
    tokens: Tensor  # (N,)
    places: Tensor  # position of each in its own sequence, (N,)
    slots: Tensor  # where its key and value go, block by block, (N,)
    lasts: Tensor  # which of the N is the last of each sequence


class PagedModel:
    """A model and the memory for its keys and values, which is allocated once.

    One thread at a time may use it. In fp64 it gives the tokens that ``model.generate`` gives; in fp32 the
    order of additions depends on who else is in the batch, and a near tie may fall the other way.

    Args:
        model: its parameters are used, not copied.
        blocks: how many there are.
        block_size: positions in each. As long as the context, it makes a contiguous cache.

    Raises:
        ValueError: if the model has a window or ALiBi, which this pass does not know.
    """

    def __init__(self, model: CausalLM, blocks: int, block_size: int) -> None:
        self._layers = model.each_block()
        attention = self._layers[0].attention
        if attention.window is not None or attention.distance == "alibi":
            raise ValueError(
                f"the model has `window` {attention.window} and distance {attention.distance!r};"
                ' a paged model has no window, and distance "none" or "rotary"'
            )
        weight, m = model.tokens.weight, attention.key_value_heads
        self.context, self.vocabulary = model.context, weight.shape[0]
        self.blocks, self.block_size = blocks, block_size
        self._model = model
        shape = (2, len(self._layers), blocks, block_size, m, weight.shape[1] // attention.heads)
        self._keys, self._values = weight.new_zeros(shape)

    @property
    def memory(self) -> tuple[Tensor, Tensor]:
        """Keys and values as they lie there, to look at; each is (layers, blocks, block size, m, d)."""
        return self._keys, self._values

    @torch.no_grad()
    def next_tokens(self, readings: Sequence[Reading]) -> list[int]:
        """Read tokens of several sequences; their keys and values go into their blocks.

        Args:
            readings: of different sequences, each at least one token.

        Returns:
            the likeliest token after the last one of each.
        """
        model = self._model
        step = _prepare(readings, self.block_size, self._keys.device)
        self._clear(step.begun)
        x = _add_positions(model.positions, model.tokens(step.tokens), step.places)  # (N, D)
        for layer, block in enumerate(self._layers):
            x = x + self._attend(layer, block.attention, block.norm1(x), step)
            widen, _, narrow = block.mlp
            x = x + _linear(narrow, F.gelu(_linear(widen, block.norm2(x))))
        logits = _linear(model.head, model.norm(x[step.lasts]))
        likeliest: list[int] = logits.argmax(-1).tolist()
        return likeliest

    def _clear(self, blocks: list[int]) -> None:
        """Leave nothing of an earlier holder.

        What lies behind the end of a sequence is masked, but 0 times what happens to lie there may not be 0.
        """
        if blocks:
            self._keys[:, blocks] = 0
            self._values[:, blocks] = 0

    def _attend(self, layer: int, attention: CausalSelfAttention, x: Tensor, step: _Pass) -> Tensor:
        """(N, D) to (N, D): each token reads its own sequence."""
        (N, D), n, m = x.shape, attention.heads, attention.key_value_heads
        projected = product(x, attention.in_proj_weight, attention.in_proj_bias).view(N, n + 2 * m, D // n)
        q, k, v = torch.split(projected, [n, m, m], dim=1)  # (N, n or m, d)
        if attention.distance == "rotary":
            cos, sin = (part.to(x)[:, None] for part in rotary_angles(step.places, D // n))
            q, k = (rotate(part, cos, sin, layout=attention.layout) for part in (q, k))
        keys, values = self._keys[layer], self._values[layer]  # (blocks, block size, m, d)
        keys.flatten(0, 1)[step.slots] = k
        values.flatten(0, 1)[step.slots] = v
        o = x.new_empty(N, n, D // n)
        for group in step.groups:
            asked = q[group.rows].transpose(1, 2)  # (G, n, C, d)
            held, told = (
                _gather(memory[:, : group.depth], group.blocks, attention.heads) for memory in (keys, values)
            )
            heard = F.scaled_dot_product_attention(asked, held, told, attn_mask=group.seen)
            o[group.rows] = heard.transpose(1, 2)
        return _linear(attention.out_proj, o.flatten(1))


def _linear(layer: nn.Module, x: Tensor) -> Tensor:
    """What a linear layer gives; a large product by oneDNN, which takes half the time of torch's own."""
    assert isinstance(layer, nn.Linear)  # for mypy
    return product(x, layer.weight, layer.bias)


def _prepare(readings: Sequence[Reading], size: int, device: torch.device) -> _Pass:
    tokens: list[int] = []
    places: list[int] = []
    slots: list[int] = []
    lasts: list[int] = []
    begun: list[int] = []
    members: dict[tuple[int, int], list[tuple[int, Reading]]] = defaultdict(list)  # with their first rows
    for one in readings:
        # Alike is within a factor of two, so that no short one is gathered as long as the longest of all.
        length = (-(-(one.start + len(one.tokens)) // size) - 1).bit_length()
        members[len(one.tokens), length].append((len(tokens), one))
        span = range(one.start, one.start + len(one.tokens))
        tokens += one.tokens
        places += span
        slots += [one.blocks[place // size] * size + place % size for place in span]
        lasts.append(len(tokens) - 1)
        begun += one.blocks[-(-one.start // size) : -(-span.stop // size)]
    groups = [_group(group, count, size, device) for (count, _), group in members.items()]
    columns = (torch.tensor(column, device=device) for column in (tokens, places, slots, lasts))
    return _Pass(groups, begun, *columns)


def _group(members: list[tuple[int, Reading]], C: int, size: int, device: torch.device) -> _Group:
    held = [one.blocks[: -(-(one.start + C) // size)] for _, one in members]
    width = max(len(blocks) for blocks in held)
    filled = [blocks + blocks[-1:] * (width - len(blocks)) for blocks in held]
    rows, starts = (
        torch.tensor(column, device=device)[:, None] + torch.arange(C, device=device)
        for column in ([first for first, _ in members], [one.start for _, one in members])
    )
    depth = min(size, max(one.start for _, one in members) + C)
    positions = torch.arange(width * depth, device=device)
    seen = positions <= starts[:, None, :, None]
    return _Group(rows, torch.tensor(filled, device=device), depth, seen)


def _gather(memory: Tensor, blocks: Tensor, n: int) -> Tensor:
    """The blocks of each sequence side by side, for every query head, (G, n, S, d)."""
    G, width = blocks.shape
    _, size, m, d = memory.shape
    gathered = memory.index_select(0, blocks.flatten()).view(G, width * size, m, d).transpose(1, 2)
    return gathered if m == n else gathered.repeat_interleave(n // m, dim=1)


def _add_positions(positions: nn.Module | None, x: Tensor, places: Tensor) -> Tensor:
    """(N, D) with what the model adds for these places, (N,)."""
    if isinstance(positions, LearnedPositions):
        return x + positions.weight[places]
    if isinstance(positions, SinusoidalPositions):
        return x + sinusoids(places, x.shape[1]).to(x)
    return x  # rotary, or none
