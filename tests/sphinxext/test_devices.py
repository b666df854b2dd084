"""What belongs to one device says so, and a page of several has what the switch between them needs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag

from seqdocs.bench.shown import Shown
from seqdocs.sphinxext.figure_groups import Drawn, group_figures, read_figures
from seqdocs.sphinxext.records import devices_of, distinct
from tests.sphinxext.conftest import Site
from tests.sphinxext.devices_site import CPU, GPU, OTHER, make, put, timing

ENTRY, EXAMPLE, INSTRUMENT = "glossary/alpha.html", "gallery/one/plot_alpha.html", "guide/page.html"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of three devices, for the tests that only look at it."""
    with pytest.MonkeyPatch.context() as patch:
        site = make(tmp_path_factory.mktemp("devices"), (CPU, GPU, OTHER))
        put(site, [timing(CPU), timing(GPU, notes=["wanted ±2 %, reached ±4 %"]), timing(OTHER)])
        patch.setenv("SEQDOCS_SHOWN", str(site.root / "shown.json"))
        said = site.build()
        site.close()
        assert said == ""
        yield site


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lay out and build a site of some devices."""
    made: list[Site] = []

    def go(*slugs: str) -> Site:
        site = make(tmp_path / str(len(made)), slugs)
        made.append(site)
        monkeypatch.setenv("SEQDOCS_SHOWN", str(site.root / "shown.json"))
        assert site.build() == ""
        site.close()  # two applications of one process are in each other's way
        return site

    yield go
    for site in made:
        site.close()


def devices(parts: list[Tag]) -> list[Any]:
    """To which device each element belongs."""
    return [part.get("data-device") for part in parts]


def article(page: BeautifulSoup) -> Tag:
    """What stands in a page, without its frame."""
    found = page.find("article")
    assert isinstance(found, Tag)
    return found


def test_a_number_stands_once_per_device_and_reads_without_script(three: Site) -> None:
    number = three.html(ENTRY).find(class_="by-device")
    assert number.text == "1.5\u00a0s on Test CPU, 500\u00a0ms on Test GPU, 200\u00a0ms on Other GPU"
    assert devices(number.select(".measured")) == [CPU, GPU, OTHER]
    assert ["stale" in one["class"] for one in number.select(".measured")] == [False, True, False]


def test_a_number_says_its_interval_device_version_day_commit_and_doubts(three: Site) -> None:
    said = three.html(ENTRY).select(".by-device .measured")[1]["data-provenance"]
    assert said == (
        "interval 400 to 600\u00a0ms · Test GPU, 2 threads · torch 2.0 · measured 2026-01-02 · commit 0123456"
        " · the code has changed since · doubts: wanted ±2 %, reached ±4 %"
    )


def test_doubts_about_timings_are_not_held_against_a_count(three: Site) -> None:
    assert "doubt" not in three.html("guide/single.html").find(class_="measured")["data-provenance"]


def test_a_number_that_a_device_lacks_is_said_not_to_be_measured_there(three: Site) -> None:
    paragraph = article(three.html(ENTRY)).select_one(".by-device").parent
    absent = paragraph.select("[data-absent]")
    assert [one["data-absent"] for one in absent] == [OTHER, GPU]
    assert [one.text for one in absent] == ["not measured"] * 2
    assert absent[1]["title"] == "one/plot_alpha:memory.most was not measured on Test GPU"
    assert all(one.has_attr("hidden") for one in absent)


def test_a_table_belongs_to_its_device_with_what_speaks_against_it(three: Site) -> None:
    holder = three.html(ENTRY).find(class_="measured-table")
    parts = holder.find_all(class_="device-part", recursive=False)
    assert devices(parts) == [CPU, GPU]
    assert parts[0].find(class_="measurement-notes") is None
    assert parts[1].find(class_="measurement-notes").text == "Doubts: wanted ±2 %, reached ±4 %."


def test_a_record_of_older_code_may_lack_what_the_first_device_has(three: Site) -> None:
    holder = three.html(ENTRY).find(class_="measured-table")
    absent = holder.find_all("p", class_="not-measured")
    assert [(one["data-absent"], one.text) for one in absent] == [(OTHER, "not measured on Other GPU")]


def test_figures_of_one_number_belong_to_their_devices(three: Site) -> None:
    figures = article(three.html(ENTRY)).select("figure.example-figure")
    assert devices(figures) == [CPU, GPU, OTHER, CPU, None]
    alts = [figure.find("img")["alt"] for figure in figures]
    assert alts == ["A line up to 1.5.", "A line up to 0.5.", "A line up to 0.25.", "A bar of height 4096.",
                    "A bar for every device."]  # fmt: skip
    missing = [(one["data-absent"], one.text) for one in figures[3].find_next_siblings("p")]
    assert missing == [(OTHER, "not measured on Other GPU"), (GPU, "not measured on Test GPU")]


def test_the_gallery_page_switches_the_same_figures(three: Site) -> None:
    page = article(three.html(EXAMPLE))
    assert devices(page.select("figure.themed-figure")) == [CPU, CPU, GPU, GPU, OTHER, OTHER, CPU, None, None]
    assert [one["data-absent"] for one in page.select("[data-absent]")] == [OTHER, GPU]
    assert page.select_one("script.device-switch-maker")["src"] == "../../_static/devices.js"


def test_the_evidence_of_a_claim_belongs_to_its_device(three: Site) -> None:
    found = three.html("glossary/beta.html").select(".claim p.claim-evidence")
    assert devices(found) == [CPU, GPU, OTHER]


def test_the_instrument_carries_what_each_device_measured(three: Site) -> None:
    blocks = three.html("guide/page.html").select("seq-fade script")
    assert devices(blocks) == [CPU, GPU]
    assert json.loads(blocks[1].string)["curves"]["RNN"] == [1.0, 0.5, 0.25, 0.125]


def test_below_its_title_a_page_names_its_devices_this_builds_first(three: Site) -> None:
    title = three.html(ENTRY).find("h1")
    maker = title.find_next_sibling("script")
    assert json.loads(maker["data-devices"]) == [
        {"slug": CPU, "name": "Test CPU", "here": True},
        {"slug": OTHER, "name": "Other GPU", "here": False},
        {"slug": GPU, "name": "Test GPU", "here": False},
    ]
    assert (three.root / "build/html/glossary" / maker["src"]).is_file()


def test_a_page_of_one_device_is_as_it_was(three: Site) -> None:
    page = three.html("guide/single.html")
    assert page.select("script.device-switch-maker, [data-absent], .by-device, .on-device") == []
    assert page.find(class_="measured").text == "4.1\u00a0kB"


def test_a_site_of_one_device_has_no_switch(draw: Any) -> None:
    site = draw(CPU)
    for page in (ENTRY, EXAMPLE, "glossary/beta.html", "guide/page.html"):
        assert site.html(page).select("script.device-switch-maker, [data-absent], .by-device") == []


def test_notes_say_where_numbers_come_from_each_origin_once(three: Site) -> None:
    page = three.html(ENTRY)
    rows = page.select(".measured-notes li")
    assert [(row["value"], row["data-device"]) for row in rows] == [
        ("1", CPU), ("2", CPU), ("3", OTHER), ("4", GPU),
    ]  # fmt: skip
    for number in page.select(".measured[data-note]"):
        assert rows[int(number["data-note"]) - 1].text == number["data-provenance"]
    assert [number["data-note"] for number in page.select(f".measured[data-device={GPU}]")] == ["4", "4"]


def test_the_search_does_not_find_pages_by_where_their_numbers_come_from(three: Site) -> None:
    assert '"alpha"' in three.text("searchindex.js")
    assert '"interval"' not in three.text("searchindex.js")


def test_a_second_device_changes_no_number_of_a_figure_and_leaves_no_trace(draw: Any) -> None:
    """Adding a record and taking it away again ends with the pages of a build from nothing."""
    site, both = draw(CPU), draw(CPU, GPU)
    one = pages(site)
    assert "A bar of height 4096." in one[ENTRY]  # figure 3
    put(site, [timing(CPU), timing(GPU)])
    assert build_of(site) == pages(both)
    put(site, [timing(CPU)])
    assert build_of(site) == one


def build_of(site: Site) -> dict[str, str]:
    """Build again with the site's own records."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQDOCS_SHOWN", str(site.root / "shown.json"))
        assert site.build() == ""
    site.close()
    return pages(site)


def pages(site: Site) -> dict[str, str]:
    """The text of every page and figure, by path; an address in memory is none."""
    out = site.root / "build/html"
    found = [path for kind in ("*.html", "*.svg") for path in out.rglob(kind) if "_static" not in path.parts]
    return {
        path.relative_to(out).as_posix(): path.read_text("utf8").split("object at 0x")[0] for path in found
    }


def test_a_second_gpu_of_the_same_chip_renames_the_first_on_every_page(draw: Any) -> None:
    site = draw(CPU, GPU)
    twin = timing(GPU, example="two/plot_gamma", experiment="other") | {"slug": "cuda-twin"}
    twin["machine"] = twin["machine"] | {"label": "Test GPU, twin"}
    runs = [{"stale": False, "record": twin}]
    elsewhere = {"two/plot_gamma:other": {"doc": "", "line": 1, "missing": [], "runs": runs}}
    put(site, [timing(CPU), timing(GPU)], elsewhere)
    pages, said = site.redrawn()
    assert said == ""
    # by evidence alone, by figures alone, by an instrument alone, by all
    assert {"glossary/beta.html", EXAMPLE, INSTRUMENT, ENTRY} <= pages
    assert '"Test GPU, 2 threads"' in str(site.html(EXAMPLE).find("script", "device-switch-maker"))


def drawn(number: int, block: int, *devices: str, experiments: tuple[str, ...] = ("x",)) -> Drawn:
    """A figure."""
    return Drawn(str(number), {"block": block, "devices": list(devices), "experiments": list(experiments)})


GROUPS = [  # figures as they were drawn; their numbers, one group after the other
    ([drawn(1, 1, "a"), drawn(2, 1, "a"), drawn(3, 1, "b"), drawn(4, 1, "b")], ["1 3", "2 4"]),
    ([drawn(1, 1, "a"), drawn(2, 1, "b"), drawn(3, 3, "b")], ["1 2", "3"]),
    ([drawn(1, 1, "a"), drawn(2, 1, "b"), drawn(3, 3, "b"), drawn(4, 4, "a")], ["1 2", "4", "3"]),
    ([drawn(1, 1, "a"), drawn(2, 1, "b", experiments=("y",))], ["1", "2"]),
    ([drawn(1, 1, "a", "b"), drawn(2, 1, "a"), drawn(3, 1), drawn(4, 1, "b")], ["1", "2 4", "3"]),
    ([drawn(1, 1), drawn(2, 1)], ["1", "2"]),
    ([], []),
]


@pytest.mark.parametrize(("figures", "numbers"), GROUPS, ids=range(len(GROUPS)))
def test_figures_that_differ_in_the_device_alone_share_a_number(
    figures: list[Drawn], numbers: list[str]
) -> None:
    assert [" ".join(one.place for one in group) for group in group_figures(figures)] == numbers


def test_devices_of_this_build_come_first_then_cpus() -> None:
    runs = [{"record": timing(CPU), "stale": False}, {"record": timing(OTHER), "stale": False},
            {"record": timing(GPU), "stale": False, "here": True}]  # fmt: skip
    found = devices_of(Shown({"one/plot_x:timing": {"runs": runs}}))
    assert [(device.slug, device.here) for device in found] == [(GPU, True), (CPU, False), (OTHER, False)]


def test_devices_of_one_chip_are_told_apart_by_threads_and_else_by_slug() -> None:
    names = {
        "a": ["C", "C, 2"],
        "b": ["C", "C, 4"],
        "c": ["G", "G", "c"],
        "d": ["G", "G", "d"],
        "e": ["H", "H"],
    }
    assert distinct(names) == {"a": "C, 2", "b": "C, 4", "c": "c", "d": "d", "e": "H"}


def test_leftovers_of_an_example_with_a_longer_name_are_not_its_figures(tmp_path: Path) -> None:
    folder = tmp_path / "gallery/one/images"
    folder.mkdir(parents=True)
    for name in ("plot_x_001", "plot_x_002_001", "plot_xy_001"):
        (folder / f"sphx_glr_{name}_figure.json").write_text("{}", "utf8")
    assert [one.place for one in read_figures(tmp_path, "one/plot_x")] == [
        "gallery/one/images/sphx_glr_plot_x_001"
    ]
    shutil.rmtree(folder)
    assert read_figures(tmp_path, "one/plot_x") == []
