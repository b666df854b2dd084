"""Every link inside the built site leads somewhere; checked in the files, without a browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
LOADING_RELATIONS = {"stylesheet", "icon", "apple-touch-icon", "preload", "prefetch", "modulepreload"}


@dataclass
class Page(HTMLParser):
    """What one file links to, loads, and can be linked at."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    inline_scripts: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.ids |= {has["id"]} if has.get("id") else set()
        self.links += [has[name] for name in ("href", "src") if has.get(name)]
        self.inline_scripts += tag == "script" and "src" not in has and "json" not in has.get("type", "")
        self.inline_scripts += sum(name.startswith("on") for name in has)
        address = has.get(LOADING.get(tag, ""), "")
        if address and (tag != "link" or LOADING_RELATIONS & set(has.get("rel", "").split())):
            self.loads.append(address)


def read(text: str) -> Page:
    """Read a page."""
    page = Page()
    page.feed(text)
    return page


def read_site(root: Path) -> dict[Path, Page]:
    """Read all pages but those that come with static files."""
    files = [path for path in sorted(root.rglob("*.html")) if "_static" not in path.relative_to(root).parts]
    return {path: read(path.read_text("utf8")) for path in files}


def dangling(root: Path, pages: dict[Path, Page]) -> list[str]:
    """Links inside the site that lead to no file, out of the site, or to no anchor of a page."""
    faults = []
    for path, page in pages.items():
        for link in sorted(set(page.links)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            where = f"{path.relative_to(root)}: {link}"
            if not target.is_relative_to(root) or not target.exists():
                faults.append(f"{where} leads nowhere")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                faults.append(f"{where} has no such anchor")
    return faults


@pytest.fixture(scope="module")
def built(site: Path) -> dict[Path, Page]:
    """All pages, read once."""
    return read_site(site.resolve())


def test_every_link_and_anchor_inside_the_site_resolves(site: Path, built: dict[Path, Page]) -> None:
    assert len(built) > 10
    assert dangling(site.resolve(), built) == []


def test_no_page_loads_anything_from_another_host(built: dict[Path, Page]) -> None:
    assert [load for page in built.values() for load in page.loads if urlsplit(load).netloc] == []


def test_no_page_has_an_inline_script(site: Path, built: dict[Path, Page]) -> None:
    found = [path.relative_to(site.resolve()) for path, page in built.items() if page.inline_scripts]
    assert found == []


def test_the_checker_sees_what_is_broken(tmp_path: Path) -> None:
    tmp_path.joinpath("a.html").write_text(
        '<a href="b.html">fine</a><a href="b.html#here">fine</a><a href="#top" id="top">fine</a>'
        '<a href="c.html">gone</a><a href="b.html#there">no anchor</a><a href="../x.html">out</a>'
        '<a href="https://example.org/">outside</a><p onclick="go()"></p><script>go()</script>'
        '<script src="https://example.org/x.js"></script><script type="application/ld+json">{}</script>'
    )
    tmp_path.joinpath("b.html").write_text('<p id="here">')
    pages = read_site(tmp_path)
    assert dangling(tmp_path, pages) == [
        "a.html: ../x.html leads nowhere",
        "a.html: b.html#there has no such anchor",
        "a.html: c.html leads nowhere",
    ]
    page = pages[tmp_path / "a.html"]
    assert page.inline_scripts == 2
    assert page.loads == ["https://example.org/x.js"]
