"""Sphinx settings of the site; what the components do is written in seqdocs/sphinxext."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")
HERE = Path(__file__).parent
PYPROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf8"))["project"]

project = PYPROJECT["name"]
author = PYPROJECT["authors"][0]["name"]
version = release = PYPROJECT["version"]
copyright = f"{author}; code under the {PYPROJECT['license']} licence"  # no year: it would change by itself
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
    "seqdocs.sphinxext",
]
exclude_patterns = [
    "_build",
    "gallery/**.ipynb",  # myst-nb would take the notebook for the page and run it again
    "gallery/**.py",
    "gallery/**.md5",
    "gallery/**.json",
    "gallery/**.zip",
    "gallery/backreferences",
]
nitpicky = True
suppress_warnings = ["sphinx_gallery.space_in_filename"]  # of the whole path; a checkout may lie anywhere

# -- Markdown and executed cells
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "fieldlist", "attrs_inline", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "jupyter_cache")
nb_execution_in_temp = True  # a cell that writes a file leaves nothing in the sources
nb_execution_raise_on_error = True  # the default makes a failing cell a mere warning
nb_execution_timeout = 120
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # the default loads two scripts from other hosts

# -- Gallery
sphinx_gallery_conf = {
    "examples_dirs": ["../gallery"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"plot_",
    "image_scrapers": ("seqdocs.sphinxext.gallery_figures.scrape",),
    "doc_module": ("seqdocs",),
    "backreferences_dir": "gallery/backreferences",
    "nested_sections": True,
    "abort_on_example_error": True,
    "reset_modules": ("seqdocs.sphinxext.gallery_figures.reset",),
    "capture_repr": (),
    "write_computation_times": False,  # a time in a page changes with every build
    "min_reported_time": 1e9,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "thumbnail_size": (640, 400),
    "remove_config_comments": True,
    "log_level": {"backreference_missing": "debug"},
}

# -- API reference
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes in a docstring would otherwise be documented twice
viewcode_line_numbers = True
# Annotations name classes of other projects, and the build fetches no inventory: it works without a network.
# Names of this package are checked, whatever they are.
nitpick_ignore_regex = [(r"py:(class|obj)", r"(?!seqdocs\.).*")]

# -- Bibliography
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"
bibtex_cite_id = "cite-{key}"  # what fact boxes link to

# -- HTML that is not a matter of taste
html_copy_source = True
html_last_updated_fmt = None  # a date would change with every build
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")

# -- look (theme, styles, templates, maths; edited by those who design)
extensions += ["seqdocs.sphinxext.look", "seqdocs.sphinxext.widgets"]
html_theme = "furo"
html_title = "seqdocs"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = [
    f"styles/{name}.css"
    for name in ("tokens", "layout", "prose", "entry", "claims", "gallery", "home", "print")
]
html_js_files = [("look.js", {"defer": "defer"})]
html_math_renderer = "seqdocs"
html_permalinks_icon = "#"
pygments_style = "github-light"
pygments_dark_style = "github-dark"
