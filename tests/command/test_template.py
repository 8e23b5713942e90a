"""The command for an item: places, columns, batches, shells, and what the system allows."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gochan._children import ARGUMENT, PlaceError, UnfitError
from gochan._command.run import InputOptions, as_separator
from gochan._command.run.items._columns import split
from gochan._command.run.items._item import Item
from gochan._command.run.words._template import Template

from .. import processes
from ..processes import ONE, Gochan, RunLines

gochan = processes.gochan
run_lines = processes.run_lines


def fill_in(command: Sequence[str], *lines: bytes, **options: Any) -> list[str]:
    template = Template(command, InputOptions(None, **options))
    return [os.fsdecode(word) for word in template.fill_in(Item(7, lines, 1), 3)]


# Places


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["a"], ["a", "X"]),
        (["a", "b c"], ["a", "b c", "X"]),
        (["a", "{}"], ["a", "X"]),
        (["a", "{}", "b"], ["a", "X", "b"]),
        (["a", "<{}>", "{}{}", "b"], ["a", "<X>", "XX", "b"]),
        (["{}"], ["X"]),
        (["{}/b", "c"], ["X/b", "c"]),
        (["a", "{ }", "{0}", "$1"], ["a", "{ }", "{0}", "$1", "X"]),
        (["a", "{1}", "{name}", "{-1}", "{1.}"], ["a", "{1}", "{name}", "{-1}", "{1.}", "X"]),
        (["a", "{{}}", "{}}", "{...}"], ["a", "{X}", "X}", "{...}"]),
        (["a", "{#}", "{%}"], ["a", "7", "3", "X"]),
        (["a", "", "x{#}y"], ["a", "", "x7y", "X"]),
    ],
)
def test_a_line_takes_the_place_of_each_pair_of_braces_or_comes_last(
    command: list[str], filled: list[str]
) -> None:
    """Inside an argument, too. Braces around anything else stay."""
    assert fill_in(command, b"X") == filled


def test_what_is_inside_a_line_is_never_replaced() -> None:
    """Whatever it looks like."""
    assert fill_in(["{}", "{.}"], b"{}{#}.{}") == ["{}{#}.{}", "{}{#}"]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        # {.} {/} {//} {/.}
        ("d/a.tar.gz", ["d/a.tar", "a.tar.gz", "d", "a.tar"]),
        ("b", ["b", "b", ".", "b"]),
        ("/x.y", ["/x", "x.y", "/", "x"]),
        ("d.d/b", ["d.d/b", "b", "d.d", "b"]),
        ("d/.b", ["d/.b", ".b", "d", ".b"]),  # not "d/", as GNU parallel has it
        ("d/", ["d/", "", "d", ""]),
        ("a b.\udcff", ["a b", "a b.\udcff", ".", "a b"]),
    ],
)
def test_parts_of_a_path(path: str, parts: list[str]) -> None:
    """A name that begins with a dot has no extension for that."""
    assert fill_in(["{.}", "{/}", "{//}", "{/.}"], os.fsencode(path)) == parts


def test_another_text_may_stand_for_the_line() -> None:
    """Then a pair of braces is nothing special; the other places stay what they are."""
    assert fill_in(["a%b", "{}", "{/}"], b"x/y", place=b"%") == ["ax/yb", "{}", "y"]
    assert fill_in(["a", ".*"], b"x", place=b".*") == ["a", "x"]


# Columns


@pytest.mark.parametrize(
    ("separator", "line", "columns"),
    [
        (",", b"a,b,,c", [b"a", b"b", b"", b"c"]),
        (".", b"a.b", [b"a", b"b"]),
        ("|", b"a|b", [b"a", b"b"]),
        ("\t", b"a b\tc", [b"a b", b"c"]),
        (r"\t", b"a\tc", [b"a", b"c"]),
        (" +", b"a  b c", [b"a", b"b", b"c"]),
        (r"(, |;)", b"a, b;c", [b"a", b"b", b"c"]),
        (r"\b,|\b", b"a,b", [b"a", b"b"]),
        (r"x?\s+", b"abx  c", [b"ab", b"c"]),
        ("\udcff", b"a\xffb", [b"a", b"b"]),
        (",", b"", [b""]),
    ],
)
def test_a_separator_is_a_character_or_a_regular_expression(
    separator: str, line: bytes, columns: list[bytes]
) -> None:
    """A single character is no expression. An expression matches one byte at least."""
    assert split(line, as_separator(separator)) == columns


@pytest.mark.parametrize("separator", ["", "(a", "x*", "a|"])
def test_a_separator_that_is_none_is_refused(gochan: Gochan, separator: str) -> None:
    """At once."""
    ended = gochan("run", "--columns", separator, "echo")
    assert (ended.status, ended.out) == (2, b"")
    (complaint,) = ended.complaints
    assert "--columns" in complaint


@pytest.mark.parametrize(
    ("options", "line", "columns"),
    [
        ([], b'a,"b, c",d', b"[a][b, c][d]"),
        ([], b'"say ""hi""",,"', None),
        ([], b'"say ""hi""",', b'[say "hi"][]'),
        ([], b"a,b\r", b"[a][b]"),
        ([], b'\xff,"\xfe"', b"[\xff][\xfe]"),
        (["--columns", ";"], b'"a;b";c,d', b"[a;b][c,d]"),
        (["--columns", r"\t"], b'"a\tb"\tc', b"[a\tb][c]"),
        ([], b'"a"b,c', None),
    ],
)
def test_columns_may_be_in_quotes(
    run_lines: RunLines, tmp_path: Path, options: list[str], line: bytes, columns: bytes | None
) -> None:
    """As spreadsheets write them; if the quotes do not match, the line has failed."""
    options = [*ONE, "--tag", "--results", str(tmp_path / "results"), *options]
    ended = run_lines(line + b"\n", "--csv", *options, "printf", "[%s]", "{}")
    if columns is None:
        assert (ended.status, ended.out) == (1, b"")
        assert "(there are no columns: its quotes do not match" in ended.err
    else:
        assert (ended.status, ended.out.partition(b"\t[")[2]) == (0, columns[1:] + b"\n")


def test_names_of_columns_may_be_in_quotes(run_lines: RunLines) -> None:
    """If they do not match there, nothing runs."""
    options = [*ONE, "--csv", "--header", "echo", "{a, b}"]
    assert run_lines(b'"a, b",c\n1,2\n', *options).out == b"1\n"
    ended = run_lines(b'"a, b,c\n1,2\n', *options)
    assert (ended.status, ended.out) == (2, b"")
    assert ended.complaints == [
        "gochan: there are no columns: its quotes do not match, or a value has several lines"
    ]


@pytest.mark.parametrize("separator", ["", "ab", '"', r"\s"])
def test_columns_in_quotes_are_separated_by_a_character(gochan: Gochan, separator: str) -> None:
    """And that is no quote."""
    ended = gochan("run", "--csv", "--columns", separator, "echo", ":::", "a")
    assert ended.status == 2
    (complaint,) = ended.complaints
    assert "with --csv, it is one character" in complaint


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["a"], ["a", "1/x.y", "2"]),
        (["a", "<{}>"], ["a", "<1/x.y 2>"]),
        (["{2}{1}", "{-1}", "{-2}"], ["21/x.y", "2", "1/x.y"]),
        (["{1.}", "{1/}", "{1//}", "{1/.}"], ["1/x", "x.y", "1", "x"]),
        (["${1}", "{1}"], ["${1}", "1/x.y"]),
        (["{0}", "{01}", "{1}"], ["{0}", "{01}", "1/x.y"]),
    ],
)
def test_columns_have_numbers(command: list[str], filled: list[str]) -> None:
    """All of them together are the line, as separate arguments where they are alone."""
    assert fill_in(command, b"1/x.y,2", separator=b",") == filled


def test_a_column_that_is_not_there_is_a_failure_of_that_line(run_lines: RunLines) -> None:
    """The command is not started for it; for the others, it is."""
    ended = run_lines(b"a,b\nc\nd,e\n", *ONE, "--keep-going", "-C,", "echo", "{2}", "{-2}")
    assert (ended.status, ended.out) == (1, b"b a\ne d\n")
    assert ended.commands[1] == (
        "failed: echo {2} {-2} (there is nothing for {2}: there is only 1 value)"
    )
    with pytest.raises(PlaceError, match="there are only 2 values"):
        fill_in(["{-3}"], b"a,b", separator=b",")


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["{n}", "{long name}", "{n.}"], ["1.5", "x", "1"]),
        (["{2}", "{n.m}", "{n.m.}"], ["x", "c.d", "c"]),
        (["{print $1}", "${n}", "{n}", "{-}"], ["{print $1}", "${n}", "1.5", "{-}"]),
    ],
)
def test_columns_may_have_names(command: list[str], filled: list[str]) -> None:
    """Braces that can be no name stay, and those of a shell."""
    template = Template(command, InputOptions(None, separator=b",", header=True))
    template.name_columns(b"n,long name,n.m")
    item = Item(1, (b"1.5,x,c.d",), 2)
    assert [os.fsdecode(word) for word in template.fill_in(item)] == filled


def test_what_stands_beside_a_command_has_its_columns() -> None:
    """Such as the folder of its results, which is known before the header."""
    template = Template(["echo"], InputOptions(None, separator=b",", header=True))
    folder = template.beside(["out/{name}"])
    template.name_columns(b"age,name")
    assert folder.fill_in(Item(1, (b"36,ada",), 2)) == [b"out/ada"]


def test_a_name_that_no_column_has_is_said_before_anything_runs(run_lines: RunLines) -> None:
    """With the names that there are."""
    ended = run_lines(b"name,age\nada,36\n", "--header", "-C,", "echo", "{nmae}")
    assert (ended.status, ended.out) == (2, b"")
    assert ended.complaints == ["gochan: there is no column for {nmae}; there are: name, age"]


def test_a_header_is_no_line(run_lines: RunLines) -> None:
    """It needs no other columns than its own, and nothing needs to follow."""
    assert run_lines(b"\nn\n1\n\n2\n", *ONE, "--header", "echo", "{n}").out == b"1\n2\n"
    ended = run_lines(b"n\n", "--header", "echo", "{n}")
    assert (ended.status, ended.summary) == (0, {})


# Batches


@pytest.mark.parametrize(
    ("command", "filled"),
    [
        (["a"], ["a", "1.x", "2.x"]),
        (["a", "{}", "b"], ["a", "1.x", "2.x", "b"]),
        (["a", "{.}", "-{}-"], ["a", "1", "2", "-1.x-", "-2.x-"]),
        (["a", "{2}:{1.}", "{-1}"], ["a", "2.x:1", "2.x"]),
        (["a", "{1}={}"], ["a", "1.x=1.x", "1.x=2.x"]),
        (["a", "{#}"], ["a", "7", "1.x", "2.x"]),
    ],
)
def test_a_batch_has_several_lines(command: list[str], filled: list[str]) -> None:
    """A word with a place is there for each of them; numbers are those of lines."""
    assert fill_in(command, b"1.x", b"2.x", batch=2) == filled


def test_columns_in_a_batch_are_those_of_each_line() -> None:
    """Not of the batch."""
    filled = fill_in(["{1}={2}", "{2}"], b"a,1", b"b,2", batch=2, separator=b",")
    assert filled == ["a=1", "b=2", "1", "2"]


def test_a_batch_is_no_longer_than_the_system_allows(run_lines: RunLines) -> None:
    """It is cut, though more lines were asked for."""
    lines = b"".join(b"%09999d\n" % number for number in range(900))
    script = "echo $#; echo $1 $2 >/dev/null"
    ended = run_lines(lines, *ONE, "-n", "800", "sh", "-c", script, "sh", "{}", "{.}")
    counts = [int(count) for count in ended.out.split()]
    assert ended.status == 0
    assert sum(counts) == 1800
    assert counts[0] < 400
    assert len(counts) < 20


@pytest.mark.parametrize("shell", [False, True])
def test_as_many_lines_as_fit_but_not_more_than_xargs_takes(
    run_lines: RunLines, shell: bool
) -> None:
    """So that others have something to do, too."""
    lines = processes.numbers(20_000)
    words = (
        ["--shell", "set -- {}; echo $#"] if shell else ["sh", "-c", "echo $#", "sh", "{}", "x{#}"]
    )
    ended = run_lines(lines, *ONE, "-n0", *words)
    counts = [int(count) - (not shell) for count in ended.out.split()]
    assert sum(counts) == 20_000
    assert 2 <= len(counts) <= 20


def test_a_batch_waits_for_its_lines_and_the_last_may_lack_some(run_lines: RunLines) -> None:
    """A place for a line that is not there is a failure."""
    ended = run_lines(b"a\n\nb\nc\n", *ONE, "--keep-going", "-n2", "echo", "{2}", "{1}")
    assert (ended.status, ended.out) == (1, b"b a\n")
    assert "there is nothing for {2}" in ended.err


def test_numbers_of_lines_and_of_items_have_their_room(run_lines: RunLines) -> None:
    """When a batch is cut: as if each line could stand there, since it is not known which."""
    lines = b"".join(b"%01999d\n" % number for number in range(100))
    for words, most in (("x{1}", 33), ("x{#}", 66)):
        ended = run_lines(lines, *ONE, "-n0", "sh", "-c", "echo $#", "sh", "{}", words)
        counts = [int(count) - 1 for count in ended.out.split()]
        assert sum(counts) == 100
        assert max(counts) <= most
    ended = run_lines(b"a\nb,c\n", *ONE, "-C,", "--keep-going", "-n2", "echo", "{2}")
    assert "there is nothing for {2}" in ended.err


# What the system allows


def test_a_line_that_the_system_does_not_allow_is_a_failure_of_that_line(
    run_lines: RunLines,
) -> None:
    """The others are done. A line that is just short enough is one of those."""
    most = b"x" * (ARGUMENT - 1)
    lines = [b"a", most + b"y", most, b"b"]
    ended = run_lines(b"\n".join(lines), *ONE, "--keep-going", "sh", "-c", "echo ${#1}", "sh")
    assert (ended.status, ended.out) == (1, b"1\n%d\n1\n" % len(most))
    failed = ended.commands[1]
    assert failed.endswith("(an argument would have 131,072 bytes; the system allows 131,071)")
    assert len(failed) < 1000


def test_a_command_that_is_too_long_as_a_whole_is_a_failure_of_that_line() -> None:
    """Many columns can add up to that, each of them short."""
    line = b",".join([b"x" * 1000] * 7000)
    with pytest.raises(UnfitError, match=r"the command would have [0-9,]+ bytes"):
        fill_in(["true"], line, separator=b",")


# A shell


NASTY = [
    *("a  b", "it's", '"', "$HOME", "`id`", "$(id)", "\\", "a\\nb", "*", "~", "-n", ";", "&", "#"),
    *("new\nline", "\udcff", "{}", "!!", "", " ", "'\"'\"'", "a'$(id)'"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("printf %s {}", "{}"),
        ('printf %s "<{}>"', "<{}>"),
        ("printf %s '<{}>'", "<{}>"),
        ("printf %s a{}b", "a{}b"),
        ('printf %s "$(printf %s {})."', "{}."),
        ('printf %s "$(printf %s "{}")."', "{}."),
        ("f() { printf %s {}; }; f", "{}"),
        ("set -- 1; printf %s {}", "{}"),
        ('printf %s \\"{}', '"{}'),
        ("printf %s '\\'{}", "\\{}"),
        ("(printf %s {})", "{}"),
        ("printf %s '(\"{}'", '("{}'),
        ("case a in a) printf %s {};; esac", "{}"),
        ('printf %s "(a) \'{}"', "(a) '{}"),
        ("printf '%s' \"it's {}\"", "it's {}"),
        ("printf %s", "{}"),
    ],
)
def test_a_value_is_one_word_for_the_shell_wherever_it_stands(text: str, expected: str) -> None:
    """And no part of it is run. What is shown is a command that does the same."""
    template = Template(["true;", text], InputOptions(None, shell=True))
    for value in NASTY:
        item = Item(1, (os.fsencode(value),), 1)
        wanted = os.fsencode(expected.replace("{}", value))
        if "$(" in text:
            wanted = wanted.rstrip(b"\n")
        for command in (template.fill_in(item), [b"sh", b"-c", template.text(item)]):
            assert subprocess.run(command, stdout=subprocess.PIPE).stdout == wanted, value


def test_a_shell_gets_several_values_as_words(gochan: Gochan) -> None:
    """Joined by blanks where they are quoted."""
    text = "printf '[%s]' {} \"{}\" '{}' {#}"
    ended = gochan("run", *ONE, "--shell", "-n2", text, ":::", "a b", "c")
    assert ended.out == b"[a b][c][a b c][a b c][1]"
    ended = gochan("run", *ONE, "--shell", "printf '[%s]' {1} {} {2/}", ":::", "a b", ":::", "x/c")
    assert ended.out == b"[a b][a b][x/c][c]"


def test_a_shell_without_a_place_gets_the_line_at_the_end(gochan: Gochan) -> None:
    """Unless it is to read it."""
    assert gochan("run", *ONE, "--shell", "exit 0; ", ":::", "a").status == 0
    assert gochan("run", *ONE, "--shell", "echo", "x", ":::", "a b").out == b"x a b\n"
