"""Names are found in the source, where they are defined, without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqdocs.entries.source import AbsentError, Place, Source, UnreadableError

MODULE = """\
import functools
from torch import nn
from .base import Cell, helper as renamed
import toy.base as parent

A, (B, *C) = 1, (2, 3, 4)
D: int = 5
D += 1

@functools.cache
@functools.wraps(len)
def decorated():
    inner = 1
    return inner


if D:
    def conditional(): ...
with open("x") as handle:
    inside_with = 1


class Net(parent.Cell, nn.Module):
    width: int
    depth = 2

    class Inner:
        def deep(self): ...

    async def forward(self): ...
"""
BASE = """\
class Root:
    def reset(self): ...


class Cell(Root):
    def step(self): ...


def helper(): ...
"""
FOUND = {  # name: where it is defined, first and last line
    "toy": ("toy", "toy/__init__.py", 1, 1),
    "toy.net": ("toy.net", "toy/net.py", 1, 30),
    "toy.net.A": ("toy.net.A", "toy/net.py", 6, 6),
    "toy.net.C": ("toy.net.C", "toy/net.py", 6, 6),
    "toy.net.decorated": ("toy.net.decorated", "toy/net.py", 10, 14),
    "toy.net.conditional": ("toy.net.conditional", "toy/net.py", 18, 18),
    "toy.net.inside_with": ("toy.net.inside_with", "toy/net.py", 20, 20),
    "toy.net.Net": ("toy.net.Net", "toy/net.py", 23, 30),
    "toy.net.Net.width": ("toy.net.Net.width", "toy/net.py", 24, 24),
    "toy.net.Net.Inner.deep": ("toy.net.Net.Inner.deep", "toy/net.py", 28, 28),
    "toy.net.Net.forward": ("toy.net.Net.forward", "toy/net.py", 30, 30),
    "toy.net.Net.step": ("toy.base.Cell.step", "toy/base.py", 6, 6),
    "toy.net.Net.reset": ("toy.base.Root.reset", "toy/base.py", 2, 2),
    "toy.net.Cell": ("toy.base.Cell", "toy/base.py", 5, 6),
    "toy.net.renamed": ("toy.base.helper", "toy/base.py", 9, 9),
    "toy.net.parent": ("toy.base", "toy/base.py", 1, 9),
    "toy.helper": ("toy.base.helper", "toy/base.py", 9, 9),
}
ABSENT = {  # name: part of the message
    "toy.nett": "`toy` defines no `nett`; did you mean `net`?",
    "toy.net.decorate": "`toy.net` defines no `decorate`; did you mean `decorated`?",
    "toy.net.inner": "`toy.net` defines no `inner`",
    "toy.net.Net.forwards": "`toy.net.Net` defines no `forwards`; did you mean `forward`?",
    "toy.net.Net.eval": "`toy.net.Net` defines no `eval`",
    "toy.net.nn": "imports `nn` from `torch.nn`",
    "toy.net.decorated.inner": "`toy.net.decorated` defines no `inner`",
    "toys.net": "begins with `toy.`",
    "": "begins with `toy.`",
    "toy.": "`toy` defines no ``",
    "toy...net": "defines no ``",
    "toy.net/..": "defines no",
}
USES = {  # script: whether it uses toy.net.Net
    "from toy.net import Net\nNet()": True,
    "from toy.net import Net as N\nN()": True,
    "import toy.net\ntoy.net.Net()": True,
    "import toy.net as n\nn.Net.forward": True,
    "from toy import net\nnet.Net()": True,
    "from toy import net\ndef f():\n    return net.Net()": True,
    "from toy.other import Net\nNet()": True,  # the same class, imported there
    "from toy.net import Net": False,
    "from toy import net\nnet.Other()": False,
    "from toy import net\nprint(net)": False,
    "from toy.net import Network as Net\nNet()": False,
    "from torch.nn import Net\nNet()": False,
    "class Net: ...\nNet()": False,
    "'toy.net.Net'": False,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("from toy.base import helper\n")
    (package / "net.py").write_text(MODULE)
    (package / "base.py").write_text(BASE)
    (package / "other.py").write_text("from toy.net import Net\n")
    return tmp_path


@pytest.mark.parametrize("name", FOUND)
def test_a_name_is_found_where_it_is_defined(root: Path, name: str) -> None:
    assert Source(root, "toy").locate(name) == Place(*FOUND[name])


@pytest.mark.parametrize("name", ABSENT)
def test_an_absent_name_says_where_the_path_ends(root: Path, name: str) -> None:
    with pytest.raises(AbsentError) as caught:
        Source(root, "toy").locate(name)
    assert ABSENT[name] in str(caught.value)


@pytest.mark.parametrize("script", USES)
def test_a_script_uses_a_class_or_does_not(root: Path, script: str) -> None:
    (root / "plot.py").write_text(script)
    assert Source(root, "toy").uses_name("plot.py", "toy.net.Net") is USES[script]


def test_using_a_class_counts_for_its_methods(root: Path) -> None:
    (root / "plot.py").write_text("from toy.net import Net\nNet()()")
    source = Source(root, "toy")
    assert source.uses_name("plot.py", "toy.net.Net.forward")
    assert not source.uses_name("plot.py", "toy.net.decorated")
    assert source.uses_name("plot.py", "toy.net")


@pytest.mark.parametrize("text", [b"def f(:", b"\xff", b"x = 1\0", b"(" * 5000 + b")" * 5000])
def test_a_file_that_is_not_python_is_one_fault(root: Path, text: bytes) -> None:
    (root / "toy" / "net.py").write_bytes(text)
    source = Source(root, "toy")
    for name in ("toy.net.Net", "toy.net.A", "toy.other.Net"):
        with pytest.raises(UnreadableError):
            source.locate(name)
    assert [fault.path for fault in source.faults] == ["toy/net.py"]


def test_an_invalid_escape_is_not_our_affair(root: Path) -> None:
    (root / "toy" / "net.py").write_text('Net = "\\d"\n')
    assert Source(root, "toy").locate("toy.net.Net").first == 1


def test_imports_in_a_circle_end(root: Path) -> None:
    (root / "toy" / "net.py").write_text("from toy.other import Net\n")
    with pytest.raises(AbsentError, match="does not define it"):
        Source(root, "toy").locate("toy.net.Net")


def test_bases_in_a_circle_end(root: Path) -> None:
    (root / "toy" / "net.py").write_text("class Net(Other): ...\nclass Other(Net): ...\n")
    with pytest.raises(AbsentError, match="defines no `forward`"):
        Source(root, "toy").locate("toy.net.Net.forward")
