"""Every figure has an alternative text and two colour schemes, and the same figure gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx.util.docutils import new_document

from seqdocs.sphinxext.figures import check_cells
from seqdocs.sphinxext.gallery_figures import CONTRAST, GROUND, described, for_dark, luminance, save
from tests.sphinxext.conftest import Site

COLOURS = [  # on a light page; part on a dark page: grey stays grey
    ((0, 0, 0, 1), (0.87, 0.87, 0.87, 1)),
    ((1, 1, 1, 1), (0.09, 0.09, 0.09, 1)),
    ((1, 1, 1, 0), (0.09, 0.09, 0.09, 0)),
]


@pytest.mark.parametrize(("light", "dark"), COLOURS)
def test_greys_are_turned_over(light: tuple[float, ...], dark: tuple[float, ...]) -> None:
    assert for_dark(light) == pytest.approx(dark)


@pytest.mark.parametrize("colour", [(0, 0, 0.5, 1), (0.4, 0, 0, 1), (0.1, 0.3, 0.1, 1), (1, 0.8, 0, 1)])
def test_colours_show_on_a_dark_page(colour: tuple[float, float, float, float]) -> None:
    shown = luminance(*for_dark(colour)[:3])
    assert (shown + 0.05) / (luminance(GROUND, GROUND, GROUND) + 0.05) >= CONTRAST


def draw() -> object:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    mpl.rcdefaults()
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="$x$ (s)")
    axes.plot([1, 2], color="black", label="line")
    axes.scatter([0, 1], [1, 2], color="navy")
    axes.pcolormesh([[1, 2], [3, 4]], cmap="gray")
    axes.legend()
    return figure


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save(draw(), tmp_path / folder / "x.png")
    for name in ("x.png", "x_light.svg", "x_dark.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    light, dark = ((tmp_path / f"a/x_{scheme}.svg").read_text("utf8") for scheme in ("light", "dark"))
    assert "#dedede" in dark
    assert "#dedede" not in light
    assert "<dc:date>" not in light


@pytest.mark.parametrize("alt", [None, "", "  "])
def test_a_figure_without_alternative_text_is_an_error(alt: str | None) -> None:
    figure = draw()
    figure.seqdocs_alt = alt  # type: ignore[attr-defined]
    with pytest.raises(
        ExtensionError, match=r"figure 2 of plot_x\.py has no alternative text; set `fig\.seqdocs_alt`"
    ):
        described(figure, 2, "somewhere/plot_x.py")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("page", "caption"),
    [
        ("gallery/one/plot_alpha.html", "Time for"),
        ("glossary/gamma.html", "Time for"),
        ("gallery/one/plot_beta.html", ""),
    ],
)
def test_a_page_shows_both_schemes(built: Site, page: str, caption: str) -> None:
    figure = built.html(page).find("figure", class_="themed-figure")
    images = figure.find_all("img")
    assert [image["class"] for image in images] == [["only-light"], ["only-dark"]]
    assert len({image["alt"] for image in images}) == 1
    assert images[0]["alt"].endswith(".")
    for image in images:
        assert (built.root / "build/html" / page).parent.joinpath(image["src"]).is_file()
    said = figure.find("figcaption")
    assert (said.text.strip().startswith(caption) and "$" not in said.text) if caption else said is None


def test_a_figure_of_an_example_links_to_its_code(built: Site) -> None:
    figure = built.html("glossary/gamma.html").find("figure", class_="example-figure")
    assert figure.find("a", class_="figure-code")["href"] == "../gallery/one/plot_alpha.html"


@pytest.mark.parametrize(("alt", "count"), [("", 1), ("A line.", 0)])
def test_a_cells_figure_without_words_is_named(quick: Site, alt: str, count: int) -> None:
    quick.build()
    image = nodes.image("", uri="x.png", alt=alt) if alt else nodes.image("", uri="x.png")
    document = new_document("page.md")
    document += nodes.container("", image, classes=["cell_output"])
    document += nodes.image("", uri="beside.png")
    check_cells(quick.app, document)
    assert quick.app.warning.getvalue().count("a figure of a cell has no alternative text") == count


def test_a_figure_that_was_not_there_is_shown_when_it_is(site: Site) -> None:
    site.edit("glossary/gamma.md", "one/plot_alpha 1", "one/plot_alpha 2")
    assert "gallery/one/plot_alpha.py has no figure 2" in site.build()
    more = "runs = timing()\nplt.figure().seqdocs_alt = 'One.'\nplt.gcf().seqdocs_caption = 'Its caption.'\n"
    site.edit("gallery/one/plot_alpha.py", "runs = timing()\n", more)
    assert site.build() == ""
    assert site.html("glossary/gamma.html").find("figure").find("img")["alt"].startswith("A line that rises")


def test_a_figure_that_is_not_there_is_named(quick: Site) -> None:
    quick.edit("glossary/alpha.md", "Alpha comes", "```{example-figure} 7\n```\n\nAlpha comes")
    quick.edit("docs/guide/page.md", "A page", "```{example-figure} 1\n```\n\nA page")
    said = quick.build()
    assert "glossary/alpha.md:14: WARNING: gallery/one/plot_alpha.py has no figure 7" in said
    assert "guide/page.md:3: WARNING: an example's figure is named by its number, and by its example" in said
