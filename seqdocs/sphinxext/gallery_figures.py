"""Saves every figure of an example for light and for dark pages, with its alternative text and caption.

A figure carries ``fig.seqdocs_alt`` (an error without) and may carry ``fig.seqdocs_caption``,
``fig.seqdocs_devices`` and ``fig.seqdocs_experiments``. Beside sphinx-gallery's PNG, from which thumbnails
are made, there are ``…_light.svg`` and ``…_dark.svg`` with a transparent ground, and ``…_figure.json`` with
what the figure says of itself, which `seqdocs.sphinxext.figures` reads. The same figure gives the same bytes:
no date, no version, no random name.
"""

from __future__ import annotations

import colorsys
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.errors import ExtensionError

from seqdocs.sphinxext.files import write_if_changed

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

GROUND = 0.09  # lightness of a dark page
INK = 0.87  # lightness of its text
CONTRAST = 4.5  # WCAG AA against the dark ground
STABLE_SVG: dict[Any, Any] = {"svg.hashsalt": "seqdocs", "svg.fonttype": "path"}
NO_FACTS = {"Date": None, "Creator": None, "Format": None, "Type": None}
Colour = tuple[float, float, float, float]


def luminance(red: float, green: float, blue: float) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def for_dark(colour: Colour) -> Colour:
    """The colour for a dark page: greys are turned over, others lightened until they show.

    >>> [round(part, 2) for part in for_dark((0.0, 0.0, 0.0, 1.0))]
    [0.87, 0.87, 0.87, 1.0]
    """
    red, green, blue, alpha = colour
    hue, light, saturation = colorsys.rgb_to_hls(red, green, blue)
    if saturation < 0.12 or max(red, green, blue) - min(red, green, blue) < 0.06:
        return (*colorsys.hls_to_rgb(hue, INK - (INK - GROUND) * light, saturation), alpha)
    dark = luminance(GROUND, GROUND, GROUND) + 0.05
    while light < 0.95 and (luminance(red, green, blue) + 0.05) / dark < CONTRAST:
        light += 0.02
        red, green, blue = colorsys.hls_to_rgb(hue, light, saturation)
    return (red, green, blue, alpha)


def recolour(artist: Artist) -> None:
    """Give one artist its dark colours; what shows data by a colour map keeps its own."""
    from matplotlib.collections import Collection
    from matplotlib.colors import to_rgba, to_rgba_array
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    if isinstance(artist, Text):
        artist.set_color(for_dark(to_rgba(artist.get_color())))
    elif isinstance(artist, Line2D):
        face, edge = to_rgba(artist.get_markerfacecolor()), to_rgba(artist.get_markeredgecolor())
        artist.set_color(for_dark(to_rgba(artist.get_color())))
        artist.set_markerfacecolor(for_dark(face))
        artist.set_markeredgecolor(for_dark(edge))
    elif isinstance(artist, Patch):
        face, edge = to_rgba(artist.get_facecolor()), to_rgba(artist.get_edgecolor())
        artist.set_facecolor(for_dark(face))
        artist.set_edgecolor(for_dark(edge))
    elif isinstance(artist, Collection) and artist.get_array() is None:
        faces, edges = to_rgba_array(artist.get_facecolor()), to_rgba_array(artist.get_edgecolor())
        artist.set_facecolor([for_dark(to_rgba(colour)) for colour in faces])
        artist.set_edgecolor([for_dark(to_rgba(colour)) for colour in edges])


def described(figure: Figure, number: int, script: str) -> dict[str, Any]:
    """A figure's texts, devices and experiments; an error when nobody can tell what it shows."""
    alt = str(getattr(figure, "seqdocs_alt", "") or "").strip()
    if not alt:
        raise ExtensionError(
            f"figure {number} of {Path(script).name} has no alternative text; "
            "set `fig.seqdocs_alt` to a sentence that says what the figure shows"
        )
    texts = {"alt": alt, "caption": str(getattr(figure, "seqdocs_caption", "") or "").strip()}
    return texts | {name: getattr(figure, f"seqdocs_{name}", []) for name in ("devices", "experiments")}


def save(figure: Figure, png: Path) -> None:
    """Write the three pictures."""
    import matplotlib as mpl

    with mpl.rc_context(STABLE_SVG):
        figure.savefig(png, dpi=160, metadata={"Software": None})
        figure.savefig(png.with_name(f"{png.stem}_light.svg"), transparent=True, metadata=NO_FACTS)
        for artist in figure.findobj():
            recolour(artist)
        figure.savefig(png.with_name(f"{png.stem}_dark.svg"), transparent=True, metadata=NO_FACTS)


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any], **_: Any) -> str:
    """Save the open figures and return the text that shows them: sphinx-gallery's image scraper."""
    import matplotlib.pyplot as plt

    shown = []
    first = len(block_vars["image_path_iterator"]) + 1
    for number in plt.get_fignums():
        figure = plt.figure(number)
        png = Path(next(block_vars["image_path_iterator"]))
        index = len(block_vars["image_path_iterator"])
        texts = described(figure, index, block_vars["src_file"]) | {
            "block": first
        }  # whose first figure it is
        save(figure, png)
        write_if_changed(
            png.with_name(f"{png.stem}_figure.json"), json.dumps(texts, ensure_ascii=False, indent=1) + "\n"
        )
        place = png.relative_to(gallery_conf["src_dir"]).with_suffix("").as_posix()
        shown.append(f".. themed-figure:: /{place}\n")
    plt.close("all")
    return "\n".join(shown)


def reset(gallery_conf: dict[str, Any], fname: str) -> None:
    """Let every example start from matplotlib's defaults."""
    import matplotlib.pyplot as plt

    plt.close("all")
    plt.rcdefaults()
