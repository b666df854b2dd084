"""A reader copies one block of an entry, not all of them: each brings along what it names."""

import ast
import builtins
import re
from pathlib import Path

import pytest

ENTRIES = sorted(Path(__file__).parents[1].glob("glossary/*.md"))
CELL = re.compile(
    r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n|(?::[^\n]*\n)+)?(.*?)^```$", re.DOTALL | re.MULTILINE
)

NAMING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)


def missing(cell: str) -> set[str]:
    """Names that a block reads and nowhere binds."""
    nodes = list(ast.walk(ast.parse(cell)))
    named = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in named if not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.name for node in nodes if isinstance(node, NAMING) and node.name}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(name.asname or name.name).split(".")[0] for name in node.names}
    return {node.id for node in named if isinstance(node.ctx, ast.Load)} - bound - set(dir(builtins))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.stem)
def test_a_block_copied_alone_misses_no_name(entry: Path) -> None:
    assert [missing(cell) for cell in CELL.findall(entry.read_text("utf-8")) if missing(cell)] == []


def test_a_name_of_another_block_is_missed() -> None:
    assert missing("import torch\nx = [y for y in range(3)]\nprint(torch.ones(x), net)") == {"net"}
