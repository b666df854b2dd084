"""The switch between devices, on a tiny site whose records name devices that do not exist."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.conftest import Handler
from tests.site.test_accessibility import VIEWS, faults
from tests.site.test_pages import PHONE, TOO_WIDE
from tests.sphinxext.devices_site import CPU, GPU, OTHER, make

Open = Callable[..., Any]

ENTRY, EXAMPLE, INSTRUMENT = "glossary/alpha.html", "gallery/one/plot_alpha.html", "guide/page.html"
SINGLE = "guide/single.html"
BLOCKED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'x'); } })"
SHOWN = "all => all.filter((one) => one.checkVisibility()).map((one) => one.dataset.device)"
# Every element of a device, as it is styled at the moment in which the browser learns of it.
WATCH = """window.seen = [];
new MutationObserver((records) => {
  for (const one of records.flatMap((record) => [...record.addedNodes]))
    if (one.dataset?.device && getComputedStyle(one).display !== "none") seen.push(one.dataset.device);
}).observe(document, { childList: true, subtree: true });"""


@pytest.fixture(scope="module")
def folder(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site of three devices; the instrument lacks the third."""
    with pytest.MonkeyPatch.context() as patch:
        made = make(tmp_path_factory.mktemp("devices"), (CPU, GPU, OTHER))
        patch.setenv("SEQDOCS_SHOWN", str(made.root / "shown.json"))
        said = made.build()
        made.close()
        assert said == ""
    return made.root / "build/html"


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where the site is served, with a slash at its end."""
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def choose(page: Any, name: str) -> None:
    """Choose a device by its name."""
    page.locator(".device-switch").get_by_label(name).check()


def chosen(page: Any) -> str:
    """The device that is chosen."""
    return str(page.locator(".device-switch input:checked").input_value())


def shown(page: Any) -> set[str]:
    """The devices of all elements that the page shows."""
    return set(page.locator("article [data-device]:not(script)").evaluate_all(SHOWN))


def sentence(page: Any) -> str:
    """The paragraph with the numbers, as one sees it."""
    return str(page.locator("article p:has(.by-device)").first.inner_text()).replace("\u00a0", " ")


def test_a_page_begins_with_the_first_device(visit: Open, address: str) -> None:
    seen = visit(address + ENTRY)
    assert chosen(seen.page) == CPU
    assert shown(seen.page) == {CPU}
    assert sentence(seen.page) == "A step takes 1.5 s, and once more 1.5 s; it needs 4.1 kB."
    assert (seen.errors, seen.outside) == ([], [])


def test_numbers_tables_figures_and_claims_change_together(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    choose(page, "Test GPU")
    assert shown(page) == {GPU}
    assert sentence(page) == "A step takes 500 ms, and once more 500 ms; it needs not measured."
    assert page.locator(".measured-table td:visible").all_inner_texts() == ["toy", "500\u00a0ms"]
    assert page.locator("figure img.only-light:visible").evaluate_all("all => all.map((one) => one.alt)") == [
        "A line up to 0.5.", "A bar for every device.",
    ]  # fmt: skip
    assert page.locator(".not-measured:visible").all_inner_texts() == [
        "not measured",
        "not measured on Test GPU",
    ]
    assert page.locator(".claim-evidence:visible").all_inner_texts()[0].startswith("Measured: it takes 0.5 s")


def test_the_gallery_page_changes_too(visit: Open, address: str) -> None:
    page = visit(address + EXAMPLE).page
    choose(page, "Other GPU")
    assert shown(page) == {OTHER}
    assert page.locator("figure:visible").count() == 4


def test_the_choice_is_remembered_on_other_pages(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    choose(page, "Other GPU")
    page.goto(address + EXAMPLE)
    assert (chosen(page), shown(page)) == (OTHER, {OTHER})
    page.reload()
    assert chosen(page) == OTHER


def test_a_page_without_the_chosen_device_shows_its_first_and_forgets_nothing(
    visit: Open, address: str
) -> None:
    page = visit(address + ENTRY).page
    choose(page, "Other GPU")
    page.goto(address + INSTRUMENT)
    assert chosen(page) == CPU
    page.goto(address + ENTRY)
    assert chosen(page) == OTHER


def test_going_back_shows_what_was_chosen_since(visit: Open, address: str) -> None:
    """The browser may keep a page as it was and show it again; headless it never does, so it is told to."""
    page = visit(address + ENTRY).page
    page.evaluate(f"localStorage.setItem('device', '{GPU}')")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false }))")
    assert shown(page) == {CPU}
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    assert (chosen(page), shown(page)) == (GPU, {GPU})


def test_the_keyboard_reaches_the_switch_and_changes_it(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.device-switch') !== null"):
            break
    label = page.locator(".device-switch label:has(:focus-visible)")
    assert label.evaluate("label => getComputedStyle(label).outlineStyle") == "solid"
    page.keyboard.press("ArrowRight")
    assert (chosen(page), shown(page)) == (OTHER, {OTHER})


def test_a_change_is_announced_and_the_first_page_is_not(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    said = page.locator(".device-switch [role=status]")
    assert said.text_content() == ""
    choose(page, "Test GPU")
    assert said.text_content() == "Numbers, tables and figures are now those of Test GPU."


def test_without_script_everything_is_shown_and_named(visit: Open, address: str) -> None:
    seen = visit(address + ENTRY, java_script_enabled=False)
    assert seen.page.locator(".device-switch").count() == 0
    assert seen.page.locator(".on-device:visible").count() == 6
    assert sentence(seen.page).startswith(
        "A step takes 1.5 s on Test CPU, 500 ms on Test GPU, 200 ms on Other"
    )
    assert seen.page.locator("figure:visible").count() == 5
    assert seen.page.locator("table.measured-values:visible").count() == 2
    assert not seen.page.locator("[data-absent]").first.is_visible()


def test_where_storage_is_forbidden_the_switch_works_all_the_same(visit: Open, address: str) -> None:
    seen = visit(address + SINGLE)
    seen.page.add_init_script(BLOCKED)
    seen.page.goto(address + ENTRY)
    assert chosen(seen.page) == CPU
    choose(seen.page, "Test GPU")
    assert shown(seen.page) == {GPU}
    assert [error for error in seen.errors if "device" in error] == []


def test_what_belongs_to_another_device_is_never_drawn(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    choose(page, "Test GPU")
    page.add_init_script(WATCH)
    page.reload()
    assert set(page.evaluate("seen")) == {GPU}


def test_the_watch_sees_a_script_that_comes_late(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    page.add_init_script(WATCH)
    page.route("**/devices.js", lambda route: route.abort())
    page.goto(address + ENTRY)
    assert set(page.evaluate("seen")) == {CPU, GPU, OTHER}


def test_a_page_of_one_device_has_no_switch_and_loads_no_script(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    choose(page, "Test GPU")
    page.goto(address + SINGLE)
    assert page.locator(".device-switch").count() == 0
    assert page.evaluate("[...document.scripts].filter((one) => one.src.includes('devices.js')).length") == 0
    assert page.locator(".measured").inner_text() == "4.1\u00a0kB"


def test_the_instrument_follows_and_keeps_its_place(visit: Open, address: str) -> None:
    page = visit(address + INSTRUMENT).page
    page.locator("seq-fade input").fill("3")
    choose(page, "Test GPU")
    assert page.locator("seq-fade output").inner_text() == "3"
    assert page.locator(".fade-value").get_attribute("data-value") == "0.125"
    assert "Test GPU" in page.locator(".fade figcaption").inner_text()


def test_a_phone_has_room_for_the_switch(visit: Open, address: str) -> None:
    page = visit(address + ENTRY, **PHONE).page
    assert page.locator(".device-switch").is_visible()
    choose(page, "Test GPU")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(TOO_WIDE) == []


def test_a_tap_on_a_number_says_where_it_comes_from(visit: Open, address: str) -> None:
    page = visit(address + ENTRY, **PHONE, has_touch=True, is_mobile=True).page
    choose(page, "Test GPU")
    number = page.locator(".measured:visible").first
    number.tap()
    assert "Test GPU" in number.evaluate("number => getComputedStyle(number, '::after').content")
    box = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert box[0] <= box[1]


def test_a_number_has_one_card(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    page.locator(".measured:visible").first.hover()
    page.wait_for_timeout(400)
    assert not page.locator("#term-card").is_visible()


def test_paper_has_the_notes_of_the_chosen_device(visit: Open, address: str) -> None:
    page = visit(address + ENTRY).page
    notes = page.locator(".measured-notes")
    assert not notes.is_visible()
    choose(page, "Test GPU")
    page.emulate_media(media="print")
    assert notes.is_visible()
    rows = page.locator(".measured-notes li:visible")
    assert rows.count() == 1
    assert "interval 400 to 600" in rows.inner_text() and "the code has changed since" in rows.inner_text()
    marks = page.locator(".measured:visible").evaluate_all(
        "all => all.map((one) => getComputedStyle(one, '::after').content)"
    )
    number = rows.get_attribute("value")
    assert marks == [f'"{number}"', f'"{number}"', "none"]
    assert page.locator(".device-switch label:visible").all_inner_texts() == ["Test GPU\nrecorded"]


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_serious_about_the_switch(view: str, visit: Open, address: str) -> None:
    page = visit(address + ENTRY, reduced_motion="reduce", **VIEWS[view]).page
    choose(page, "Test GPU")
    assert faults(page) == []


def test_the_switch_works_from_a_folder(visit: Open, folder: Path) -> None:
    seen = visit(folder.joinpath(ENTRY).as_uri())
    choose(seen.page, "Test GPU")
    assert shown(seen.page) == {GPU}
    assert (seen.errors, seen.outside) == ([], [])
