"""Whatever happens to a record, a command says so in a sentence, never crashes, and changes no file."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seqdocs.bench.record import dumps

CORRUPTIONS = 200
ODD = [None, True, -1, 0, 1.5, 10**300, 1e308, -1e308, 5e-324, 10**400, "", "x" * 10**4, "\ud800", "a/../b"]
ODD += [
    [],
    {},
    [[]],
    [1] * 1000,
    {"value": 1},
    {"value": "x", "unit": 1, "low": None, "high": 2},
    "2026-99-99",
]
ODD += [{"columns": [1], "rows": [[2]]}, {"verdict": 3, "evidence": None}, "\x00\n\x1b[0m"]


def truncated(text: str, chance: random.Random) -> bytes:
    return text.encode()[: chance.randrange(len(text))]


def flipped(text: str, chance: random.Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def swapped(text: str, chance: random.Random) -> bytes:
    """Other values, of other types, at one to three places."""
    record = json.loads(text)
    for _ in range(chance.randint(1, 3)):
        branch = record
        while True:
            steps = list(branch) if isinstance(branch, dict) else list(range(len(branch)))
            if not steps:
                break
            step = chance.choice(steps)
            if isinstance(branch[step], (dict, list)) and branch[step] and chance.random() < 0.8:
                branch = branch[step]
                continue
            branch[step] = chance.choice(ODD)
            break
    return json.dumps(record).encode()


def nested(text: str, chance: random.Random) -> bytes:
    depth = chance.choice((10, 50, 60, 70, 500, 990, 5000, 10**5))
    left, right = chance.choice((("[", "]"), ('{"a":', "}")))
    whole = text.replace('"samples": [', f'"deep": {left * depth}1{right * depth}, "samples": [')
    assert whole != text
    return whole.encode()


def huge(text: str, chance: random.Random) -> bytes:
    number = chance.choice(
        ("1e999", "-1e999", "9" * 5000, "9" * 309, "9" * 308, "1e308", "NaN", "Infinity", "1e-999")
    )
    old = chance.choice(
        ('"seconds": 1.0', '"loops": 1', '"peak_memory": 100000000', "0.011", '"schema": 2', "0.01")
    )
    assert old in text
    name, colon, _ = old.rpartition(" ")
    return text.replace(old, f"{name}{colon}{number}", chance.choice((1, -1))).encode()


def not_utf8(text: str, chance: random.Random) -> bytes:
    data = bytearray(text.encode())
    data[chance.randrange(len(data))] = chance.choice((0x80, 0xC0, 0xFF))
    return bytes(data)


def replaced(_: str, chance: random.Random) -> bytes | None:
    pyperf = {"version": "1.0", "benchmarks": [{"metadata": {"name": "x"}, "runs": [{"values": [1.0]}]}]}
    return chance.choice(
        (
            b"",
            None,
            json.dumps(pyperf).encode(),
            b"[1, 2]",
            b"null",
            b"3",
            b'"text"',
            b"{}",
            b"\xef\xbb\xbf{}",
        )
    )


WAYS: list[Callable[[str, random.Random], bytes | None]] = [
    truncated, flipped, swapped, swapped, swapped, nested, huge, not_utf8, replaced,
]  # fmt: skip


def put(path: Path, content: bytes | None) -> None:
    """Put the content of a file there; a folder for None."""
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


def snapshot(root: Path) -> dict[str, bytes | None]:
    paths = sorted(root.rglob("*"))
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in paths}


def test_no_damage_crashes_a_command_or_changes_a_file(bench, tmp_path):
    good = bench.record()
    path, text = bench.own.write(good), dumps(good)
    committed = bench.committed.write(bench.record(device="cuda", slug="cuda-toy"))
    whole = bench.root / "whole.json"
    whole.write_text(text, "utf8")
    target = tmp_path / "export.json"
    # what damages, what must be answered somehow
    asked = [
        ("list",),
        ("show", "alpha:doubled"),
        ("history", "alpha:doubled.speed"),
        ("compare", whole, path),
        ("export", "--pyperf", target, "doubled"),
    ]
    now_and_then = [("history",), ("compare", path.parent, committed.parent), ("prune", "--dry-run")]
    chance = random.Random(0)
    refused, commands = 0, {command[0]: set() for command in (*asked, *now_and_then)}
    bench("prune", "--dry-run")  # the lock is made
    for number in range(CORRUPTIONS):
        way = WAYS[number % len(WAYS)]
        content = way(text, chance)
        for damaged in (path, committed) if number % 5 == 0 else (path,):
            put(damaged, content)
        before = snapshot(bench.root)
        for command in asked if number % 5 else (*asked, *now_and_then):
            target.unlink(missing_ok=True)
            status, _, err = bench(*command)
            what = f"corruption {number} ({way.__name__}): bench {command[0]}"
            assert status in (0, 1, 2), what
            assert status != 2 or (err.startswith("bench: ") or "\nbench: " in err), what
            commands[command[0]].add(status)
            if "passed over" in err and command[0] == "history":
                refused += 1
                assert path.name in err or committed.name in err, what
        assert snapshot(bench.root) == before, f"corruption {number} ({way.__name__})"
        put(path, text.encode())
        put(committed, dumps(bench.record(device="cuda", slug="cuda-toy")).encode())
    assert refused > CORRUPTIONS / 2, "hardly anything was damaged"
    assert {0, 2} <= commands["compare"]
    assert bench("show", "alpha:doubled")[0] == 0


@pytest.mark.parametrize("name", ["records/one", "records/one/plot_alpha"])
def test_a_file_in_place_of_a_folder_is_no_crash(bench, name):
    path = bench.root / "docs/_build" / name
    path.parent.mkdir(parents=True)
    path.write_text("a file", "utf8")
    for command in (
        ("list",),
        ("history",),
        ("show", "alpha:doubled"),
        ("compare", "alpha:doubled"),
        ("prune",),
    ):
        assert bench(*command)[0] in (0, 1, 2)
    assert path.read_text("utf8") == "a file"
    shutil.rmtree(bench.root / "docs")
