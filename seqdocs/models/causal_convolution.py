r"""Causal convolution: each output is a weighted sum of the last k inputs, and of none that come later.

Letters: B batch · T time · D inputs · O outputs · k taps · d dilation · g groups of channels.

::

    y[t] = b + Σ_{j < k} W[j] x[t - (k - 1 - j) d]

Before the first step stand the inputs of the window, zeros if there are none. The window for whoever goes on
are the last (k - 1) d inputs: reading a text at once or token by token is the same call.

- ``loop`` computes one step after the other. The reference.
- ``convolution`` computes all at once, as ``torch.nn.functional.conv1d`` does.

Conventions: weights are those of ``torch.nn.Conv1d``, (O, D / g, k); the *last* tap multiplies the input of
the step itself. With D groups every channel is on its own ("depthwise").

>>> import torch
>>> x = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1)
>>> y, window = causal_convolution(x, torch.tensor([[[10.0, 1.0]]]))
>>> y.flatten().tolist(), window.flatten().tolist()
([1.0, 12.0, 24.0], [4.0])

Source: van den Oord et al., "WaveNet: a generative model for raw audio", 2016, sections 2.1 (causal and
dilated convolutions), https://arxiv.org/abs/1609.03499
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from seqdocs import checks

ConvolutionMethod = Literal["loop", "convolution"]


def causal_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    window: Tensor | None = None,
    *,
    dilation: int = 1,
    method: ConvolutionMethod = "convolution",
) -> tuple[Tensor, Tensor]:
    """Convolve a sequence with what came before it.

    Args:
        x: (B, T, D).
        weight: (O, D / g, k); the number of groups g follows from D.
        bias: (O,); zeros if omitted.
        window: the last (k - 1) d inputs before the first step, (B, (k - 1) d, D); zeros if omitted.
        dilation: d, steps from tap to tap.
        method: "loop" or "convolution".

    Returns:
        y, (B, T, O), and the window after the last step.

    Raises:
        ValueError: if shapes or dtypes do not fit, ``dilation`` is below 1 or ``method`` is unknown.
    """
    groups = _groups(x, weight, dilation, method)
    reach = (weight.shape[2] - 1) * dilation
    if window is None:
        window = x.new_zeros(len(x), reach, x.shape[2])
    checks.shape("window", window, "(B, (k - 1) d, D)", (len(x), reach, x.shape[2]))
    checks.alike("window", window, x, "`x` is")
    if bias is not None:
        checks.shape("bias", bias, "(O,)", (len(weight),))
        checks.alike("bias", bias, weight, "`weight` is")
    T = x.shape[1]
    seen = torch.cat((window, x), dim=1)
    if T == 0:
        y = x.new_zeros(len(x), 0, len(weight))
    elif method == "loop":
        y = _loop(seen, weight, bias, dilation, groups)
    else:
        y = F.conv1d(seen.mT, weight, bias, dilation=dilation, groups=groups).mT
    return y, seen[:, T:]


def _loop(seen: Tensor, weight: Tensor, bias: Tensor | None, dilation: int, groups: int) -> Tensor:
    each, k = weight.shape[1:]
    W = weight.reshape(groups, len(weight) // groups, each, k)
    reach = (k - 1) * dilation
    outputs = []
    for t in range(seen.shape[1] - reach):
        taps = seen[:, t : t + reach + 1 : dilation].reshape(len(seen), k, groups, each)
        y_t = torch.einsum("bkgi,goik->bgo", taps, W).flatten(1)
        outputs.append(y_t if bias is None else y_t + bias)
    return torch.stack(outputs, dim=1)


def _groups(x: Tensor, weight: Tensor, dilation: int, method: str) -> int:
    """The number of groups, having refused what does not fit."""
    checks.one_of("method", method, "loop", "convolution")
    checks.whole(1, dilation=dilation)
    if x.ndim != 3 or weight.ndim != 3 or 0 in weight.shape:
        raise ValueError(
            f"`x` has shape {tuple(x.shape)} and `weight` {tuple(weight.shape)}; they are (B, T, D) and "
            "(O, D / g, k)"
        )
    checks.floating("x", x, real=False)
    checks.alike("x", x, weight, "`weight` is")
    outputs, each, _ = weight.shape
    groups, rest = divmod(x.shape[2], each)
    if rest or groups == 0 or outputs % groups:
        raise ValueError(
            f"`x` has {x.shape[2]} channels and `weight` takes {each} for each of {outputs} outputs; whole "
            "groups of equal size share them"
        )
    return groups
