"""Formulas rendered while the site is built: KaTeX runs inside Python, so no page carries a maths script.

The script is the one inside the wheel of ``sphinxcontrib-katex``; its style sheet and fonts, of the same
version, lie in ``docs/_static/katex``. Each formula becomes HTML for the eye and MathML for screen readers.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.errors import ConfigError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

RENDERER = "seqdocs"

# House notation, on top of what KaTeX knows (\R, \N, \Pr and the rest of LaTeX's operators).
MACROS = {
    r"\E": r"\operatorname{E}",
    r"\Var": r"\operatorname{Var}",
    r"\Cov": r"\operatorname{Cov}",
    r"\diag": r"\operatorname{diag}",
    r"\softmax": r"\operatorname{softmax}",
    r"\relu": r"\operatorname{relu}",
    r"\sigmoid": r"\operatorname{sigmoid}",
    r"\norm": r"\lVert #1 \rVert",
    r"\abs": r"\lvert #1 \rvert",
    r"\T": r"^{\mathsf{T}}",
}

# KaTeX numbers these with a counter of its style sheet. Sphinx owns the numbers, so take the starred form.
_NUMBERED = re.compile(r"\\(begin|end)\{(equation|align|gather|alignat)\}")

# quickjs has no console, hence `strict: error` instead of KaTeX's default, a warning there.
_WRAPPER = """(tex, display, macros) => {
  try {
    const options = { displayMode: display, output: "htmlAndMathml", strict: "error" };
    return JSON.stringify({ html: katex.renderToString(tex, { ...options, macros: JSON.parse(macros) }) });
  } catch (error) { return JSON.stringify({error: error.rawMessage || error.message}); }
}"""


class FormulaError(ValueError):
    """KaTeX cannot read a formula; the message says why."""


def katex_script() -> Path:
    """Path of ``katex.min.js`` inside the installed ``sphinxcontrib-katex``."""
    spec = find_spec("sphinxcontrib.katex")
    path = Path(spec.origin).with_name("katex.min.js") if spec and spec.origin else Path("katex.min.js")
    if not path.is_file():
        raise ConfigError("maths needs the package `sphinxcontrib-katex`, which ships katex.min.js")
    return path


@lru_cache(maxsize=1)
def _engine() -> Any:
    import quickjs

    context = quickjs.Context()
    context.eval(katex_script().read_text("utf8"))
    return context.eval(_WRAPPER)


def katex_version() -> str:
    """Version of the KaTeX that renders; the vendored style sheet must be of the same one."""
    found = re.search(r'version:"([\d.]+)"', katex_script().read_text("utf8"))
    return found[1] if found else "unknown"


@lru_cache(maxsize=4096)
def render(tex: str, display: bool = False) -> str:
    r"""Render a formula.

    Args:
        tex: LaTeX, without dollar signs.
        display: as a block of its own rather than inside a line.

    Returns:
        HTML, the same for the same input.

    Raises:
        FormulaError: if KaTeX cannot parse it.

    >>> "<math" in render("h_t = a h_{t-1}")
    True
    """
    answer = json.loads(_engine()(tex, display, json.dumps(MACROS)))
    if "error" in answer:
        raise FormulaError(re.sub(r"^KaTeX parse error: ", "", answer["error"]))
    return str(answer["html"])


def block(tex: str, *, nowrap: bool = False) -> str:
    r"""LaTeX of a whole displayed block: lines aligned at ``&``, paragraphs stacked.

    >>> block(r"a &= b \\ c &= d")
    '\\begin{aligned}a &= b \\\\ c &= d\\end{aligned}'
    """
    tex = _NUMBERED.sub(r"\\\1{\2*}", tex.strip())
    if nowrap:
        return tex
    parts = [part.strip() for part in tex.split("\n\n") if part.strip()]
    parts = [
        rf"\begin{{aligned}}{part}\end{{aligned}}" if r"\\" in part and r"\begin{" not in part else part
        for part in parts
    ]
    return parts[0] if len(parts) == 1 else r"\begin{gathered}" + r" \\ ".join(parts) + r"\end{gathered}"


def _html(translator: HTML5Translator, node: nodes.Element, tex: str, display: bool) -> str:
    try:
        return render(tex, display)
    except FormulaError as error:
        where = node
        while where.line is None and where.parent is not None:  # a role's node carries no line of its own
            where = where.parent
        logger.warning(
            "the formula `%s` cannot be rendered: %s",
            " ".join(tex.split()), error, location=where, type="seqdocs", subtype="maths",
        )  # fmt: skip
        return f"<code>{translator.encode(tex)}</code>"


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula inside a line."""
    html = _html(translator, node, node.astext().strip(), display=False)
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    translator.body.append(f"{html}</span>")
    raise nodes.SkipNode


def visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula with its number and the link to it."""
    nowrap = bool(node.get("no-wrap", node.get("nowrap", False)))
    html = _html(translator, node, block(node.astext(), nowrap=nowrap), display=True)
    # furo wraps the block in a container that has already taken its id, and an id may be there once only
    taken = isinstance(node.parent, nodes.container) and node.parent["ids"] == node["ids"]
    anchor = {} if taken else {"ids": node["ids"]}
    classes = "math notranslate nohighlight"
    translator.body.append(translator.starttag(nodes.Element(), "div", "", CLASS=classes, **anchor))
    if node.get("number"):
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(f"{html}</div>\n")
    raise nodes.SkipNode


def _link_styles(app: Sphinx) -> None:
    if getattr(app.builder, "math_renderer_name", None) == RENDERER:
        app.add_css_file("katex/katex.min.css", priority=300)


def setup_maths(app: Sphinx) -> None:
    """Offer the renderer; ``html_math_renderer = "seqdocs"`` in conf.py chooses it."""
    app.add_html_math_renderer(RENDERER, (visit_math, None), (visit_math_block, None))
    app.connect("builder-inited", _link_styles)


def setup(app: Sphinx) -> dict[str, Any]:
    """Be an extension of its own, for sites without the rest."""
    setup_maths(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
