"""The essence of a text is what computes: no comment, no docstring, and every blank that is data."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqdocs.bench.source import SourceError, essence, parse, read

# text, its essence
CASES = [
    ("x = 1  # one\n\n\ny = 2\n", "x = 1\ny = 2\n"),
    ('"""Module."""\nx = 1\n', "x = 1\n"),
    ('def f():\n    """Doc\n\n    more."""\n    return 1\n', "def f():\n    return 1\n"),
    ('class A:\n    x = 1\n    """What x is."""\n', "class A:\n    x = 1\n"),
    ('x = """a\n\n  b  \n"""  # data\n', 'x = """a\n\n  b  \n"""\n'),
    ('x = f"""a {1}\n\n# no comment\n"""\n', 'x = f"""a {1}\n\n# no comment\n"""\n'),
    ('x = "# no comment"  # one\n', 'x = "# no comment"\n'),
    ('s = "ö"; t = "é"  # ü\n"""ß"""\nu = 1\n', 's = "ö"; t = "é"\nu = 1\n'),
    ("x = [\n    1,  # one\n\n    2,\n]\n", "x = [\n    1,\n    2,\n]\n"),
    ("x = 1   \n", "x = 1\n"),
    ("# nothing but words\n", ""),
    ("", ""),
]
OTHER_PYTHONS = ["python3.12", "python3.13", "python3.14"]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_only_what_computes_is_left(text, expected):
    assert essence(text) == expected


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_the_essence_of_an_essence_is_itself(text, expected):
    assert essence(expected) == expected


def test_the_essence_computes_the_same():
    text = 'def f(x):\n    """Doc."""\n\n    # why\n    s = """a\n\n    b"""  # data\n    return s * x\n'
    spaces = [{}, {}]
    for source, space in zip((text, essence(text)), spaces, strict=True):
        exec(source, space)
    assert spaces[0]["f"](2) == spaces[1]["f"](2)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(["", "# words", "   # more", '"""lone"""']), max_size=6), st.integers(0, 9))
def test_words_between_statements_change_nothing(words, value):
    plain = f"x = {value}\ny = x\n"
    filled = "\n".join([f"x = {value}", *words, "y = x", ""])
    assert essence(filled) == plain


@pytest.mark.parametrize("python", OTHER_PYTHONS)
def test_another_python_finds_the_same_essence(python):
    if (
        shutil.which(python) is None
        or subprocess.run([python, "-V"], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"{python} is not installed here")
    text = "".join(text for text, _ in CASES)
    code = "import sys; from seqdocs.bench.source import essence; sys.stdout.write(essence(sys.stdin.read()))"
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [python, "-c", code], input=text, capture_output=True, text=True, check=True, env=env
    )
    assert done.stdout == essence(text)


def test_text_that_cannot_be_used_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"plot_x\.py, line 2: invalid syntax"):
        parse("x = 1\nx = = 2\n", "plot_x.py")
    latin = tmp_path / "latin.py"
    latin.write_bytes("x = 'é'".encode("latin1"))
    with pytest.raises(SourceError, match=r"latin\.py is not UTF-8"):
        read(latin)
    with pytest.raises(SourceError, match=r"gone\.py cannot be read: No such file"):
        read(tmp_path / "gone.py")


def test_foreign_newlines_and_a_byte_order_mark_change_nothing(tmp_path):
    path = tmp_path / "windows.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    assert read(path) == "x = 1\ny = 2\n"
