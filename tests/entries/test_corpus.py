"""The corpus of malformed entries: each gives exactly the faults it names, once, with file and line.

A case is a sidecar ``<case>.expect`` and beside it the entry ``<case>.md.txt`` or a folder ``<case>/``, whose
files are laid over a copy of ``base/``, a small checkout without a fault. The sidecar has a line per fault in
the order of the report: ``line: part of the message``, with ``path:`` in front unless it is the entry itself.
No line, no fault.

``x.txt`` becomes ``x``, so that no tool takes the broken Python and Markdown here for ours; ``x.absent``
deletes ``x``. A new case is those files and nothing else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seqdocs.entries.check import check

Lay = Callable[[Path, Path], None]
CORPUS = Path(__file__).parent / "corpus"
CASES = sorted(path.stem for path in CORPUS.glob("*.expect"))
EXPECTED = re.compile(r"(?:(?P<path>[^\s:]+):)?(?P<line>\d+): (?P<part>.+)")


def expected(case: str) -> list[tuple[str, int, str]]:
    lines = (CORPUS / f"{case}.expect").read_text("utf-8").splitlines()
    matches = [EXPECTED.fullmatch(line) for line in lines]
    assert all(matches), f"{case}.expect holds a line that is not `line: part of the message`"
    return [(m["path"] or f"glossary/{case}.md", int(m["line"]), m["part"]) for m in matches if m]


@pytest.mark.parametrize("case", CASES)
def test_a_case_gives_exactly_its_faults(case: str, checkout: Path, lay: Lay) -> None:
    if (CORPUS / case).is_dir():
        lay(CORPUS / case, checkout)
    else:
        shutil.copyfile(CORPUS / f"{case}.md.txt", checkout / "glossary" / f"{case}.md")
    _, faults = check(checkout)
    wanted = expected(case)
    assert [(fault.path, fault.line) for fault in faults] == [(path, line) for path, line, _ in wanted], (
        faults
    )
    for fault, (_, _, part) in zip(faults, wanted, strict=True):
        assert part in fault.message


def test_every_file_of_the_corpus_belongs_to_a_case() -> None:
    names = {path.name.removesuffix(".expect").removesuffix(".md.txt") for path in CORPUS.iterdir()}
    assert names - {".gitattributes"} == set(CASES)


def test_the_corpus_holds_at_least_sixty_malformed_cases() -> None:
    assert sum(bool(expected(case)) for case in CASES) >= 60


def test_the_base_has_no_fault(checkout: Path) -> None:
    entries, faults = check(checkout)
    assert not faults
    assert list(entries) == ["hidden-state"]
