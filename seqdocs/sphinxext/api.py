"""The API reference: a page per module of the package, generated; nobody keeps a list of modules.

Each page documents what the module itself defines and shows the examples that use it. The pages hang in no
toctree, for the same reason as entries; their index lists them by room.
"""

from __future__ import annotations

import ast
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from seqdocs.sphinxext.files import keep_only, write_if_changed
from seqdocs.sphinxext.library import library
from seqdocs.sphinxext.settings import PACKAGE, Settings, settings

NOT_DOCUMENTED = {"__main__"}


def modules(root: Path) -> dict[str, Path]:
    """Every module of the package by dotted name; packages too."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] not in NOT_DOCUMENTED:
            found[name] = path
    return found


def summary(path: Path) -> str:
    """The first line of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text("utf8"))) or ""
    return text.split("\n", 1)[0].rstrip(": ")


def public_names(path: Path) -> list[str]:
    """Functions and classes a module defines and does not hide."""
    body = ast.parse(path.read_text("utf8")).body
    defined = [
        node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return [name for name in defined if not name.startswith("_")]


def module_page(name: str, path: Path, gallery: bool) -> str:
    """The page of a module."""
    lines = [":orphan:", "", f"``{name}``", "=" * (len(name) + 4), "", f".. automodule:: {name}"]
    lines += ["   :members:", "   :undoc-members:", "   :show-inheritance:", ""]
    names = [f"{name}.{member}" for member in public_names(path)]
    if gallery and names:
        lines += [
            f".. minigallery:: {' '.join(names)}",
            "   :add-heading: Examples",
            "   :heading-level: -",
            "",
        ]
    return "\n".join(lines)


def room(name: str) -> str:
    """The room a module is in."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def index_page(found: dict[str, Path]) -> str:
    """The list of all modules: the package, then each room with what it says of itself."""
    lines = [":orphan:", "", "Modules", "=======", ""]
    for where, group in groupby(sorted(found, key=lambda name: (room(name), name)), key=room):
        lines += [f".. rubric:: {where}", ""] if where else []
        lines += [
            f":doc:`{name} <{name}>`\n   {summary(found[name]) or 'No description.'}\n" for name in group
        ]
    return "\n".join(lines)


def write_pages(app: Sphinx) -> None:
    """Write what changed and delete the pages of modules that are gone."""
    where = settings(app)
    folder = Path(app.srcdir) / where.api
    found = modules(where.root_path)
    gallery = "sphinx_gallery.gen_gallery" in app.extensions
    pages = {folder / f"{name}.rst": module_page(name, path, gallery) for name, path in found.items()}
    pages[folder / "index.rst"] = index_page(found)
    for path, text in pages.items():
        write_if_changed(path, text)
    keep_only(folder, "*.rst", set(pages))


def examples_of(app: Sphinx, name: str, path: Path) -> str:
    """A hash of the lists of examples that a module's page shows; sphinx-gallery writes them before reading.

    While a page is read it adds empty lists for what has no example; they show nothing and count nothing.
    """
    folder = Path(app.srcdir) / app.config.sphinx_gallery_conf["backreferences_dir"]
    lists = [folder / f"{name}.{member}.examples" for member in public_names(path)]
    return sha256(b"".join(file.read_bytes() for file in lists if file.is_file())).hexdigest()


def pages_with_other_examples(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Have those pages read again whose examples are not what they were: nobody else tells Sphinx."""
    where = settings(app)
    now = {
        f"{where.api}/{name}": examples_of(app, name, path) for name, path in modules(where.root_path).items()
    }
    before: dict[str, str] = getattr(env, "seqdocs_examples", {})
    env.seqdocs_examples = now  # type: ignore[attr-defined]  # kept with the environment
    other = [page for page, listed in now.items() if before.get(page, listed) != listed]
    return [page for page in other if page in env.found_docs]


def page_module(docname: str, where: Settings) -> str:
    """The file of the module that a page documents, relative to the checkout; empty for other pages."""
    folder, _, name = docname.rpartition("/")
    if folder != where.api or name == "index":
        return ""
    stem = name.replace(".", "/")
    return next(
        (path for path in (f"{stem}.py", f"{stem}/__init__.py") if (where.root_path / path).is_file()), ""
    )


def find_undocumented(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Lead to the module's page where a name exists in the source but has no documentation of its own.

    So are type variables, aliases of types, and properties without a docstring, which annotations name.
    """
    if node.get("refdomain") != "py":
        return None
    where, module = settings(env), node.get("py:module") or ""
    for name in (node["reftarget"], f"{module}.{node['reftarget']}"):
        try:
            path = library(env).source.locate(name).path
        except LookupError:
            continue
        page = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return make_refnode(app.builder, node["refdoc"], f"{where.api}/{page}", f"module-{page}", content)
    return None


def setup_api(app: Sphinx) -> None:
    """Write the pages before Sphinx looks for files; without autodoc there is nothing to write."""
    if "sphinx.ext.autodoc" in app.extensions:
        app.connect("builder-inited", write_pages, priority=30)
        app.connect("missing-reference", find_undocumented)
        if "sphinx_gallery.gen_gallery" in app.extensions:
            app.connect("env-get-outdated", pages_with_other_examples)
