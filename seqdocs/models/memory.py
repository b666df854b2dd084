"""How many bytes a model needs: counted from shapes, before anything is allocated.

Letters: B sequences · T positions · m heads of keys and values · d width of a head.

Three things fill a device's memory. Weights are there all the time. A KV cache grows with every position of
every sequence. Activations come and go: without gradients a layer's output may be dropped as soon as the next
layer has read it; with gradients all that the backward pass reads again must stay.

>>> cache_bytes(1, positions=1000, layers=32, key_value_heads=8, head_width=128, element_size=2)
131072000
"""

from __future__ import annotations

from torch import Tensor, nn

from seqdocs import checks


def weight_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and buffers; what is tied (shared) counts once.

    >>> weight_bytes(nn.Linear(3, 2))  # 6 weights and 2 biases of 4 bytes
    32
    """
    return sum(_bytes(tensor) for tensor in [*model.parameters(), *model.buffers()])


def cache_bytes(
    sequences: int,
    positions: int,
    *,
    layers: int,
    key_value_heads: int,
    head_width: int,
    element_size: int = 4,
) -> int:
    """Bytes of the keys and values of so many positions.

    Args:
        sequences: B, each with a cache of its own.
        positions: T of each, that are reserved, filled or not.
        layers: of the model; each has a cache.
        key_value_heads: m.
        head_width: d.
        element_size: bytes of a number; 4 for fp32, 2 for bf16.

    Returns:
        2 B T layers m d times the element size.

    Raises:
        ValueError: if a number is below 0.

    Source: Shazeer 2019, section 2.4, https://arxiv.org/abs/1911.02150 (what incremental decoding keeps).
    """
    checks.whole(0, sequences=sequences, positions=positions, layers=layers)
    checks.whole(0, key_value_heads=key_value_heads, head_width=head_width, element_size=element_size)
    return 2 * sequences * positions * layers * key_value_heads * head_width * element_size


def largest_context(
    memory: int, weights: int, *, layers: int, key_value_heads: int, head_width: int, element_size: int = 4
) -> int:
    """Positions, of all sequences together, whose keys and values fit beside the weights.

    Args:
        memory: bytes of the device that may be used.
        weights: bytes of them that the weights take.
        layers, key_value_heads, head_width, element_size: as of :func:`cache_bytes`.

    Returns:
        whole positions; 0 if not even the weights fit.

    Raises:
        ValueError: if a position would take no bytes, or a number is below 0.

    >>> largest_context(2000, 1000, layers=2, key_value_heads=1, head_width=8)
    7
    """
    checks.whole(0, memory=memory, weights=weights)
    each = cache_bytes(
        1,
        1,
        layers=layers,
        key_value_heads=key_value_heads,
        head_width=head_width,
        element_size=element_size,
    )
    if each <= 0:
        raise ValueError("a position takes 0 bytes; layers, heads, width and element size are at least 1")
    return max(0, (memory - weights) // each)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
