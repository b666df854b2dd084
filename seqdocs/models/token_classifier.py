"""A layer between tokens and answers: the least that makes a classifier of tokens out of any sequence model.

Letters: B batch · T time · D width · V tokens · C classes.

::

    x = embedding(tokens) (+ positions)          (B, T, D)
    logits = W_2 relu(W_1 (x + core(x)) + b_1) + b_2

The path past the core, and a readout that can bend, are the same for every core. So what one learns and
another does not is a matter of the cores, and a core need not learn to copy its input. If the core has
nothing to learn, as a reservoir, the embedding is not learned either: it belongs to what is fed in.

>>> import torch
>>> from seqdocs.models.gru import GRU
>>> net = TokenClassifier(GRU(8, 8), 8, vocabulary=5, classes=2)
>>> net(torch.zeros(3, 7, dtype=torch.long)).shape
torch.Size([3, 7, 2])

Sources: He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR 2016,
https://arxiv.org/abs/1512.03385 (the path past a layer); Jaeger, "The echo state approach", 2001 (a readout
alone is learned).
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from seqdocs import checks
from seqdocs.models.positional import sinusoidal


class TokenClassifier(nn.Module):
    """Embedding, perhaps positions, a core with a path past it, and a readout of one hidden layer.

    Args:
        core: maps (B, T, D) to a tuple that begins with (B, T, D), as every model of the catalogue does.
        width: D.
        vocabulary: V.
        classes: C.
        positions: add sinusoidal positions to the embedding.
        options: what the core is called with, such as the fast form of a row of the catalogue.

    Raises:
        ValueError: if a size is below 1.
    """

    def __init__(
        self,
        core: nn.Module,
        width: int,
        *,
        vocabulary: int,
        classes: int,
        positions: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        checks.whole(1, width=width, vocabulary=vocabulary, classes=classes)
        self.core, self.positions, self.options = core, positions, dict(options or {})
        self.embedding = nn.Embedding(vocabulary, width)
        self.embedding.requires_grad_(any(weight.requires_grad for weight in core.parameters()))
        self.readout = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, classes))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the classes at every step.

        Args:
            tokens: integers below V, (B, T).

        Returns:
            (B, T, C).

        Raises:
            ValueError: if ``tokens`` is not integers (B, T) below V, or on another device.
        """
        checks.tokens("tokens", tokens)
        x = checks.looked_up("tokens", tokens, self.embedding.weight)
        if self.positions:
            x = x + sinusoidal(x.shape[1], x.shape[2]).to(x)
        logits: Tensor = self.readout(x + self.core(x, **self.options)[0])
        return logits
