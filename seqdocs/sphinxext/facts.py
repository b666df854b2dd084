"""What a fact box says, as plain data: everything about an entry that its header and other files tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from weakref import WeakKeyDictionary

from sphinx.application import Sphinx

from seqdocs.entries.bibliography import Reference
from seqdocs.entries.header import AREAS, Entry
from seqdocs.entries.source import Place
from seqdocs.sphinxext.library import Library, docname_of, example_docname, library
from seqdocs.sphinxext.links import pages_linking
from seqdocs.sphinxext.navigation import INDEX, area_anchor
from seqdocs.sphinxext.settings import Settings, settings
from seqdocs.sphinxext.terms import node_id

LINKING: WeakKeyDictionary[Sphinx, dict[str, list[str]]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Link:
    """A text that leads somewhere.

    Args:
        text: what is shown.
        docname: a page of this site, or empty.
        anchor: on that page.
        url: an address outside of it, when there is no page.
        code: the text is a name in a program.
    """

    text: str
    docname: str = ""
    anchor: str = ""
    url: str = ""
    code: bool = False


@dataclass(frozen=True)
class Fact:
    """One line of the box: its key (part of a class name), its label, and its values, each a run of links."""

    key: str
    label: str
    values: tuple[tuple[Link, ...], ...]


def facts(app: Sphinx, entry: Entry) -> tuple[Fact, ...]:
    """All that the box of an entry says; a fact without a value is left out."""
    known, where = library(app), settings(app)
    rows = [
        Fact("aliases", "Also called", tuple((Link(name),) for name in entry.aliases)),
        Fact("year", "Introduced", ((Link(str(entry.year)),),)),
        Fact("area", "Area", ((Link(AREAS[entry.area], INDEX, area_anchor(entry.area)),),)),
        Fact("sources", "Sources", tuple((source_link(known, where, key),) for key in entry.sources)),
        Fact(
            "implementation", "Implementation", tuple(code_links(app, name) for name in entry.implementation)
        ),
        Fact("tests", "Tested in", test_links(app, entry)),
        Fact("example", "Example", ((example_link(app, entry),),)),
        *(Fact(key, label, entry_links(known, getattr(entry, key))) for key, label in KINSHIP.items()),
        *used_by(app, entry),
    ]
    return tuple(row for row in rows if row.values)


KINSHIP = {"prerequisites": "Read first", "broader": "Is a kind of", "related": "Related"}
NAMED_BY = {"prerequisites": "Leads to", "broader": "Kinds of it", "related": "Named as related by"}


def entry_links(known: Library, stems: tuple[str, ...] | list[str]) -> tuple[tuple[Link, ...], ...]:
    """Links to entries; one that a fault calls unknown is left out."""
    found = [known.entries[stem] for stem in stems if stem in known.entries]
    return tuple((Link(entry.term, docname_of(entry), node_id(entry)),) for entry in found)


def citation(reference: Reference | None, key: str) -> str:
    """Name a source in a few words: who and when.

    >>> citation(Reference("cho2014", 1, "Cho, Kyunghyun and Gulcehre, C. and others", "", "2014"), "cho2014")
    'Cho et al. 2014'
    """
    if reference is None or not reference.author:
        return key
    surnames = [family_name(author) for author in reference.author.split(" and ")]
    who = " & ".join(surnames) if len(surnames) < 3 else f"{surnames[0]} et al."
    return f"{who} {reference.year}".strip()


def family_name(author: str) -> str:
    """What an author is called in a few words; a name in braces is that of a group, and stays whole.

    >>> family_name("Elman, Jeffrey L."), family_name("Jeffrey L. Elman"), family_name("{Silero Team}")
    ('Elman', 'Elman', 'Silero Team')
    """
    family, comma, _ = author.strip().partition(",")
    whole = comma or (family.startswith("{") and family.endswith("}"))
    return (family if whole else family.split()[-1]).replace("{", "").replace("}", "").strip()


def source_link(known: Library, where: Settings, key: str) -> Link:
    """A source, at its place in the bibliography."""
    return Link(citation(known.references.get(key), key), where.references_page, f"cite-{key}")


def located(app: Sphinx, name: str) -> Place | None:
    """Where a dotted name is defined; None when the checker has reported that it is not."""
    try:
        return library(app).source.locate(name)
    except LookupError:
        return None


def code_links(app: Sphinx, name: str) -> tuple[Link, ...]:
    """A name of the package: its page in the reference, its source here and in the repository."""
    place = located(app, name)
    target = place.name if place else name
    documented = app.env.domains.python_domain.objects.get(target)
    if documented is None:
        links = [Link(name, code=True)]
    else:
        links = [Link(name, documented.docname, documented.node_id, code=True)]
        if place:
            links.append(Link("source", *source_page(place)))
    if place and (url := settings(app).view_url(place.path, (place.first, place.last))):
        links.append(Link("repository", url=url))
    return tuple(links)


def source_page(place: Place) -> tuple[str, str]:
    """Page and anchor that sphinx.ext.viewcode gives a definition."""
    module = place.path.removesuffix(".py").removesuffix("/__init__")
    return f"_modules/{module}", place.name.removeprefix(module.replace("/", ".")).lstrip(".")


def where_tested(root: Path, path: str) -> list[str]:
    """The test file that mirrors a module, else those of its room that import it; relative to the root."""
    inside = PurePosixPath(*PurePosixPath(path).parts[1:])
    room = PurePosixPath("tests") / inside.parent
    mirrored = room / f"test_{inside.name}"
    if (root / mirrored).is_file():
        return [mirrored.as_posix()]
    imports = re.compile(rf"^from {re.escape(path.removesuffix('.py').replace('/', '.'))} import ", re.M)
    files = sorted((root / room).glob("test_*.py"))
    return [(room / file.name).as_posix() for file in files if imports.search(file.read_text("utf8"))]


def test_links(app: Sphinx, entry: Entry) -> tuple[tuple[Link, ...], ...]:
    """The test files of an entry's implementations."""
    where = settings(app)
    places = [located(app, name) for name in entry.implementation]
    paths = dict.fromkeys(
        path for place in places if place for path in where_tested(where.root_path, place.path)
    )
    return tuple((Link(path, url=where.view_url(path), code=True),) for path in paths)


def example_link(app: Sphinx, entry: Entry) -> Link:
    """The example, by its title."""
    docname = example_docname(entry.example)
    title = app.env.titles.get(docname)
    return Link(title.astext() if title else entry.example, docname if title else "")


def used_by(app: Sphinx, entry: Entry) -> list[Fact]:
    """Who names the entry in a header, and which other pages link to it."""
    known = library(app)
    named = known.backlinks[entry.stem]
    rows = []
    for key, label in NAMED_BY.items():
        stems = [stem for stem in named[key] if not (key == "related" and stem in entry.related)]
        rows.append(Fact(f"named-{key}", label, entry_links(known, stems)))
    mentioned = {stem for key in KINSHIP for stem in (*named[key], *getattr(entry, key))}
    own = {docname_of(known.entries[stem]) for stem in mentioned if stem in known.entries}
    own |= {example_docname(entry.example)}
    pages = [name for name in linking(app)[entry.stem] if name not in own and name in app.env.titles]
    links = tuple((Link(app.env.titles[name].astext(), name),) for name in pages)
    return [*rows, Fact("linked", "Linked from", links)]


def linking(app: Sphinx) -> dict[str, list[str]]:
    """Pages that link to each entry, found once a build, after reading."""
    if app not in LINKING:
        LINKING[app] = pages_linking(app, app.env)
    return LINKING[app]
