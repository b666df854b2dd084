"""Train any model on any task, in a few lines that fit the eye.

Letters: B batch · T time · V classes.

A model is any ``torch.nn.Module`` that maps the inputs of a :class:`~seqdocs.tasks.batch.Batch` to scores,
(B, T, V), or numbers, (B, T) or (B, T, 1), or to a tuple that begins with those, as recurrent modules return.
The same seed gives the same batches, and on one thread of one machine the same weights, bit by bit.

>>> import torch
>>> from seqdocs.tasks.delayed_xor import delayed_xor
>>> class Window(torch.nn.Module):  # sees the last two bits
...     def __init__(self):
...         super().__init__()
...         self.net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
...     def forward(self, x):
...         before = torch.nn.functional.pad(x, (1, 0))[:, :-1]
...         return self.net(torch.stack((x, before), 2).float())
>>> _ = torch.manual_seed(0)
>>> net = Window()
>>> losses = train(net, lambda seed: delayed_xor(16, 8, seed), 200, rate=0.02)
>>> accuracy(net, delayed_xor(100, 8, seed=1))
1.0

Sources: Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, https://arxiv.org/abs/1412.6980;
clipping: Pascanu, Mikolov & Bengio, ICML 2013, https://arxiv.org/abs/1211.5063
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqdocs import checks
from seqdocs.tasks.batch import Batch

Task = Callable[[torch.Generator], Batch]
Loss = Callable[[nn.Module, Batch], Tensor]


def answers(model: nn.Module, batch: Batch) -> Tensor:
    """What the model says where answers count, (N, V) or (N,).

    Raises:
        ValueError: if it does not say it for each step, or no answer counts.
    """
    said = model(batch.x)
    said = said[0] if isinstance(said, tuple) else said
    if said.shape[:2] != batch.scored.shape:
        raise ValueError(
            f"`model` returned {tuple(said.shape)} for a batch of {tuple(batch.scored.shape)} steps; "
            "it returns (B, T, …)"
        )
    counted: Tensor = said[batch.scored]
    if not len(counted):
        raise ValueError("`batch.scored` is nowhere true; at least one answer counts")
    return counted


def _classes(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Scores of the classes, (N, V), and the right ones, (N,)."""
    said, right = answers(model, batch), batch.y[batch.scored]
    if right.dtype != torch.int64:
        raise ValueError(f"`batch.y` is {right.dtype}; it is classes, torch.int64")
    if said.ndim != 2:
        raise ValueError("`model` returned one number for each step; it returns scores of classes, (B, T, V)")
    return said, right


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Mean surprise at the right answers, in nats.

    Raises:
        ValueError: as :func:`answers`; also if the right answers are no classes, or the model has no scores.
    """
    return F.cross_entropy(*_classes(model, batch))


def squared_error(model: nn.Module, batch: Batch) -> Tensor:
    """Mean of the squared differences from the right answers.

    Raises:
        ValueError: as :func:`answers`; also if the model returns more than one number for each.
    """
    said, right = answers(model, batch).reshape(-1), batch.y[batch.scored]
    checks.shape("model(batch.x)", said, "one number for each answer, (N,)", right.shape)
    return F.mse_loss(said, right)


@torch.no_grad()
def accuracy(model: nn.Module, batch: Batch) -> float:
    """Share of right answers, the model's likeliest class being its answer.

    Raises:
        ValueError: as :func:`cross_entropy`.
    """
    scores, right = _classes(model, batch)
    return float((scores.argmax(1) == right).double().mean())


def train(
    model: nn.Module,
    task: Task,
    steps: int,
    *,
    loss: Loss = cross_entropy,
    rate: float = 3e-3,
    max_norm: float = 1.0,
    seed: int = 0,
) -> list[float]:
    """Train with Adam, its rate falling to zero along half a cosine, and gradients clipped by their norm.

    Args:
        model: changed in place; batches go to the device of its first parameter.
        task: draws a batch from a generator, as ``lambda seed: parity(32, 20, seed)``.
        steps: how many batches.
        loss: of a model and a batch; :func:`cross_entropy`, :func:`squared_error` or your own.
        rate: step size of Adam at the beginning.
        max_norm: the gradient gets no longer than this.
        seed: of the batches. The model's first weights are the caller's business.

    Returns:
        The loss of every step.

    Raises:
        ValueError: if a number is out of its range, or the model returns another shape than (B, T, …).
        RuntimeError: if the loss is not finite: the training has come apart.
    """
    checks.whole(0, steps=steps)
    checks.number("rate", rate, 0 <= rate < math.inf, "finite and at least 0")
    checks.number("max_norm", max_norm, max_norm > 0, "above 0")
    draw = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    optimiser = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    losses = []
    for step in range(steps):
        value = loss(model, task(draw).to(device))
        if not value.isfinite():
            raise RuntimeError(f"the loss is {value.item()} at step {step}; try a smaller `rate` than {rate}")
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]  # torch's
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimiser.step()
        schedule.step()
        losses.append(value.item())
    return losses
