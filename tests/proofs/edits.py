"""Random edits of a small checkout, each with what it must run: an oracle that knows nothing of keys.

An edit is a function that changes files and says whose experiments must be measured, whose examples drawn and
whose cells executed. Every edit makes something that was not there before (a running number), so that no
record and no cached output of an earlier state can answer.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from small_checkout import EXAMPLE, Checkout, write

AREAS = ("foundations", "recurrence", "attention", "scan", "generation", "serving")
LONG_AGO = 1_000_000_000  # 2001


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


# -- scripts


@kind("script")
def drawing_code(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.append(f"gallery/tiny/plot_{name}.py", f'axes.set_title("Title {number}")\n')
    return Runs(drew=[name])


@kind("script")
def comment_of_a_script(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.append(f"gallery/tiny/plot_{name}.py", f"# remark {number}\n")
    return Runs(drew=[name])


@kind("script")
def text_of_a_script(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"^Measures one thing.*$", f"Measures one thing, {number}.")
    return Runs(drew=[name])


@kind("script")
def title_of_a_script(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    title = f"Example {number:05}"
    world.change(f"gallery/tiny/plot_{name}.py", r"^Example .*\n=+$", f"{title}\n{'=' * len(title)}")
    return Runs(drew=[name])


@kind("script")
def experiments_body(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"^    more = ", f"    size += {number}\n    more = ")
    return Runs([name], [name])


@kind("script")
def experiments_parameter(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"size=\d+", f"size={number + 10}")
    return Runs([name], [name])


@kind("script")
def evidence_of_a_claim(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r'f"the total is', f'f"the total, {number}, is')
    return Runs([name], [name])


@kind("script")
def experiments_comment(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"^    more = ", f"    # remark {number}\n\n    more = ")
    return Runs(drew=[name])


@kind("script")
def experiments_docstring(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r'"""Sum of.*"""', f'"""Sum of all outputs, {number}."""')
    return Runs(drew=[name])


@kind("script")
def experiments_limit(world: World, number: int) -> Runs:
    """How long it may take does not change what it finds."""
    name = world.draw.choice(world.everybody())
    world.change(f"gallery/tiny/plot_{name}.py", r"seconds=\d+", f"seconds={200 + number}")
    return Runs(drew=[name])


# -- helper modules


@kind("helper")
def code_of_a_shared_module(world: World, number: int) -> Runs:
    world.change("seqdocs/models/shared.py", r"^FACTOR = .*$", f"FACTOR = {number}.5")
    names = world.everybody()
    return Runs(names, names, world.cells(names))


@kind("helper")
def comment_of_a_shared_module(world: World, number: int) -> Runs:
    world.change("seqdocs/models/shared.py", r"  # .*$", f"  # of all of them, {number}")
    return Runs()


@kind("helper")
def docstring_of_a_shared_module(world: World, number: int) -> Runs:
    world.change(
        "seqdocs/models/shared.py", r'""".* times .*"""', f'"""A value times the factor, {number}."""'
    )
    return Runs()


@kind("helper")
def first_line_of_a_module(world: World, number: int) -> Runs:
    """The list of all modules shows it as well."""
    world.change(f"seqdocs/models/{world.pick()}.py", r'\A""".*"""', f'"""Computation number {number}."""')
    return Runs()


@kind("helper")
def code_of_a_module(world: World, number: int) -> Runs:
    name = world.pick()
    world.append(f"seqdocs/models/{name}.py", f"\n\nMORE_{number} = {number}\n")
    return Runs(world.users(name), world.users(name), world.cells([name]))


@kind("helper")
def new_function_in_a_module(world: World, number: int) -> Runs:
    name = world.pick()
    text = f'\n\ndef also_{number}() -> int:\n    """Return {number}."""\n    return {number}\n'
    world.append(f"seqdocs/models/{name}.py", text)
    return Runs(world.users(name), world.users(name), world.cells([name]))


@kind("helper")
def module_imports_a_new_one(world: World, number: int) -> Runs:
    name = world.pick()
    write(world.path(f"seqdocs/models/deep{number}.py"), f'"""Deeper, {number}."""\n\nDEPTH = {number}\n')
    old = r"^from seqdocs\.models\.\w+ import"
    found = re.search(old, world.path(f"seqdocs/models/{name}.py").read_text("utf8"), re.M)
    assert found
    new = f"from seqdocs.models.deep{number} import DEPTH as D{number}  # noqa: F401\n{found[0]}"
    world.change(f"seqdocs/models/{name}.py", old, new)
    return Runs(world.users(name), world.users(name), world.cells([name]))


@kind("helper")
def module_that_nobody_uses(world: World, number: int) -> Runs:
    write(
        world.path(f"seqdocs/models/unused{number % 3}.py"),
        f'"""Unused, {number}."""\n\nNOTHING = {number}\n',
    )
    return Runs()


# -- data


@kind("data")
def content_of_a_data_file(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    write(world.path(f"gallery/tiny/{name}.txt"), f"{number}\n")
    return Runs([name], [name])


@kind("data")
def data_file_that_nobody_reads(world: World, number: int) -> Runs:
    write(world.path("gallery/tiny/other.txt"), f"{number}\n")
    return Runs()


@kind("data")
def data_file_touched(world: World, number: int) -> Runs:
    world.path(f"gallery/tiny/{world.pick()}.txt").touch()
    return Runs()


# -- constraints and installed versions


@kind("constraints")
def line_of_constraints(world: World, number: int) -> Runs:
    """Pins say what to install; what counts is what is installed."""
    world.append("constraints.txt", f"something=={number}\n")
    return Runs()


def install(world: World, name: str, version: str) -> None:
    """Let a package have another version, by its metadata."""
    for old in world.path("installed").glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    write(world.path(f"installed/{name}-{version}.dist-info/METADATA"), text)


@kind("constraints")
def installed_tool(world: World, number: int) -> Runs:
    """Any package may decide how a page looks, but no experiment computes with it."""
    install(world, "sometool", f"1.{number}")
    return Runs(drew=world.everybody(), cells=world.cells(world.terms))


@kind("constraints")
def installed_numpy(world: World, number: int) -> Runs:
    install(world, "numpy", f"99.{number}")
    return Runs(world.everybody(), world.everybody(), world.cells(world.terms))


# -- bibliography


@kind("bibliography")
def title_of_a_reference(world: World, number: int) -> Runs:
    world.change("docs/references.bib", r"title = \{(Finding|Struct).*\}", f"title = {{Structure {number}}}")
    return Runs()


@kind("bibliography")
def author_of_a_reference(world: World, number: int) -> Runs:
    """Citations in the text name the author."""
    world.change("docs/references.bib", r"author = \{El.*\}", f"author = {{Elman{number}, Jeffrey L.}}")
    return Runs()


@kind("bibliography")
def new_reference(world: World, number: int) -> Runs:
    entry = f"@misc{{new{number}, author = {{Aaa, B.}}, title = {{New {number}}}, year = {{2001}}, "
    world.append("docs/references.bib", f"\n{entry}url = {{https://example.org/{number}}}}}\n")
    return Runs()


@kind("bibliography")
def citation_in_the_text(world: World, number: int) -> Runs:
    world.append(world.entry(world.pick()), f"\nAgain {number}: {{cite:t}}`hopfield1982`.\n")
    return Runs()


# -- headers


@kind("header")
def term(world: World, number: int) -> Runs:
    """A new name of a term, in its entry and where others name it."""
    name = world.draw.choice(["one", "two"])
    for path in sorted(world.path("glossary").glob("*.md")):
        text = re.sub(rf"Term {name}\b( \d+)?", f"Term {name} {number}", path.read_text("utf8"))
        path.write_text(text, "utf8")
    return Runs()


@kind("header")
def aliases(world: World, number: int) -> Runs:
    name = world.pick()
    world.change(world.entry(name), r"^aliases: .*$", f"aliases: [alias {name}, also {number}]")
    return Runs()


@kind("header")
def summary(world: World, number: int) -> Runs:
    world.change(
        world.entry(world.pick()), r"^summary: .*$", f"summary: Summary {number}, with $x^{number}$."
    )
    return Runs()


@kind("header")
def related(world: World, number: int) -> Runs:
    name = world.pick()
    text = world.path(world.entry(name)).read_text("utf8")
    others = [other for other in world.terms if other != name]
    stem = Path(world.entry(world.draw.choice(others))).stem
    line = "related: []" if f"related: [{stem}]" in text else f"related: [{stem}]"
    world.change(world.entry(name), r"^related: .*$", line)
    return Runs()


@kind("header")
def year(world: World, number: int) -> Runs:
    """That of the other source; it is the year of one of them."""
    name = world.pick()
    new = "1982" if "year: 1990" in world.path(world.entry(name)).read_text("utf8") else "1990"
    world.change(world.entry(name), r"^year: .*$", f"year: {new}")
    text = world.path(world.entry(name)).read_text("utf8")
    both = re.sub(r"^sources: .*$", "sources: [elman1990, hopfield1982]", text, flags=re.M)
    write(world.path(world.entry(name)), both)
    return Runs()


@kind("header")
def area(world: World, number: int) -> Runs:
    name = world.pick()
    now = re.search(r"^area: (.*)$", world.path(world.entry(name)).read_text("utf8"), re.M)
    assert now
    world.change(world.entry(name), r"^area: .*$", f"area: {world.draw.choice([*set(AREAS) - {now[1]}])}")
    return Runs()


@kind("header")
def order(world: World, number: int) -> Runs:
    """Term two builds on term one, or not; the two change places in the reading order."""
    path = world.path(world.entry("two"))
    text, key = path.read_text("utf8"), world.draw.choice(["broader", "prerequisites"])
    after = re.sub(rf"^{key}: .*\n", "", text, flags=re.M)
    if after == text:
        after = text.replace("---\n", f"---\n{key}: [{Path(world.entry('one')).stem}]\n", 1)
    path.write_text(after, "utf8")
    return Runs()


@kind("header")
def sources(world: World, number: int) -> Runs:
    name = world.pick()
    text = world.path(world.entry(name)).read_text("utf8")
    keys = "elman1990" if "[elman1990, hopfield1982]" in text else "elman1990, hopfield1982"
    text = re.sub(r"^year: .*$", "year: 1990", text, flags=re.M)
    write(world.path(world.entry(name)), re.sub(r"^sources: .*$", f"sources: [{keys}]", text, flags=re.M))
    return Runs()


@kind("header")
def implementation(world: World, number: int) -> Runs:
    name = world.pick()
    own = f"seqdocs.models.{name}"
    whole = f"[{own}]" in world.path(world.entry(name)).read_text("utf8")
    world.change(
        world.entry(name), r"^implementation: .*$", f"implementation: [{own}{f'.{name}' if whole else ''}]"
    )
    return Runs()


# -- prose


@kind("prose")
def prose(world: World, number: int) -> Runs:
    world.change(world.entry(world.pick()), r"^Prose.*?\. It", f"Prose number {number}. It")
    return Runs()


@kind("prose")
def number_in_prose(world: World, number: int) -> Runs:
    other = world.pick()
    text = f"\nText {number} shows {{measured}}`tiny/plot_{other}:total.total`.\n"
    if other in world.added:
        text = f"\nText {number}.\n"  # what may be removed is shown by nobody else
    world.append(world.entry(world.draw.choice(["one", "two"])), text)
    return Runs()


@kind("prose")
def heading_in_prose(world: World, number: int) -> Runs:
    world.append(world.entry(world.pick()), f"\n## Heading {number}\n\nText.\n")
    return Runs()


@kind("prose")
def claim(world: World, number: int) -> Runs:
    """The ledger shows it as well."""
    world.change(world.entry(world.pick()), r"^The claim of .*$", f"The claim of number {number}.")
    return Runs()


@kind("prose")
def condition_of_a_claim(world: World, number: int) -> Runs:
    world.change(
        world.entry(world.pick()),
        r"^:verdict: holds(\n:condition: .*)?$",
        f":verdict: holds\n:condition: {number}",
    )
    return Runs()


@kind("prose")
def code_of_a_cell(world: World, number: int) -> Runs:
    if not (names := world.cells(world.terms)):
        return prose(world, number)
    name = world.draw.choice(names)
    world.change(world.entry(name), rf"^print\({name}\(\d+\)\)$", f"print({name}({number + 3}))")
    return Runs(cells=[name])


@kind("prose")
def cell_comes_or_goes(world: World, number: int) -> Runs:
    """A page with cells is another kind of page."""
    name, fence = world.draw.choice(["one", "two"]), "```"
    if name in world.without_cell:
        world.without_cell.remove(name)
        code = f'with Path(os.environ["RUN_LOG"]).open("a") as log:\n    log.write("cell {name}\\n")\n'
        code = f"import os\nfrom pathlib import Path\nfrom seqdocs.models.{name} import {name}\n\n{code}"
        world.append(
            world.entry(name), f"\n{fence}{{code-cell}}\n{code}print({name}({number + 3}))\n{fence}\n"
        )
        return Runs(cells=[name])
    world.without_cell.add(name)
    world.change(world.entry(name), rf"^{fence}\{{code-cell\}}\n(.*\n)*?{fence}\n", "No cell.\n")
    return Runs()


# -- entries and examples that come and go


@kind("entries")
def new_term(world: World, number: int) -> Runs:
    name = f"extra{number}"
    world.checkout.add_term(name, "one", 10 + number)
    entry = world.path(world.entry(name))
    text = entry.read_text("utf8").replace("See {term}`Term one`.", "")
    entry.write_text(text.replace("[term-one]", f"[{Path(world.entry('one')).stem}]"), "utf8")
    world.added.append(name)
    world.terms.append(name)
    return Runs([name], [name], [name])


@kind("entries")
def term_removed(world: World, number: int) -> Runs:
    gone = [name for name in world.added if not named_elsewhere(world, name)]
    if not gone:
        return new_term(world, number)
    name = world.draw.choice(gone)
    world.added.remove(name)
    world.terms.remove(name)
    for file in (world.entry(name), f"seqdocs/models/{name}.py", f"gallery/tiny/plot_{name}.py"):
        world.path(file).unlink()
    world.path(f"gallery/tiny/{name}.txt").unlink()
    return Runs()


def named_elsewhere(world: World, name: str) -> bool:
    """Whether another entry leads to this one."""
    stem, own = Path(world.entry(name)).stem, world.path(world.entry(name))
    return any(stem in path.read_text("utf8") for path in world.path("glossary").glob("*.md") if path != own)


@kind("entries")
def new_example(world: World, number: int) -> Runs:
    """A second example of term one's code, without an entry: it appears where the code is documented."""
    name = f"lonely{number}"
    text = (
        EXAMPLE.format(name="one", claim=1)
        .replace("measured one", f"measured {name}")
        .replace("drew one", f"drew {name}")
    )
    write(world.path(f"gallery/tiny/plot_{name}.py"), text.replace("tiny/one.txt", f"tiny/{name}.txt"))
    write(world.path(f"gallery/tiny/{name}.txt"), f"{number}\n")
    world.lonely.append(name)
    return Runs([name], [name])


@kind("entries")
def example_removed(world: World, number: int) -> Runs:
    if not world.lonely:
        return new_example(world, number)
    name = world.lonely.pop(world.draw.randrange(len(world.lonely)))
    world.path(f"gallery/tiny/plot_{name}.py").unlink()
    world.path(f"gallery/tiny/{name}.txt").unlink()
    return Runs()


@kind("entries")
def file_of_an_entry_renamed(world: World, number: int) -> Runs:
    name = world.draw.choice(["one", "two"])
    old, stem = world.path(world.entry(name)), f"term-{name}-{number}"
    old.rename(old.with_name(f"{stem}.md"))
    for path in sorted(world.path("glossary").glob("*.md")):
        text = re.sub(rf"\b{old.stem}(?=[\],])", stem, path.read_text("utf8"))
        path.write_text(text, "utf8")
    world.stems[name] = stem
    return Runs()


# -- records


def shown_record(world: World, name: str) -> Path:
    """The record that the site shows."""
    shown = json.loads(world.path("docs/_build/records/shown.json").read_text("utf8"))
    record = shown["experiments"][f"tiny/plot_{name}:total"]["runs"][0]["record"]
    file = f"{record['experiment']}.{record['slug']}.{record['key']}.json"
    return world.path(f"docs/_build/records/tiny/plot_{name}/{file}")


@kind("records")
def record_lost(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    shown_record(world, name).unlink()
    return Runs([name], [name])


@kind("records")
def record_damaged(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    path = shown_record(world, name)
    path.write_text(path.read_text("utf8")[:-number], "utf8")
    return Runs([name], [name])


@kind("records")
def record_of_another_machine(world: World, number: int) -> Runs:
    name = world.draw.choice(world.everybody())
    record = json.loads(shown_record(world, name).read_text("utf8"))
    slug = f"cpu-other-{number % 3}-2t"
    record["slug"], record["machine"]["label"] = slug, f"Other CPU {number % 3}"
    record["created"] = f"2030-01-01T00:{number // 60:02}:{number % 60:02}Z"
    record["key"] = f"{number:0{len(record['key'])}x}"
    text = json.dumps(record, ensure_ascii=False)
    write(world.path(f"records/tiny/plot_{name}/{record['experiment']}.{slug}.{record['key']}.json"), text)
    return Runs(drew=[name])


@kind("records")
def record_that_nobody_asks_for(world: World, number: int) -> Runs:
    write(world.path(f"records/tiny/plot_gone/total.cpu-other-2t.{number:016x}.json"), "{}")
    return Runs()


# -- the rest of the site, and the machinery


@kind("site")
def home_page(world: World, number: int) -> Runs:
    world.change("docs/index.md", r"^A small site.*$", f"A small site, {number}.")
    return Runs()


@kind("site")
def new_page(world: World, number: int) -> Runs:
    text = "---\norphan: true\n---\n# More\n\n{term}`alias one`, {measured}`tiny/plot_one:total.total`"
    write(world.path(f"docs/more{number % 2}.md"), f"{text}, {number}.\n")
    return Runs()


@kind("site")
def section_of_the_gallery(world: World, number: int) -> Runs:
    write(world.path("gallery/tiny/GALLERY_HEADER.rst"), f"Tiny {number:03}\n--------\n\nText {number}.\n")
    return Runs()


@kind("site")
def version_of_the_project(world: World, number: int) -> Runs:
    world.change("pyproject.toml", r'^version = ".*"$', f'version = "0.1.{number}"')
    return Runs()


@kind("site")
def style_sheet(world: World, number: int) -> Runs:
    world.append("docs/_static/styles/tokens.css", f"\n/* {number} */\n")
    return Runs(drew=world.everybody(), cells=world.cells(world.terms))


@kind("site")
def machinery(world: World, number: int) -> Runs:
    world.append("seqdocs/sphinxext/text.py", f"\n# {number}\n")
    return Runs(drew=world.everybody(), cells=world.cells(world.terms))


@kind("site")
def measuring_code(world: World, number: int) -> Runs:
    """Every experiment reaches it."""
    world.append("seqdocs/bench/quantity.py", f"\nUNUSED_{number} = {number}\n")
    names = world.everybody()
    return Runs(names, names, world.cells(world.terms))


@kind("site")
def comment_in_measuring_code(world: World, number: int) -> Runs:
    world.append("seqdocs/bench/quantity.py", f"\n# {number}\n")
    return Runs(drew=world.everybody(), cells=world.cells(world.terms))


@kind("site")
def everything_touched(world: World, number: int) -> Runs:
    for folder in ("docs", "glossary", "gallery", "seqdocs"):
        for path in world.path(folder).glob("*"):
            if path.is_file():
                path.touch()
    return Runs()


# -- older files: from a backup, an archive, another checkout

OLDER: dict[str, Edit] = {
    "docs/index.md": home_page,
    "seqdocs/models/shared.py": docstring_of_a_shared_module,
    "docs/references.bib": author_of_a_reference,
    "gallery/tiny/GALLERY_HEADER.rst": section_of_the_gallery,
    "gallery/tiny": drawing_code,
    "glossary": prose,
    "gallery/tiny/": content_of_a_data_file,
    "seqdocs/models/shared.py/": code_of_a_shared_module,
}


@kind("older")
def put_back_with_an_older_time(world: World, number: int) -> Runs:
    where = world.draw.choice(sorted(OLDER))
    place = world.path(where.rstrip("/"))
    files = [place] if place.is_file() else [path for path in place.glob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    runs = OLDER[where](world, number)
    for path in files:
        if path.read_bytes() != before[path]:
            os.utime(path, (LONG_AGO + number, LONG_AGO + number))
    return runs


def plan(draw: Random, count: int) -> list[tuple[str, Edit]]:
    """Edits in a random order: every one once as long as there are enough, then any."""
    every = [(area, edit) for area, edits in KINDS.items() for edit in edits]
    chosen = draw.sample(every, min(count, len(every)))
    return chosen + [draw.choice(every) for _ in range(count - len(chosen))]
