r"""Speculative decoding: a small model guesses a few tokens ahead, the large one checks them all at once.

Letters: K guesses · V vocabulary · p the target's distribution of the next token · q the draft's.

::

    guess x ~ q;   keep it with probability min(1, p(x) / q(x))
    the first that is not kept is replaced by x ~ max(0, p - q) / Σ max(0, p - q); the rest are thrown away
    if all K are kept, one more x ~ p comes for nothing

What comes out is distributed exactly as if the target had decoded alone, whatever the draft is: a bad draft
costs time, not quality. It helps because the target checks K tokens in one pass, which takes hardly longer
than a pass for one while the memory, not the arithmetic, is the limit. If each guess is kept with probability
a, independently, a pass gives (1 - a^(K+1)) / (1 - a) tokens on average: :func:`expected_tokens`.

Conventions: one sequence. Both models are called on the whole sequence, without a cache: the shortest form of
the method, in which the passes of the target can be counted. Chance comes in as a function ``choose`` alone,
so a test can follow every branch.

>>> import torch
>>> from seqdocs.models.language_model import CausalLM
>>> _ = torch.manual_seed(0)
>>> target = CausalLM(vocabulary=10, context=16, width=16, layers=2, heads=2)
>>> chance = chooser(torch.Generator().manual_seed(0))
>>> tokens, passes = speculate(target, target, torch.tensor([1, 2, 3]), 8, ahead=3, choose=chance)
>>> len(tokens), passes  # its own draft is always right: 4 tokens in a pass
(8, 2)

Source: Leviathan, Kalman & Matias, "Fast inference from transformers via speculative decoding", ICML 2023,
algorithm 1, equation 1 and appendix A.1, https://arxiv.org/abs/2211.17192
"""

from collections.abc import Callable

import torch
from torch import Tensor

from seqdocs import checks
from seqdocs.generation.model import check_prompt

Choose = Callable[[Tensor], int]
Logits = Callable[[Tensor], Tensor]  # (1, T) tokens to (1, T, V): a model's forward pass
Adjust = Callable[[Tensor], Tensor]


def chooser(generator: torch.Generator) -> Choose:
    """What draws a number from probabilities, (V,).

    Raises:
        ValueError: if ``generator`` is none.
    """
    checks.generator("generator", generator)
    return lambda p: int(torch.multinomial(p, 1, generator=generator))


def expected_tokens(acceptance: float, ahead: int) -> float:
    """Tokens for each pass of the target, on average, if guesses are kept independently.

    Args:
        acceptance: a, in 0 … 1: how often a guess is kept.
        ahead: K.

    Raises:
        ValueError: if ``acceptance`` is not in 0 … 1, or ``ahead`` is negative or not whole.
    """
    checks.number("acceptance", acceptance, 0 <= acceptance <= 1, "in 0 … 1")
    checks.whole(0, ahead=ahead)
    return float(sum(acceptance**k for k in range(ahead + 1)))


def keep_probability(p: Tensor, q: Tensor, guess: int) -> Tensor:
    """min(1, p / q) at a guess that q made; a number.

    Raises:
        ValueError: if p and q are not (V,) of one vocabulary, or ``guess`` is none of it.
    """
    _check_pair(p, q)
    checks.whole(0, guess=guess)
    checks.number("guess", guess, guess < len(q), f"a token, below {len(q)}")
    return (p[guess] / q[guess]).clamp(max=1)


def rest(p: Tensor, q: Tensor) -> Tensor:
    """What the target wants more than the draft offers, (V,): where a refused guess is replaced from.

    Raises:
        ValueError: if p and q are not (V,) of one vocabulary.
    """
    _check_pair(p, q)
    more = (p - q).clamp(min=0)
    total = more.sum()
    # p = q refuses nothing; only rounding can bring us here, and then p is as good.
    return more / total if total > 0 else p


@torch.no_grad()
def speculate(
    target: Logits,
    draft: Logits,
    prompt: Tensor,
    new_tokens: int,
    *,
    ahead: int,
    choose: Choose,
    adjust: Adjust = lambda logits: logits.log_softmax(-1),
) -> tuple[Tensor, int]:
    """Continue a prompt with tokens drawn from the target's distribution.

    Args:
        target: the model whose distribution counts.
        draft: guesses; same vocabulary.
        prompt: (T,), T ≥ 1.
        new_tokens: N.
        ahead: K ≥ 0 guesses for each pass; fewer near the end.
        choose: draws from probabilities; see :func:`chooser`.
        adjust: logits to log-probabilities, of both models, such as
            :func:`~seqdocs.generation.sampling.filtered`.

    Returns:
        The new tokens, (N,), and how many passes of the target they took.

    Raises:
        ValueError: if ``prompt`` or ``new_tokens`` does not fit, ``ahead`` is negative, or the models have
            different vocabularies.
    """
    checks.whole(0, ahead=ahead)
    if prompt.ndim != 1:
        raise ValueError(f"`prompt` has shape {tuple(prompt.shape)}; it is (T,), one prompt")
    check_prompt(prompt[None], new_tokens)
    known, passes = prompt.tolist(), 0
    end = len(known) + new_tokens

    def distributions(model: Logits, tokens: list[int], count: int) -> Tensor:
        """Of the token after each of the last ``count`` places, (count, V)."""
        return adjust(model(prompt.new_tensor([tokens]))[0, -count:]).exp()

    while len(known) < end:
        guessed, offers = list(known), []
        for _ in range(min(ahead, end - len(known) - 1)):
            q = distributions(draft, guessed, 1)[0]
            offers.append(q)
            guessed.append(choose(q))
        wanted = distributions(target, guessed, len(offers) + 1)
        passes += 1
        known = _check(known, guessed, wanted, offers, choose)
    return prompt.new_tensor(known[len(prompt) :]), passes


def _check(
    known: list[int], guessed: list[int], wanted: Tensor, offers: list[Tensor], choose: Choose
) -> list[int]:
    """Keep guesses up to the first that is refused; then one token of the target's own."""
    known = list(known)
    if offers and offers[0].shape != wanted[0].shape:
        raise ValueError(
            f"`draft` knows {len(offers[0])} tokens and `target` {wanted.shape[1]}; they share a vocabulary"
        )
    for p, q, guess in zip(wanted, offers, guessed[len(known) :], strict=False):
        keep = keep_probability(p, q, guess)
        if not choose(torch.stack((1 - keep, keep))):
            return [*known, choose(rest(p, q))]
        known.append(guess)
    return [*known, choose(wanted[-1])]


def _check_pair(p: Tensor, q: Tensor) -> None:
    checks.dimensions("p", p, "(V,)")
    checks.floating("p", p)
    checks.shape("q", q, "(V,)", p.shape)
    checks.alike("q", q, p, "`p` is")
