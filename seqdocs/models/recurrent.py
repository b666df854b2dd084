"""What the RNN, the LSTM and the GRU share: parameters named as in ``torch.nn``, and checks of what comes in.

Letters: B batch · T time · D input · H hidden · G gates (1 for the RNN, 4 for the LSTM, 3 for the GRU).

Differences from ``torch.nn``: the batch always comes first (``batch_first=True`` there), there is always a
bias, one direction, no dropout, and T = 0 is allowed: no output, and the state as it was.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

Method = Literal["loop", "hoisted"]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]  # W_ih (G H, D), W_hh (G H, H), b_ih (G H), b_hh (G H)


class Recurrent(nn.Module):
    """Layers of weights, each layer reading the outputs of the one below.

    Args:
        input_size: D.
        hidden_size: H, of every layer.
        num_layers: how many.

    Raises:
        ValueError: if ``hidden_size`` or ``num_layers`` is not positive, or ``input_size`` negative.

    Parameters start uniform in ±1/√H, as in ``torch.nn``.
    """

    gates: ClassVar[int] = 1

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        for name, size, least in (
            ("input_size", input_size, 0), ("hidden_size", hidden_size, 1), ("num_layers", num_layers, 1)
        ):  # fmt: skip
            if size < least:
                raise ValueError(f"`{name}` is {size}; it is at least {least}")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            D = hidden_size if layer else input_size
            shapes = {
                "weight_ih": (rows, D),
                "weight_hh": (rows, hidden_size),
                "bias_ih": (rows,),
                "bias_hh": (rows,),
            }
            for name, shape in shapes.items():
                values = torch.empty(shape).uniform_(-(hidden_size**-0.5), hidden_size**-0.5)
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(values))

    def weights(self, layer: int) -> Weights:
        """W_ih, W_hh, b_ih, b_hh of one layer; rows of the gates one below the other."""
        W_ih, W_hh, b_ih, b_hh = (
            self.get_parameter(f"{name}_l{layer}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        return W_ih, W_hh, b_ih, b_hh

    def check_input(self, x: Tensor, method: str) -> None:
        """Raise ValueError unless ``x`` is (B, T, D) in the parameters' dtype and ``method`` is known."""
        if method not in ("loop", "hoisted"):
            raise ValueError(f'`method` is {method!r}; it is "loop" or "hoisted"')
        if x.ndim != 3 or x.shape[2] != self.input_size:
            raise ValueError(f"`x` has shape {tuple(x.shape)}; it is (B, T, {self.input_size})")
        dtype = self.weight_hh_l0.dtype
        if x.dtype != dtype:
            raise ValueError(f"`x` is {x.dtype} but the parameters are {dtype}; convert one of them")

    def check_state(self, name: str, state: Tensor | None, x: Tensor) -> Tensor:
        """The state before the first step, (num_layers, B, H): zeros if None; ValueError if misshapen."""
        shape = (self.num_layers, x.shape[0], self.hidden_size)
        if state is None:
            return x.new_zeros(shape)
        if state.shape != shape:
            raise ValueError(f"`{name}` has shape {tuple(state.shape)}; it is (num_layers, B, H) = {shape}")
        return state


def check_step(gates: int, x: Tensor, h: Tensor, weights: Weights) -> None:
    """Raise ValueError unless x (B, D), h (B, H) and the weights of a layer fit one another."""
    W_ih, W_hh, _, _ = weights
    D, H = x.shape[-1], h.shape[-1]
    if x.ndim != 2 or h.ndim != 2 or x.shape[0] != h.shape[0]:
        raise ValueError(
            f"`x` has shape {tuple(x.shape)} and `h` {tuple(h.shape)}; they are (B, D) and (B, H)"
        )
    if W_ih.shape != (gates * H, D) or W_hh.shape != (gates * H, H):
        got = f"`W_ih` has shape {tuple(W_ih.shape)} and `W_hh` {tuple(W_hh.shape)}"
        raise ValueError(
            f"{got}; for x (B, {D}) and h (B, {H}) they are ({gates * H}, {D}) and ({gates * H}, {H})"
        )


def stack_time(outputs: list[Tensor], state: Tensor) -> Tensor:
    """The outputs of all steps, T times (B, H) → (B, T, H), also for T = 0; ``state`` is any (B, H)."""
    return torch.stack(outputs, dim=1) if outputs else state.new_zeros(state.shape[0], 0, state.shape[1])
