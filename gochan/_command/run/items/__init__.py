"""Where items come from, and what is left over of them."""

# The files, from the bottom up: each uses only those above it.
#
#   _item       what one command is for
#   _columns    the columns of a line
#   _grouping   from lines to items
#   _source     where items come from, whatever it is
#   _arguments  items from the arguments of the command line
#   _reader     the input, read as it arrives, and its rest
#   _lines      lines of the input
#   _blocks     blocks of lines
#   _left_over  the lines that were not done, and the file for them
#   _saving     when that file is written

from __future__ import annotations

from ._arguments import SEPARATOR, Arguments
from ._blocks import BlockReader
from ._columns import Quoted, Separator, as_separator, split
from ._grouping import Grouping
from ._item import Item, count_of, problem_of
from ._left_over import LeftOver
from ._lines import LineReader
from ._saving import Saving
from ._source import Source

__all__ = [
    "SEPARATOR",
    "Arguments",
    "BlockReader",
    "Grouping",
    "Item",
    "LeftOver",
    "LineReader",
    "Quoted",
    "Saving",
    "Separator",
    "Source",
    "as_separator",
    "count_of",
    "problem_of",
    "split",
]
