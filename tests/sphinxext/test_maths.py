"""Formulas at build time: what is rendered, what is reported, what the page needs beside it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

pytest.importorskip("quickjs")
pytest.importorskip("sphinx")
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from seqdocs.sphinxext import maths

ROOT = Path(__file__).parents[2]
VENDORED = ROOT / "docs" / "_static" / "katex"

FORMULAS = [
    r"h_t = f(h_{t-1}, x_t)",
    r"W_{k+1} = \max(0, W_k + S_k - A_k)",
    r"\frac{\partial h_T}{\partial h_t} = \prod_{k=t+1}^{T} \diag(\sigma'(a_k))\, U",
    r"\norm{J_k} \le \rho^k, \quad \rho < 1",
    r"\softmax(Q K\T / \sqrt{d})\, V",
    r"\E[W] = \frac{\rho}{1 - \rho}\,\frac{1 + c^2}{2}\,\E[S]",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} \otimes \R^{n}",
    "α ≤ β",
]
FAULTS = [
    (r"\undefinedthing", r"Undefined control sequence: \undefinedthing"),
    (r"\frac{a", "Unexpected end of input"),
    ("a_b^c_d", "Double subscript"),
    ("x “quoted”", "Unrecognized Unicode character"),
]


def build(folder: Path, text: str) -> tuple[str, str]:
    """Build a site of one page; return the page and the warnings."""
    source = folder / "source"
    source.mkdir()
    source.joinpath("conf.py").write_text(
        "extensions = ['seqdocs.sphinxext.maths', 'myst_parser']\nhtml_math_renderer = 'seqdocs'\n"
        "myst_enable_extensions = ['dollarmath', 'amsmath']\nhtml_theme = 'furo'\n"
    )
    source.joinpath("index.md").write_text(text, "utf8")
    warnings = StringIO()
    with patch_docutils(source), docutils_namespace():
        app = Sphinx(
            source, source, folder / "out", folder / "doctrees", "html", status=None, warning=warnings
        )
        app.build()
    return folder.joinpath("out", "index.html").read_text("utf8"), warnings.getvalue()


class Ids(HTMLParser):
    """All ids of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == "id"]


@pytest.mark.parametrize("tex", FORMULAS)
@pytest.mark.parametrize("display", [False, True])
def test_a_formula_becomes_html_for_the_eye_and_mathml_for_screen_readers(tex: str, display: bool) -> None:
    html = maths.render(tex, display)
    assert "<math " in html and 'class="katex-html" aria-hidden="true"' in html
    assert ("katex-display" in html) == display
    assert "katex-error" not in html


def test_the_same_formula_gives_the_same_bytes() -> None:
    first = [maths.render(tex, True) for tex in FORMULAS]
    maths.render.cache_clear()
    maths._engine.cache_clear()
    assert [maths.render(tex, True) for tex in FORMULAS] == first


@pytest.mark.parametrize(("tex", "message"), FAULTS)
def test_a_formula_that_cannot_be_read_says_why(tex: str, message: str) -> None:
    with pytest.raises(maths.FormulaError, match=re.escape(message)):
        maths.render(tex)


def test_lines_are_aligned_and_paragraphs_are_stacked() -> None:
    assert maths.block("a\n\nb") == r"\begin{gathered}a \\ b\end{gathered}"
    assert maths.block(r"a &= b \\ c &= d") == r"\begin{aligned}a &= b \\ c &= d\end{aligned}"
    assert maths.block(r"\begin{cases} a \\ b \end{cases}") == r"\begin{cases} a \\ b \end{cases}"


def test_katex_never_numbers_an_equation_itself() -> None:
    html = maths.render(maths.block("\\begin{align}\na &= b\n\\end{align}", nowrap=True), True)
    assert "eqn-num" not in html


def test_style_sheet_and_fonts_are_of_the_version_that_renders() -> None:
    css = VENDORED.joinpath("katex.min.css").read_text("utf8")
    assert f'content:"{maths.katex_version()}"' in css
    wanted = set(re.findall(r"url\((fonts/[^)]+)\)", css))
    assert wanted and all(name.endswith(".woff2") for name in wanted)
    assert wanted == {f"fonts/{path.name}" for path in VENDORED.joinpath("fonts").iterdir()}
    assert VENDORED.joinpath("LICENSE").is_file()


def test_a_page_carries_formulas_and_no_script_for_them(tmp_path: Path) -> None:
    page, warnings = build(tmp_path, "# A\n\nInline $a_1$ and\n\n$$b^2$$ (square)\n\nsee {eq}`square`.\n")
    assert not warnings
    assert page.count('class="katex"') == 2
    assert "katex/katex.min.css" in page
    scripts = re.findall(r"<script[^>]*src=\"([^\"]*)", page)
    assert scripts and not [src for src in scripts if "katex" in src or "mathjax" in src.lower()]


def test_an_equation_has_its_number_its_link_and_one_id(tmp_path: Path) -> None:
    text = "# A\n\n$$a$$ (one)\n\n$$\nb &= c \\\\\n  &= d\n$$ (two)\n\n{eq}`one` and {eq}`two`\n"
    page, warnings = build(tmp_path, text)
    assert not warnings
    assert '<span class="eqno">(1)<a class="headerlink" href="#equation-one"' in page
    assert '<span class="eqno">(2)<a class="headerlink" href="#equation-two"' in page
    ids = Ids(page).found
    assert ids.count("equation-one") == ids.count("equation-two") == 1
    assert 'href="#equation-two">(2)</a>' in page


def test_a_bad_formula_is_a_warning_with_its_file_and_line(tmp_path: Path) -> None:
    page, warnings = build(tmp_path, "# A\n\nFine.\n\nBad $\\nope{x}$ here.\n\n$$\n\\frac{a\n$$\n")
    lines = [line for line in warnings.splitlines() if line.strip()]
    assert len(lines) == 2
    assert re.search(r"index\.md:5: .*the formula `\\nope\{x\}` cannot be rendered: Undefined", lines[0])
    assert re.search(r"index\.md:\d+: .*the formula `\\frac\{a` cannot be rendered", lines[1])
    assert "[seqdocs.maths]" in warnings
    assert r"<code>\nope{x}</code>" in page
