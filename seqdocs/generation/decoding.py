r"""Autoregressive decoding: read what is there, pick the next token, append it, and again.

Letters: B batch · T prompt · N new tokens · V vocabulary.

::

    y[n] = pick(logits(prompt, y[1 … n-1]))

Nothing can be picked before what stands before it is known, so N tokens take N steps, however many processors
there are. What a step costs is another matter: without a cache it reads T + n tokens, with one it reads 1.

Convention: a picked ``stop`` token ends its sequence; from there on the row holds ``stop``. A row goes on
being computed until all have stopped, as their batch is one.

>>> import torch
>>> from seqdocs.models.language_model import CausalLM
>>> _ = torch.manual_seed(0)
>>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
>>> prompt = torch.tensor([[1, 2, 3]])
>>> new = generate(model, prompt, 4)
>>> new.shape, torch.equal(new, generate(model, prompt, 4, method="uncached"))
(torch.Size([1, 4]), True)

Source: Graves, "Generating sequences with recurrent neural networks", 2013, section 2,
https://arxiv.org/abs/1308.0850
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.generation.model import Model, check_prompt

Pick = Callable[[Tensor], Tensor]
Method = Literal["uncached", "cached"]


def greedy(logits: Tensor) -> Tensor:
    """The likeliest token of each row, (B, V) to (B,); of several, the first.

    Raises:
        ValueError: if ``logits`` is not (B, V) with V ≥ 1.
    """
    if logits.ndim != 2 or not logits.shape[1]:
        raise ValueError(f"`logits` has shape {tuple(logits.shape)}; it is (B, V) with V ≥ 1")
    return logits.argmax(-1)


@torch.no_grad()
def generate(
    model: Model,
    prompt: Tensor,
    new_tokens: int,
    pick: Pick = greedy,
    *,
    lengths: Tensor | None = None,
    stop: int | None = None,
    method: Method = "cached",
) -> Tensor:
    """Continue each prompt.

    Args:
        model: reads the prompt and what is picked.
        prompt: (B, T), T ≥ 1.
        new_tokens: N; the last one is not read.
        pick: chooses a token from logits, (B, V) to (B,), such as :func:`greedy`, or
            :func:`~seqdocs.generation.sampling.sampler`'s.
        lengths: if prompts differ in length, (B,): the last ``lengths[b]`` tokens of row b are its prompt.
        stop: the token that ends a sequence; none if omitted.
        method: "uncached" reads everything again for each token, the slow reference; "cached" reads what
            is new.

    Returns:
        The new tokens, (B, N).

    Raises:
        ValueError: if ``prompt`` or ``new_tokens`` does not fit, or ``method`` is unknown.
    """
    check_prompt(prompt, new_tokens)
    checks.one_of("method", method, "uncached", "cached")
    new = prompt.new_full((len(prompt), new_tokens), 0 if stop is None else stop)
    stopped = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    cache = None
    for n in range(new_tokens):
        if method == "uncached" or cache is None:
            known = None if lengths is None else lengths + n
            logits, cache = _read(model, torch.cat((prompt, new[:, :n]), 1), known)
        else:
            logits = model.decode(new[:, n - 1], cache)
        token = pick(logits)
        new[:, n] = token if stop is None else token.masked_fill(stopped, stop)
        if stop is not None:
            stopped |= new[:, n] == stop
            if stopped.all():
                break
    return new


def _read(model: Model, tokens: Tensor, lengths: Tensor | None) -> tuple[Tensor, object]:
    if lengths is None:
        return model.prefill(tokens)
    return model.prefill(tokens, lengths=lengths)  # type: ignore[call-arg]  # not every model's
