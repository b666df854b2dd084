"""What a model must offer so that every strategy of this room can drive it.

Letters: B batch · T time · V vocabulary.

A *prefill* reads prompts and gives logits for the next token and a cache; a *decode* reads one more token and
changes the cache in place. What the cache is, is the model's affair: keys and values, a recurrent state, or
the tokens themselves. One thing is asked of it: every tensor in it has the batch first, so that
:func:`take_rows` can give a row to several continuations.

>>> from seqdocs.models.language_model import CausalLM
>>> isinstance(CausalLM(vocabulary=5, context=4, width=2, layers=1, heads=1), Model)
True
"""

from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from seqdocs import checks


@runtime_checkable
class Model(Protocol):
    """A causal model of tokens, such as :class:`~seqdocs.models.language_model.CausalLM`."""

    def prefill(self, tokens: Tensor, /) -> tuple[Tensor, Any]:
        """Read prompts, (B, T): logits of the next token, (B, V), and the cache.

        A model that can read prompts of different lengths takes ``lengths``, (B,), too: the last
        ``lengths[b]`` tokens of row b are its prompt.
        """

    def decode(self, token: Tensor, cache: Any, /) -> Tensor:
        """Read one more token of each sequence, (B,): logits of the next, (B, V); the cache is changed."""


def take_rows(cache: Any, rows: Tensor) -> Any:
    """A copy of a cache with some of its rows, each as often as it is asked for.

    Args:
        cache: tensors with the batch first, in lists, tuples, dicts and dataclasses; what else it holds
            (lengths, None) is the same for all rows.
        rows: which, (B',) integers.

    Raises:
        ValueError: if ``rows`` is not that, or lies on another device than a tensor of the cache.
    """
    checks.tokens("rows", rows, "(B',)")
    return _rows_of(cache, rows)


def _rows_of(cache: Any, rows: Tensor) -> Any:
    if isinstance(cache, Tensor):
        checks.together("rows", rows, cache, "the cache is")
        return cache.index_select(0, rows)
    if isinstance(cache, list | tuple):
        return type(cache)(_rows_of(part, rows) for part in cache)
    if isinstance(cache, dict):
        return {name: _rows_of(part, rows) for name, part in cache.items()}
    if is_dataclass(cache) and not isinstance(cache, type):
        return replace(cache, **{f.name: _rows_of(getattr(cache, f.name), rows) for f in fields(cache)})
    return cache


def check_prompt(prompt: Tensor, new_tokens: int) -> None:
    """Raise ValueError unless ``prompt`` is integers (B, T), T ≥ 1, and ``new_tokens`` whole, from 0 on."""
    if prompt.ndim != 2 or prompt.shape[1] == 0 or prompt.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"`prompt` is {prompt.dtype} of shape {tuple(prompt.shape)}; it is integers, (B, T) with T ≥ 1"
        )
    checks.whole(0, new_tokens=new_tokens)
