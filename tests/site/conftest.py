"""The built site in a real browser; where there is no site or no browser, every test skips and says why."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ.get("SEQDOCS_SITE", ROOT / "docs" / "_build" / "html")).resolve()
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SUB_PATH = "/docs/latest"
PATIENCE = 10_000  # ms


def absent(reason: str) -> None:
    """Skip with a reason; where SEQDOCS_REQUIRE_ALL is set (CI built the site) fail instead."""
    if os.environ.get("SEQDOCS_REQUIRE_ALL"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def site() -> Path:
    """Folder of the built site."""
    if not SITE.joinpath("build.json").is_file():
        absent("there is no built site; run `nox -s docs` first")
    return SITE


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, for all tests of a session."""
    try:
        from playwright import sync_api as api
    except ImportError:
        absent("playwright is not installed")
    path = os.environ.get("SEQDOCS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        absent("there is no Chromium; install one or point SEQDOCS_CHROMIUM at it")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the folder at the root and below a sub-path, silently."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix(SUB_PATH))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """Address of the site on this machine, without a slash at its end."""
    handler = functools.partial(Handler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@dataclass
class Visit:
    """A page, and what went wrong on it so far."""

    page: Any
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def watch(self, host: str) -> None:
        """Note errors of the console and requests to other hosts."""
        self.page.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.note(request.url, host))

    def note(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "file") and parts.netloc != host:
            self.outside.append(url)


@pytest.fixture
def visit(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Open a path of the site, or a whole address, in a fresh context; options are the context's."""
    contexts = []

    def go(path: str, **options: Any) -> Visit:
        address = path if "://" in path else f"{request.getfixturevalue('server')}/{path}"
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        made = Visit(context.new_page())
        made.watch(urlsplit(address).netloc)
        made.page.goto(address)
        return made

    yield go
    for context in contexts:
        context.close()


PAGES = {
    "home": "index.html",
    "entry": "glossary/vanishing-gradient.html",
    "example": "gallery/recurrence/plot_vanishing_gradient.html",
    "gallery": "gallery/index.html",
    "glossary": "glossary.html",
    "ledger": "claims.html",
    "api": "reference/api/seqdocs.scan.html",
    "search": "search.html?q=recurrence",
}


@pytest.fixture
def pages() -> dict[str, str]:
    """One page of each kind."""
    return PAGES
