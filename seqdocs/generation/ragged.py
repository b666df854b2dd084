r"""Ragged prompts: a batch of prompts of different lengths, continued as if each were alone.

Letters: B batch · T longest prompt · N new tokens.

Three ways, with the same tokens in the end:

- "loop": one prompt after the other. B prefills, B N steps.
- "grouped": prompts of the same length together; any model can do that. It saves nothing if all differ.
- "padded": all together, filled up on the *left*, so that the next token of every row stands in the same
  column. 1 prefill, N steps. The model must hide the filling and count positions from each row's own start.

Filling on the right would leave a gap between a short prompt and its continuation. What is equal here is what
is picked from equal logits: a strategy that draws random numbers draws them in another order in each way.

>>> left_fill([torch.tensor([7, 8, 9]), torch.tensor([5])])
(tensor([[7, 8, 9],
        [0, 0, 5]]), tensor([3, 1]))

Source: none needed beyond the definition; the model's side is :mod:`seqdocs.models.kv_cache`.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.generation.decoding import Pick, generate, greedy
from seqdocs.generation.model import Model

Method = Literal["loop", "grouped", "padded"]


def left_fill(prompts: Sequence[Tensor], filler: int = 0) -> tuple[Tensor, Tensor]:
    """One batch of prompts of different lengths.

    Args:
        prompts: B of them, (T_b,) each, T_b ≥ 1.
        filler: the token that fills; no model reads it.

    Returns:
        (B, T), each row ending with its prompt, and the lengths, (B,).

    Raises:
        ValueError: if there is no prompt, one is empty or not (T,) integers, or dtypes or devices differ.
    """
    if not prompts:
        raise ValueError("`prompts` is empty; it holds at least one prompt")
    for b, prompt in enumerate(prompts):
        if prompt.ndim != 1 or len(prompt) == 0:
            raise ValueError(f"`prompts[{b}]` has shape {tuple(prompt.shape)}; it is (T,) with T ≥ 1")
        checks.tokens(f"prompts[{b}]", prompt, "(T,)")
        checks.alike(f"prompts[{b}]", prompt, prompts[0], "`prompts[0]` is")
    checks.whole(0, filler=filler)
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=prompts[0].device)
    tokens = prompts[0].new_full((len(prompts), int(lengths.max())), filler)
    for row, prompt in zip(tokens, prompts, strict=True):
        row[len(row) - len(prompt) :] = prompt
    return tokens, lengths


def generate_ragged(
    model: Model,
    prompts: Sequence[Tensor],
    new_tokens: int,
    pick: Pick = greedy,
    *,
    stop: int | None = None,
    method: Method = "loop",
) -> Tensor:
    """Continue prompts of different lengths.

    Args:
        model: for "padded", one whose ``prefill`` takes ``lengths``.
        prompts: B of them, (T_b,) each, T_b ≥ 1.
        new_tokens: N.
        pick: as in :func:`~seqdocs.generation.decoding.generate`.
        stop: likewise.
        method: "loop", "grouped" or "padded".

    Returns:
        The new tokens, (B, N), in the order of the prompts.

    Raises:
        ValueError: if a prompt or ``new_tokens`` does not fit, or ``method`` is unknown.
    """
    checks.one_of("method", method, "loop", "grouped", "padded")
    tokens, lengths = left_fill(prompts)
    if method == "padded":
        return generate(model, tokens, new_tokens, pick, lengths=lengths, stop=stop)
    rows = [torch.tensor([b]) for b in range(len(prompts))]
    if method == "grouped":
        rows = [(lengths == length).nonzero()[:, 0] for length in sorted(set(lengths.tolist()))]
    new = tokens.new_empty(len(prompts), new_tokens)
    for own in rows:
        together = tokens[own, tokens.shape[1] - int(lengths[own[0]]) :]
        new[own] = generate(model, together, new_tokens, pick, stop=stop)
    return new
