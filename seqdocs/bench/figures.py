"""Figures in the house style, each with the words for who cannot see it and the machine it was measured on.

The only module of this room that needs matplotlib (``pip install seqdocs[figures]``).
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.rcsetup import cycler

from seqdocs.bench.origin import doubts, origin
from seqdocs.bench.run import Run
from seqdocs.bench.show import spell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# After Okabe and Ito, whose palette survives colour blindness; orange, sky blue and purple are darkened until
# they have a contrast of 3 on white, and all have it on a dark page too.
VERMILION, BLUE, GREEN, PURPLE = "#D55E00", "#0072B2", "#009E73", "#C56A9B"
ORANGE, SKY, GREY = "#B87F00", "#3A93C9", "#767676"

COLOURS = {
    "rnn": VERMILION,
    "lstm": BLUE,
    "gru": GREEN,
    "attention": PURPLE,
    "transformer": PURPLE,
    "linear": ORANGE,
    "feedforward": SKY,
    "measured": BLUE,
    "recursion": VERMILION,
    "theory": GREY,
    "baseline": GREY,
    "loop": VERMILION,
    "scan": GREEN,
}
"""One colour per concept, the same in every figure; two that may meet in one figure differ."""

STYLE: dict[str, Any] = {
    "axes.prop_cycle": cycler(color=[BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY]),
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "font.size": 10,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "seqdocs",  # names inside of an SVG depend on its content alone
    "svg.fonttype": "path",
}
WIDTH, HEIGHT = 7.0, 3.6  # inches of a figure; a row more adds its height


def figure(
    alt: str,
    caption: str = "",
    *,
    run: Run | Sequence[Run] | None = None,
    rows: int = 1,
    columns: int = 1,
    height: float | None = None,
    **options: Any,
) -> tuple[Figure, Any]:
    """Return a new figure and its axes.

    Args:
        alt: what the figure shows, in a sentence or two with the numbers that matter, for who cannot see it.
        caption: the line under it; where ``run`` comes from is appended.
        run: what was drawn, one run or several. The site switches between figures of one device each that
            differ in the device alone; one of several devices is always shown.
        rows: of axes.
        columns: of axes.
        height: inches; by default as the rows need.
        options: of ``matplotlib.pyplot.subplots``, such as ``sharey=True``.

    Returns:
        the figure, which keeps both texts as ``seqdocs_alt`` and ``seqdocs_caption``, and what it shows as
        ``seqdocs_devices`` and ``seqdocs_experiments``; and its axes: one, or a list in reading order.
        Outside of the site build the caption also stands under the figure.

    Raises:
        ValueError: if ``alt`` is empty.
    """
    if not alt.strip():
        raise ValueError("`alt` is empty; say in a sentence what the figure shows")
    plt.rcParams.update(cast(Any, STYLE))
    size = WIDTH, height or HEIGHT + 2.8 * (rows - 1)
    fig, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
    runs = [run] if isinstance(run, Run) else list(run or ())
    said = [origin(one) for one in runs] + [f"Doubts: {doubts(one)}" for one in runs if doubts(one)]
    words = " ".join([caption.strip(), *(f"{one}." for one in dict.fromkeys(said))]).strip()
    texts: Any = fig
    texts.seqdocs_devices = list(dict.fromkeys(one.record["slug"] for one in runs))
    texts.seqdocs_experiments = list(dict.fromkeys(one.name for one in runs))
    texts.seqdocs_alt = spell(" ".join(alt.split()))
    texts.seqdocs_caption = words
    if words and not os.environ.get("SEQDOCS_SHOWN"):
        fig.supxlabel(textwrap.fill(words, 100), fontsize=7.5, color=GREY)
    axes = list(grid.flat)
    return fig, axes[0] if len(axes) == 1 else axes


def log_sizes(axes: Axes, sizes: Sequence[float]) -> None:
    """Make the x axis logarithmic and name on it the sizes that were measured, and no others.

    Args:
        axes: whose x axis it is.
        sizes: such as batch sizes or lengths, above 0.
    """
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size}" for size in sizes])
    axes.minorticks_off()


def label_lines(axes: Axes, gap: float = 11.0) -> None:
    """Write each line's label at its right end, in its colour, instead of a legend.

    Call it last, when scales and limits are set. Labels that would touch are moved apart.

    Args:
        axes: its lines with a label are named.
        gap: least distance of two labels, in points.
    """
    dpi = axes.figure.get_dpi()
    ends = []
    for line in axes.get_lines():
        data = np.asarray(line.get_xydata())
        label = str(line.get_label())
        if not label.startswith("_") and len(data):
            ends.append((axes.transData.transform(data[-1])[1] * 72 / dpi, label, line, data[-1]))
    floor = -float("inf")
    for height, label, line, point in sorted(ends, key=lambda end: (end[0], end[1])):
        floor = max(height, floor + gap)
        axes.annotate(
            label, (float(point[0]), float(point[1])), xytext=(5, floor - height), textcoords="offset points",
            va="center", color=line.get_color(), fontsize="small", annotation_clip=False,
        )  # fmt: skip


def show() -> None:
    """Show all figures; where there is no display, print what they would show."""
    if os.environ.get("SEQDOCS_SHOWN"):
        return
    if plt.get_backend().lower() != "agg":
        plt.show()
        return
    for number in plt.get_fignums():
        fig = plt.figure(number)
        print(
            f"figure {number} (no display): {getattr(fig, 'seqdocs_alt', 'no description')}", file=sys.stderr
        )
