"""Draw the pictures of the brand again: ``python docs/brand/draw.py`` (needs Playwright and a Chromium).

They are committed, because a build of the site has no browser.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve().parent
BRAND = HERE.parent / "_static" / "brand"
ICONS = {"favicon-48.png": 48, "touch-icon.png": 180}


def draw_icon(page: Page, name: str, size: int) -> None:
    """Write the favicon as a square PNG."""
    page.set_viewport_size({"width": size, "height": size})
    page.goto(BRAND.joinpath("favicon.svg").as_uri())
    page.screenshot(path=BRAND / name, omit_background=True)


def main() -> None:
    """Write every picture."""
    browser_path = os.environ.get("SEQDOCS_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        page = browser.new_page(color_scheme="light")
        for name, size in ICONS.items():
            draw_icon(page, name, size)
        page.set_viewport_size({"width": 1200, "height": 630})
        page.goto(HERE.joinpath("card.html").as_uri())
        page.evaluate("document.fonts.ready")
        page.screenshot(path=BRAND / "social-card.png")
        browser.close()


if __name__ == "__main__":
    main()
