"""``python -m seqdocs build``: check the entries, measure what is stale, draw, publish, say what was done."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from importlib.metadata import distributions
from pathlib import Path
from platform import python_version

from seqdocs.bench.files import write_whole
from seqdocs.bench.machine import python_path
from seqdocs.bench.runner import Summary, run_all
from seqdocs.entries.check import check
from seqdocs.sphinxext.publish import is_ours, publish

DRAWN = ("docs/gallery", "docs/glossary", "docs/reference/api")  # made at build time beside the written pages
MACHINERY = (
    "seqdocs/sphinxext",
    "seqdocs/entries",
    "docs/conf.py",
    "pyproject.toml",
    "docs/_templates",
    "docs/_static",
    "seqdocs/bench",
)
# In the links of all pages
ADDRESSES = ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "READTHEDOCS_CANONICAL_URL")
STABLE = {"PYTHONHASHSEED": "0", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser("python -m seqdocs build", description=__doc__)
    made.add_argument("--out", type=Path, help="where the site goes (default: docs/_build/html)")
    made.add_argument(
        "--builder", default="html", help="html, or linkcheck: ask every outside link (needs a network)"
    )
    made.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: here)")
    return made


def machinery(root: Path) -> str:
    """A hash of what draws every page: the site's code, templates and addresses, and all versions."""
    total = hashlib.sha256()
    for place in MACHINERY:
        path = root / place
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" not in file.parts:
                total.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    versions = sorted({f"{found.name}=={found.version}" for found in distributions()})
    addresses = [f"{name}={os.environ.get(name, '')}" for name in ADDRESSES]
    total.update("\n".join([python_version(), *versions, *addresses]).encode())
    return total.hexdigest()


def forget(root: Path) -> None:
    """Delete everything drawn, so that the next drawing starts from nothing; records stay."""
    for place in (
        *DRAWN,
        "docs/_build/stage",
        "docs/_build/doctrees",
        "docs/_build/jupyter_cache",
        "docs/_build/jupyter_execute",
    ):
        shutil.rmtree(root / place, ignore_errors=True)


def draw(root: Path, builder: str) -> int:
    """Run Sphinx over the shown records; return the number of lines of warnings, -1 for another failure."""
    build = root / "docs/_build"
    warnings = build / "warnings.txt"
    warnings.unlink(missing_ok=True)
    target = build / ("stage" if builder == "html" else builder)
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-b", builder, "-w", str(warnings)]
    command += ["-d", str(build / "doctrees"), "docs", str(target)]
    env = os.environ | STABLE | {"SEQDOCS_SHOWN": str(build / "records/shown.json")}
    env["PYTHONPATH"] = python_path()  # cells run elsewhere, and must find this checkout's package
    status = subprocess.run(command, cwd=root, env=env, check=False).returncode
    count = (
        sum(1 for line in warnings.read_text("utf8").splitlines() if line.strip())
        if warnings.is_file()
        else 0
    )
    return count if status == 0 or count else -1


def summary(counts: dict[str, int], measured: Summary, seconds: float, out: Path) -> str:
    """What was done, and where to open it."""
    how = {
        "measured": measured.measured,
        "replayed": measured.replayed,
        "recorded elsewhere": measured.recorded,
    }
    rows = {
        **{name: str(count) for name, count in counts.items()},
        "experiments": " · ".join(f"{count} {what}" for what, count in how.items()),
        "seconds": f"{seconds:.0f} (measuring {measured.seconds:.0f})",
        "open": (out / "index.html").as_uri(),
    }
    return "\n".join(f"  {name:12}{text}" for name, text in rows.items())


def build(root: Path, out: Path, builder: str) -> int:
    """Build the site of the checkout *root* into *out*; return the exit status."""
    began = time.monotonic()
    entries, faults = check(root)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print(
            f"seqdocs build: {len(faults)} faults in the entries; nothing was measured or drawn",
            file=sys.stderr,
        )
        return 1
    measured = run_all(root)
    if measured.failed:
        print(
            f"seqdocs build: {measured.failed} experiments failed (named above); nothing was drawn",
            file=sys.stderr,
        )
        return 1
    unfinished, memory = root / "docs/_build/unfinished", root / "docs/_build/machinery"
    now = machinery(root)
    if unfinished.exists() or not memory.is_file() or memory.read_text("utf8") != now:
        forget(root)
    write_whole(unfinished, "a build began here and has not ended; the next one draws from nothing\n")
    warnings = draw(root, builder)
    if warnings:
        what = f"{warnings} lines of warnings (docs/_build/warnings.txt)" if warnings > 0 else "Sphinx failed"
        print(f"seqdocs build: {what}; {out} was left as it was", file=sys.stderr)
        return 1
    examples = len(list(root.glob("gallery/*/plot_*.py")))
    if builder == "html":
        counts = {"entries": len(entries), "examples": examples}
        publish(root / "docs/_build/stage", out, {**counts, "schema": 1})
        print(summary({**counts, "warnings": warnings}, measured, time.monotonic() - began, out))
    write_whole(memory, now)
    unfinished.unlink()
    return 0


def main(argv: list[str]) -> int:
    """Build, and turn what the user cannot help into one sentence."""
    options = parser().parse_args(argv)
    root = options.root.resolve()
    if not (root / "docs/conf.py").is_file():
        print(f"seqdocs build: {root} is no checkout of seqdocs (it has no docs/conf.py)", file=sys.stderr)
        return 2
    out = (options.out or root / "docs/_build/html").resolve()
    if not is_ours(out):
        print(
            f"seqdocs build: {out} holds files that no build put there; name another folder", file=sys.stderr
        )
        return 2
    return build(root, out, options.builder)
