"""Settings of the documentation."""

from __future__ import annotations

project = "gochan"
author = "the gochan contributors"
html_title = "gochan"
html_theme = "furo"
exclude_patterns = ["_build"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
napoleon_use_ivar = True
default_role = "py:obj"

# Names of other projects, and type variables, are not looked up.
nitpick_ignore_regex = [
    (r"py:.*", r"(trio|pluggy|collections|types|typing|asyncio|contextvars|builtins|random)\b.*"),
    (
        r"py:.*",
        r"(T|T_co|T_contra|L|P|R|[A-H]|Any|deque|Hook|Key|Label|Source|Strategy|Role|Kind|Cause|State|Phase"
        r"|Finish)",
    ),
    (r"py:.*", r"gochan\.((strategies|testing)\.)?_.*"),
]
