"""Edits of the whole: entries and examples that come and go, records, the site around them, its machinery."""

from __future__ import annotations

import json
import re
from pathlib import Path

from proofs.world import Runs, World, kind
from small_checkout import EXAMPLE, write

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
    return Runs(drew=world.everybody(), cells=world.cells(world.terms))


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
