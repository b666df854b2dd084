"""
Exposure bias
=============

A model learns from true texts and writes from its own. One slip, and it reads what it has never learnt from.
We let slips happen at a known rate and count how far they carry, with and without having practised.
"""

# %%
# A walk around a circle
# ----------------------
# A text starts at any of sixteen places and goes on by a stride of its own, around and around. Three tokens
# tell place and stride; from there on there is one true text. A small GRU learns it two ways. *Teacher
# forcing* shows it the true token at every step. *Scheduled sampling* begins so, and then lets it read more
# and more of its own.

import torch
from torch import nn

from seqdocs.bench import figures
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.generation.exposure_bias import drift
from seqdocs.generation.sampling import sampler
from seqdocs.generation.scheduled_sampling import linear, truth
from seqdocs.generation.teacher_forcing import unroll
from seqdocs.models.gru import GRU

PLACES, STRIDES, GIVEN = 16, (1, 2, 3, 5), 3


def walks(B, T, rng):
    """Texts, (B, T): each from a random place with a random stride."""
    stride = torch.tensor(STRIDES)[torch.randint(len(STRIDES), (B, 1), generator=rng)]
    return (torch.randint(PLACES, (B, 1), generator=rng) + stride * torch.arange(T)) % PLACES


class Walker(nn.Module):
    """A GRU that reads a token and says which comes next."""

    def __init__(self, width):
        super().__init__()
        self.tokens, self.net = nn.Embedding(PLACES, width), GRU(width, width)
        self.head = nn.Linear(width, PLACES)

    def step(self, token, state):
        """One token, (B,), and the state to logits, (B, V), and the new state."""
        y, state = self.net(self.tokens(token)[:, None], state)
        return self.head(y[:, 0]), state


def train(device, *, steps, least, seed, width=48, B=64, T=24):
    """A walker that reads the truth with a probability that falls to ``least`` while it learns."""
    torch.manual_seed(seed)
    model, rng = Walker(width).to(device), torch.Generator().manual_seed(seed)
    own = sampler(torch.Generator(device).manual_seed(seed))
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    for i in range(steps):
        text = walks(B, T + 1, rng)
        true = truth((B, T), linear(1.0, 2 * (1 - least) / steps, least, i), rng)
        true[:, :GIVEN] = True
        text = text.to(device)
        logits, _ = unroll(model.step, text[:, :-1], None, true.to(device), own)
        wanted = text[:, GIVEN:]
        loss = nn.functional.cross_entropy(logits[:, GIVEN - 1 :].flatten(0, 1), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.requires_grad_(False)


def slipping(rate, rng):
    """The likeliest token, and now and then a random one."""

    def pick(logits):
        token = logits.argmax(-1)
        slipped = torch.rand(token.shape, generator=rng) < rate
        other = torch.randint(PLACES, token.shape, generator=rng)
        return torch.where(slipped.to(token.device), other.to(token.device), token)

    return pick


# %%
# How errors grow
# ---------------
# Each model continues texts that are three times as long as those it learnt from. Reading the true tokens,
# the one that learnt by teacher forcing is right throughout. Reading its own, with a slip now and then, it
# goes on from the wrong place and hardly ever comes back, so its errors add up: the solid line follows the
# dotted one, the share of texts with a slip so far. The other has learnt that what it reads may be wrong, and
# keeps count itself; it pays with a few errors where there was nothing to be careful about.

WAYS = {"teacher": "teacher forcing", "scheduled": "scheduled sampling"}


@experiment(small={"steps": 3, "seeds": 1, "length": 12, "texts": 8}, seconds=180, memory_gb=2)
def growth(device, *, steps=150, seeds=3, length=72, texts=256, slip=0.02, least=0.1):
    """Share of wrong next tokens at each place, reading the truth and running free, for both trainings."""
    torch.set_num_threads(1)  # the matrices are small: a second thread only waits
    wrong = {way: {"forced": [], "free": []} for way in WAYS}
    apart = {way: [] for way in WAYS}
    for way in WAYS:
        for seed in range(seeds):
            model = train(device, steps=steps, least=1.0 if way == "teacher" else least, seed=seed)
            text = walks(texts, length + 1, torch.Generator().manual_seed(100)).to(device)
            states = []
            for reading in ("forced", "free"):
                true = torch.full((texts, length), reading == "forced", device=device)
                true[:, :GIVEN] = True
                pick = slipping(slip, torch.Generator().manual_seed(seed))
                logits, walked = unroll(model.step, text[:, :-1], None, true, pick)
                wrong[way][reading].append((logits.argmax(-1) != text[:, 1:]).double().mean(0)[GIVEN - 1 :])
                states.append(torch.stack([state[0] for state in walked], 1))
            apart[way].append(drift(*states)[GIVEN - 1 :])
    shares = {
        f"{way}_{how}": torch.stack(runs).cpu() * 100
        for way, both in wrong.items()
        for how, runs in both.items()
    }
    drifts = {way: torch.stack(runs).cpu() for way, runs in apart.items()}

    def end(runs, unit):
        """Over the last tenth of the text: the mean over seeds and the range."""
        each = runs[:, -max(1, length // 10) :].mean(1)
        return quantity(float(each.mean()), unit, float(each.min()), float(each.max()))

    ends = {name: end(runs, "%") for name, runs in shares.items()}
    slips = 100 * (1 - (1 - slip * (1 - 1 / PLACES)) ** torch.arange(1, length - GIVEN + 2))
    return {
        "places": list(range(GIVEN, length + 1)),
        "shares": {name: runs.mean(0).tolist() for name, runs in shares.items()},
        "drifts": {way: runs.mean(0).tolist() for way, runs in drifts.items()},
        "ever": slips.tolist(),
        "end": ends,
        "drift_end": {way: end(runs, "") for way, runs in drifts.items()},
        "slip": quantity(100 * slip, "%"),
        "length": quantity(length, "tokens"),
        "seeds": quantity(seeds, "trainings"),
        "table": table(
            ["learnt by", ("wrong at the end, reading the truth", "%"), ("running free", "%"), "drift"],
            [[words, ends[f"{way}_forced"] | {"unit": ""}, ends[f"{way}_free"] | {"unit": ""},
              end(drifts[way], "")]
             for way, words in WAYS.items()],
        ),
    }  # fmt: skip


for run in growth():
    ends = {name: leaf["value"] for name, leaf in run["end"].items()}
    fig, (left, right) = figures.figure(
        alt=f"Wrong next tokens against place, with a slip in {run['slip']['value']:.0f} % of the tokens. At "
        f"the end: teacher forcing {ends['teacher_forced']:.1f} % reading the truth, "
        f"{ends['teacher_free']:.0f} % running free; scheduled sampling {ends['scheduled_forced']:.1f} % and "
        f"{ends['scheduled_free']:.0f} %. Right: the states of the first drift apart further.",
        caption="Wrong tokens and drift of the state; dotted: share of texts with a slip so far.",
        run=run,
        columns=2,
    )
    for (way, words), colour in zip(WAYS.items(), (figures.VERMILION, figures.GREEN), strict=True):
        left.plot(run["places"], run["shares"][f"{way}_free"], color=colour, label=f"{words}, free")
        left.plot(run["places"], run["shares"][f"{way}_forced"], "--", color=colour, label=f"{words}, forced")
        right.plot(run["places"], run["drifts"][way], color=colour, label=words)
    left.plot(run["places"], run["ever"], ":", color="0.5")
    left.set(xlabel="place in the text", ylabel="wrong next tokens, %", ylim=(-3, 115))
    left.legend(fontsize="small")
    right.set(xlabel="place in the text", ylabel="drift, of the size of the state")
    right.legend(fontsize="small")

# %%
# What to take away
# -----------------
# An error rate measured on true texts says nothing about a model that reads its own. What decides is whether
# it comes back after a slip. Practising on its own texts teaches that here, where the truth does not depend
# on what was written; where it does, there is nothing to come back to, and the remedy is disputed. Next to
# read: :term:`autoregressive generation`, :term:`sequential models`.

if __name__ == "__main__":
    figures.show()
