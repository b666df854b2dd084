r"""Transformer: layers of attention between positions and a small network on each, around a residual stream.

Letters: B batch · T positions · S positions of the source · D width · n heads · H hidden units.

::

    post-norm:  x = norm(x + f(x))          pre-norm:  x = x + f(norm(x))

f is in turn self-attention, in a decoder cross-attention to the encoder's output, and a network of two
layers, W_2 φ(W_1 x + b_1) + b_2, that works on each position alone.

The encoder reads a source, every position seeing every other. The decoder writes a target: its self-attention
is causal, so all its positions are trained at once, each as if the later ones did not exist.

Conventions: the paper's layers are post-norm (``norm_first=False``, as torch's default). Pre-norm keeps a
clean path through all layers and trains without warm-up; its stack then ends with one more norm (in
``torch.nn.Transformer`` a post-norm stack does too; the paper's does not). No dropout.
Masks are those of :mod:`seqdocs.models.masks`, True where it may be read: the opposite of ``torch.nn``'s.
Parameters are those of ``torch.nn.TransformerEncoder``, ``TransformerDecoder`` and their layers.

>>> import torch
>>> net = Transformer(width=8, heads=2, hidden=16, encoder_layers=2, decoder_layers=2)
>>> net(torch.randn(1, 5, 8), torch.randn(1, 3, 8)).shape
torch.Size([1, 3, 8])

Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.1,
https://arxiv.org/abs/1706.03762; Xiong et al., "On layer normalization in the transformer architecture",
ICML 2020 (pre-norm and post-norm), https://arxiv.org/abs/2002.04745
"""

from collections.abc import Callable
from typing import Literal, TypedDict, Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.models.multi_head import MultiHeadAttention
from seqdocs.models.normalisation import LayerNorm
from seqdocs.models.scaled_dot_product import Method

Activation = Literal["relu", "gelu"]


class Options(TypedDict, total=False):
    """What all layers of a stack have in common."""

    norm_first: bool
    activation: Activation
    eps: float


class Layer(nn.Module):
    """What both kinds of layer share: self-attention, the network, and where the norms stand.

    Args:
        width: D.
        heads: n; divides ``width``.
        hidden: H.
        norm_first: pre-norm; post-norm otherwise.
        activation: φ, "relu" or "gelu" (the exact one, with the error function).
        eps: of the norms.

    Raises:
        ValueError: if ``heads`` does not divide ``width``, or ``activation`` is unknown.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        norm_first: bool = False,
        activation: Activation = "relu",
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        checks.one_of("activation", activation, "relu", "gelu")
        checks.whole(0, hidden=hidden)
        self.norm_first = norm_first
        self.activation: Activation = activation
        self.self_attn = MultiHeadAttention(width, heads)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = LayerNorm(width, eps)
        self.norm2 = LayerNorm(width, eps)

    def add(self, x: Tensor, f: Callable[[Tensor], Tensor], norm: nn.Module) -> Tensor:
        """One step of the residual stream."""
        after: Tensor = x + f(norm(x)) if self.norm_first else norm(x + f(x))
        return after

    def feedforward(self, x: Tensor) -> Tensor:
        """Each position on its own, (B, T, D) to (B, T, D)."""
        h: Tensor = self.linear1(x)
        y: Tensor = self.linear2(F.relu(h) if self.activation == "relu" else F.gelu(h))
        return y


class EncoderLayer(Layer):
    """Self-attention, then the network. State dicts of ``torch.nn.TransformerEncoderLayer`` load."""

    def forward(
        self, x: Tensor, mask: Tensor | None = None, *, causal: bool = False, method: Method = "fused"
    ) -> Tensor:
        """Let the positions read one another, then work on each.

        Args:
            x: (B, T, D).
            mask: what may be read, broadcasts to (B, n, T, T); all if omitted.
            causal: hide what comes after a position.
            method: as in :func:`~seqdocs.models.scaled_dot_product.attention`.

        Returns:
            (B, T, D).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        x = self.add(x, lambda y: self.self_attn(y, mask=mask, causal=causal, method=method), self.norm1)
        return self.add(x, self.feedforward, self.norm2)


class DecoderLayer(Layer):
    """Causal self-attention, cross-attention, the network; as ``torch.nn.TransformerDecoderLayer``.

    Arguments as those of :class:`Layer`.
    """

    def __init__(self, width: int, heads: int, hidden: int, **options: Unpack[Options]) -> None:
        super().__init__(width, heads, hidden, **options)
        self.multihead_attn = MultiHeadAttention(width, heads)
        self.norm3 = LayerNorm(width, self.norm1.eps)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        *,
        method: Method = "fused",
    ) -> Tensor:
        """Let the positions read those before them, then the source, then work on each.

        Args:
            x: (B, T, D).
            memory: the encoder's output, (B, S, D).
            mask: what of ``x`` may be read, beside the future; broadcasts to (B, n, T, T).
            memory_mask: what of ``memory`` may be read; broadcasts to (B, n, T, S).
            method: as in :func:`~seqdocs.models.scaled_dot_product.attention`.

        Returns:
            (B, T, D).

        Raises:
            ValueError: if shapes or dtypes do not fit, or ``method`` is unknown.
        """
        x = self.add(x, lambda y: self.self_attn(y, mask=mask, causal=True, method=method), self.norm1)
        x = self.add(x, lambda y: self.multihead_attn(y, memory, memory_mask, method=method), self.norm2)
        return self.add(x, self.feedforward, self.norm3)


class Encoder(nn.Module):
    """``layers`` of :class:`EncoderLayer`, as ``torch.nn.TransformerEncoder``; pre-norm ends with a norm.

    Other arguments as those of :class:`Layer`.
    """

    def __init__(self, width: int, heads: int, hidden: int, layers: int, **options: Unpack[Options]) -> None:
        super().__init__()
        checks.whole(0, layers=layers)
        stack = [EncoderLayer(width, heads, hidden, **options) for _ in range(layers)]
        self.layers = nn.ModuleList(stack)
        self.norm = _last_norm(width, options)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, *, causal: bool = False, method: Method = "fused"
    ) -> Tensor:
        """(B, T, D) to (B, T, D); arguments as in :meth:`EncoderLayer.forward`."""
        for layer in self.layers:
            x = layer(x, mask, causal=causal, method=method)
        return x if self.norm is None else self.norm(x)


class Decoder(nn.Module):
    """``layers`` of :class:`DecoderLayer`, as ``torch.nn.TransformerDecoder``; pre-norm ends with a norm.

    Other arguments as those of :class:`Layer`.
    """

    def __init__(self, width: int, heads: int, hidden: int, layers: int, **options: Unpack[Options]) -> None:
        super().__init__()
        checks.whole(0, layers=layers)
        stack = [DecoderLayer(width, heads, hidden, **options) for _ in range(layers)]
        self.layers = nn.ModuleList(stack)
        self.norm = _last_norm(width, options)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        *,
        method: Method = "fused",
    ) -> Tensor:
        """(B, T, D) and (B, S, D) to (B, T, D); arguments as in :meth:`DecoderLayer.forward`."""
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask, method=method)
        return x if self.norm is None else self.norm(x)


class Transformer(nn.Module):
    """Encoder and decoder: what writes a target reads the source. Arguments as those of the two."""

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        encoder_layers: int,
        decoder_layers: int,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        self.encoder = Encoder(width, heads, hidden, encoder_layers, **options)
        self.decoder = Decoder(width, heads, hidden, decoder_layers, **options)

    def forward(
        self, source: Tensor, target: Tensor, source_mask: Tensor | None = None, *, method: Method = "fused"
    ) -> Tensor:
        """Source (B, S, D), read where ``source_mask`` is True, and target (B, T, D) to (B, T, D)."""
        memory = self.encoder(source, source_mask, method=method)
        written: Tensor = self.decoder(target, memory, memory_mask=source_mask, method=method)
        return written


def _last_norm(width: int, options: Options) -> LayerNorm | None:
    """A pre-norm stream is never normalised on its way, so its end is."""
    return LayerNorm(width, options.get("eps", 1e-5)) if options.get("norm_first") else None
