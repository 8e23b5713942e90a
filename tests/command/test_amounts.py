"""Amounts on the command line, and what is wrong with some."""

from __future__ import annotations

import os
from typing import Any

import click
import pytest

from gochan._command.run import FIRST_FAILURE, Halt
from gochan._command.run_options import _amounts
from gochan._command.run_options._amounts import HaltRule, Limit, Load, Rate, Size, Span, Workers

from .. import processes
from ..processes import Gochan

gochan = processes.gochan


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_amounts, "count_processors", lambda: 8)


@pytest.mark.parametrize(
    ("kind", "text", "amount"),
    [
        (Workers, "3", 3),
        (Workers, "50%", 4),
        (Workers, "1%", 1),
        (Workers, "130%", 11),
        (Workers, "0%", 1),
        (Workers, "+2", 10),
        (Workers, "-2", 6),
        (Workers, "-20", 1),
        (Workers, "-25%", 6),
        (Workers, "0", 1000),
        (Load, "3.5", 3.5),
        (Load, "50%", 4),
        (Rate, "10/s", 0.1),
        (Rate, "30/m", 2),
        (Rate, "0.5/h", 7200),
        (Rate, "1/10s", 10),
        (Rate, "2/d", 43200),
        (Size, "100", 100),
        (Size, "1.5k", 1500),
        (Size, "2K", 2048),
        (Size, "1G", 1 << 30),
        (Span, "0", 0),
        (Span, "2.5", 2.5),
        (Span, ".5s", 0.5),
        (Span, "2m", 120),
        (Span, "1h", 3600),
        (Span, "1d", 86400),
        (Span, "1m30s", 90),
        (Span, "1d2h.5m", 93630),
        (HaltRule, "never", None),
        (HaltRule, "0", None),
        (HaltRule, "1", FIRST_FAILURE),
        (HaltRule, "2", Halt("now", "fail", 1)),
        (HaltRule, "-1", Halt("soon", "success", 1)),
        (HaltRule, "-2", Halt("now", "success", 1)),
        (HaltRule, "5%", Halt("soon", "fail", 5, percent=True)),
        (HaltRule, "now,done=10%", Halt("now", "done", 10, percent=True)),
        (HaltRule, "soon,success=3", Halt("soon", "success", 3)),
    ],
)
def test_an_amount(kind: Any, text: str, amount: object) -> None:
    assert kind().convert(text, None, None) == amount


def test_a_time_limit() -> None:
    assert Limit().convert("5m", None, None).seconds == 300
    limit = Limit().convert("300%", None, None)
    assert (limit.seconds, limit.adapts, limit._share) == (None, True, 3)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Workers, ["", "x", "1.5", "--2", "5%%", "9" * 10]),
        (Load, ["0", "-1", "x", "nan", "inf", "0%"]),
        (Rate, ["10", "10/", "/s", "0/s", "10/0s", "-1/s", "10/w", "1/s/s"]),
        (Size, ["", "G", "-1", "1X", "1 G"]),
        (Span, ["", "-1", "x", "1w", "nan", "1e5"]),
        (Limit, ["0", "0%", "-5", "x", "%"]),
        (
            HaltRule,
            ["", "now", "soon,fail", "soon,fail=0", "later,fail=1", "now,fail=x", "3", "-3"],
        ),
    ],
)
def test_what_is_no_amount(kind: Any, texts: list[str]) -> None:
    """The error names the text, and says what would be right."""
    for text in texts:
        with pytest.raises(click.BadParameter) as raised:
            kind().convert(text, None, None)
        assert raised.value.message == f"{text!r} is not {kind.form}."


def test_options_that_contradict_each_other(gochan: Gochan) -> None:
    ended = gochan("run", "--keep-going", "--halt", "now,fail=3", "--", "true")
    assert ended.status == 2
    assert ended.complaints == ["gochan: --keep-going means --halt never; give one of the two"]


def test_memory_can_be_asked_for_only_where_the_system_says_how_much_there_is(
    gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise OSError("nobody knows")

    monkeypatch.setattr("gochan._command.run_options._pace.available_memory", fail)
    ended = gochan("run", "--memory-free", "1G", "--", "true")
    assert ended.status == 2
    assert ended.complaints == ["gochan: Invalid value for --memory-free: nobody knows"]


def test_a_run_of_as_many_as_there_are_processors(gochan: Gochan) -> None:
    """They are read from the command line as usual, also with a dash."""
    with open(os.devnull) as nothing:
        for workers in ("-1", "+1", "50%", "0"):
            ended = gochan("run", "--input", nothing.name, "-j", workers, "--", "true")
            assert (ended.status, ended.summary) == (0, {})
