"""Opens a page of the reference with a table of its names, where it has a ``names`` directive.

The table is made of the entries of the page, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.addnodes import desc, desc_content, desc_signature
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class names_table(nodes.Element):  # docutils names its nodes like this
    """Stands where the table will be."""


class Names(SphinxDirective):
    """Marks where the table goes."""

    def run(self) -> list[nodes.Node]:
        """Leave the mark; the entries of the page are not there yet."""
        return [names_table()]


def entries_of(document: nodes.document) -> Iterator[tuple[desc_signature, nodes.Node]]:
    """Yield the signature of each entry, and what is below it; members are no entries."""
    for entry in document.findall(desc):
        if not isinstance(entry.parent, desc_content):
            signature, content = entry[0], entry[-1]
            yield signature, content


def summary_of(content: nodes.Element) -> nodes.paragraph:
    """Return the first sentence of an entry."""
    paragraphs = content.findall(nodes.paragraph)
    told = (one for one in paragraphs if not one.astext().startswith("Bases:"))
    first = next(told, nodes.paragraph())
    sentence, dot, rest = first.astext().partition(". ")
    if rest:
        return nodes.paragraph("", sentence + dot.strip())
    return first.deepcopy()


def row_of(*cells: nodes.Node) -> nodes.row:
    """Return a row of a table."""
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def table_of(document: nodes.document) -> nodes.table:
    """Return the table: each name, linked to its entry, and what it is."""
    body = nodes.tbody()
    for signature, content in entries_of(document):
        name = nodes.literal("", signature["fullname"])
        link = nodes.reference("", "", name, refid=signature["ids"][0], internal=True)
        body += row_of(nodes.paragraph("", "", link), summary_of(content))
    columns = [nodes.colspec(colwidth=width) for width in (30, 70)]
    return nodes.table("", nodes.tgroup("", *columns, body, cols=2), classes=["names"])


def put_tables(app: Sphinx, document: nodes.document) -> None:
    """Put the table where the directive stood."""
    for mark in list(document.findall(names_table)):
        mark.replace_self(table_of(document))


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx use it."""
    app.add_directive("names", Names)
    app.connect("doctree-read", put_tables)
    return {"parallel_read_safe": True}
