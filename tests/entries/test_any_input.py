"""Whatever a file holds, reading it gives faults and never raises."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seqdocs.entries import reader
from seqdocs.entries.bibliography import read_bibliography
from seqdocs.entries.check import check
from seqdocs.entries.fault import Fault
from seqdocs.entries.header import KEYS
from seqdocs.entries.page import split
from seqdocs.entries.reader import read_entry

quiet = settings(
    derandomize=True, deadline=None, database=None, max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip

YAML_LINE = st.text(st.sampled_from("ab:-[]{}'\"|>&*!?#%@,$~0 \t\n\r\u2028\xe9\0"), max_size=40)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(params=["libyaml", "python"])
def either_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run with the quick loader and with the one a PyYAML without libyaml has."""
    if request.param == "python":
        monkeypatch.setattr(reader, "Loader", yaml.SafeLoader)
    yield


def faults_of(raw: bytes) -> list[Fault]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "gru.md")
        path.write_bytes(raw)
        entry, faults = read_entry(path, Path(folder))
    assert entry.stem == "gru"
    lines = raw.count(b"\n") + raw.count(b"\r") + 1
    for fault in faults:
        assert fault.path == "gru.md"
        assert 1 <= fault.line <= lines + 1  # an empty body is a fault of the line that should hold the title
        assert "\n" not in fault.message
        assert fault.message
    assert len(set(faults)) == len(faults)
    return faults


@quiet
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbf---\n---")
@example(b"---")
def test_random_bytes_are_faults(raw: bytes) -> None:
    assert faults_of(raw)


@quiet
@given(st.lists(YAML_LINE, max_size=8))
def test_random_yaml_is_faults(either_loader: None, lines: list[str]) -> None:
    assert faults_of(("---\n" + "\n".join(lines) + "\n---\n# GRU\n\nProse.\n").encode("utf-8"))


@quiet
@given(st.dictionaries(st.sampled_from(KEYS), VALUE))
def test_sound_yaml_of_wrong_types_is_faults(either_loader: None, header: dict[str, object]) -> None:
    text = yaml.safe_dump(header, allow_unicode=True)
    faults_of(f"---\n{text}---\n# GRU\n\nProse.\n".encode())


@quiet
@given(st.text(max_size=300))
def test_every_line_of_the_body_keeps_its_number(text: str) -> None:
    page, _ = split("---\nterm: x\n---\n" + text, "gru.md")
    if page.header == "term: x":
        whole = ("---\nterm: x\n---\n" + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        assert whole[page.body_line - 1 :] == list(page.body)


@quiet
@given(st.text(st.sampled_from("@{}()\"',= \nabk0%#~\\") | st.characters(codec="utf-8"), max_size=120))
def test_random_bibliographies_are_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "docs").mkdir(exist_ok=True)
    (tmp_path / "docs" / "references.bib").write_text(text, "utf-8", newline="")
    references, faults = read_bibliography(tmp_path)
    assert all(reference.line <= text.count("\n") + text.count("\r") + 1 for reference in references.values())
    assert len(set(faults)) == len(faults)


@quiet
@given(st.lists(st.lists(st.integers(0, 5), max_size=4), min_size=6, max_size=6))
def test_each_circle_is_reported_once_and_only_circles_are(checkout: Path, links: list[list[int]]) -> None:
    good = (checkout / "glossary" / "hidden-state.md").read_text("utf-8")
    for i, targets in enumerate(links):
        others = ", ".join(f"e{j}" for j in sorted(set(targets) - {i}))
        text = good.replace("Hidden state", f"E{i}").replace(
            "aliases: [state vector]", f"broader: [{others}]"
        )
        (checkout / "glossary" / f"e{i}.md").write_text(text, "utf-8")
    _, faults = check(checkout)
    circles = [fault.message.rpartition(": ")[2].split(" → ") for fault in faults]
    edges = {(f"e{i}", f"e{j}") for i, targets in enumerate(links) for j in targets if i != j}
    for circle in circles:
        assert circle[0] == circle[-1] == min(circle)
        assert len(set(circle)) == len(circle) - 1
        assert set(pairwise(circle)) <= edges
    assert len({tuple(circle) for circle in circles}) == len(circles)
    assert bool(circles) == (not acyclic(edges))


def acyclic(edges: set[tuple[str, str]]) -> bool:
    """Take away entries that nobody links to until none is left, or only circles are."""
    while edges:
        sources = {a for a, _ in edges} - {b for _, b in edges}
        if not sources:
            return False
        edges = {(a, b) for a, b in edges if a not in sources}
    return True
