r"""Teacher forcing: while learning, a model reads the true sequence, not what it would have written itself.

Letters: B batch · T time · V vocabulary · x the true tokens · y the model's own.

::

    logits[t], s[t] = step(in[t], s[t-1])
    in[0] = x[0],   in[t] = x[t] if true[t] else y[t],   y[t] = pick(logits[t-1])

All true is *teacher forcing*: a step then needs nothing that the step before picked, so a Transformer trains
all positions at once. None true is *free running*, how the model is used later. A mixture is *scheduled
sampling* (:mod:`seqdocs.generation.scheduled_sampling`).

Convention: the gradient flows through the logits and the states, not through the choice of a token.

>>> import torch
>>> table = torch.eye(4).roll(1, dims=1)  # always says: one more
>>> step = lambda token, state: (table[token], token.float()[:, None])
>>> x = torch.tensor([[0, 3, 3, 3]])
>>> forced, _ = unroll(step, x, None, torch.ones(1, 4, dtype=torch.bool))
>>> free, _ = unroll(step, x, None, torch.zeros(1, 4, dtype=torch.bool))
>>> forced.argmax(-1).tolist(), free.argmax(-1).tolist()
([[1, 0, 0, 0]], [[1, 2, 3, 0]])

Source: Williams & Zipser, "A learning algorithm for continually running fully recurrent neural networks",
Neural Computation 1(2), 1989 (which names it).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.generation.decoding import Pick, greedy

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]  # (B,) tokens, state to (B, V) logits, state


def unroll(
    step: Step, tokens: Tensor, state: Any, true: Tensor, pick: Pick = greedy
) -> tuple[Tensor, list[Any]]:
    """Run a model over a sequence that it reads in part, and in part writes.

    Args:
        step: one step of the model; it returns a new state and leaves the old one as it was.
        tokens: the true sequence, integers, (B, T).
        state: before the first step.
        true: which inputs are the true ones, boolean, (B, T); the first always is.
        pick: how the model writes, (B, V) to (B,).

    Returns:
        Logits of the token after each, (B, T, V), and the T states. With T = 0, (B, 0, 0) and none.

    Raises:
        ValueError: if ``tokens`` and ``true`` do not have the same shape, (B, T), or are not what they are.
    """
    if tokens.ndim != 2 or true.shape != tokens.shape or true.dtype != torch.bool:
        raise ValueError(
            f"`tokens` has shape {tuple(tokens.shape)} and `true` is {true.dtype} of shape "
            f"{tuple(true.shape)}; both are (B, T), and `true` is boolean"
        )
    checks.tokens("tokens", tokens)
    checks.together("true", true, tokens, "`tokens` is")
    logits: list[Tensor] = []
    states: list[Any] = []
    for t in range(tokens.shape[1]):
        given = tokens[:, t]
        if logits:
            given = torch.where(true[:, t], given, pick(logits[-1].detach()))
        out, state = step(given, state)
        logits.append(out)
        states.append(state)
    empty = torch.zeros(len(tokens), 0, 0, device=tokens.device)
    return torch.stack(logits, 1) if logits else empty, states
