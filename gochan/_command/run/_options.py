"""What the command line asks ``gochan run`` to do: times are in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, final

from ...strategies import Strategy
from .items import Separator
from .pace import Condition, Halt, TimeLimit


@final
@dataclass(frozen=True, slots=True)
class InputOptions:
    """Where the items come from.

    Attributes:
        file: to read lines from; ``None`` if they come from the command line.
        arguments: of the command line: lists of which combinations are made, of tuples whose
            values belong together.
        end: the byte that ends a line.
        separator: what separates columns: bytes, or a pattern; ``None`` if there are none.
        numbered: whether ``{1}`` is the line, if there are no columns.
        header: whether the first line says what the columns are called.
        batch: how many lines a command gets; 0 for as many as the system allows.
        pipe: whether a command reads blocks of lines, instead of getting them as arguments.
        block: how many bytes such a block has.
        block_lines: how many lines it has instead; ``None`` if the bytes decide.
        place: what stands for the lines in the command.
        shell: whether the command is a text for a shell.
        bash: whether that shell is bash.
        dry_run: whether commands are only shown.
    """

    file: BinaryIO | None
    arguments: Sequence[Sequence[tuple[bytes, ...]]] = ()
    end: bytes = b"\n"
    separator: Separator = None
    numbered: bool = False
    header: bool = False
    batch: int = 1
    pipe: bool = False
    block: int = 1 << 20
    block_lines: int | None = None
    place: bytes = b"{}"
    shell: bool = False
    bash: bool = False
    dry_run: bool = False


@final
@dataclass(frozen=True, slots=True)
class PaceOptions:
    """How many commands run, and when one may start."""

    workers: int
    strategy: Strategy[Any]
    conditions: tuple[Condition, ...]


@final
@dataclass(frozen=True, slots=True)
class FailureOptions:
    """What is a failure, and what follows from one."""

    attempts: int
    delay: float  # between two attempts for an item
    limit: TimeLimit
    halt: Halt | None


@final
@dataclass(frozen=True, slots=True)
class OutputOptions:
    """How the output of the commands is passed on, and what is recorded.

    Attributes:
        mode: all of it when the command has ended; or whole lines as they come; or past us.
        job_log: a descriptor to append to, and whether what is there stays.
    """

    mode: Literal["grouped", "lines", "ungrouped"] = "grouped"
    tag: bool = False
    keep_order: bool = False
    quiet: bool = False
    json: bool = False
    results: str | None = None
    job_log: tuple[int, bool] | None = None


@final
@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What the processes of the commands are given.

    Attributes:
        variables: to add to the environment.
        folder: where they start, with places to fill in; None is where we are.
        niceness: to add to ours.
        reap: whether to end what they leave behind.
    """

    variables: Mapping[bytes, bytes] = field(default_factory=dict)
    folder: str | None = None
    niceness: int = 0
    reap: bool = False


@final
@dataclass(frozen=True, slots=True)
class StopOptions:
    """How a run ends, and where it goes on."""

    drain: float  # after a signal
    drain_after_halt: float
    grace: float
    left_over: str | None
    journal: str | None = None
    retry_failed: bool = False


@final
@dataclass(frozen=True, slots=True)
class Options:
    """All of them."""

    command: tuple[str, ...]
    input: InputOptions
    pace: PaceOptions
    failures: FailureOptions
    output: OutputOptions
    process: ProcessOptions
    stop: StopOptions
