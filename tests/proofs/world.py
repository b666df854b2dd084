"""A small checkout that is edited again and again, and what each edit must run: an oracle without keys.

An edit is a function that changes files and says whose experiments must be measured, whose examples drawn and
whose cells executed. Every edit makes something that was not there before (a running number), so that no
record and no cached output of an earlier state can answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from small_checkout import Checkout


@dataclass
class Runs:
    """What a build must run, by name of term."""

    measured: Iterable[str] = ()
    drew: Iterable[str] = ()
    cells: Iterable[str] = ()

    def lines(self) -> list[str]:
        """As the log says it."""
        kinds = {"measured": self.measured, "drew": self.drew, "cell": self.cells}
        return sorted(f"{kind} {name}" for kind, names in kinds.items() for name in names)


@dataclass
class World:
    """A small checkout, and what the edits so far made of it."""

    checkout: Checkout
    draw: Random
    number: int = 0
    terms: list[str] = field(default_factory=lambda: ["one", "two"])  # one is a prerequisite of none
    added: list[str] = field(default_factory=list)  # terms that may be removed
    lonely: list[str] = field(default_factory=list)  # examples without an entry
    stems: dict[str, str] = field(default_factory=dict)  # file of an entry, where it was renamed
    without_cell: set[str] = field(default_factory=set)

    def next(self) -> int:
        """A number that was not used before."""
        self.number += 1
        return self.number

    def path(self, name: str) -> Path:
        return self.checkout.root / name

    def pick(self) -> str:
        """One of the terms."""
        return self.draw.choice(self.terms)

    def entry(self, name: str) -> str:
        return f"glossary/{self.stems.get(name, f'term-{name}')}.md"

    def cells(self, names: Iterable[str]) -> list[str]:
        """Those of the terms whose entries have a cell."""
        return [name for name in names if name in self.terms and name not in self.without_cell]

    def everybody(self) -> list[str]:
        """Every example."""
        return [*self.terms, *self.lonely]

    def users(self, name: str) -> list[str]:
        """The examples that compute with the module of a term."""
        return [name, *(self.lonely if name == "one" else ())]

    def change(self, name: str, pattern: str, new: str) -> None:
        """Replace the first match of a pattern; there must be one, and it must make a difference."""
        path = self.path(name)
        text = path.read_text("utf8")
        after = re.sub(pattern, new, text, count=1, flags=re.M)
        assert after != text, f"{name}: {pattern!r} changes nothing"
        path.write_text(after, "utf8")

    def append(self, name: str, text: str) -> None:
        with self.path(name).open("a", encoding="utf8") as file:
            file.write(text)


Edit = Callable[[World, int], Runs]
KINDS: dict[str, list[Edit]] = {}  # by what the contributor touches


def kind(area: str) -> Callable[[Edit], Edit]:
    """Put an edit into its area."""

    def keep(edit: Edit) -> Edit:
        KINDS.setdefault(area, []).append(edit)
        return edit

    return keep
