"""Cut from a script the program that one experiment reaches, and nothing else.

The rule. Candidates are the top-level statements before the first one that names the experiment, since the
experiment sees the script as it stands when it is first called. Of those are kept, until nothing is added:

- imports, functions, classes, assignments and blocks (``if``, ``for``, ``with``, ``try``) that bind a name
  which the experiment or a kept statement reads as a global;
- statements that change such a name: ``name.key = ...``, ``name[key] = ...``, ``name.method(...)``. A bare
  call of an imported module is kept only when it sets something (``torch.set_...``): the others are checks;
- ``from __future__ import ...``.

``if __name__ == "__main__":`` is never part of it, nor is anything printed or plotted. What an experiment
reads from disk or imports by a computed name is not seen.
"""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from seqdocs.bench.declared import decorator_of
from seqdocs.bench.source import SourceError, parse

KNOWN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class _Statement:
    """A top-level statement and the names it deals in."""

    node: ast.stmt
    binds: frozenset[str]
    reads: frozenset[str]  # as globals, anywhere inside
    reads_now: frozenset[str]  # when the statement itself runs
    changes: frozenset[str]

    @property
    def rows(self) -> range:
        """Lines from 1, with decorators but ``@experiment``."""
        node, own = self.node, decorator_of(self.node)
        decorators = node.decorator_list if isinstance(node, Definition) else []
        first = min([node.lineno, *(other.lineno for other in decorators if other is not own)])
        return range(first, (node.end_lineno or node.lineno) + 1)


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _tables(child)


def _root(node: ast.expr) -> str | None:
    """Return the name that ``name.a[b].c`` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _changes(node: ast.stmt, imported: frozenset[str]) -> Iterator[str | None]:
    """Yield the names whose objects a statement changes when it runs."""
    if isinstance(node, Definition):
        return
    for part in ast.walk(node):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            yield _root(part)
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            function = part.value.func
            if isinstance(function, ast.Attribute):
                root = _root(function)
                if root not in imported or function.attr.startswith("set_"):
                    yield root


def _study(node: ast.stmt, imported: frozenset[str]) -> _Statement:
    """Find the names a statement deals in, by Python's own rules of scope."""
    own = decorator_of(node)
    if isinstance(node, ast.FunctionDef) and own is not None:
        rest = [other for other in node.decorator_list if other is not own]
        copy: ast.stmt = ast.FunctionDef(**{**dict(ast.iter_fields(node)), "decorator_list": rest})
        ast.copy_location(copy, node)
    else:
        copy = node
    top = symtable.symtable(ast.unparse(ast.Module([copy], [])), "<statement>", "exec")
    binds = {
        symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()
    }
    now = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    deep = {
        symbol.get_name()
        for table in list(_tables(top))[1:]
        for symbol in table.get_symbols()
        if symbol.is_global()
    }
    changes = frozenset(filter(None, _changes(node, imported)))
    reads_now = now if isinstance(node, Definition) else now | deep  # a comprehension runs at once
    return _Statement(node, frozenset(binds), frozenset(now | deep), frozenset(reads_now), changes)


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in {
        part.id for part in ast.walk(node.test) if isinstance(part, ast.Name)
    }


def _candidates(tree: ast.Module, experiment: str) -> list[_Statement]:
    """Return the statements before the first that names the experiment."""
    nodes = [node for node in tree.body if not _is_main_guard(node)]
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    imported = frozenset(
        alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names
    )
    statements = []
    for node in nodes:
        statement = _study(node, imported)
        if experiment in statement.reads_now:
            break
        statements.append(statement)
    return statements


def cut(text: str, experiment: str, name: str) -> str:
    """Return the script with every line emptied that the experiment does not reach.

    Lines keep their numbers, so that a traceback points into the script. The experiment stands there without
    its decorator.

    Args:
        text: the script.
        experiment: name of a function in it that is decorated with ``@experiment``.
        name: how errors call the script.

    Raises:
        SourceError: if there is no such experiment, it reaches another one, a name may come from ``import
            *``, or a kept statement shares its line.
    """
    statements = _candidates(parse(text, name), experiment)
    target = next((s for s in statements if decorator_of(s.node) and experiment in s.binds), None)
    if target is None:
        raise SourceError(f"{name} has no experiment `{experiment}`")
    kept, needed = {id(target): target}, set(target.reads)
    grown = True
    while grown:
        grown = False
        for statement in statements:
            if id(statement) in kept:
                continue
            future = isinstance(statement.node, ast.ImportFrom) and statement.node.module == "__future__"
            if future or (statement.binds | statement.changes) & needed:
                kept[id(statement)] = statement
                needed |= statement.reads
                grown = True
    _refuse_what_cannot_be_cut(statements, kept, target, needed, name)
    lines = text.split("\n")
    rows = {row for statement in kept.values() for row in statement.rows}
    return "\n".join(line if row in rows else "" for row, line in enumerate(lines, 1))


def _refuse_what_cannot_be_cut(
    statements: list[_Statement],
    kept: Mapping[int, _Statement],
    target: _Statement,
    needed: set[str],
    name: str,
) -> None:
    """Raise a SourceError for what would run differently in the slice than in the script."""
    goal = next(iter(target.binds))
    bound = {one for statement in statements for one in statement.binds}
    for statement in statements:
        where = f"{name}, line {statement.node.lineno}"
        if isinstance(statement.node, ast.ImportFrom) and statement.node.names[0].name == "*":
            loose = sorted(needed - bound - KNOWN)
            if loose:
                raise SourceError(
                    f"{where}: `import *` hides where `{loose[0]}` comes from; import it by name"
                )
        if statement is target or id(statement) not in kept:
            continue
        if decorator_of(statement.node) is not None:
            other = next(iter(statement.binds))
            raise SourceError(
                f"{where}: `{goal}` reaches the experiment `{other}`; each is measured alone, "
                "so what they share belongs into a plain function"
            )
        if goal in statement.reads:
            raise SourceError(f"{where}: `{goal}` reaches a statement that calls `{goal}` again")
    for first, second in pairwise(statements):
        if {id(first), id(second)} & set(kept) and second.rows[0] <= first.rows[-1]:
            raise SourceError(f"{name}, line {second.rows[0]} holds two statements; give each its own")
