"""The order of the gallery, told by the files themselves: a line ``.. order: 2`` in a section's header file.

Inside a section an example stands where its entry stands in reading order; examples of no entry come last,
by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

from seqdocs.entries.check import GALLERY, read_all
from seqdocs.entries.order import reading_order
from seqdocs.sphinxext.settings import settings

ORDER = re.compile(r"^\.\. order: (\d+)\s*$", re.M)
LAST = 10**6
HEADERS = ("GALLERY_HEADER.rst", "README.rst")


@dataclass
class SectionOrder:
    """Sort key for the folders of the gallery.

    Args:
        gallery: the folder they are in.
    """

    gallery: Path = field(repr=False)  # Sphinx compares settings by their repr, which shall not hold a path

    def __call__(self, folder: str) -> tuple[int, str]:
        """The number in the folder's header file, then its name."""
        name = Path(folder).name
        for header in HEADERS:
            path = self.gallery / name / header
            if path.is_file() and (found := ORDER.search(path.read_text("utf8"))):
                return int(found[1]), name
        return LAST, name


@dataclass
class ExampleOrder:
    """Sort key for the scripts of a section.

    Args:
        places: reading order of the entries by the stem of their script.
    """

    places: dict[str, int] = field(repr=False)

    def __call__(self, filename: str) -> tuple[int, str]:
        """The place of the script's entry, then its name."""
        stem = Path(filename).stem
        return self.places.get(stem, LAST), stem


def example_places(root: Path) -> dict[str, int]:
    """Where each example stands: as early as the first entry that names it."""
    entries, _ = read_all(root)  # faults are reported when the entries are checked
    places: dict[str, int] = {}
    for number, stem in enumerate(reading_order(entries)):
        places.setdefault(Path(entries[stem].example).name, number)
    return places


def set_orders(app: Sphinx, config: Config) -> None:
    """Give sphinx-gallery the keys, unless conf.py has its own."""
    conf = config.sphinx_gallery_conf
    root = settings(app).root_path
    conf.setdefault("subsection_order", SectionOrder(root / GALLERY))
    conf.setdefault("within_subsection_order", ExampleOrder(example_places(root)))


class OneTitle(SphinxTransform):
    """Put the sections below the title of the gallery's first page, however their headers are underlined."""

    default_priority = 300  # before titles become targets

    def apply(self, **kwargs: Any) -> None:
        """Move every further section of the highest level into the first."""
        if self.env.docname != f"{GALLERY}/index":
            return
        sections = [node for node in self.document.children if isinstance(node, nodes.section)]
        for section in sections[1:]:
            self.document.remove(section)
            sections[0].append(section)


def setup_gallery_order(app: Sphinx) -> None:
    """Before sphinx-gallery fills in its defaults (10)."""
    if "sphinx_gallery.gen_gallery" in app.extensions:
        app.connect("config-inited", set_orders, priority=5)
        app.add_transform(OneTitle)
