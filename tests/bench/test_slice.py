"""A slice is exactly what an experiment reaches when it is first called."""

from __future__ import annotations

import pytest

from seqdocs.bench.declared import declared
from seqdocs.bench.slice import cut
from seqdocs.bench.source import SourceError, essence

HEAD = '"""Title."""\nfrom seqdocs.bench.experiment import experiment\n'
EXPERIMENT = "@experiment\ndef go(device):\n    return {BODY}\n"

# name, statements before, what `go` returns, statements after, lines of the slice besides `go`
REACHED = [
    ("nothing", "x = 1\n", "{}", "", []),
    ("a constant", "x = 1\ny = 2\n", "{'x': x}", "", ["x = 1"]),
    ("a chain", "x = 1\ny = x + 1\nz = 3\n", "{'y': y}", "", ["x = 1", "y = x + 1"]),
    ("a function defined after", "", "{'x': f()}", "def f():\n    return 1\n", ["def f():", "    return 1"]),
    ("an import by its alias", "import math as m, cmath\nimport os\n", "{'x': m.pi}", "",
     ["import math as m, cmath"]),
    ("a plain import of a submodule", "import os.path\n", "{'x': os.path.sep}", "", ["import os.path"]),
    ("a default and an annotation", "N = 3\nT = int\ndef f(n: T = N): return n\n", "{'x': f()}", "",
     ["N = 3", "T = int", "def f(n: T = N): return n"]),
    ("a class and its base", "class A: pass\nclass B(A): pass\nclass C: pass\n",
     "{'x': B().__class__.__name__}", "",
     ["class A: pass", "class B(A): pass"]),
    ("a name that is local in it", "x = 1\n", "[x for x in range(3)] and {}", "", []),
    ("a name that is a parameter elsewhere", "x = 1\ndef f(x): return x\n", "{'x': f(2)}", "",
     ["def f(x): return x"]),
    ("an augmented assignment", "x = 1\nx += 1\n", "{'x': x}", "", ["x = 1", "x += 1"]),
    ("a changed dict", "d = {}\nd['a'] = 1\ne = {}\ne['b'] = 2\n", "{'x': d}", "", ["d = {}", "d['a'] = 1"]),
    ("a called method", "d = []\nd.append(1)\nprint(d)\n", "{'x': d}", "", ["d = []", "d.append(1)"]),
    ("a loop that fills", "d = []\nfor i in range(2):\n    d.append(i)\n", "{'x': d}", "",
     ["d = []", "for i in range(2):", "    d.append(i)"]),
    ("a setting of a module", "import torch\ntorch.set_default_dtype(torch.float64)\n", "{'x': torch.pi}", "",
     ["import torch", "torch.set_default_dtype(torch.float64)"]),
    ("a check by a module", "import torch\ntorch.testing.assert_close(1, 1)\n", "{'x': torch.pi}", "",
     ["import torch"]),
    ("an attribute of a module", "import torch\ntorch.backends.cudnn.benchmark = True\n",
     "{'x': torch.pi}", "",
     ["import torch", "torch.backends.cudnn.benchmark = True"]),
    ("a fallback", "try:\n    import a\nexcept ImportError:\n    a = None\n", "{'x': a}", "",
     ["try:", "    import a", "except ImportError:", "    a = None"]),
    ("a decorated helper", "import functools\n@functools.cache\ndef f(): return 1\n", "{'x': f()}", "",
     ["import functools", "@functools.cache", "def f(): return 1"]),
    ("the future", "from __future__ import annotations\n", "{}", "", ["from __future__ import annotations"]),
    ("nothing after the first call", "x = 1\n", "{'x': x}", "runs = go()\nx = 2\n", ["x = 1"]),
    ("nothing drawn", "x = 1\n", "{'x': x}",
     "runs = go()\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot(runs[0]['x'])\n",
     ["x = 1"]),
    ("nothing under the main guard", "x = 1\nif __name__ == '__main__':\n    x = 2\n", "{'x': x}", "",
     ["x = 1"]),
    ("nothing after a call in a comprehension", "x = 1\n", "{'x': x}", "a = [go() for _ in '1']\nx = 2\n",
     ["x = 1"]),
]  # fmt: skip

# name, statements before, what `go` returns, statements after, words of the refusal
REFUSED = [
    ("another experiment's runs", "@experiment\ndef other(device): return {}\nruns = other()\n",
     "{'x': runs}", "",
     "`go` reaches the experiment `other`"),
    ("another experiment", "@experiment\ndef other(device): return {}\n", "other()", "",
     "so what they share belongs into a plain function"),
    ("itself", "def again(): return go()\n", "again()", "", "reaches a statement that calls `go` again"),
    ("two statements on a line", "x = 1; y = 2\n", "{'x': x}", "", "line 3 holds two statements"),
    ("a star", "from math import *\n", "{'x': pi}", "", "`import *` hides where `pi` comes from"),
]  # fmt: skip


def script(before: str, body: str, after: str) -> str:
    future = "from __future__ import annotations\n" if "__future__" in before else ""
    text = HEAD + before + EXPERIMENT.replace("{BODY}", body) + after
    return future + text.replace(future, "", 1) if future else text


@pytest.mark.parametrize(
    ("before", "body", "after", "lines"), [c[1:] for c in REACHED], ids=[c[0] for c in REACHED]
)
def test_a_slice_holds_what_is_reached_and_nothing_else(before, body, after, lines):
    text = script(before, body, after)
    got = essence(cut(text, "go", "plot_x.py")).splitlines()
    own = ["def go(device):", f"    return {body}"]
    assert sorted(got) == sorted([*lines, *own])
    order = [text.splitlines().index(line) for line in got]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("before", "body", "after", "lines"), [c[1:] for c in REACHED], ids=[c[0] for c in REACHED]
)
def test_lines_of_a_slice_keep_their_numbers(before, body, after, lines):
    text = script(before, body, after)
    pairs = zip(cut(text, "go", "plot_x.py").split("\n"), text.split("\n"), strict=True)
    assert all(kept in ("", whole) for kept, whole in pairs)


@pytest.mark.parametrize(
    ("before", "body", "after", "words"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_cannot_be_cut_is_refused_in_one_sentence(before, body, after, words):
    with pytest.raises(SourceError) as error:
        cut(script(before, body, after), "go", "plot_x.py")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_decorator_is_gone_however_it_is_written():
    for decorator in (
        "@experiment",
        "@experiment()",
        "@experiment(\n    seconds=3,\n)",
        "@bench.experiment(seconds=3)",
    ):
        assert essence(cut(f"{decorator}\ndef go(device):\n    return {{}}\n", "go", "x")) == (
            "def go(device):\n    return {}\n"
        )


def test_declarations_are_read_from_the_text():
    options = 'small={"n": 1}, seconds=3, memory_gb=0.5, devices=("cpu",)'
    text = f'@experiment({options})\ndef a(device, n=3):\n    """Doc."""\n'
    (one,) = declared(text, "x")
    assert (one.name, one.line, one.doc) == ("a", 2, "Doc.")
    assert (one.options.small, one.options.seconds, one.options.memory_gb) == ({"n": 1}, 3, 0.5)
    assert one.options.devices == ("cpu",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("second=3", "`second` is no option of an experiment; there are small, seconds"),
        ("seconds=2 * N", "option `seconds` is computed; it must be a literal"),
        ("seconds=0", "`seconds` is 0; it must be a number above zero"),
        ('devices=("tpu",)', "it must be a tuple of cpu and cuda"),
        ("small=[1]", "`small` is [1]; it must be a dict of parameters"),
        ("**options", "`**` is no option"),
    ],
)
def test_a_bad_option_is_refused_with_its_line(options, words):
    with pytest.raises(SourceError) as error:
        declared(f"\n@experiment({options})\ndef a(device): ...\n", "plot_x.py")
    assert words in str(error.value)
    assert str(error.value).startswith("plot_x.py, line 2: ")


def test_two_experiments_of_one_name_are_refused():
    with pytest.raises(SourceError, match="line 4: a second experiment is called `a`"):
        declared("@experiment\ndef a(device): ...\n@experiment\ndef a(device): ...\n", "plot_x.py")
