r"""Beam search: keep the W likeliest beginnings, continue each, keep the W likeliest again.

Letters: W width of the beam · V vocabulary · N new tokens · y a continuation, ``|y|`` its length.

::

    score(y) = log P(y | prompt) / lp(|y|)

Greedy decoding never takes back a token. A beam can: a beginning that looked second best may win. W = 1 is
greedy decoding; a W that keeps every beginning (V^(N-1) does) is exhaustive search. It looks for the
likeliest text, which is right where one answer is meant (translation) and dull where many are (stories).

The length penalty lp matters: log P falls with every token, so without one the shortest answer wins.

- :func:`no_penalty`: lp = 1. W = 1 is then exactly greedy.
- :func:`mean_penalty`: lp = ``|y|``, the mean log-probability of a token.
- :func:`wu_penalty`: lp = ``((5 + |y|) / 6)^α``, of Google's translator.

Conventions: the W best continuations of all are kept at each step; one that ends with the stop token leaves
the beam as an answer, and its place is *not* given to another. The stop token counts in ``|y|``. The search
ends when the beam is empty or at N tokens, and then all that is left are answers too.

>>> import torch
>>> from seqdocs.models.language_model import CausalLM
>>> _ = torch.manual_seed(0)
>>> model = CausalLM(vocabulary=10, context=8, width=16, layers=2, heads=2)
>>> best, second = beam_search(model, torch.tensor([1, 2, 3]), 4, width=2)
>>> best.log_probability >= second.log_probability, len(best.tokens)
(True, 4)

Sources: Graves, "Sequence transduction with recurrent neural networks", 2012, section 2.5,
https://arxiv.org/abs/1211.3711; Wu et al., "Google's neural machine translation system", 2016, section 7,
equation 14, https://arxiv.org/abs/1609.08144
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.generation.model import Model, check_prompt, take_rows

Penalty = Callable[[int], float]


def no_penalty(length: int) -> float:
    """Every length counts the same: the score is the log-probability."""
    return 1.0


def mean_penalty(length: int) -> float:
    """The score is the mean log-probability of a token."""
    return float(length)


def wu_penalty(alpha: float = 0.6) -> Penalty:
    """That of Wu et al.: 0 for ``alpha`` is no penalty, 1 nearly the mean.

    Raises:
        ValueError: if ``alpha`` is not finite.
    """
    checks.number("alpha", alpha, math.isfinite(alpha), "finite")
    return lambda length: ((5 + length) / 6) ** alpha


@dataclass(frozen=True)
class Hypothesis:
    """One answer.

    Attributes:
        tokens: without the prompt, with the stop token if it has one.
        log_probability: log P(tokens | prompt).
        score: that, divided by the penalty of the length.
    """

    tokens: tuple[int, ...]
    log_probability: float
    score: float


@torch.no_grad()
def beam_search(
    model: Model,
    prompt: Tensor,
    new_tokens: int,
    *,
    width: int,
    stop: int | None = None,
    penalty: Penalty = no_penalty,
) -> list[Hypothesis]:
    """Search for the best continuations of one prompt.

    Args:
        model: its cache has the batch first; see :func:`~seqdocs.generation.model.take_rows`.
        prompt: (T,), T ≥ 1.
        new_tokens: N, at most so many.
        width: W ≥ 1.
        stop: the token that ends an answer; none if omitted.
        penalty: length to lp, positive.

    Returns:
        Answers, the best score first; at most W N of them, and none impossible.

    Raises:
        ValueError: if ``prompt`` or ``new_tokens`` does not fit, ``width`` is less than 1, or a length's
            penalty is not positive.
    """
    checks.whole(1, width=width)
    if prompt.ndim != 1:
        raise ValueError(f"`prompt` has shape {tuple(prompt.shape)}; it is (T,), one prompt")
    check_prompt(prompt[None], new_tokens)
    beam, totals = prompt.new_empty(1, 0), torch.zeros(1, device=prompt.device)
    answers: list[Hypothesis] = []
    cache = None
    for n in range(new_tokens):
        if n == 0:
            logits, cache = model.prefill(prompt[None])
        else:
            logits = model.decode(beam[:, -1], cache)
        sums = (totals[:, None].to(logits) + logits.log_softmax(-1)).flatten()  # of all continuations
        totals, best = sums.sort(descending=True, stable=True)
        totals, best = totals[:width], best[:width]
        possible = totals > -math.inf
        totals, best = totals[possible], best[possible]
        rows, tokens = best // logits.shape[-1], best % logits.shape[-1]
        beam = torch.cat((beam[rows], tokens[:, None]), 1)
        if stop is not None:
            ended = tokens == stop
            answers += _answers(beam[ended], totals[ended], penalty)
            beam, totals, rows = beam[~ended], totals[~ended], rows[~ended]
        if len(beam) == 0:
            break
        cache = take_rows(cache, rows)
    answers += _answers(beam, totals, penalty)
    return sorted(answers, key=lambda answer: -answer.score)


def _answers(beam: Tensor, totals: Tensor, penalty: Penalty) -> list[Hypothesis]:
    if not len(beam):
        return []
    length = beam.shape[1]
    divisor = penalty(length)
    checks.number(f"penalty({length})", divisor, 0 < divisor < math.inf, "positive and finite")
    return [
        Hypothesis(tuple(tokens), total, total / divisor)
        for tokens, total in zip(beam.tolist(), totals.tolist(), strict=True)
    ]
