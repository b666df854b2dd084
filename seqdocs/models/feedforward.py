r"""A feedforward network over a fixed window: each output sees the last k inputs and nothing older.

Letters: B batch · T time · D input · H hidden · O output · k window.

::

    y[t] = W_2 tanh(W_1 [x[t-k+1]; …; x[t]] + b_1) + b_2

The same small network slides along the sequence. No step waits for another, and none knows what left the
window.

Convention: before the beginning there are zeros. The paper's network also has direct connections from the
window to the output, and learns the inputs as word vectors; ours has neither.

>>> import torch
>>> net = WindowFeedforward(window=2, input_size=3, hidden_size=8, output_size=4)
>>> x = torch.randn(1, 5, 3)
>>> net(x).shape
torch.Size([1, 5, 4])
>>> older = torch.cat((x[:, :2] + 1, x[:, 2:]), dim=1)  # change what is out of the window of the last two
>>> torch.equal(net(older)[:, 3:], net(x)[:, 3:])
True

Source: Bengio, Ducharme, Vincent & Jauvin, "A neural probabilistic language model", Journal of Machine
Learning Research 3, 2003, section 2, https://www.jmlr.org/papers/v3/bengio03a.html
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks

Method = Literal["loop", "unfold"]


class WindowFeedforward(nn.Module):
    """Two layers over the last k inputs.

    Args:
        window: k, inputs that an output sees, its own included.
        input_size: D.
        hidden_size: H.
        output_size: O; D if omitted.

    Raises:
        ValueError: if a size is not positive.
    """

    def __init__(
        self, window: int, input_size: int, hidden_size: int, output_size: int | None = None
    ) -> None:
        super().__init__()
        output_size = input_size if output_size is None else output_size
        checks.whole(1, window=window, input_size=input_size)
        checks.whole(1, hidden_size=hidden_size, output_size=output_size)
        self.window, self.input_size = window, input_size
        self.hidden = nn.Linear(window * input_size, hidden_size)
        self.output = nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor, method: Method = "unfold") -> Tensor:
        """Slide along a sequence.

        Args:
            x: (B, T, D).
            method: "loop" over windows, or "unfold": all windows in one matrix product.

        Returns:
            (B, T, O).

        Raises:
            ValueError: if the shape or dtype of ``x`` does not fit, or ``method`` is unknown.
        """
        checks.one_of("method", method, "loop", "unfold")
        checks.sequence("x", x, self.input_size, self.hidden.weight)
        T, k = x.shape[1], self.window
        padded = F.pad(x, (0, 0, k - 1, 0))  # k - 1 zeros before the first input
        if method == "loop" or T == 0:
            outputs = [self._one(padded[:, t : t + k].flatten(1)) for t in range(T)]
            return (
                torch.stack(outputs, dim=1)
                if outputs
                else x.new_zeros(x.shape[0], 0, self.output.out_features)
            )
        windows = padded.unfold(1, k, 1)  # (B, T, D, k), a view: nothing is copied yet
        return self._one(windows.mT.flatten(2))

    def _one(self, window: Tensor) -> Tensor:
        """(…, k D) to (…, O)."""
        y: Tensor = self.output(torch.tanh(self.hidden(window)))
        return y
