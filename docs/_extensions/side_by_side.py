"""Shows a block of Go beside the block of Python below it, where there is room for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def pair_blocks(app: Sphinx, document: nodes.document) -> None:
    """Put each block of Go and the Python after it into a container; custom.css does the rest."""
    for left in list(document.findall(nodes.literal_block)):
        index = left.parent.index(left)
        following = left.parent[index + 1 :]
        right = following[0] if following else None
        if left.get("language") != "go" or not isinstance(right, nodes.literal_block):
            continue
        if right.get("language") == "python":
            pair = nodes.container("", classes=["side-by-side"])
            left.replace_self(pair)
            right.parent.remove(right)
            pair += [
                nodes.container("", nodes.paragraph("", name, classes=["language"]), block)
                for name, block in (("Go", left), ("gochan", right))
            ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx use it."""
    app.connect("doctree-read", pair_blocks, priority=400)  # before programs are added
    return {"parallel_read_safe": True}
