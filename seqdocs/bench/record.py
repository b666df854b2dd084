"""A record: the stored result of one experiment on one device, with all circumstances. Plain, strict JSON."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypedDict, cast

from seqdocs.bench.schema import faults

SCHEMA = 2
SCHEMA_FILE = Path(__file__).parent / "schemas" / f"record-{SCHEMA}.json"
DEEPEST = 64  # lists and dicts inside one another


class Record(TypedDict):
    """What a record holds; every key is required. Their JSON Schema says what each may be."""

    schema: int
    example: str  # "section/plot_stem"
    experiment: str  # name of the function
    params: dict[str, Any]  # of this run
    small: bool  # always False in a store: small runs are for tests
    device: str  # "cpu" or "cuda"
    slug: str  # the device in a file name, such as "cpu-amd-epyc-7b13-2t"
    machine: dict[str, Any]  # facts, see seqdocs.bench.machine
    versions: dict[str, str]  # python, torch, numpy
    data: dict[str, str]  # files that it read: name in the checkout to SHA-256
    code: str  # hash of the slice, the project's modules that it reaches, and its data
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


class OtherVersionError(RecordError):
    """A record that another version of this package wrote."""


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


def loads(text: str, deepest: int = DEEPEST) -> Any:
    """Read strict JSON whose values can be printed, compared and walked.

    Raises:
        ValueError: if it is not JSON, holds NaN or a number beyond any float, half a character, or more than
            ``deepest`` lists and dicts inside one another.
    """

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"it holds {word}, which is not JSON")

    def finite(word: str) -> float:
        value = float(word)
        if math.isinf(value):
            raise ValueError(f"it holds {word[:20]}, which no float holds")
        return value

    def whole(word: str) -> int:
        finite(word)
        return int(word)

    try:
        value = json.loads(text, parse_constant=refuse, parse_float=finite, parse_int=whole)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON (line {error.lineno}: {error.msg})") from None
    except RecursionError:
        raise ValueError(f"it is nested more than {deepest} deep") from None
    if _depth(value) > deepest:
        raise ValueError(f"it is nested more than {deepest} deep")
    if "\\u" in text:  # the only way to write half of a character
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half a character") from None
    return value


def _depth(value: object) -> int:
    """Return how many lists and dicts lie inside one another."""
    depth, level = 0, [value]
    while level:
        inner = [one for one in level if isinstance(one, (dict, list))]
        level = [item for one in inner for item in (one.values() if isinstance(one, dict) else one)]
        depth += bool(inner)
    return depth


@functools.cache
def schema() -> dict[str, Any]:
    """Return the published JSON Schema of a record, which is also what :func:`validate` follows."""
    found: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf8"))
    return found


def validate(data: object) -> Record:
    """Return ``data`` as a record.

    Raises:
        RecordError: with the first thing that is wrong.
    """
    if not isinstance(data, dict):
        raise RecordError(f"it holds a {type(data).__name__}, not a record")
    if "schema" not in data:
        raise RecordError(
            "it is a file of pyperf" if "benchmarks" in data else "it is no record, for it names no schema"
        )
    if data["schema"] != SCHEMA:
        raise OtherVersionError(f"its schema is {data['schema']!r:.40}; this version reads {SCHEMA}")
    for where, what in faults(data, schema()):
        raise RecordError(f"its `{where}` {what}" if where else f"it {what}")
    return cast(Record, data)
