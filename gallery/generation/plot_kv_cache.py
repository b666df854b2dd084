"""
KV cache
========

Every new token reads the keys and values of all tokens before it. Kept, they make the next token cost one
position instead of all of them; the price is memory that grows with every token. The answers stay the same.
"""

# %%
# Cached equals uncached
# ----------------------
# Before anything is counted or timed: the same model, with and without a cache, writes the same tokens. So do
# all relatives of the model whose caches we compare below.

import torch

from seqdocs.bench import cost, figures
from seqdocs.bench.agreement import check_agreement
from seqdocs.bench.experiment import experiment
from seqdocs.bench.quantity import quantity, table
from seqdocs.bench.timing import compare, rate
from seqdocs.generation.decoding import generate
from seqdocs.generation.ragged import generate_ragged
from seqdocs.models.gpt2 import gpt2_weights
from seqdocs.models.kv_cache import KVCache, WindowCache
from seqdocs.models.language_model import CausalLM

KINDS = {
    "full": {},
    "grouped": {"key_value_heads": 2},
    "multi_query": {"key_value_heads": 1},
    "window": {"window": 64, "positions": "rotary"},
}
NAMES = {
    "full": "8 heads of keys",
    "grouped": "grouped: 2 heads",
    "multi_query": "multi-query: 1 head",
    "window": "window of 64",
}
V, HEADS = 512, 8


def language_model(device, *, context, width=128, layers=4, **options):
    """A GPT with random weights: what is counted here does not depend on what they say."""
    torch.manual_seed(0)
    model = CausalLM(vocabulary=V, context=context, width=width, layers=layers, heads=HEADS, **options)
    return model.to(device).eval()


def text(B, T, device):
    """The same random tokens every time."""
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(1)).to(device)


for options in KINDS.values():
    small = language_model("cpu", context=96, width=32, layers=2, **options).double()
    asked = text(2, 70, "cpu")
    assert torch.equal(generate(small, asked, 8), generate(small, asked, 8, method="uncached"))
    assert isinstance(small.prefill(asked)[1][0], WindowCache if "window" in options else KVCache)

# %%
# Work per token: flat against growing
# ------------------------------------
# Counted, not timed: floating-point operations of the products in one step. Without a cache the step
# repeats the whole text. With one it is a single position; what still grows is that it reads more keys.


def after(model, n, B=1):
    """A model's cache after n tokens, with room for one more, and the next token of each sequence."""
    tokens = text(B, n, next(model.parameters()).device)
    return model.prefill(tokens, capacity=n + 1)[1], tokens[:, -1]


@experiment(small={"lengths": (4, 8), "width": 32}, seconds=60, memory_gb=2)
def work(device, *, lengths=(32, 64, 128, 256, 512), width=128):
    """Operations for the next token after n others, with a cache and without; and what the cache holds."""
    context = max(lengths) + 1
    model = language_model(device, context=context, width=width)
    cached, uncached = [], []
    for n in lengths:
        cache, token = after(model, n)
        tokens = text(1, n + 1, device)
        cached.append(cost.flops(lambda cache=cache, token=token: model.decode(token, cache))["value"])
        uncached.append(cost.flops(lambda tokens=tokens: model.prefill(tokens))["value"])
    held = {name: [] for name in KINDS}
    for name, options in KINDS.items():
        kind = language_model(device, context=context, width=width, **options)
        for n in lengths:
            cache, token = after(kind, n - 1)
            kind.decode(token, cache)  # the first step after a prompt may still drop what no window sees
            held[name].append(sum(part.nbytes for layer in cache for part in (layer.keys, layer.values)))
    whole = held["full"]
    return {
        "lengths": list(lengths),
        "cached": cached,
        "uncached": uncached,
        "held": held,
        "first": quantity(lengths[0], "tokens"),
        "last": quantity(lengths[-1], "tokens"),
        "cached_growth": quantity(cached[-1] / cached[0], "×"),
        "uncached_growth": quantity(uncached[-1] / uncached[0], "×"),
        "saved": quantity(uncached[-1] / cached[-1], "×"),
        "bytes_per_token": quantity(int(whole[-1] / lengths[-1]), "B"),
        "bytes": {name: quantity(sizes[-1], "B") for name, sizes in held.items()},
        "table": table(
            ["tokens before", ("with a cache", "MFLOP"), ("without", "MFLOP"), ("cache", "kB")],
            [[n, quantity(a / 1e6, ""), quantity(b / 1e6, ""), quantity(size / 1e3, "")]
             for n, a, b, size in zip(lengths, cached, uncached, whole, strict=True)],
        ),
    }  # fmt: skip


counted = work()
for run in counted:
    lengths = run["lengths"]
    fig, (left, right) = figures.figure(
        alt="Left: operations for the next token against tokens before it. From "
        f"{lengths[0]} to {lengths[-1]} tokens they grow {run['uncached_growth']['value']:.1f} times without "
        f"a cache and {run['cached_growth']['value']:.2f} times with one. Right: bytes of the cache, in "
        f"proportion to the tokens unless there is a window: at {lengths[-1]} "
        + "; ".join(f"{sizes[-1] / 1e3:,.0f} kB with {NAMES[name]}" for name, sizes in run["held"].items())
        + ".",
        caption="What the cache saves in work, and what it costs in memory. Both are counted.",
        run=run,
        columns=2,
    )
    left.plot(
        lengths, [f / 1e6 for f in run["uncached"]], "o-", color=figures.VERMILION, label="without a cache"
    )
    left.plot(lengths, [f / 1e6 for f in run["cached"]], "o-", color=figures.BLUE, label="with a cache")
    left.set(xscale="log", yscale="log", xlabel="tokens before", ylabel="MFLOP for the next token")
    left.set_xticks(lengths, [f"{n}" for n in lengths])
    left.minorticks_off()
    left.legend()
    for (name, sizes), colour in zip(
        run["held"].items(), (figures.BLUE, figures.GREEN, figures.ORANGE, figures.PURPLE), strict=True
    ):
        right.plot(lengths, [size / 1e3 for size in sizes], "o-", color=colour, label=NAMES[name])
    right.set(xlabel="tokens before", ylabel="cache of one sequence, kB")
    right.legend(fontsize="small")

# %%
# Prefill and decode are two different loads
# ------------------------------------------
# Reading the prompt handles all its positions in one pass: many operations for each byte of weights that is
# fetched. A decoding step fetches the same weights for one position. So the first is limited by arithmetic,
# the second by memory, and only a batch of sequences helps it.


@experiment(small={"prompt": 8, "batches": (1, 2)}, seconds=60, memory_gb=2)
def phases(device, *, prompt=256, batches=(1, 4, 16, 64)):
    """Operations per byte and seconds per token of reading a prompt and of a decoding step of B sequences."""
    model = language_model(device, context=prompt + 1)
    tokens = text(1, prompt, device)
    calls, positions = {"prefill": lambda: model.prefill(tokens)}, {"prefill": prompt}
    for B in batches:
        cache, token = after(model, prompt, B)

        def step(cache=cache, token=token):
            for layer in cache:
                layer.length = prompt  # takes the token back for the next call
            return model.decode(token, cache)

        calls[f"decode {B}"], positions[f"decode {B}"] = step, B
    intensity = {
        name: cost.arithmetic_intensity(cost.flops(call), cost.bytes_moved(call))
        for name, call in calls.items()
    }
    timed = compare(calls, agree=False, max_seconds=1.5, threads=1)["times"]
    speed = {name: rate(timed[name], count, "tokens/s") for name, count in positions.items()}
    return {
        "names": list(calls),
        "prompt": quantity(prompt, "tokens"),
        "largest": quantity(batches[-1], "sequences"),
        "intensity": {name.replace(" ", "_"): leaf for name, leaf in intensity.items()},
        "speed": {name.replace(" ", "_"): leaf for name, leaf in speed.items()},
        "table": table(
            ["pass", "positions", ("operations per byte", "FLOP/B"), ("speed", "tokens/s")],
            [[name, positions[name], intensity[name] | {"unit": ""}, speed[name] | {"unit": ""}]
             for name in calls],
        ),
    }  # fmt: skip


for run in phases():
    names = [name.replace(" ", "_") for name in run["names"]]
    per_byte = [run["intensity"][name]["value"] for name in names]
    speeds = [run["speed"][name]["value"] for name in names]
    fig, (left, right) = figures.figure(
        alt=f"Operations per byte and tokens per second. Reading a prompt of {run['prompt']['value']}: "
        f"{per_byte[0]:.3g} FLOP/B, {speeds[0]:,.0f} tokens/s; one decoding step: {per_byte[1]:.3g} FLOP/B, "
        f"{speeds[1]:,.0f} tokens/s; of {run['largest']['value']} sequences: {per_byte[-1]:.3g} FLOP/B, "
        f"{speeds[-1]:,.0f} tokens/s.",
        caption="Reading a prompt and decoding after it, on one thread: operations per byte, and speed.",
        run=run,
        columns=2,
    )
    labels = ["prefill", *(f"decode,\nB = {name.split('_')[1]}" for name in names[1:])]
    colours = [figures.GREEN] + [figures.BLUE] * (len(names) - 1)
    for axes, values, label in ((left, per_byte, "FLOP/B"), (right, speeds, "tokens/s")):
        axes.bar(range(len(names)), values, color=colours)
        axes.set_xticks(range(len(names)), labels, fontsize=7.5)
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.set(xlabel="pass of the model", ylabel=label)

# %%
# Beside the library that everybody uses
# --------------------------------------
# The same small GPT, the same weights: ours, and Hugging Face's ``generate`` with its own cache. Logits must
# agree and the greedy tokens must be the same before the two are timed.


def gpt2_of(model):
    """Hugging Face's GPT-2 with the weights of ours, made from a config: nothing is downloaded."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=V, n_positions=model.context, n_embd=model.norm.weight.numel(), n_layer=len(model.blocks),
        n_head=HEADS, activation_function="gelu", bos_token_id=None, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    net = GPT2LMHeadModel(config).to(next(model.parameters()).device).eval()
    net.load_state_dict(gpt2_weights(model))
    return net


@experiment(small={"widths": (32,), "new": 4}, seconds=120, memory_gb=3, packages=("transformers",))
def beside(device, *, widths=(128, 256), layers=4, prompt=64, new=64, batches=(1, 8)):
    """Tokens per second of greedy decoding with a cache, ours and transformers', on the same weights."""
    speed, faster, sizes, rows = {}, {}, {}, []
    for width in widths:
        model = language_model(device, context=prompt + new, width=width, layers=layers)
        try:
            theirs = gpt2_of(model)
        except ImportError:
            return {"missing": "transformers is not installed: pip install transformers"}
        with torch.no_grad():
            tokens = text(max(batches), prompt + new, device)
            logits = {"ours": model(tokens), "transformers": theirs(tokens).logits}
        check_agreement(logits, "ours", tolerance=1e-5)
        sizes[f"width_{width}"] = quantity(sum(p.numel() for p in model.parameters()) / 1e6, "million")
        for B in batches:
            asked = text(B, prompt, device)
            told = {"attention_mask": torch.ones_like(asked), "do_sample": False, "max_new_tokens": new}
            calls = {
                "transformers": lambda asked=asked, told=told, net=theirs: net.generate(asked, **told),
                "ours": lambda asked=asked, net=model: net.generate(asked, new),
            }
            timed = compare(calls, max_seconds=2.0, threads=1)["times"]  # which compares the tokens first
            name = f"width_{width}_batch_{B}"
            speed[name] = {who: rate(timed[who], B * new, "tokens/s") for who in calls}
            faster[name] = timed["ours"]["speedup"]
            both = [speed[name][who] | {"unit": ""} for who in ("ours", "transformers")]
            rows.append([width, B, *both, faster[name]])
    columns = ["width", "batch", ("ours", "tokens/s"), ("transformers", "tokens/s"), "times as fast"]
    found = {
        "missing": "",
        "speed": speed,
        "faster": faster,
        "millions": sizes,
        "table": table(columns, rows),
    }
    return found | {"new": quantity(new, "tokens"), "names": list(speed)}


for run in beside():
    bars = [
        (who, *name.split("_")[1::2], run["speed"][name][who]["value"])
        for name in ([] if run["missing"] else run["names"]) for who in ("transformers", "ours")
    ]  # fmt: skip
    words = (f"width {width} batch {B} {who} {value:,.0f}" for who, width, B, value in bars)
    fig, axes = figures.figure(
        alt=f"Nothing was compared: {run['missing']}."
        if run["missing"]
        else f"Tokens per second of greedy decoding on the same weights: {', '.join(words)}.",
        caption=run["missing"] or "Greedy decoding on one thread: the same weights, the same tokens.",
        run=run,
        height=3.2,
    )
    colours = [figures.GREY if who == "transformers" else figures.BLUE for who, *_ in bars]
    axes.barh(range(len(bars)), [bar[-1] for bar in bars], color=colours)
    axes.set_yticks(range(len(bars)), [f"{who}, D = {width}, B = {B}" for who, width, B, _ in bars])
    axes.set(xlabel="tokens/s", ylabel="width D, batch B")

# %%
# Prompts of different lengths in one batch
# -----------------------------------------
# Only a batch fills the machine, but prompts differ in length. Filled up on the left, with the filling hidden
# and positions counted from each row's own start, all of them continue in one batch, and each exactly as it
# would alone. We count the model's passes for the three ways.


class Counted:
    """A model that counts its passes."""

    def __init__(self, model):
        self.model, self.passes = model, 0

    def prefill(self, tokens, **options):
        self.passes += 1
        return self.model.prefill(tokens, **options)

    def decode(self, token, cache):
        self.passes += 1
        return self.model.decode(token, cache)


@experiment(small={"lengths": (3, 1, 3)}, seconds=60, memory_gb=2)
def ragged(device, *, lengths=(3, 17, 9, 30, 9, 1, 17, 24), new=16):
    """Passes of the model to continue prompts of different lengths, in three ways; and equal tokens."""
    model = language_model(device, context=64, width=64, layers=2).double()
    prompts = [text(len(lengths), max(lengths), device)[b, :T] for b, T in enumerate(lengths)]
    written, passes = {}, {}
    for method in ("loop", "grouped", "padded"):
        counting = Counted(model)
        written[method] = generate_ragged(counting, prompts, new, method=method)
        passes[method] = quantity(counting.passes, "passes")
    same = sum(torch.equal(a, b) for a, b in zip(written["loop"], written["padded"], strict=True))
    return {
        "prompts": quantity(len(lengths), "prompts"),
        "same": quantity(same, ""),
        "passes": passes,
        "table": table(["way", ("passes", "")], [[name, leaf["value"]] for name, leaf in passes.items()]),
    }


for run in ragged():
    assert run["same"]["value"] == run["prompts"]["value"]
    passes = {name: leaf["value"] for name, leaf in run["passes"].items()}
    fig, axes = figures.figure(
        alt=f"Passes of the model to continue {run['prompts']['value']} prompts of different lengths: "
        + ", ".join(f"{name} {count}" for name, count in passes.items())
        + ". All give the same tokens.",
        caption="Passes of the model for prompts of different lengths; every way writes the same tokens.",
        run=run,
        height=2.2,
    )
    axes.barh(list(passes), list(passes.values()), color=[figures.VERMILION, figures.ORANGE, figures.GREEN])
    axes.set(xlabel="passes of the model", ylabel="way")

# %%
# What to take away
# -----------------
# The cache buys time with memory. It makes decoding affordable, and makes memory, not arithmetic, what limits
# how many sequences a machine can serve. Shared keys and windows shrink it; paging divides it.
# Next to read: :term:`KV cache`, :term:`throughput`, :term:`autoregressive generation`.

if __name__ == "__main__":
    figures.show()
