"""A program: what a child process runs, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Program:
    """What a child process runs, and what it is given.

    Attributes:
        arguments: the first names the program: a path, or a name to look for on the path.
        stdin: its standard input; None is an empty one.
        folder: where it starts; None is where we are. A relative path of a program counts from it.
        environment: all of its variables; None are ours.
        niceness: of its processes; 0 is that of ours.
        one_pipe: whether standard error goes the way of standard output, so that the order of what
            it writes is kept.
    """

    arguments: Sequence[bytes]
    stdin: bytes | None = None
    folder: bytes | None = None
    environment: Mapping[bytes, bytes] | None = None
    niceness: int = 0
    one_pipe: bool = False


class ChildError(Exception):
    """A command could not be started, or its output could not be kept.

    Attributes:
        status: what a shell would return: 127 if there is no such command, 126 if there is but
            it cannot be started, 1 if it ran.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
