import sys
from pathlib import Path

import seqdocs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # toyhelp
if str(ROOT / "seqdocs") not in seqdocs.__path__:
    seqdocs.__path__.append(str(ROOT / "seqdocs"))  # seqdocs.toy

project = "tiny"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "seqdocs.sphinxext",
    "seqdocs.sphinxext.maths",
]
exclude_patterns = ["gallery/**.ipynb", "gallery/**.py", "gallery/**.json", "gallery/backreferences"]
nitpicky = True
myst_enable_extensions = ["dollarmath"]
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "cache")
nb_execution_raise_on_error = True
nb_ipywidgets_js = {}
sphinx_gallery_conf = {
    "examples_dirs": ["../gallery"],
    "gallery_dirs": ["gallery"],
    "image_scrapers": ("seqdocs.sphinxext.gallery_figures.scrape",),
    "reset_modules": ("seqdocs.sphinxext.gallery_figures.reset",),
    "doc_module": ("seqdocs",),
    "backreferences_dir": "gallery/backreferences",
    "abort_on_example_error": True,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_signature": False,
    "download_all_examples": False,
    "log_level": {"backreference_missing": "debug"},
}
bibtex_bibfiles = ["references.bib"]
bibtex_cite_id = "cite-{key}"
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}  # our own: extensions add to it
html_theme = "basic"
html_math_renderer = "seqdocs"
seqdocs_repository = "https://example.org/tiny"
seqdocs_shown = "shown.json"
# sphinx-gallery appends to these, and in one process Sphinx's own defaults would keep that for the next build
html_static_path = []
templates_path = []
