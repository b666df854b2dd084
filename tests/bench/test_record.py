"""The published schema and the reader accept and refuse the same records, and say what is wrong with them."""

from __future__ import annotations

import copy
import json
import random

import pytest
from jsonschema import Draft202012Validator

from seqdocs.bench.record import SCHEMA, SCHEMA_FILE, RecordError, dumps, loads, schema, validate
from seqdocs.bench.schema import KEYWORDS, LEADS_ON, faults
from seqdocs.bench.store import Store

RECORD = {
    "schema": SCHEMA,
    "example": "one/plot_alpha",
    "experiment": "go",
    "params": {"n": 3, "deep": [1, {"x": None}]},
    "small": False,
    "device": "cpu",
    "slug": "cpu-toy-1t",
    "machine": {"label": "Toy, 1 thread", "cpu": "Toy", "cores": 2, "memory": None, "commit": None},
    "versions": {"python": "3.11.7", "torch": "2.0", "numpy": "2.0"},
    "data": {"gallery/letters.txt": "0" * 64},
    "code": "0123456789abcdef",
    "key": "0123456789abcdef",
    "created": "2026-01-02T03:04:05+00:00",
    "seconds": 1.5,
    "peak_memory": 1_000_000,
    "threads": [1],
    "notes": ["only 3 rounds"],
    "timings": [
        {
            "baseline": "loop",
            "threads": 1,
            "clock": "wall",
            "precision": {"wanted": 0.02, "reached": None},
            "notes": [],
            "times": {"loop": {"seconds": [0.1, 0.11], "loops": 3}, "scan": {"seconds": [1], "loops": 1}},
        }
    ],
    "result": {"x": [1, 2.5, "three", None, True]},
}
NO = object()

# where, what is put there (NO: it is taken away), words of the refusal
DAMAGED = [
    *((name, NO, "lacks" if name != "schema" else "it names no schema") for name in RECORD),
    ("more", 1, "it has the unknown key `more`"),
    ("schema", 1, "its schema is 1; this version reads 2"),
    ("schema", True, "its schema is True; this version reads 2"),
    ("schema", {"a": [1] * 99}, "; this version reads 2"),
    ("example", 3, "its `example` is of type integer, not string"),
    ("example", "../plot_alpha", "its `example` is '../plot_alpha', which does not look like "),
    ("example", "plot_alpha", "its `example`"),
    ("experiment", "../../go", "its `experiment`"),
    ("params", [], "its `params` is of type array, not object"),
    ("small", 0, "its `small` is of type integer, not boolean"),
    ("device", "tpu", "its `device` is 'tpu', not 'cpu' or 'cuda'"),
    ("slug", "../x", "its `slug`"),
    ("machine", {}, "its `machine` lacks `label`"),
    ("machine.cores", "two", "its `machine.cores` is of type string, not integer or null"),
    ("machine.cores", True, "its `machine.cores` is of type boolean"),
    ("versions.torch", 2.1, "its `versions.torch` is of type number, not string"),
    ("data.gallery/letters.txt", "abc", "its `data.gallery/letters.txt` is 'abc', which does not look like "),
    ("key", "a/b", "its `key`"),
    ("created", "yesterday", "its `created` is 'yesterday'"),
    ("seconds", -1, "its `seconds` is -1; the least is 0"),
    ("seconds", 10**200, "its `seconds` is 1000"),
    ("seconds", "1", "its `seconds` is of type string, not number"),
    ("seconds", True, "its `seconds` is of type boolean"),
    ("peak_memory", 1.5, "its `peak_memory` is of type number, not integer or null"),
    ("threads", 1, "its `threads` is of type integer, not array"),
    ("threads.0", 0, "its `threads.0` is 0; the least is 1"),
    ("threads.0", "1", "its `threads.0` is of type string, not integer"),
    ("notes.0", None, "its `notes.0` is of type null, not string"),
    ("timings", {}, "its `timings` is of type object, not array"),
    ("timings.0", [], "its `timings.0` is of type array, not object"),
    ("timings.0.times", {}, "its `timings.0.times` has 0 keys; the least is 1"),
    *((f"timings.0.{name}", NO, f"its `timings.0` lacks `{name}`") for name in RECORD["timings"][0]),
    *((f"timings.0.precision.{name}", NO, f"lacks `{name}`") for name in ("wanted", "reached")),
    *((f"timings.0.times.loop.{name}", NO, f"lacks `{name}`") for name in ("seconds", "loops")),
    ("timings.0.ratio", 1, "its `timings.0` has the unknown key `ratio`"),
    ("timings.0.precision.reached", "x", "its `timings.0.precision.reached` is of type string"),
    (
        "timings.0.times.loop.seconds",
        "0.1",
        "its `timings.0.times.loop.seconds` is of type string, not array",
    ),
    ("timings.0.times.loop.seconds", [], "its `timings.0.times.loop.seconds` has 0 items; the least is 1"),
    ("timings.0.times.loop.seconds.1", None, "its `timings.0.times.loop.seconds.1` is of type null"),
    ("timings.0.times.loop.seconds.1", -0.1, "its `timings.0.times.loop.seconds.1` is -0.1; the least is 0"),
    ("timings.0.times.loop.loops", 0, "its `timings.0.times.loop.loops` is 0; the least is 1"),
    ("timings.0.times.scan", 3, "its `timings.0.times.scan` is of type integer, not object"),
    ("result", [1], "its `result` is of type array, not object"),
]
STILL_GOOD = [
    ("timings", []),
    ("timings.0.precision.reached", 0.01),
    ("machine.anything", {"else": [1]}),
    ("peak_memory", None),
    ("seconds", 2),
    ("threads.0", 2.0),  # an integer to JSON
    ("result", {}),
]
VALUES = [None, True, 0, -1, 2, 1.5, "", "x", "cpu", [], [1], ["x"], {}, {"a": 1}, 10**18, -(10**300), 1e308]


def changed(record, where, value):
    """Return a copy with another value at a dotted path; competitors and files have no dots here but one."""
    made = copy.deepcopy(record)
    *steps, last = where.split(".", 1) if where.startswith("data.") else where.split(".")
    place = made
    for step in steps:
        place = place[int(step) if isinstance(place, list) else step]
    last = int(last) if isinstance(place, list) else last
    if value is NO:
        del place[last]
    else:
        place[last] = value
    return made


def agree(record) -> bool:
    """Whether the reader accepts a record; the schema must say the same of it."""
    data = loads(json.dumps(record))
    says = Draft202012Validator(schema()).is_valid(data)
    try:
        validate(data)
    except RecordError as error:
        assert not says, f"the schema accepts what the reader refuses: {error}"
        return False
    assert says, "the reader accepts what the schema refuses"
    return True


def test_the_schema_is_one_and_the_reader_knows_every_word_of_it():
    Draft202012Validator.check_schema(schema())
    assert SCHEMA_FILE.name == f"record-{SCHEMA}.json"
    assert schema()["properties"]["schema"] == {"const": SCHEMA}
    assert set(schema()["required"]) == set(schema()["properties"]) == set(RECORD)

    def words(part):
        for keyword, inner in part.items():
            yield keyword
            if keyword in LEADS_ON and isinstance(inner, dict):
                for one in inner.values() if keyword == "properties" else [inner]:
                    yield from words(one)

    assert set(words(schema())) <= KEYWORDS


@pytest.mark.parametrize(("where", "value", "words"), DAMAGED)
def test_schema_and_reader_refuse_the_same_damage(where, value, words):
    damaged = changed(RECORD, where, value)
    assert not agree(damaged)
    with pytest.raises(RecordError) as error:
        validate(damaged)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(("where", "value"), STILL_GOOD)
def test_schema_and_reader_accept_the_same_records(where, value):
    assert agree(RECORD)
    assert agree(changed(RECORD, where, value))


def places(value, path=()):
    """Every place in plain data, as a tuple of steps."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in inner:
        yield from places(item, (*path, step))


def test_schema_and_reader_agree_on_a_thousand_random_changes():
    chance = random.Random(0)
    verdicts = []
    for _ in range(1000):
        record = copy.deepcopy(RECORD)
        for _ in range(chance.choice((1, 1, 2))):
            *steps, last = chance.choice([place for place in places(record) if place])
            branch = record
            for step in steps:
                branch = branch[step]
            act = chance.choice(("put", "put", "take", "add"))
            if act == "put":
                branch[last] = chance.choice(VALUES)
            elif act == "take":
                del branch[last]
            elif isinstance(branch, dict):
                branch["added"] = chance.choice(VALUES)
            else:
                branch.append(chance.choice(VALUES))
        verdicts.append(agree(record))
    assert 100 < sum(verdicts) < 900, "the changes are too mild or too wild to tell anything"


def test_no_number_at_all_is_refused_where_a_number_belongs():
    assert list(faults(float("nan"), {"minimum": 0}))
    assert list(faults(float("inf"), {"type": "integer"}))


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    deep = []
    for _ in range(70):
        deep = [deep]
    with pytest.raises(RecordError, match="go: the record is not stored: it is nested more than 64 deep"):
        Store(tmp_path).write(RECORD | {"result": {"deep": deep}})
    with pytest.raises(RecordError, match="its `seconds`"):
        Store(tmp_path).write(RECORD | {"seconds": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_record_written_is_a_record_of_the_published_schema(tmp_path):
    path = Store(tmp_path).write(RECORD)
    assert path.read_text("utf8") == dumps(RECORD)
    Draft202012Validator(schema()).validate(json.loads(path.read_text("utf8")))
