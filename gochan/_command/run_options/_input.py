"""Options: where the items come from, and how the commands are made of them."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, BinaryIO, Final

import click

from .._standard_files import complain
from .._suggestions import suggest_files
from ..run import SEPARATOR, InputOptions, Quoted, Separator, as_separator
from ._amounts import Size
from ._arguments import read_sources
from ._elsewhere import BY_SHELL
from ._group import Group, Values
from ._paths import naming

# A place of GNU parallel that has a program in it. Taken as text, it might be a wrong file.
_PERL: Final = re.compile(r"\{=.*=\}", re.DOTALL)


def _make(values: Values, files: ExitStack) -> InputOptions:
    path, marked = _sources(values)
    _check(values, marked)
    end = _end(values)
    sources = read_sources(marked, end)
    separator = _separator(values, sources, end)
    return InputOptions(
        file=None if marked else files.enter_context(_open_input(path, values)),
        arguments=sources,
        end=end,
        separator=separator,
        numbered=bool(values["marked"]),
        header=values["header"],
        batch=1 if values["batch"] is None else values["batch"],
        pipe=values["pipe"],
        block=max(1, values["block"]),
        block_lines=values["batch"] if values["pipe"] else None,
        place=os.fsencode(values["place"]),
        shell=values["shell"] or values["bash"],
        bash=values["bash"],
        dry_run=values["dry_run"],
    )


def _sources(values: Values) -> tuple[str, Sequence[tuple[str, list[str]]]]:
    """Return the file that lines come from, and what follows each mark if they do not.

    Files of --input are as those after ``::::``, and come first.
    """
    marked = values["marked"]
    if values["input_paths"]:
        marked = [("::::", [*values["input_paths"]]), *marked]
    if [mark for mark, _ in marked] == ["::::"] and len(marked[0][1]) == 1:
        return marked[0][1][0], []  # a single file may be long
    return "-", marked


def _check(values: Values, marked: Sequence[tuple[str, list[str]]]) -> None:
    """Refuse options that contradict each other."""
    if values["pipe"] and marked:
        raise click.UsageError(f"--pipe and {marked[0][0]} exclude each other")
    if _PERL.search(" ".join(values["command"])):
        raise click.UsageError(f"there is no {{= … =}}: {BY_SHELL}")
    if values["pipe"] and values["batch"] == 0:
        raise click.UsageError("--pipe --batch 0: a block has no lines; --block is in bytes")
    if values["shell"] and values["bash"]:
        raise click.UsageError("--shell is for sh, --bash for bash; give one of the two")
    if values["null"] and values["delimiter"] is not None:
        raise click.UsageError("--null and --delimiter exclude each other")
    if not values["place"]:
        raise click.BadParameter("it is empty", param_hint="--place")


def _end(values: Values) -> bytes:
    """Return the byte that ends a line."""
    text = values["delimiter"]
    if text is None:
        return b"\0" if values["null"] else b"\n"
    try:
        end = codecs.escape_decode(os.fsencode(text))[0]
    except ValueError:
        end = b""
    if len(end) != 1:
        why = f"{text!r} is not one byte, such as ';' or '\\t' or '\\x1e'"
        raise click.BadParameter(why, param_hint="--delimiter")
    return end


def _separator(values: Values, sources: list[Any], end: bytes) -> Separator:
    """Return what separates the columns of a line."""
    if values["header"] and not all(sources):
        raise click.UsageError("--header: a list of arguments is empty, so it has no name")
    several = len(sources) > 1 or any(len(one) > 1 for source in sources for one in source)
    text = values["columns"]
    if several:
        if text is not None or values["csv"]:
            raise click.UsageError("several lists of arguments are columns; omit --columns, --csv")
        _refuse_inside(sources, SEPARATOR, "a tab, which separates the columns of a line here")
    if sources and values["left_over_path"] is not None:
        _refuse_inside(sources, end, "what ends a line of the left-over file; say --null")
    if values["csv"]:
        return _quoted("," if text is None else text)
    if text is None:
        return SEPARATOR if several or (values["header"] and not sources) else None
    try:
        return as_separator(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {error}", param_hint="--columns") from None


def _quoted(text: str) -> Separator:
    """Return what separates columns that may be in quotes."""
    character = "\t" if text == r"\t" else text
    if len(character) != 1 or character in '"\r\n':
        why = f"{text!r}: with --csv, it is one character, such as ';' or '\\t'"
        raise click.BadParameter(why, param_hint="--columns")
    return Quoted(character)


def _refuse_inside(sources: list[Any], byte: bytes, what: str) -> None:
    for source in sources:
        for one in source:
            for value in one:
                if byte in value:
                    raise click.UsageError(f"the argument {os.fsdecode(value)!r} contains {what}")


def _open_input(path: str, values: Values) -> BinaryIO:
    """Open the file that the lines are read from."""
    if path == "-":
        if sys.stdin is None:
            raise click.UsageError("standard input is closed; name a file with --input")
        if sys.stdin.isatty():
            complain("reading lines from the terminal; end with Ctrl-D")
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    with naming(path, "--input" if values["input_paths"] else None):
        return open(path, "rb", buffering=0)


GROUP: Final = Group(
    "Input",
    [
        click.Option(
            ["-a", "--input", "input_paths"],
            metavar="FILE",
            multiple=True,
            shell_complete=suggest_files,
            help="Where to read the lines; - is standard input, the default.",
        ),
        click.Option(["-0", "--null"], is_flag=True, help="A NUL byte ends each line."),
        # As for xargs, but always so. Users write it in one word with -0, so it is an option.
        click.Option(["-r", "no_lines"], is_flag=True, hidden=True, expose_value=False),
        click.Option(
            ["-d", "--delimiter"],
            metavar="BYTE",
            help="What ends each line instead, such as ';' or '\\t'.",
        ),
        click.Option(
            ["-n", "-N", "--batch"],
            type=click.IntRange(min=0),
            metavar="N",
            show_default="1",
            help="How many lines a command gets; 0 is as many as the system allows.",
        ),
        click.Option(
            ["-C", "--columns"],
            metavar="SEP",
            help="What separates columns: a character or a regular expression.",
        ),
        click.Option(
            ["--csv"],
            is_flag=True,
            help="Columns may be in double quotes, as spreadsheets write them; commas separate"
            " them, or what --columns says.",
        ),
        click.Option(
            ["--header"],
            is_flag=True,
            help="The first line has the names of the columns; without --columns, tabs"
            " separate them.",
        ),
        click.Option(["--pipe"], is_flag=True, help="Give each command a block of lines to read."),
        click.Option(
            ["--block"],
            type=Size(),
            default=1 << 20,
            show_default="1M",
            help="How large a block is, in bytes, to the end of a line.",
        ),
    ],
    _make,
)

COMMAND_GROUP: Final = Group(
    "The command",
    [
        click.Option(
            ["-I", "--place"],
            metavar="TEXT",
            default="{}",
            help="What stands for the line in the command.",
        ),
        click.Option(
            ["--shell"], is_flag=True, help="The command is a text for sh; lines in it are quoted."
        ),
        click.Option(
            ["--bash"], is_flag=True, help="The same for bash, which knows exported functions."
        ),
        click.Option(["--dry-run"], is_flag=True, help="Print the commands, and start none."),
    ],
    lambda _values, _files: None,  # see `InputOptions`
)
