"""Lets the copy button copy a whole program where the page shows a part of one.

The page shows the block alone; ``_static/whole-programs.js`` has the button copy the program.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from docutils import nodes
from slices import whole_programs

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class whole_program(nodes.Element):  # as docutils names its nodes
    """What the button of the block above copies."""


def add_programs(app: Sphinx, document: nodes.document) -> None:
    """Put the program of each block below it, where it is not the block itself."""
    blocks = [
        block
        for block in document.findall(nodes.literal_block)
        if block.get("language") == "python" and "source" not in block  # a file is a program
    ]
    texts = [block.astext() for block in blocks]
    for block, text, copied in zip(blocks, texts, whole_programs(texts), strict=True):
        if copied != text:
            index = block.parent.index(block)
            block.parent.insert(index + 1, whole_program("", program=copied))


def write_program(visitor: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Write it as an attribute, where neither readers nor the search see it."""
    visitor.body.append(f'<span hidden data-program="{escape(node["program"])}"></span>')
    raise nodes.SkipNode


def skip(visitor: nodes.NodeVisitor, node: nodes.Element) -> None:
    """Write nothing, in any other format."""
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx use it."""
    others = dict.fromkeys(("latex", "text", "man", "texinfo"), (skip, None))
    app.add_node(whole_program, html=(write_program, None), **others)
    app.add_js_file("whole-programs.js")
    app.connect("doctree-read", add_programs)
    return {"parallel_read_safe": True}
