"""The instrument over a record: what it embeds, when it is drawn again, what it says of faults."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from seqdocs.bench.run import ResultPathError, Run
from seqdocs.sphinxext.widgets import data_block, fade_data, parse_curves
from tests.sphinxext.conftest import Site, record

DIRECTIVE = """
:::{seq-fade} one/plot_alpha:timing
:curves: rnn = tanh RNN; gru = GRU
:start: 1

Read it without script.
:::
"""


def fading(rate: float = 0.3, key: str = "k") -> dict[str, Any]:
    """A record with curves."""
    made = record()
    curves = {"rnn": [rate**k for k in range(4)], "gru": [1.0, 0.9, 0.81, math.pi / 4]}
    made["result"] |= {"lags": [0, 1, 2, 3], "curves": curves}
    return made | {"key": key}


@pytest.fixture
def page(quick: Site) -> Site:
    """A tiny site with an instrument on one page."""
    conf = quick.root / "docs" / "conf.py"
    conf.write_text(conf.read_text("utf8") + '\nextensions += ["seqdocs.sphinxext.widgets"]\n', "utf8")
    file = quick.root / "docs" / "guide" / "page.md"
    file.write_text(file.read_text("utf8") + DIRECTIVE, "utf8")
    quick.edit("docs/conf.py", "myst_enable_extensions = [", 'myst_enable_extensions = ["colon_fence", ')
    quick.shown(fading())
    return quick


def embedded(site: Site) -> dict[str, Any]:
    """The data in the page."""
    data: dict[str, Any] = json.loads(site.html("guide/page.html").find("seq-fade").find("script").string)
    return data


def test_the_page_carries_the_numbers_and_where_they_come_from(page: Site) -> None:
    assert page.build() == ""
    data = embedded(page)
    assert data["lags"] == [0, 1, 2, 3]
    assert data["curves"] == {"tanh RNN": [1.0, 0.3, 0.09, 0.027], "GRU": [1.0, 0.9, 0.81, 0.785398]}
    assert data["caption"] == Run(fading()).caption
    element = page.html("guide/page.html").find("seq-fade")
    assert element["start"] == "1" and "Read it without script." in element.text


def test_only_a_page_with_an_instrument_loads_its_script(page: Site) -> None:
    page.build()
    assert "fade.js" in page.text("guide/page.html")
    assert "fade.js" not in page.text("glossary/alpha.html")
    assert (page.root / "build/html/_static/fade.js").is_file()


def test_a_new_record_draws_the_page_again(page: Site) -> None:
    page.build()
    page.shown(fading(rate=0.5, key="other"))
    pages, _ = page.redrawn()
    assert "guide/page.html" in pages
    assert embedded(page)["curves"]["tanh RNN"][1] == 0.5


def test_a_missing_curve_is_a_warning_and_the_page_still_reads(page: Site) -> None:
    page.edit("docs/guide/page.md", "gru = GRU", "lstm = LSTM")
    said = page.build()
    assert "has no `lstm`; it has rnn, gru" in said and "page.md" in said
    assert page.html("guide/page.html").find("seq-fade").text.strip() == "Read it without script."


def test_curves_must_be_named() -> None:
    for text in ("", "rnn", "rnn =", "= RNN; gru = GRU"):
        with pytest.raises(ValueError, match="must read `key = name; key = name`"):
            parse_curves(text)


def test_a_curve_needs_a_number_for_every_lag() -> None:
    made = fading()
    made["result"]["curves"]["rnn"].pop()
    with pytest.raises(ValueError, match="has 3 numbers but there are 4 lags"):
        fade_data(Run(made), {"rnn": "RNN"})
    with pytest.raises(ResultPathError, match="has no `lstm`"):
        fade_data(Run(made), {"lstm": "LSTM"})


def test_data_cannot_end_its_element() -> None:
    block = data_block({"a": "</script><!--"}, "cpu-toy")
    assert block.count("</script>") == 1
    start = '<script type="application/json" data-device="cpu-toy">'
    assert json.loads(block.removeprefix(start).removesuffix("</script>"))
