"""The rows of the live view, for terminals of any size."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan._command.run.display._state import (
    Running,
    RunState,
    estimate_in_words,
    rate_in_words,
)
from gochan._command.run.display._view import Figures, Panel, view
from gochan._command.terminal._ages import seconds_in_words
from gochan._command.terminal._cells import fit, width_of

from ..displays import state

NOTHING_KNOWN, NOTHING_ASKED = Figures(), Panel()


def rows(
    state: RunState,
    columns: int = 80,
    lines: int = 24,
    *,
    figures: Figures = NOTHING_KNOWN,
    panel: Panel = NOTHING_ASKED,
) -> list[str]:
    """Return the rows without their styles."""
    found = view(state, figures, panel, columns=columns, lines=lines)
    return ["".join(span.text for span in row) for row in found]


FIGURES = Figures(3.24, 35)


@pytest.mark.parametrize(
    ("columns", "bar"),
    [
        (9, "12/117"),
        (16, "12/117  2 failed"),
        (27, "12/117  2 failed  35 s left"),
        (50, "12/117 jobs  4 running  2 failed  3.2/s  35 s left"),
        (60, "━━━━━━━━  12/117 jobs  4 running  2 failed  3.2/s  35 s left"),
        (80, f"{'━' * 15}  12/117 jobs  4 running  2 failed  101 waiting  3.2/s  35 s left"),
        (300, f"{'━' * 40}  12/117 jobs  4 running  2 failed  101 waiting  3.2/s  35 s left"),
    ],
)
def test_the_bar_tells_what_fits(columns: int, bar: str) -> None:
    """What is most important first; the graphic part takes what is left."""
    shown = state(12, *"abcd", total=117, failed=2)
    *_, last = rows(shown, columns, figures=FIGURES)
    assert last == bar


def test_a_total_that_is_not_known_is_not_shown() -> None:
    """Nor can it be drawn."""
    *_, bar = rows(state(12, "a", submitted=117))
    assert bar == "12/117+ jobs  1 running  104 waiting"


def test_the_graphic_part_is_full_only_in_the_end() -> None:
    """Of a run without jobs, it is full at once."""

    def done(shown: RunState) -> int:
        (*_, bar) = view(shown, Figures(), Panel(), columns=80, lines=24)
        return len(bar[0].text)

    assert [done(state(ended, total=1000)) for ended in (0, 500, 999, 1000)] == [0, 20, 39, 40]
    assert done(state(0, total=0)) == 40


def test_the_oldest_commands_are_named_and_the_others_counted() -> None:
    """All rows together take a third of the terminal."""
    running = [Running(number, f"command {number}", 100.0 - number) for number in range(30)]
    shown = RunState(submitted=30, ended=0, failed=0, running=running, total=30, workers=30)
    *commands, more, _ = rows(shown)
    assert commands == [
        f"{age:>9} command {number}"
        for number, age in enumerate(["1:40 min", "99 s", "98 s", "97 s", "96 s", "95 s"])
    ]
    assert more == "          +24 more"
    assert len(rows(shown, lines=90)) == 30
    assert rows(shown, lines=93)[-2] == "     71 s command 29"


def test_a_small_terminal_shows_the_bar_and_the_oldest_command() -> None:
    """However small it is."""
    shown = state(0, "sleep 1", "sleep 2", total=2)
    assert rows(shown, 20, 5) == ["    1.0 s sleep 1", "0/2 jobs  2 running"]
    assert rows(shown, 1, 1) == ["…", "…"]


@pytest.mark.parametrize(
    ("phase", "left", "columns", "words"),
    [
        ("drain", 12, 80, "stopping: what runs may finish, 12 s left, Ctrl-C cancels it"),
        ("quiet", math.inf, 80, "stopping: what runs may finish, Ctrl-C cancels it"),
        ("drain", 12, 40, "stopping, 12 s left, Ctrl-C cancels"),
        ("drain", 12, 20, "stopping, 12 s left"),
        ("cancel", 3.21, 80, "stopping: what runs is cancelled, 3.2 s left, Ctrl-C kills it"),
        ("cancel", 3.21, 40, "cancelling, 3.2 s left, Ctrl-C kills"),
        ("release", 0, 80, "stopping: what still runs is killed"),
        ("report", 0, 20, "killing what runs"),
    ],
)
def test_a_stop_says_what_it_is_at_and_what_the_next_ctrl_c_does(
    phase: str, left: float, columns: int, words: str
) -> None:
    """Right above the bar, in as many words as fit."""
    shown = state(0, "a", phase=phase, seconds_left=left)
    assert rows(shown, columns)[-2] == words


@pytest.mark.parametrize(
    ("held", "keys", "words"),
    [
        ("paused", True, "paused: no job starts, p goes on"),
        ("paused", False, "paused"),
        ("waiting for --rate", True, "waiting for --rate"),
    ],
)
def test_a_run_that_starts_no_job_says_why(held: str, keys: bool, words: str) -> None:
    """And what to do about it, if that is a key."""
    assert rows(state(0, "a", held=held), panel=Panel(keys=keys))[-2] == words


def test_keys_are_mentioned_explained_and_answered() -> None:
    """In the last place where there is room, and above the bar."""
    shown = state(0, "a", workers=3)
    assert rows(shown, panel=Panel(keys=True))[-1].endswith("  ? keys")
    (_, words, _) = rows(shown, panel=Panel(keys=True, help=True))
    assert words == "keys: + - workers (3 now), p pause, c cancel one, q stop, ? hide this"
    assert rows(shown, panel=Panel(keys=True, notice="4 workers"))[-2] == "4 workers"


def test_the_command_that_is_chosen_is_in_sight() -> None:
    """Though it may be the youngest of many."""
    names = [f"command {number}" for number in range(1, 31)]
    for chosen in range(1, 31):
        *shown, words, _ = rows(state(0, *names), panel=Panel(keys=True, chosen=chosen))
        assert f">     1.0 s command {chosen}" in shown
        assert words.startswith("cancel this command?")


# Rows

titles = st.text(st.characters(codec="utf-8"), max_size=60) | st.text("日本\u0301🙂🇩🇪️\t\x1b\n x")


@given(
    titles=st.lists(titles, max_size=12),
    columns=st.integers(1, 120),
    lines=st.integers(1, 60),
    total=st.none() | st.integers(0, 10**9),
    ended=st.integers(0, 10**9),
    failed=st.integers(0, 10**6),
    phase=st.sampled_from(["run", "drain", "cancel", "release"]),
    held=st.sampled_from(["", "paused"]),
    chosen=st.none() | st.integers(1, 12),
)
def test_rows_fit_any_terminal(
    titles: list[str],
    columns: int,
    lines: int,
    total: int | None,
    ended: int,
    failed: int,
    phase: str,
    held: str,
    chosen: int | None,
) -> None:
    """Whatever the commands are called, however many there are; nothing in them is obeyed."""
    shown = state(
        ended, *titles, total=total, submitted=ended, failed=failed, phase=phase, held=held
    )
    panel = Panel(keys=True, chosen=chosen if chosen and chosen <= len(titles) else None)
    found = rows(shown, columns, lines, figures=Figures(12.5, 1e6), panel=panel)
    assert 1 <= len(found) <= max(2, lines // 3)
    for row in found:
        assert row.isprintable()
        assert width_of(row) <= columns


@pytest.mark.parametrize(
    ("text", "width", "fits"),
    [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("🙂🙂", 3, "🙂…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_text_is_cut_by_cells(text: str, width: int, fits: str) -> None:
    """Of which a character may take none, one or two."""
    assert fit(text, width) == fits


# Words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (99, "99 s"), (100, "1:40 min"),
        (5999, "99:59 min"), (6000, "1:40 h"), (172_799, "47:59 h"), (172_800, "2 d 0 h"),
    ],
)  # fmt: skip
def test_times_are_said_shortly(seconds: float, words: str) -> None:
    """And never take more room than an age has."""
    assert seconds_in_words(seconds) == words
    assert len(words) <= 9


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s left"), (0.2, "1 s left"), (119, "119 s left"), (121, "3 min left"),
        (7200, "2 h left"), (7201, "3 h left"), (200_000, "3 d left"),
    ],
)  # fmt: skip
def test_estimates_are_no_more_exact_than_they_can_be(seconds: float, words: str) -> None:
    """They are rounded up."""
    assert estimate_in_words(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (1234, "1234/s"),
        (12.34, "12/s"),
        (1, "1/s"),
        (0.5, "30/min"),
        (0.01, "36/h"),
        (1e-5, "0.036/h"),
    ],
)
def test_rates_are_said_in_the_unit_that_suits_them(rate: float, words: str) -> None:
    """Per second, minute or hour."""
    assert rate_in_words(rate) == words


def test_ages_are_in_one_column() -> None:
    """However old the commands are."""
    for exponent in itertools.chain(range(-1, 6)):
        assert len(f"{seconds_in_words(9.0 * 10**exponent):>9}") == 9
