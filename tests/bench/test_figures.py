"""Figures say what they show, carry the machine, and work on light and dark pages."""

from __future__ import annotations

from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from seqdocs.bench import figures
from seqdocs.bench.run import Run

RECORD = {
    "example": "one/plot_toy",
    "experiment": "timing",
    "machine": {"label": "Toy, 2 threads"},
    "versions": {"torch": "2.13.0+cpu"},
    "created": "2026-01-02T03:04:05+00:00",
    "slug": "cpu-toy",
    "device": "cpu",
    "threads": [],
}


@pytest.fixture(autouse=True)
def _clean():
    mpl.use("agg")
    yield
    plt.close("all")
    plt.rcdefaults()


def contrast(one, other):
    def luminance(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("concept", figures.COLOURS)
@pytest.mark.parametrize("page", ["#ffffff", "#131416"])
def test_every_colour_shows_on_light_and_dark_pages(concept, page):
    assert contrast(figures.COLOURS[concept], page) >= 3


def test_a_figure_keeps_its_words_and_the_machine():
    fig, axes = figures.figure(alt="A line\n  that rises.", caption="Time.", run=Run(RECORD))
    assert isinstance(axes, Axes)
    assert fig.seqdocs_alt == "A line that rises."
    assert fig.seqdocs_caption == "Time. Toy, 2 threads · torch 2.13.0 · measured 2026-01-02."
    assert "Toy, 2 threads" in fig.get_supxlabel()


def test_machines_of_several_runs_are_named_once_each():
    gpu = Run(RECORD | {"machine": {"label": "Toy GPU"}})
    fig, _ = figures.figure(alt="A.", run=(Run(RECORD), gpu, Run(RECORD)))
    assert fig.seqdocs_caption.count("Toy, 2 threads") == fig.seqdocs_caption.count("Toy GPU") == 1


def test_a_figure_says_of_which_devices_and_experiments_it_is():
    gpu = Run(RECORD | {"slug": "cuda-toy"})
    fig, _ = figures.figure(alt="A.", run=(Run(RECORD), gpu))
    assert fig.seqdocs_devices == ["cpu-toy", "cuda-toy"]
    assert fig.seqdocs_experiments == ["one/plot_toy:timing"]
    assert figures.figure(alt="A.")[0].seqdocs_devices == []


def test_a_caption_says_what_to_hold_against_the_timings():
    noisy = Run(RECORD | {"notes": ["only 3 rounds"]})
    fig, _ = figures.figure(alt="A.", run=(Run(RECORD), noisy, noisy))
    assert fig.seqdocs_caption.endswith("2026-01-02. Doubts: only 3 rounds.")


def test_in_the_site_build_the_caption_is_left_to_the_page(monkeypatch):
    monkeypatch.setenv("SEQDOCS_SHOWN", "somewhere")
    fig, _ = figures.figure(alt="A.", caption="Time.")
    assert fig.get_supxlabel() == ""
    assert fig.seqdocs_caption == "Time."


def test_axes_come_in_reading_order():
    _, (left, right) = figures.figure(alt="A.", columns=2)
    assert left.get_position().x0 < right.get_position().x0
    _, four = figures.figure(alt="A.", rows=2, columns=2)
    assert len(four) == 4


def test_a_figure_without_words_is_refused():
    with pytest.raises(ValueError, match="`alt` is empty; say in a sentence what the figure shows"):
        figures.figure(alt=" ")


def test_the_same_figure_is_the_same_bytes(tmp_path):
    texts = []
    for number in range(2):
        fig, axes = figures.figure(alt="A.", caption="Time.", run=Run(RECORD))
        axes.plot([1, 2, 3], label="rnn")
        axes.legend()
        path = tmp_path / f"{number}.svg"
        fig.savefig(path, metadata={"Date": None})
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]


def test_a_logarithmic_axis_names_the_sizes_that_were_measured_alone():
    _, axes = figures.figure(alt="A.")
    axes.plot([3, 24, 160], [1, 2, 3])
    figures.log_sizes(axes, [3, 24, 160])
    axes.figure.canvas.draw()
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3", "24", "160"]
    assert len(axes.xaxis.get_minorticklocs()) == 0


def test_labels_stand_at_the_ends_of_lines_and_never_touch():
    _, axes = figures.figure(alt="A.")
    for name, end in (("a", 1.0), ("b", 1.001), ("c", 1.002), ("d", 9.0)):
        axes.plot([0, 1], [0, end], label=name)
    axes.plot([0, 1], [0, 5])
    figures.label_lines(axes)
    axes.figure.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c", "d"]
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(boxes))


def test_without_a_display_the_words_are_printed(capsys, monkeypatch):
    figures.figure(alt="A line that rises.")
    figures.show()
    assert "A line that rises." in capsys.readouterr().err
    monkeypatch.setenv("SEQDOCS_SHOWN", "somewhere")
    figures.show()
    assert capsys.readouterr().err == ""
