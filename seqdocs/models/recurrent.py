"""What the RNN, the LSTM and the GRU share: parameters named as in ``torch.nn``, layers, directions, padding.

Letters: B batch · T time · D input · H hidden · N steps of all sequences together · G gates (1 for the RNN,
4 for the LSTM, 3 for the GRU) · L layers, times two if they read both ways.

A model is a *walk* through the steps of one layer in one direction; what is here calls it. Inside, a batch is
packed (:mod:`seqdocs.models.packed`): step t holds the sequences that are so long, so padding costs nothing.

Differences from ``torch.nn``: the batch always comes first (``batch_first=True`` there), there is always a
bias, no dropout, lengths stand beside a padded batch instead of a packed one, and T = 0 and lengths of 0 are
allowed: no output, and the state as it was.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.bidirectional import both_ways
from seqdocs.models.packed import Lengths, going_on, pack, reversal, unpack

Method = Literal["loop", "hoisted", "lean"]
Weights = tuple[Tensor, ...]  # W_ih (G H, D), W_hh (G H, H), b_ih (G H), b_hh (G H)
States = list[Tensor]  # h, or h and c: each (B, H)


class Recurrent(nn.Module):
    """Layers of weights, each layer reading the outputs of the one below.

    Args:
        input_size: D.
        hidden_size: H, of every layer.
        num_layers: how many.
        bidirectional: whether each layer also reads backwards, see :mod:`seqdocs.models.bidirectional`.

    Raises:
        ValueError: if ``hidden_size`` or ``num_layers`` is not positive, or ``input_size`` negative.

    Parameters start uniform in ±1/√H, as in ``torch.nn``.
    """

    gates: ClassVar[int] = 1
    methods: ClassVar[tuple[str, ...]] = ("loop", "hoisted", "lean")

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bidirectional: bool = False
    ) -> None:
        super().__init__()
        checks.whole(0, input_size=input_size)
        checks.whole(1, hidden_size=hidden_size, num_layers=num_layers)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional = bidirectional
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            D = hidden_size * len(self.directions) if layer else input_size
            for direction in self.directions:
                for name, shape in self.shapes(D).items():
                    values = torch.empty(shape).uniform_(-(hidden_size**-0.5), hidden_size**-0.5)
                    self.register_parameter(f"{name}_l{layer}{direction}", nn.Parameter(values))

    def shapes(self, D: int) -> dict[str, tuple[int, ...]]:
        """Parameters of one layer in one direction, in the order in which a walk takes them."""
        rows = self.gates * self.hidden_size
        return {
            "weight_ih": (rows, D),
            "weight_hh": (rows, self.hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    def weights(self, layer: int, direction: str = "") -> Weights:
        """W_ih, W_hh, b_ih, b_hh of one layer; rows of the gates one below the other.

        Args:
            layer: from 0.
            direction: "" or, of a bidirectional layer, "_reverse".
        """
        return tuple(self.get_parameter(f"{name}_l{layer}{direction}") for name in self.shapes(0))

    def walk(
        self, rows: Tensor, sizes: list[int], states: States, weights: Weights, method: Method
    ) -> tuple[Tensor, States]:
        """Read packed steps, (N, D), in one layer; outputs, (N, H), and the states after them."""
        raise NotImplementedError

    def read(
        self, x: Tensor, states: Sequence[Tensor], method: Method, lengths: Lengths | None
    ) -> tuple[Tensor, States]:
        """Read a padded batch, (B, T, D), in all layers and directions; every state is (L, B, H)."""
        packed = pack(x, lengths)
        if packed.order is not None:
            states = [state[:, packed.order] for state in states]
        before = [list(of_one) for of_one in zip(*states, strict=True)]
        rows = packed.rows
        after: list[States] = []
        flip = reversal(packed) if self.bidirectional else None
        for layer in range(self.num_layers):
            walks: list[Callable[[Tensor], tuple[Tensor, States]]] = []
            for direction in self.directions:
                start, weights = before[len(after) + len(walks)], self.weights(layer, direction)
                walks.append(
                    partial(self.walk, sizes=packed.sizes, states=start, weights=weights, method=method)
                )
            rows, last = both_ways(rows, walks, flip)
            after += last
        ended = [torch.stack(of_all) for of_all in zip(*after, strict=True)]
        if packed.order is not None:
            ended = [state[:, packed.order.argsort()] for state in ended]
        return unpack(rows, packed), ended

    def check_input(self, x: Tensor, method: str) -> None:
        """Raise ValueError unless ``x`` is (B, T, D), like the parameters, and ``method`` is known."""
        checks.one_of("method", method, *self.methods)
        checks.sequence("x", x, self.input_size, self.get_parameter("weight_hh_l0"))

    def check_state(self, name: str, state: Tensor | None, x: Tensor) -> Tensor:
        """The state before the first step, (L, B, H): zeros if None; ValueError if it does not fit."""
        layers = self.num_layers * len(self.directions)
        shape = (layers, x.shape[0], self.hidden_size)
        if state is None:
            return x.new_zeros(shape)
        if state.shape != shape:
            first = "2 num_layers" if self.bidirectional else "num_layers"
            raise ValueError(f"`{name}` has shape {tuple(state.shape)}; it is ({first}, B, H) = {shape}")
        checks.alike(name, state, x, "`x` is")
        return state


def check_step(gates: int, x: Tensor, h: Tensor, weights: Weights) -> None:
    """Raise ValueError unless x (B, D), h (B, H) and the weights of a layer fit one another."""
    if len(weights) != 4:
        raise ValueError(f"`weights` holds {len(weights)} tensors; it holds W_ih, W_hh, b_ih and b_hh")
    W_ih, W_hh = weights[:2]
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
    checks.alike("x", x, W_ih, "`W_ih` is")
    checks.alike("h", h, W_ih, "`W_ih` is")


def walk_through(
    step: Callable[..., States], inputs: Tensor, sizes: list[int], states: States
) -> tuple[Tensor, States]:
    """The loop over time.

    Args:
        step: an input (size, …) and the states (size, H) → the states after; the first is the output.
        inputs: of all steps, (N, …), packed.
        sizes: how many sequences take each step.
        states: before the first step, each (B, H).

    Returns:
        Outputs of all steps, (N, H), and the last states of every sequence.
    """
    outputs, stopped = [], []
    for x_t, size in zip(inputs.split_with_sizes(sizes), sizes, strict=True):
        if size < states[0].shape[0]:  # some sequences have ended: their state stays as it is
            stopped.append([state[size:] for state in states])
        states = step(x_t, *(going_on(state, size) for state in states))
        outputs.append(states[0])
    y = torch.cat(outputs) if outputs else states[0].new_zeros(0, states[0].shape[1])
    last = [torch.cat(parts) for parts in zip(states, *reversed(stopped), strict=True)]
    return y, last if stopped else states
