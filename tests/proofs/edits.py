"""Random edits of a small checkout, drawn from all kinds; and files that come back from a backup."""

from __future__ import annotations

import os
from random import Random

from proofs.edits_of_code import (
    code_of_a_shared_module,
    content_of_a_data_file,
    docstring_of_a_shared_module,
    drawing_code,
)
from proofs.edits_of_pages import author_of_a_reference, prose
from proofs.edits_of_the_rest import home_page, section_of_the_gallery
from proofs.world import KINDS, Edit, Runs, World, kind

LONG_AGO = 1_000_000_000  # 2001
OLDER: list[tuple[str, Edit]] = [  # where an edit changes files
    ("docs/index.md", home_page),
    ("docs/references.bib", author_of_a_reference),
    ("seqdocs/models/shared.py", docstring_of_a_shared_module),
    ("seqdocs/models/shared.py", code_of_a_shared_module),
    ("glossary", prose),
    ("gallery/tiny", drawing_code),
    ("gallery/tiny", content_of_a_data_file),
    ("gallery/tiny", section_of_the_gallery),
]


@kind("older")
def put_back_with_an_older_time(world: World, number: int) -> Runs:
    where, edit = world.draw.choice(OLDER)
    place = world.path(where)
    files = [place] if place.is_file() else [path for path in place.glob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    runs = edit(world, number)
    for path in files:
        if path.read_bytes() != before[path]:
            os.utime(path, (LONG_AGO + number, LONG_AGO + number))
    return runs


def plan(draw: Random, count: int) -> list[tuple[str, Edit]]:
    """Edits in a random order: every one once as long as there are enough, then any."""
    every = [(area, edit) for area, edits in KINDS.items() for edit in edits]
    chosen = draw.sample(every, min(count, len(every)))
    return chosen + [draw.choice(every) for _ in range(count - len(chosen))]
