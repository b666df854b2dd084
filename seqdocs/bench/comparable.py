"""Which two records may be compared: of the same experiment, the same parameters, the same machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqdocs.bench.record import Record

MACHINE = ("cpu", "arch", "cores", "threads", "gpu", "gpu_memory")  # what makes another machine of it


def _first_difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """Name the first key at which two mappings differ, with both values."""
    for name in dict.fromkeys((*first, *second)):
        one, other = first.get(name, "nothing"), second.get(name, "nothing")
        if one != other:
            return f"`{name}` is {_brief(one)} in A and {_brief(other)} in B"
    return None


def _brief(value: object) -> str:
    words = str(value)
    return words if len(words) <= 60 else f"{words[:57]}…"


def _must_agree(record: Record) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what two records must have in common, each with the reason for a refusal."""
    names = [name for name in MACHINE if record["device"] == "cuda" or "gpu" not in name]
    return [
        ("they are different experiments", {"experiment": name_of(record)}),
        ("they are of different machines", {"device": record["slug"]}),
        ("they are of different machines", {name: record["machine"].get(name) for name in names}),
        ("their parameters differ", record["params"]),
        ("their data differ", record["data"]),
        ("their timings used different threads", {"threads": record["threads"]}),
    ]


def refusal(first: Record, second: Record) -> str | None:
    """Say in one sentence why two records must not be joined or compared; None if they may.

    Other code and other versions are no reason: they are what one compares.
    """
    for (reason, one), (_, other) in zip(_must_agree(first), _must_agree(second), strict=True):
        difference = _first_difference(one, other)
        if difference:
            return f"{name_of(first)}: {reason}: {difference}"
    return None


def name_of(record: Record) -> str:
    """Return the experiment, as a path begins: ``section/plot_stem:experiment``."""
    return f"{record['example']}:{record['experiment']}"


def changes(first: Record, second: Record) -> list[str]:
    """Return what else differs between two comparable records, a few words each: that is what is compared."""
    pairs = [("code", first["code"][:8], second["code"][:8])]
    names = dict.fromkeys((*first["versions"], *second["versions"]))
    pairs += [
        (name, first["versions"].get(name, "none"), second["versions"].get(name, "none")) for name in names
    ]
    for name in ("os", "cuda", "driver", "commit"):
        one, other = (str(record["machine"].get(name) or "none")[:20] for record in (first, second))
        pairs.append((name, one, other))
    return [f"{name} {one} → {other}" for name, one, other in pairs if one != other]
