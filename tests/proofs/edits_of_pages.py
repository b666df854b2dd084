"""Edits of what is read: the bibliography, the headers of entries, and their prose."""

from __future__ import annotations

import re
from pathlib import Path

from proofs.world import Runs, World, kind
from small_checkout import write

AREAS = ("foundations", "recurrence", "attention", "scan", "generation", "serving")

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
