"""Find a dotted name in the source of a package by its syntax tree, without importing anything.

Nothing is run, so a name is found only where the text shows it: a module, a class, a function, a method, an
assigned name, or one of these imported by name from another module of the package.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqdocs.entries.fault import Fault, did_you_mean

Members = dict[str, "ast.stmt | str"]  # a name's statement, or the dotted name it is imported from


class AbsentError(LookupError):
    """A dotted name that the source does not define; the message says where the path ends."""


class UnreadableError(LookupError):
    """The file that should define the name is not Python; `Source.faults` already says so."""


@dataclass(frozen=True)
class Place:
    """Where a name is defined: its dotted name there, the file (relative, ``/``), first and last line."""

    name: str
    path: str
    first: int
    last: int


class Source:
    """The modules of one package below ``root``, each parsed once and when first needed.

    ``faults`` collects the files that are not Python, one fault each.
    """

    def __init__(self, root: Path, package: str = "seqdocs") -> None:
        self.root = root
        self.package = package
        self.faults: list[Fault] = []
        self._trees: dict[str, ast.Module] = {}
        self._uses: dict[str, frozenset[str]] = {}
        self._members: dict[str, Members] = {}

    def locate(self, name: str) -> Place:
        """Find where ``name`` is defined.

        Raises:
            AbsentError: nothing of that name; the message names the closest.
            UnreadableError: a file on the way is not Python.
        """
        return self._locate(name, frozenset())

    def uses(self, script: str) -> frozenset[str]:
        """List the dotted names that a script mentions, its imports written out.

        Raises:
            UnreadableError: the script is not Python.
        """
        if script not in self._uses:
            nodes = collect(self._parse(script))
            origin = {alias: name for node in nodes for alias, name in imported(node, package="")}
            chains = {tuple(chain(node)) for node in nodes if isinstance(node, ast.Name | ast.Attribute)}
            self._uses[script] = frozenset(
                ".".join([origin[c[0]], *c[1:]]) for c in chains if c and c[0] in origin
            )
        return self._uses[script]

    def uses_name(self, script: str, name: str) -> bool:
        """Tell whether a script uses ``name``: of a method its class, of a module anything in it."""
        used = self.uses(script)
        module, rest = self.split(name)
        owner = ".".join([module, *rest[:1]])
        if any(use.startswith(owner + ".") or (use == owner and rest) for use in used):
            return True
        home = self.locate(owner).name
        return any(
            self._home(use) == home for use in used if use.rpartition(".")[2] == home.rpartition(".")[2]
        )

    def split(self, name: str) -> tuple[str, list[str]]:
        """Split a dotted name into its longest part that is a module, and the rest.

        Raises:
            AbsentError: the name does not begin with the package.
        """
        parts = name.split(".")
        if parts[0] != self.package or not self.module_path(self.package):
            raise AbsentError(f"`{name}` is not a dotted name that begins with `{self.package}.`")
        count = 1
        while count < len(parts) and self.module_path(".".join(parts[: count + 1])):
            count += 1
        return ".".join(parts[:count]), parts[count:]

    def module_path(self, module: str) -> str:
        """Path of a module's file, relative to the root; empty when there is none."""
        if not all(part.isidentifier() for part in module.split(".")):
            return ""
        stem = module.replace(".", "/")
        return next((p for p in (f"{stem}/__init__.py", f"{stem}.py") if (self.root / p).is_file()), "")

    def tree(self, module: str) -> ast.Module:
        """Syntax tree of a module of the package, parsed once."""
        if module not in self._trees:
            self._trees[module] = self._parse(self.module_path(module))
        return self._trees[module]

    def _parse(self, path: str) -> ast.Module:
        """Parse a file; one that is not Python becomes a fault, once."""
        if path in {fault.path for fault in self.faults}:
            raise UnreadableError(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # an invalid escape is the linter's affair
                return ast.parse((self.root / path).read_bytes())
        except SyntaxError as error:
            line, message = error.lineno or 1, f"the file is not Python: {error.msg}"
        except OSError as error:
            line, message = 1, f"the file cannot be read: {error.strerror or error}"
        except (ValueError, RecursionError, MemoryError) as error:
            line, message = 1, f"the file is not Python: {error}"
        self.faults.append(Fault(path, line, message))
        raise UnreadableError(path)

    def _locate(self, name: str, seen: frozenset[str]) -> Place:
        module, rest = self.split(name)
        path = self.module_path(module)
        tree = self.tree(module)
        if not rest:
            return Place(module, path, 1, max((node.end_lineno or 1 for node in tree.body), default=1))
        where, members, owner = module, self.members(module), None
        for i, part in enumerate(rest):
            found = members.get(part)
            if found is None:
                inherited = self._inherited(owner, module, rest[i:], seen | {name}) if owner else None
                if inherited:
                    return inherited
                raise AbsentError(
                    f"`{where}` defines no `{part}`" + did_you_mean(part, self.known(where, members))
                )
            if isinstance(found, str):
                origin = ".".join([found, *rest[i + 1 :]])
                if origin in seen or found.split(".")[0] != self.package:
                    raise AbsentError(f"`{where}` imports `{part}` from `{found}` and does not define it")
                return self._locate(origin, seen | {name})
            where = f"{where}.{part}"
            owner = found if isinstance(found, ast.ClassDef) else None
            members = direct_members(owner.body, "") if owner else {}
        assert isinstance(found, ast.stmt)
        decorators = [node.lineno for node in getattr(found, "decorator_list", [])]
        return Place(where, path, min([found.lineno, *decorators]), found.end_lineno or found.lineno)

    def _inherited(
        self, owner: ast.ClassDef, module: str, rest: list[str], seen: frozenset[str]
    ) -> Place | None:
        """Find a member in the bases of a class, as its module names them."""
        for base in owner.bases:
            candidate = ".".join([module, *chain(base), *rest])
            if candidate not in seen:
                try:
                    return self._locate(candidate, seen | {candidate})
                except AbsentError:
                    continue
        return None

    def _home(self, name: str) -> str:
        try:
            return self.locate(name).name
        except LookupError:
            return ""

    def members(self, module: str) -> Members:
        """Names that a module's text binds at its top level."""
        if module not in self._members:
            path = self.module_path(module)
            package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
            self._members[module] = direct_members(self.tree(module).body, package)
        return self._members[module]

    def known(self, where: str, members: Members) -> set[str]:
        """Names a suggestion may come from: members, and submodules of a package."""
        folder = self.root / where.replace(".", "/")
        files = folder.iterdir() if folder.is_dir() else ()
        return {
            *members,
            *(file.stem for file in files if file.suffix in ("", ".py") and file.stem[0] not in "._"),
        }


def direct_members(body: list[ast.stmt], package: str) -> Members:
    """Names bound by statements, also inside ``if``, ``try`` and ``with``; a later binding wins."""
    members: Members = {}
    for node in flat(body):
        members.update(imported(node, package))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            members[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
            members.update({name.id: node for name in names})
    return members


def flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements in order, with those of nested blocks that open no scope."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for block in ("body", "orelse", "finalbody"):
                yield from flat(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                yield from flat(handler.body)


def collect(tree: ast.AST) -> list[ast.AST]:
    """Gather the names, attributes and imports of a tree; ``ast.walk`` takes twice as long."""
    found: list[ast.AST] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name | ast.Attribute | ast.Import | ast.ImportFrom):
            found.append(node)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                todo += [child for child in value if isinstance(child, ast.AST)]
            elif isinstance(value, ast.AST) and value._fields:
                todo.append(value)
    return found


def imported(node: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """Each name an import binds, and the dotted name it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        start = ".".join([*parents, *([node.module] if node.module else [])])
        for alias in node.names:
            yield alias.asname or alias.name, f"{start}.{alias.name}"


def chain(node: ast.AST) -> list[str]:
    """Write ``a.b.c`` as a list; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []
