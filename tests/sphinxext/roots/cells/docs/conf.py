from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
project = "cells"
extensions = ["myst_nb", "seqdocs.sphinxext"]
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "cache")
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_ipywidgets_js = {}
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}  # our own: extensions add to it
html_theme = "basic"
html_static_path = []
templates_path = []
html_math_renderer = "seqdocs"
root_doc = "page"
exclude_patterns = ["references.bib"]
