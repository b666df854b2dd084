"""
Speculative decoding
====================

A small model guesses a few tokens ahead, the large one checks all of them in one pass. Accepted by the right
rule, what comes out is distributed exactly as if the large model had written alone, and its passes are fewer.
"""

# %%
# A large model and a small one
# -----------------------------
# Both learn the same source. The draft is narrower, has one layer instead of two, and learns for a shorter
# time, so it is often right and not always.
#
# The rule: a guess to which the draft gave the probability :math:`q` and the large model gives :math:`p` is
# kept with probability :math:`\min(1, p / q)`. The first one that is not kept is drawn again, from what the
# large model gives in excess of the draft, :math:`\max(0, p - q)`, and all guesses after it are thrown away.

import torch

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.generation.decoding import generate
from seqdocs.generation.sampling import sampler
from seqdocs.generation.speculative import chooser, expected_tokens, speculate
from seqdocs.models.language_model import CausalLM
from seqdocs.tasks.markov import draw, next_tokens, transitions
from seqdocs.tasks.training import train

V, PROMPT = 16, 4
SOURCE = transitions(V, 1, 4, seed=0, fall=0.6)


def trained(steps, **sizes):
    """A GPT after ``steps`` batches from the source."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=V, context=96, heads=4, **sizes)
    train(model, lambda seed: next_tokens(SOURCE, 32, 32, seed), steps, rate=1e-2)
    return model.eval().requires_grad_(False)


def pair(steps):
    """The target and its draft."""
    return trained(steps, width=32, layers=2), trained(steps // 3, width=8, layers=1)


def following(model, prompt):
    """Probabilities of the next token after each of several texts, (B, V)."""
    return model(prompt)[:, -1].softmax(-1)


# %%
# The distribution test
# ---------------------
# The target's probability of every continuation of two tokens can be computed. We draw many, and ask how far
# what was drawn is from that: the total variation distance. Plain draws are not at zero either, since they
# are finitely many; the grey band is where they lie in 95 of 100 repetitions. The draft alone, whose guesses
# nobody checks, is far out.


def exact(model, prompt):
    """The probability of each pair of next tokens, (V · V,)."""
    first = following(model, prompt[None])[0]
    grown = torch.cat((prompt.expand(V, -1), torch.arange(V)[:, None]), 1)
    return (first[:, None] * following(model, grown)).flatten().double()


def distance(pairs, p):
    """Half the sum of absolute differences between the shares of drawn pairs and their probabilities."""
    shares = torch.bincount(pairs[:, 0] * V + pairs[:, 1], minlength=V * V) / len(pairs)
    return float((shares - p).abs().sum() / 2)


# On the CPU alone: the checks take single tokens, which a GPU would only wait for.
@experiment(small={"steps": 3, "draws": 8, "repeats": 5}, seconds=120, memory_gb=2, devices=("cpu",))
def distribution(device, *, steps=150, draws=1500, repeats=200, ahead=2):
    """Total variation distance to the target's exact distribution, for three ways to draw two tokens."""
    torch.set_num_threads(1)  # the matrices are small: a second thread only waits
    target, draft = pair(steps)
    prompt = draw(SOURCE, 1, PROMPT, seed=1)[0]
    p, rng = exact(target, prompt), torch.Generator().manual_seed(2)
    many = prompt.expand(draws, -1)
    choose = chooser(rng)
    checked = [speculate(target, draft, prompt, 2, ahead=ahead, choose=choose)[0] for _ in range(draws)]
    far = {
        "speculative": distance(torch.stack(checked), p),
        "target alone": distance(generate(target, many, 2, sampler(rng)), p),
        "draft alone": distance(generate(draft, many, 2, sampler(rng)), p),
    }
    again = torch.multinomial(p, draws * repeats, replacement=True, generator=rng).view(repeats, draws)
    apart = sorted(distance(torch.stack((row // V, row % V), 1), p) for row in again)
    band = [apart[int(repeats * part)] for part in (0.025, 0.975)]
    return {
        "draws": quantity(draws, "texts"),
        "far": {name.replace(" ", "_"): quantity(value, "") for name, value in far.items()},
        "names": list(far),
        "band": band,
        "plain": quantity(apart[repeats // 2], "", *band),
    }


for run in distribution():
    names = run["names"]
    values = [run["far"][name.replace(" ", "_")]["value"] for name in names]
    low, high = run["band"]
    fig, axes = figures.figure(
        alt=f"Total variation distance to the target's distribution, of {run['draws']['value']} draws: "
        + ", ".join(f"{name} {value:.3f}" for name, value in zip(names, values, strict=True))
        + f". Plain draws lie between {low:.3f} and {high:.3f} in 95 of 100 repetitions.",
        caption="Distance of what was drawn from the target's exact distribution; band: plain draws.",
        run=run,
        height=2.4,
    )
    axes.axvspan(low, high, color="0.5", alpha=0.3, linewidth=0)
    axes.barh(names, values, color=[figures.BLUE, figures.GREY, figures.VERMILION])
    axes.set(xlabel="total variation distance", ylabel="drawn by")

# %%
# Passes saved
# ------------
# Each pass of the target checks :math:`K` guesses and adds one token of its own. If a guess is kept with
# probability :math:`a`, independently, a pass gives :math:`(1 - a^{K+1}) / (1 - a)` tokens on average. How
# often a guess is kept follows from the two distributions alone: it is the sum over all tokens of the smaller
# of the two probabilities.


@experiment(
    small={"steps": 3, "guesses": (0, 2), "texts": 1, "new": 4}, seconds=120, memory_gb=2, devices=("cpu",)
)
def passes(device, *, steps=150, guesses=(0, 1, 2, 4, 8), texts=6, new=60):
    """Tokens per pass of the target, counted, beside the formula."""
    torch.set_num_threads(1)
    target, draft = pair(steps)
    read = draw(SOURCE, 64, 32, seed=4)
    overlap = torch.minimum(target(read).softmax(-1), draft(read).softmax(-1)).sum(-1)
    kept = float(overlap.mean())
    choose, prompts = chooser(torch.Generator().manual_seed(3)), draw(SOURCE, texts, PROMPT, seed=5)
    per_pass, used = [], []
    for ahead in guesses:
        counts = [speculate(target, draft, prompt, new, ahead=ahead, choose=choose)[1] for prompt in prompts]
        used.append(sum(counts))
        rates = [new / count for count in counts]
        per_pass.append(quantity(texts * new / sum(counts), "tokens per pass", min(rates), max(rates)))
    formula = [expected_tokens(kept, ahead) for ahead in guesses]
    best = max(range(len(guesses)), key=lambda i: per_pass[i]["value"])
    return {
        "guesses": list(guesses),
        "kept": quantity(100 * kept, "%"),
        "per_pass": per_pass,
        "formula": formula,
        "best": per_pass[best],
        "best_guesses": quantity(guesses[best], "guesses"),
        "written": quantity(texts * new, "tokens"),
        "table": table(
            ["guesses", "passes", "tokens per pass", "by the formula"],
            [[K, n, leaf | {"unit": ""}, round(by, 2)]
             for K, n, leaf, by in zip(guesses, used, per_pass, formula, strict=True)],
        ),
    }  # fmt: skip


for run in passes():
    counted = [leaf["value"] for leaf in run["per_pass"]]
    ends = [[abs(leaf[end] - leaf["value"]) for leaf in run["per_pass"]] for end in ("low", "high")]
    fig, axes = figures.figure(
        alt=f"Tokens per pass of the target against guesses. A guess is kept with probability "
        f"{run['kept']['value']:.0f} %. "
        + "; ".join(f"{K}: {value:.2f}" for K, value in zip(run["guesses"], counted, strict=True))
        + ".",
        caption="Tokens that one pass of the target gives; bars are the range over texts.",
        run=run,
        height=3.0,
    )
    axes.errorbar(run["guesses"], counted, ends, fmt="o", color=figures.BLUE, label="counted")
    axes.plot(run["guesses"], run["formula"], "--", color=figures.COLOURS["theory"], label="formula")
    axes.set(xlabel="guesses ahead, K", ylabel="tokens per pass of the target", ylim=(0, None))
    axes.legend()

# %%
# What to take away
# -----------------
# Writing is sequential, checking is not: that is all there is to it. The rule keeps the distribution whatever
# the draft is, so a bad draft costs time and never quality. More guesses help less and less, since the first
# refusal throws the rest away. Next to read: :term:`autoregressive generation`, :term:`KV cache`,
# :term:`throughput`.

if __name__ == "__main__":
    figures.show()
