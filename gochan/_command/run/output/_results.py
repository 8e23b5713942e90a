"""A folder for each command, with what it has written and how it has ended."""

# Theory of operation
# -------------------
# The folder of a command is called as its line is, or the values in it, since numbers
# change when the rest of the input is run again. What must not be in the name of a file is
# written as in an address: %2F is a slash. What is too long is cut; a ~ and a hash follow.
# If a line comes once more in a run, ~2 follows.
#
# A run with a journal has the same numbers each time. There a folder stays with the item whose
# number is in it, so that a line which comes once more does not replace that of an earlier run.
#
# Invariants
# 1. Names begin with neither a dot nor a dash, have no slash and no control characters, are
#    UTF-8, and have a ~ only in front of what we add. So no two lines of a run share a folder.
# 2. Where there is a file `status`, all others are whole and belong to it.

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from contextlib import suppress
from typing import Any, BinaryIO, Final, final

from ...._children import write_all
from ..._descriptors import STDERR, STDOUT
from ..items import Item

# How many bytes a name may have before we cut it, and how many are left of it. Most systems
# allow 255; those that encrypt names, 143.
_LONGEST: Final = 140
_HEAD: Final = 110

_UNFIT: Final = re.compile(r"^[.-]|[%/~\x00-\x1f\x7f-\x9f\udc80-\udcff]")


@final
class Results:
    """The folders for the commands of a run.

    Args:
        path: of the folder that they are in.
        numbered: whether each item has the same number in every run.
    """

    def __init__(self, path: str, *, numbered: bool) -> None:
        self._path = os.fsencode(path)
        self._numbered = numbered
        self._seen: Counter[bytes] = Counter()
        self._names: dict[int, bytes] = {}  # of the items whose commands have not ended

    def open(self, item: Item, label: bytes) -> Result:
        """Make the folder for a command that is about to start, perhaps once more.

        Raises:
            OSError: it cannot be made.
        """
        if item.number not in self._names:
            self._names[item.number] = self._name(label, item.number)
        return Result(os.path.join(self._path, self._names[item.number]))

    def forget(self, item: Item) -> None:
        """Note that no command for this item will start any more."""
        self._names.pop(item.number, None)

    def _name(self, label: bytes, number: int) -> bytes:
        """Return a name for an item, which no other item gets."""
        name = safe_name(label)
        while True:
            self._seen[name] += 1
            one = name if self._seen[name] == 1 else b"%b~%d" % (name, self._seen[name])
            if not self._numbered or self._number_in(one) in {number, None}:
                return one

    def _number_in(self, name: bytes) -> int | None:
        """Return the number of the item that a folder belongs to, if it belongs to one."""
        try:
            with open(os.path.join(self._path, name, b"job.json")) as file:
                number: int = json.load(file)["seq"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return number


@final
class Result:
    """The folder of a command that runs.

    Attributes:
        path: of the folder.
        name: the same, as text.
        files: for its standard output and its standard error.
    """

    def __init__(self, path: bytes) -> None:
        self.path = path
        self.name = os.fsdecode(path)
        os.makedirs(path, exist_ok=True)
        self._remove("status")
        self.files = {STDOUT: self._open("stdout"), STDERR: self._open("stderr")}

    def _open(self, name: str) -> BinaryIO:
        file: Any = open(self._at(name), "w+b", buffering=0)  # noqa: SIM115  # see close()
        return file  # type: ignore[no-any-return]

    def write(self, descriptor: int, chunk: bytes) -> None:
        """Write what the command has written to its standard output or its standard error.

        Raises:
            OSError: it cannot be written.
        """
        write_all(self.files[descriptor].fileno(), chunk)

    def end(self, status: int, fields: dict[str, Any]) -> None:
        """Write how the command has ended.

        Raises:
            OSError: it cannot be written.
        """
        self._write_whole("job.json", json.dumps(fields))
        self._write_whole("status", str(status))

    def _write_whole(self, name: str, text: str) -> None:
        """Write a file that is there as a whole or not at all."""
        with open(self._at(f".{name}"), "w") as file:
            file.write(f"{text}\n")
        os.replace(self._at(f".{name}"), self._at(name))

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._at(name))

    def _at(self, name: str) -> bytes:
        return os.path.join(self.path, name.encode())

    def close(self) -> None:
        """Close the files."""
        for file in self.files.values():
            file.close()


def safe_name(line: bytes) -> bytes:
    """Return a line as a name for a folder."""
    text = line.decode(errors="surrogateescape")
    name = _UNFIT.sub(lambda found: _in_percent(found[0]), text).encode()
    if len(name) <= _LONGEST:
        return name
    head = name[:_HEAD].decode(errors="ignore").encode()
    return b"%b~%b" % (head, hashlib.sha256(line).hexdigest()[:16].encode())


def _in_percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode(errors="surrogateescape"))
