"""A template: the words of a command, with places for what differs from item to item."""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, final

from ...._children import (
    ARGUMENT,
    EACH,
    Place,
    PlaceError,
    UnfitError,
    find_places,
    room_for_command,
    size_of,
)
from .._options import InputOptions
from ..items import Item, split
from ._quoting import find_contexts, refer, write

# Where the lines of a command are in rows, and the columns of a line in a row.
_Rows = Sequence[Sequence[bytes]]

# How many lines of a batch are in its title.
_SHOWN: Final = 100

# How many bytes a line adds to the text of a shell, at most.
_REFERENCE: Final = 60


class TooLongError(UnfitError):
    """The system does not allow a command of this size."""


@final
class Template:
    """The command for each item.

    In batches without columns, ``{1}`` is the first line of a batch; otherwise, the first
    column of each line.
    """

    def __init__(self, command: Sequence[str], options: InputOptions) -> None:
        self._command = [os.fsencode(word) for word in command]
        self._options = options
        self._room = room_for_command()
        self._header = b""
        self._others: list[Template] = []
        self._compile(None)

    def beside(self, words: Sequence[str]) -> Template:
        """Return a template for something else about the same items; no shell looks at it."""
        other = Template(words, replace(self._options, shell=False))
        self._others.append(other)
        return other

    def _compile(self, names: Sequence[bytes] | None) -> None:
        form = _ShellForm if self._options.shell else _WordsForm
        self._form: _Form = form(self._command, self._options, names)
        # In the usual case, a line takes the place of some words.
        self._plain = self._form.plain() if self._options.separator is None else None
        self._indexes = [i for i, word in enumerate(self._plain or ()) if not word]

    def name_columns(self, header: bytes) -> None:
        """Learn from the first line of the input what the columns are called.

        Raises:
            PlaceError: the command uses another name.
        """
        self._header = header
        self._compile(split(header, self._options.separator))
        for other in self._others:
            other.name_columns(header)

    def fill_in(self, item: Item, slot: int = 1) -> list[bytes]:
        """Return the command for an item.

        Args:
            item: the item.
            slot: the number of the worker.

        Raises:
            PlaceError: a line has too few columns.
            TooLongError: the system would not start it.
        """
        command = self._make_plain(item) or self._form.command(item, self._rows(item), slot)
        longest = max(map(len, command))
        if longest >= ARGUMENT:
            raise TooLongError(
                f"an argument would have {longest:,} bytes; the system allows {ARGUMENT - 1:,}"
            )
        if len(command) > 100 and (size := size_of(command)) > self._room:
            raise TooLongError(
                f"the command would have {size:,} bytes; the system allows {self._room:,}"
            )
        return command

    def _make_plain(self, item: Item) -> list[bytes] | None:
        """Return the command in the usual case."""
        if self._plain is None or len(item.lines) != 1:
            return None
        command = self._plain.copy()
        for index in self._indexes:
            command[index] = item.lines[0]
        return command

    def title(self, item: Item) -> str:
        """Return what to call the command for an item: as one would type it, if it can be made."""
        if plain := self._make_plain(item):
            return shlex.join(map(os.fsdecode, plain))
        try:
            return os.fsdecode(self._form.text(item, self._rows(item)[:_SHOWN], None))
        except PlaceError:
            return " ".join(map(os.fsdecode, self._command))

    def text(self, item: Item) -> bytes:
        """Return the command for an item as one would type it.

        Raises:
            PlaceError: a line has too few columns.
        """
        return self._form.text(item, self._rows(item), 1)

    def label(self, item: Item) -> bytes:
        """Return what tells an item from others: its values, or its number if it has none."""
        try:
            values = [value for row in self._rows(item) for value in row]
        except PlaceError:  # which the command fails for, and not its name
            values = [*item.lines]
        return b" ".join(values) or b"%d" % item.number

    def stdin(self, item: Item) -> bytes | None:
        """Return what the command reads; ``None`` if nothing."""
        if item.block is None or not self._header:
            return item.block
        return self._header + self._options.end + item.block

    def _rows(self, item: Item) -> _Rows:
        separator = self._options.separator
        if separator is None:
            return [(line,) for line in item.lines]
        return [split(line, separator) for line in item.lines]

    # How many lines a command may have

    @property
    def room(self) -> int:
        """How many bytes the lines of one command may take."""
        return min(self._room, self._form.most) - self._form.fixed

    def cost(self, line: bytes) -> int:
        """Return how many bytes a line takes in a command."""
        try:
            return self._form.cost(line, [split(line, self._options.separator)])
        except PlaceError:
            return 0  # the command will fail, so it need not be complete


class _Form(ABC):
    """How a command is made of its words.

    Attributes:
        most: how many bytes a command may have at most, whatever the system says.
        fixed: how many of them are always there.
    """

    most: int
    fixed: int

    def __init__(self, options: InputOptions, names: Sequence[bytes] | None) -> None:
        self._whole = options.place
        # Which line of a batch, or which column of a line.
        self._of_batch = options.separator is None and options.batch != 1
        self._numbers = options.separator is not None or self._of_batch or options.numbered
        self._names = names
        self._pipe = options.pipe

    def _find(self, text: bytes) -> list[bytes | Place]:
        parts = find_places(text, self._whole, numbers=self._numbers, names=self._names)
        if self._pipe:  # there is no line to stand there
            return [
                part.text if isinstance(part, Place) and part.of_lines else part for part in parts
            ]
        return parts

    def _lacks_place(self, parts: Sequence[bytes | Place]) -> bool:
        """Whether the lines come last, since there is no place for them."""
        return not self._pipe and not any(
            isinstance(part, Place) and part.of_lines for part in parts
        )

    def _differs(self, place: Place) -> bool:
        """Whether it is another value for each line of a batch."""
        return place.of_lines and not (self._of_batch and place.what is not None)

    def _once(self, place: Place, item: Item, slot: int | None) -> bytes:
        """Return what stands at a place that is the same for all lines of a batch."""
        if place.what == b"#":
            return b"%d" % item.number
        if place.what == b"%":
            return place.text if slot is None else b"%d" % slot
        return place.values(item.lines)[0]

    def plain(self) -> list[bytes] | None:
        """Return the words, if each is fixed or is the line, which is empty there."""
        return None

    @abstractmethod
    def command(self, item: Item, rows: _Rows, slot: int | None) -> list[bytes]:
        """Return the words to start."""

    @abstractmethod
    def text(self, item: Item, rows: _Rows, slot: int | None) -> bytes:
        """Return what one would type."""

    @abstractmethod
    def cost(self, line: bytes, rows: _Rows) -> int:
        """Return how many bytes one more line takes."""


@final
class _WordsForm(_Form):
    """The words are the arguments, and no shell looks at them.

    A word that is a place becomes as many arguments as there are values. A word with a place
    in it is there once for each line.
    """

    most = 1 << 40

    def __init__(
        self, command: Sequence[bytes], options: InputOptions, names: Sequence[bytes] | None
    ) -> None:
        super().__init__(options, names)
        words = [self._find(word) for word in command]
        if self._lacks_place([part for word in words for part in word]):
            words.append([Place(None, self._whole, bytes)])
        self._words = [self._simplify(word) for word in words]
        self.fixed = size_of([word for word in self._words if isinstance(word, bytes)])

    def plain(self) -> list[bytes] | None:
        """Return the words, if each is fixed or is the line, which is empty there."""
        plain = []
        for word in self._words:
            if isinstance(word, bytes) and word:
                plain.append(word)
            elif isinstance(word, Place) and word.what is None and word.change is bytes:
                plain.append(b"")
            else:
                return None
        return plain

    def _simplify(self, word: list[bytes | Place]) -> bytes | Place | list[bytes | Place]:
        """Return a word in the form in which it is filled in with the least work."""
        if all(isinstance(part, bytes) for part in word):
            return b"".join(text_of(word))
        if len(word) == 1 and isinstance(word[0], Place) and self._differs(word[0]):
            return word[0]
        return word

    def command(self, item: Item, rows: _Rows, slot: int | None) -> list[bytes]:
        """Return the words to start."""
        command: list[bytes] = []
        for word in self._words:
            if isinstance(word, bytes):
                command.append(word)
            elif isinstance(word, Place):
                for row in rows:
                    command += word.values(row)
            else:
                command += self._fill_in(word, item, rows, slot)
        return command

    def _fill_in(
        self, word: list[bytes | Place], item: Item, rows: _Rows, slot: int | None
    ) -> list[bytes]:
        """Return a word with places inside: once for each line, if they differ."""
        each = any(isinstance(part, Place) and self._differs(part) for part in word)
        return [
            b"".join([self._part(part, item, row, slot) for part in word])
            for row in (rows if each else ((),))
        ]

    def _part(
        self, part: bytes | Place, item: Item, row: Sequence[bytes], slot: int | None
    ) -> bytes:
        if isinstance(part, bytes):
            return part
        if self._differs(part):
            return b" ".join(part.values(row))
        return self._once(part, item, slot)

    def text(self, item: Item, rows: _Rows, slot: int | None) -> bytes:
        """Return what one would type."""
        words = self.command(item, rows, slot)
        return os.fsencode(shlex.join(map(os.fsdecode, words)))

    def cost(self, line: bytes, rows: _Rows) -> int:
        """Return how many bytes one more line takes."""
        item = Item(1 << 30, (line,), 1)
        cost = 0
        for word in self._words:
            if isinstance(word, Place):
                cost += size_of([value for row in rows for value in word.values(row)])
            elif not isinstance(word, bytes):
                places = [part for part in word if isinstance(part, Place)]
                if any(map(self._differs, places)):
                    cost += size_of(self._fill_in(word, item, rows, 1 << 30))
                else:  # as if each line could stand there
                    cost += sum(len(line) for place in places if place.of_lines)
        return cost


def text_of(word: Sequence[bytes | Place]) -> list[bytes]:
    """Return the pieces of a word that are not places."""
    return [part for part in word if isinstance(part, bytes)]


@final
class _ShellForm(_Form):
    """The words are one text for a shell, which finds the values in variables."""

    most = ARGUMENT - 1

    def __init__(
        self, command: Sequence[bytes], options: InputOptions, names: Sequence[bytes] | None
    ) -> None:
        super().__init__(options, names)
        self._shell = b"bash" if options.bash else b"sh"
        parts = self._find(b" ".join(command))
        if self._lacks_place(parts):
            parts += [b" ", Place(None, self._whole, bytes)]
        self._parts = [*find_contexts(parts)]
        self._places = sum(isinstance(part, Place) for part in parts)
        self.fixed = size_of(text_of(parts)) + 100

    def command(self, item: Item, rows: _Rows, slot: int | None) -> list[bytes]:
        """Return the words to start."""
        values: list[bytes] = []
        text = b""
        for part in self._parts:
            if isinstance(part, bytes):
                text += part
                continue
            place, context = part
            found = self._values(place, item, rows, slot)
            first = len(values) + 1
            values += found
            text += refer([b"gochan_%d" % n for n in range(first, len(values) + 1)], context)
        # Variables, since parameters are others inside of a function.
        names = b" ".join(b"gochan_%d=${%d}" % (n, n) for n in range(1, len(values) + 1))
        shell = self._shell
        return [shell, b"-c", names + (b"; " if names else b"") + text, shell, *values]

    def _values(self, place: Place, item: Item, rows: _Rows, slot: int | None) -> list[bytes]:
        if self._differs(place):
            return [value for row in rows for value in place.values(row)]
        return [self._once(place, item, slot)]

    def text(self, item: Item, rows: _Rows, slot: int | None) -> bytes:
        """Return what one would type."""
        return b"".join(
            part
            if isinstance(part, bytes)
            else write(self._values(part[0], item, rows, slot), part[1])
            for part in self._parts
        )

    def cost(self, line: bytes, rows: _Rows) -> int:
        """Return how many bytes one more line takes."""
        values = max(1, sum(map(len, rows)))
        return self._places * (values * (_REFERENCE + EACH) + len(line))
