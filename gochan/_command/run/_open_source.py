"""The source that the command line asks for."""

from __future__ import annotations

from typing import Final

from ._options import InputOptions
from .items import Arguments, BlockReader, Grouping, LineReader, Source
from .words import Template

# How many bytes of lines a command gets at most if it may have as many as fit. With more, the
# other workers would have nothing to do; xargs has the same limit.
_ENOUGH: Final = 128 << 10


def open_source(options: InputOptions, template: Template) -> Source:
    """Return where the items come from."""
    on_header = template.name_columns if options.header else None
    if options.file is not None and options.pipe:
        lines = options.block_lines
        return BlockReader(options.file, options.end, options.block, lines, on_header)
    room = template.room if options.batch else min(template.room, _ENOUGH)
    grouping = Grouping(options.batch, room, template.cost)
    if options.file is not None:
        return LineReader(options.file, options.end, grouping, on_header)
    return Arguments(options.arguments, options.end, grouping, on_header)
