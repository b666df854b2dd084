"""After any edit, a build ends with the bytes of a clean one, and has run what the edit demands, no more."""

from __future__ import annotations

import difflib
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from proofs.edits import plan
from proofs.world import World
from small_checkout import Checkout, differing


class Clean:
    """A clean build of the state after an edit, in another folder, beside the build after the next edit."""

    def __init__(self, checkout: Checkout, folder: Path, what: str) -> None:
        self.what, self.wanted = what, checkout.pages()
        self.checkout = checkout.copy_to(folder, {"PYTHONPATH": str(folder / "installed")})
        self.kept = {name: (checkout.site / name).read_bytes() for name in self.wanted}
        self.process: subprocess.Popen[str] = self.checkout.start()

    def compare(self) -> None:
        """Fail on the first file that is not what the incremental build made it."""
        ran = self.checkout.end(self.process)
        assert not any(line.startswith("measured") for line in ran), f"{self.what}: its records were there"
        pages = self.checkout.pages()
        if stale := differing(self.wanted, pages):
            raise AssertionError(f"{self.what}: {len(stale)} stale files, {stale[:9]}\n{self.lines(stale)}")

    def lines(self, stale: list[str]) -> str:
        """How the first of the stale files differ."""
        said = []
        for name in stale[:3]:
            path = self.checkout.site / name
            now = path.read_bytes() if path.is_file() else b"(none)"
            two = [
                text.decode("utf8", "replace").splitlines() for text in (self.kept.get(name, b"(none)"), now)
            ]
            said += [
                line[:400] for line in difflib.unified_diff(*two, f"{name} stale", "clean", "", "", 0, "")
            ][:20]
        return "\n".join(said)


@pytest.mark.timeout(7200)
def test_after_any_edit_nothing_is_stale_and_nothing_ran_that_did_not_need_to(
    origin: Checkout, tmp_path: Path, full: bool, draw: Random, proven: Callable[[str], None]
) -> None:
    count, every = (100, 1) if full else (5, 3)  # how many edits between two comparisons
    root = tmp_path / "seqdocs"
    checkout = origin.copy_to(root, {"PYTHONPATH": str(root / "installed")})
    checkout.build()
    world, clean, areas = World(checkout, draw), None, Counter[str]()
    for step, (area, edit) in enumerate(plan(draw, count), 1):
        what = f"edit {step}, {area}: {edit.__name__}"
        expected = edit(world, world.next()).lines()
        assert checkout.build() == expected, what
        areas[area] += 1
        if clean:
            clean.compare()
            clean = None
        if step % every == 0 or step == count:
            clean = Clean(checkout, tmp_path / f"clean{step % 2}" / "seqdocs", what)
    assert clean
    clean.compare()
    kinds = ", ".join(f"{number} {area}" for area, number in areas.most_common())
    proven(f"edits: {count} ({kinds}), 0 stale files, 0 needless runs")
