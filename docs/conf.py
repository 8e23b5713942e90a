"""Settings of the documentation."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "gochan"
version = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]["version"]
author = "the gochan contributors"
copyright = "the gochan contributors"  # noqa: A001  # as Sphinx has it
exclude_patterns = ["_build", "_extensions", "_templates", "examples", "inventories"]
templates_path = ["_templates"]

extensions = [
    "invariants",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "match_keyword",
    "name_tables",
    "public_names",
    "side_by_side",
    "whole_programs",
]

# How it looks

html_theme = "furo"
html_title = f"gochan {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "_static/mark.svg"
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "version.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options = {
    "light_logo": "gochan-light.svg",
    "dark_logo": "gochan-dark.svg",
    "sidebar_hide_name": True,
    "light_css_variables": {
        "color-brand-primary": "#0b6b73",
        "color-brand-content": "#0b6b73",
        "color-brand-visited": "#5b5391",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5cc8cf",
        "color-brand-content": "#5cc8cf",
        "color-brand-visited": "#b3a8ee",
    },
}

# Where the repository is, such as https://forge.example/gochan; unset, the site has no link to it.
html_context = {"repository": os.environ.get("GOCHAN_REPOSITORY", "")}

pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = ", ".join(
    f"div.highlight-{language} pre" for language in ("python", "sh", "console", "toml", "go")
)

# Markdown

myst_heading_anchors = 3
myst_links_external_new_tab = False

# What is taken from docstrings

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    "Key": "gochan.strategies.Key",
    "Verdict": "gochan.strategies.Verdict",
}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 92
napoleon_use_ivar = False
napoleon_use_rtype = False
toc_object_entries_show_parents = "hide"

# Where the names of others are documented. The inventories are kept here, as building the documents
# must not need the network; inventories/refresh.py fetches newer ones.

intersphinx_mapping = {
    name: (f"https://{address}", f"inventories/{name}.inv")
    for name, address in {
        "pluggy": "pluggy.readthedocs.io/en/stable",
        "python": "docs.python.org/3",
        "trio": "trio.readthedocs.io/en/stable",
    }.items()
}

nitpick_ignore_regex = [
    # Type variables are explained by where they stand.
    (r"py:(class|obj)", r"(\w+\.)*(T|T_co|T_contra|L|P|R|R_co|E|Ts|Hideable|OfCase|Unsendable)"),
    # What it takes to be stopped, or to tell the time: it is said in words.
    (r"py:class", r"gochan\.(_queue\._stopping\.RunsJobs|durable\._book_store\.Clock)"),
    # Types of libraries that an extra brings along.
    (
        r"py:class",
        r"(CollectorRegistry|TracerProvider|(prometheus_client|opentelemetry|httpx)\..*)",
    ),
    # ADMIT and WAIT have entries of their own; that an enum has them, too, is nobody's concern.
    (r"py:attr", r"gochan\.strategies\._strategy\.Decision\.(ADMIT|WAIT)"),
]
