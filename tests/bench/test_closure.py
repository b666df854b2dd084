"""Keys follow what an experiment reaches: an edit re-measures exactly the experiments that reach it."""

from __future__ import annotations

import pytest

from seqdocs.bench.closure import closure, imports
from seqdocs.bench.plan import cases

ALL = {"doubled", "alone", "quarter", "quadrupled"}

# what is edited: file, old text, new text, the experiments whose code changes
EDITS = [
    ("a reached module", "toy/inner.py", "TWO * x", "TWO * x + 0", {"doubled", "quadrupled"}),
    ("a module reached by a module", "toy/deep.py", "TWO = 2", "TWO = 1 + 1", {"doubled", "quadrupled"}),
    ("a module of one experiment", "toy/outer.py", "double(double(x))", "2 * double(x)", {"quadrupled"}),
    ("a helper beside the script", "gallery/two/helper.py", "x / 2", "0.5 * x", {"quarter"}),
    ("a package's own file", "toy/__init__.py", '"""A', 'X = 1\n"""A', {"doubled", "quadrupled"}),
    ("a constant of the script", "gallery/one/plot_alpha.py", "SIZE = 3", "SIZE = 4", {"doubled"}),
    ("an experiment's body", "gallery/one/plot_alpha.py", "math.pi", "2 * math.pi", {"alone"}),
    ("a comment in a module", "toy/deep.py", "# a number", "# two", set()),
    ("a docstring in a module", "toy/inner.py", "Twice.", "Two times.", set()),
    ("a blank line in a module", "toy/inner.py", "    return TWO", "\n    return TWO", set()),
    ("a module that nobody reaches", "toy/apart.py", "3", "4", set()),
    ("a docstring of an experiment", "gallery/one/plot_alpha.py", "Twice n.", "n, twice.", set()),
    ("a comment of the script", "gallery/one/plot_alpha.py", "# Drawn", "# Painted", set()),
    ("what is drawn", "gallery/one/plot_alpha.py", "print(label)", "print(label, label)", set()),
    ("a function nobody calls", "gallery/one/plot_alpha.py", "nobody calls this", "really", set()),
    ("the decorator", "gallery/one/plot_alpha.py", "seconds=30", "seconds=31", set()),
]


def codes(root):
    found, failures = cases(root)
    assert not failures
    return {case.declared.name: case.code for case in found}


@pytest.mark.parametrize(("name", "old", "new", "changed"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_an_edit_changes_the_code_of_exactly_who_reaches_it(toy, edit, name, old, new, changed):
    before = codes(toy)
    assert set(before) == ALL
    edit(name, old, new)
    after = codes(toy)
    assert {one for one in ALL if before[one] != after[one]} == changed


def test_the_code_does_not_depend_on_where_the_checkout_lies(toy, tmp_path):
    moved = tmp_path / "elsewhere"
    before = codes(toy)
    toy.rename(moved)
    assert codes(moved) == before


def test_every_way_to_import_is_seen():
    text = "import a.b\nfrom c import d\nfrom . import e\nfrom .f import g\nfrom ..h import i\n"
    text += "def k():\n    import l\n"
    assert imports(text, "p.q", "x") == {
        "a", "a.b", "c", "c.d", "p", "p.q", "p.q.e", "p.q.f", "p.q.f.g", "p.h", "p.h.i", "l",
    }  # fmt: skip


def test_modules_that_import_each_other_end(toy):
    (toy / "toy/deep.py").write_text("import toy.inner\nTWO = 2\n", "utf8")
    assert list(closure("import toy.inner", (toy,))) == ["toy", "toy.deep", "toy.inner"]


def test_what_measures_is_part_of_the_code_and_what_words_it_is_not(toy):
    reached = closure(
        "from seqdocs.bench.timing import compare\nfrom seqdocs.bench.quantity import table", (toy,)
    )
    assert {"seqdocs.bench.timing", "seqdocs.bench.quantity", "seqdocs.bench.agreement"} <= set(reached)
    assert not {"seqdocs.bench.show", "seqdocs.bench.runner", "seqdocs.bench.experiment"} & set(reached)


def test_a_broken_module_fails_its_experiments_by_name(toy):
    (toy / "toy/outer.py").write_text("def four_times(x:\n", "utf8")
    found, failures = cases(toy)
    assert {case.declared.name for case in found} == ALL - {"quarter", "quadrupled"} | {"quarter"}
    assert [failure.name for failure in failures] == ["two/plot_beta:quadrupled"]
    assert "outer.py, line 1" in str(failures[0])


def test_a_broken_script_leaves_the_others_alone(toy, edit):
    edit("gallery/one/plot_alpha.py", "SIZE = 3", "SIZE = = 3")
    found, failures = cases(toy)
    assert {case.declared.name for case in found} == {"quarter", "quadrupled"}
    assert str(failures[0]).startswith("one/plot_alpha: plot_alpha.py, line 11")
