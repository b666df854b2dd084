"""Each page holds the cards of the entries it links to."""

from __future__ import annotations

from bs4 import BeautifulSoup

from tests.sphinxext.conftest import Site


def test_a_page_has_the_cards_of_what_it_links_to(built: Site) -> None:
    cards = {
        card["data-card"]: BeautifulSoup(card.decode_contents(), "html.parser")  # a template hides its text
        for card in built.html("guide/page.html").find_all("template")
    }
    assert set(cards) == {"../glossary/alpha.html", "../glossary/beta.html"}
    beta = cards["../glossary/beta.html"]
    assert beta.find(class_="card-term").text == "Beta"
    assert beta.find(class_="card-area").text == "Foundations"
    assert beta.find(class_="card-summary").text == "Beta follows alpha."


def test_maths_in_a_card_is_drawn(built: Site) -> None:
    card = built.html("guide/page.html").find("template", attrs={"data-card": "../glossary/alpha.html"})
    assert card.find("math") is not None
    assert "$" not in card.text


def test_an_entry_has_no_card_of_itself(built: Site) -> None:
    cards = [card["data-card"] for card in built.html("glossary/alpha.html").find_all("template")]
    assert "beta.html" in cards
    assert not [uri for uri in cards if uri in {"", "alpha.html", "#"}]


def test_every_page_with_cards_loads_the_script_from_here(built: Site) -> None:
    page = built.html("index.html")
    sources = [script["src"] for script in page.find_all("script", src=True)]
    assert any(source.startswith("_static/cards.js") for source in sources)
    assert (built.root / "build/html/_static/cards.js").is_file()
    assert not [source for source in sources if source.startswith(("http", "//"))]
