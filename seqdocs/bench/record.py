"""A record: the stored result of one experiment on one device, with all circumstances. Plain, strict JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, TypedDict, cast

SCHEMA = 2


class Record(TypedDict):
    """What a record holds; every key is required."""

    schema: int
    example: str  # "section/plot_stem"
    experiment: str  # name of the function
    params: dict[str, Any]  # of this run
    small: bool  # always False in a store: small runs are for tests
    device: str  # "cpu" or "cuda"
    slug: str  # the device in a file name, such as "cpu-amd-epyc-7b13-2t"
    machine: dict[str, Any]  # facts, see seqdocs.bench.machine
    versions: dict[str, str]  # python, torch, numpy
    code: str  # hash of the slice and the project's modules that it reaches
    key: str  # hash of code, versions and device
    created: str  # UTC, ISO 8601
    seconds: float  # the experiment took this long
    peak_memory: int | None  # most bytes resident in its process; None where the system does not say
    threads: list[int]  # torch threads that its timings used; empty when it timed nothing
    notes: list[str]  # what a reader should hold against its timings
    timings: list[dict[str, Any]]  # every comparison with its raw samples, see seqdocs.bench.witness
    result: dict[str, Any]  # what the experiment returned


class RecordError(Exception):
    """A record that cannot be used, with the reason in one sentence."""


class ResultError(TypeError):
    """An experiment returned what a record cannot hold."""


def plain(value: object, path: str) -> Any:
    """Return ``value`` as it will be read back from JSON, so that measuring and replaying look the same.

    Args:
        value: dicts with string keys, lists, tuples (they become lists), numbers, strings, truth values,
            None.
        path: words that name it in an error, such as "decay".

    Raises:
        ResultError: naming the place and what stands there, if it is anything else or not finite.

    >>> plain({"norms": (1.0, 0.5)}, "decay")
    {'norms': [1.0, 0.5]}
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ResultError(f"`{path}` is {float(value)}; a record holds finite numbers, or None for none")
        return float(value)  # numpy's float64 is a float: unwrap it
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ResultError(f"`{path}` has the key {key!r}; keys of a result are strings")
        return {key: plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{path}.{index}") for index, item in enumerate(value)]
    raise ResultError(f"`{path}` is a {type(value).__name__}; a result is dicts, lists, numbers and strings")


def digest(value: object) -> str:
    """Return 16 hexadecimal digits that stand for plain data."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dumps(value: object) -> str:
    """Write strict JSON, the same text for the same value, one key a line so that git can compare."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def loads(text: str) -> Any:
    """Read strict JSON.

    Raises:
        ValueError: if it is not JSON, or holds NaN or infinity.
    """

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"it holds {word}, which is not JSON")

    return json.loads(text, parse_constant=refuse)


def validate(data: object) -> Record:
    """Return ``data`` as a record.

    Raises:
        RecordError: with the first thing that is wrong.
    """
    if not isinstance(data, dict):
        raise RecordError(f"it holds a {type(data).__name__}, not a record")
    if data.get("schema") != SCHEMA:
        raise RecordError(f"its schema is {data.get('schema')!r}; this version reads {SCHEMA}")
    kinds: dict[str, tuple[type, ...]] = dict.fromkeys(("example", "experiment", "device", "slug"), (str,))
    kinds |= dict.fromkeys(("code", "key", "created"), (str,))
    kinds |= dict.fromkeys(("params", "machine", "versions", "result"), (dict,))
    kinds |= dict.fromkeys(("threads", "notes", "timings"), (list,))
    kinds |= {"small": (bool,), "seconds": (float, int), "peak_memory": (int, type(None))}
    for name, allowed in kinds.items():
        if name not in data:
            raise RecordError(f"it lacks `{name}`")
        if not isinstance(data[name], allowed):
            raise RecordError(f"its `{name}` is a {type(data[name]).__name__}, not a {allowed[0].__name__}")
    return cast(Record, data)
