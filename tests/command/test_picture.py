"""The picture of `gochan top`: rows for terminals of any size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan._command.queues.top import History, Known, Panel, picture
from gochan._command.queues.top._lanes import ends, lanes
from gochan._command.queues.top._panel import Deed, Item, item_of, things
from gochan._command.queues.top._sparkline import sparkline
from gochan._command.terminal import width_of
from gochan.durable import JobRecord, KnownWorker, QueueCounts

SIZES = [(60, 10), (60, 24), (80, 24), (100, 30), (120, 40), (200, 60)]
WHY = "exit status 2\nand more"
NOW = 1_900_000_000.0


def at(ago: float) -> datetime:
    return datetime.fromtimestamp(NOW - ago, UTC)


def job(number: int, **values: Any) -> JobRecord:
    """Return a job, by default one that waits since a minute."""
    fields = dict.fromkeys(JobRecord.__dataclass_fields__)
    fields |= {"attempt": 0, "max_attempts": 5, "attempts": (), "labels": {}, "priority": 0}
    fields |= {"queue": "shrink", "state": "waiting", "codec": "json", "submitted": at(60)}
    fields |= {"payload": b'"./a.png"', "version": 1, "headers": {}, "held_by": 0}
    return JobRecord(**{**fields, "id": number, **values})  # type: ignore[arg-type]


def runs(number: int, worker: str = "oslo:1", ago: float = 12.0, **values: Any) -> JobRecord:
    started = {"state": "running", "worker": worker, "started": at(ago), "attempt": 1}
    return job(number, **{**started, **values})


def ended(number: int, kind: str = "failed", why: str | None = WHY, **values: Any) -> JobRecord:
    return job(number, **{"state": "ended", "kind": kind, "error": why, "ended": at(30), **values})


COUNTS = QueueCounts(waiting=21, running=3, scheduled=4, done=1000, failed=5, timed_out=1)

KNOWN = Known(
    "http://127.0.0.1:8000",
    NOW,
    {"mails": QueueCounts(paused=True, waiting=1), "shrink": COUNTS},
    [
        runs(7, ago=100, timeout=60.0, cancel_reason="no"),
        runs(8, timeout=60.0, progress=(3, 12), attempt=2),
        runs(9, "rome:2", timeout=float("inf"), progress=(5, None)),
    ],
    [job(11, priority=3), job(12, machine="oslo", labels={"gpu": "yes"}), job(13)],
    [ended(3), ended(2), ended(1, "cancelled", None)],
    [
        KnownWorker(name="oslo:1", capacity=2, silent=1.0),
        KnownWorker(name="bonn:3", capacity=4, silent=100.0),
        KnownWorker(name="wien:4", capacity=4, silent=1.0, phase="drain"),
        KnownWorker(name="kiel:5", capacity=4, silent=1.0),
    ],
)


def shown(known: Known = KNOWN, panel: Panel | None = None, **options: Any) -> list[str]:
    """Return the rows as text."""
    history = History()
    for waiting in (0, 10, 20):
        history.add({"shrink": replace(COUNTS, waiting=waiting, scheduled=0)})
    size = {"columns": 100, "lines": 40}
    rows = picture(known, history, panel or Panel(), **{**size, **options})
    return ["".join(span.text for span in row).rstrip() for row in rows]


def find(rows: Sequence[str], words: str) -> str:
    (found,) = [row for row in rows if words in row]
    return found


# In a terminal of 100 columns, but for the head and the foot.
EXPECTED = """\
  QUEUES   scheduled waiting running    done  failed waiting                running
  mails            0       1       0       0       0 paused
  shrink           4      21       3    1000       6                    ▁▅█                    ███
  WORKERS
  oslo:1       2/2 7 1:40 min  8 12 s
  rome:2         1 9 12 s
  bonn:3       0/4 silent for 1:40 min
  kiel:5       0/4 idle
  wien:4       0/4 stops: drain
  RUNNING, the oldest first
        7 shrink    1:40 min of 60 s     ━━━━━━━━━━ cancelling  "./a.png"
        8 shrink        12 s of 60 s     ━━━━━━━━━━ 3/12  attempt 2/5  "./a.png"
        9 shrink        12 s                        5  "./a.png"
  ENDED, and not done
       2x shrink        30 s ago  failed    exit status 2
       1x shrink        30 s ago  cancelled
  NEXT
       11 shrink        60 s priority 3  "./a.png"
       12 shrink        60 s only oslo, gpu=yes  "./a.png"
       13 shrink        60 s "./a.png"
"""


# All of it


@pytest.mark.parametrize(("columns", "lines"), SIZES)
def test_the_picture_fills_the_terminal_and_no_more(columns: int, lines: int) -> None:
    """What matters most is there in each size: counts, queues, who works, what runs."""
    rows = shown(columns=columns, lines=lines)
    assert len(rows) == lines
    assert max(map(width_of, rows)) <= columns
    assert "jobs running, 22 waiting" in rows[0]
    text = "\n".join(rows)
    for words in ("QUEUES", "WORKERS", "RUNNING", "shrink", "oslo:1", "keys"):
        assert words in text
    if lines >= 24:
        assert "exit status 2" in text
        assert "NEXT" in text


def test_what_it_looks_like() -> None:
    """In a terminal of 100 columns."""
    assert "\n".join(shown(lines=26)[1:-5]) + "\n" == EXPECTED


@given(
    columns=st.integers(1, 130),
    lines=st.integers(1, 50),
    presses=st.lists(st.sampled_from(["up", "down", "?", "c", "r", "e", "x"]), max_size=12),
    queues=st.integers(0, 12),
    keys=st.booleans(),
    problem=st.sampled_from(["", "the store cannot be reached"]),
)
def test_no_size_is_too_small(
    columns: int, lines: int, presses: list[str], queues: int, keys: bool, problem: str
) -> None:
    """Rows are never wider than the terminal, nor more than its lines; the chosen one is there."""
    names = {f"queue {number} 漢字": COUNTS for number in range(queues)}
    known = replace(KNOWN, queues=names)
    panel = Panel()
    for key in presses:
        panel.press(key, known)
    panel.reasons = ["It waits for something that needs many words to be told."]
    rows = shown(known, panel, columns=columns, lines=lines, keys=keys, problem=problem)
    assert len(rows) <= lines
    assert max(map(width_of, rows), default=0) <= columns
    if keys and lines > 5:
        assert len(rows) == lines
    if panel.chosen is not None and lines >= 24 and columns >= 20:
        assert any(row.startswith("> ") for row in rows)


def test_an_empty_store_says_what_to_expect() -> None:
    """There is nothing below the queues."""
    rows = shown(Known("sqlite:jobs.db", NOW, {}), lines=10)
    assert "0 jobs running, 0 waiting" in rows[0]
    assert rows[2] == "  none yet: the first job makes one"
    assert rows[3:-1] == [""] * 6


def test_a_store_that_cannot_be_reached_is_told() -> None:
    """Below the head; the rest is what was known."""
    rows = shown(problem="http://127.0.0.1:8000: no\nanswer")
    assert rows[1] == r"http://127.0.0.1:8000: no\nanswer"
    assert "oslo:1" in "\n".join(rows)


def test_what_does_not_fit_is_counted() -> None:
    """Around the chosen row."""
    known = replace(KNOWN, running=[runs(number) for number in range(1, 41)])
    rows = shown(known, lines=24)
    assert find(rows, " more").strip() == "35 more"
    rows = shown(known, Panel(chosen=Item("job", "30")), lines=24)
    number = next(n for n, row in enumerate(rows) if row.startswith(">"))
    assert " 30 shrink" in rows[number]
    assert " 29 shrink" in rows[number - 1]


# Rows


def test_a_queue_has_counts_and_sparklines() -> None:
    """The number of bars is that of the looks; a paused queue says so instead."""
    row = find(shown(), "1000")
    assert row.split()[:6] == ["shrink", "4", "21", "3", "1000", "6"]
    assert "▁▅█" in row
    assert row.endswith("███")
    assert find(shown(), "  mails").endswith("paused")
    assert "21" in find(shown(columns=60), "1000")
    millions = replace(KNOWN, queues={"many": QueueCounts(waiting=12_300_000, done=3 * 10**9)})
    assert find(shown(millions), "  many ").split()[2:5] == ["12.3M", "0", "3.0G"]


def test_a_worker_is_a_lane() -> None:
    """With how much it runs, of how much; and what is wrong with it, or that it stops."""
    rows = shown()
    assert find(rows, "oslo:1").split() == [
        "oslo:1", "2/2", "7", "1:40", "min", "8", "12", "s"
    ]  # fmt: skip
    assert find(rows, "rome:2").split() == ["rome:2", "1", "9", "12", "s"]
    assert find(rows, "bonn:3").split()[1:] == ["0/4", "silent", "for", "1:40", "min"]
    assert find(rows, "wien:4").split()[1:] == ["0/4", "stops:", "drain"]
    assert find(rows, "kiel:5").split()[1:] == ["0/4", "idle"]


def test_jobs_that_were_claimed_ahead_are_not_said_to_run() -> None:
    """A worker claims more than it runs; nobody else knows which of them it runs."""
    known = replace(KNOWN, running=[runs(number) for number in range(1, 23)])
    ahead = find(shown(known), "oslo:1").split()[1:9]
    assert ahead == ["2/2", "and", "20", "claimed", "ahead:", "1", "12", "s"]
    assert find(shown(replace(known, workers=[])), "oslo:1").split()[1:4] == ["22", "1", "12"]


def test_workers_that_are_gone_are_left_out() -> None:
    """Those that have stopped, and those that were silent for an hour; but not with jobs."""
    gone = [
        KnownWorker(name="oslo:1", silent=9999.0),
        KnownWorker(name="bonn:3", silent=100.0, phase="release"),
        KnownWorker(name="wien:4", silent=3601.0),
        KnownWorker(name="kiel:5"),
    ]
    assert [lane.name for lane in lanes(replace(KNOWN, workers=gone))] == [
        "oslo:1", "rome:2", "kiel:5"
    ]  # fmt: skip


def test_a_job_shows_its_age_against_its_limit() -> None:
    """And that it is cancelled, how far it is, and which attempt it is."""
    rows = shown()
    assert "1:40 min of 60 s     ━━━━━━━━━━ cancelling" in find(rows, " 7 shrink")
    assert "12 s of 60 s     ━━━━━━━━━━ 3/12  attempt 2/5" in find(rows, " 8 shrink")
    assert "of" not in find(rows, " 9 shrink")
    assert '5  "./a.png"' in find(rows, " 9 shrink")
    assert "oslo:1" in find(shown(columns=130), " 8 shrink")
    unlimited = replace(KNOWN, running=[runs(7)])
    assert find(shown(unlimited), " 7 shrink").split() == ["7", "shrink", "12", "s", '"./a.png"']


def test_ends_are_counted_by_their_reasons() -> None:
    """The first line of the error is the reason."""
    rows = shown()
    assert find(rows, "2x").split() == [
        "2x", "shrink", "30", "s", "ago", "failed", "exit", "status", "2"
    ]  # fmt: skip
    assert find(rows, "1x").split() == ["1x", "shrink", "30", "s", "ago", "cancelled"]
    assert [len(end.jobs) for end in ends(KNOWN)] == [2, 1]
    assert ends(replace(KNOWN, ended=[job(1)])) == []
    assert " 0.0 s ago" in find(shown(replace(KNOWN, ended=[ended(1, ended=None)])), "1x")


def test_a_job_that_waits_shows_what_it_needs() -> None:
    """Its priority, its machine, its labels."""
    rows = shown()
    assert "priority 3" in find(rows, " 11 shrink")
    assert "only oslo, gpu=yes" in find(rows, " 12 shrink")
    assert find(rows, " 13 shrink").split() == ["13", "shrink", "60", "s", '"./a.png"']


def test_the_foot_says_what_is_asked_and_which_keys_there_are() -> None:
    """In as many words as fit."""
    assert shown()[-1] == "up/down choose a row   e explain   q quit   ? keys"
    assert shown(columns=20)[-1] == "? keys  q quit"
    assert shown(panel=Panel(help=True))[-1].startswith("up/down choose  e explain  c cancel")
    assert shown(panel=Panel(help=True), columns=60)[-1].startswith("up/down  e explain  c cancel")
    asked = Panel(asked=Deed("cancel", (7,)), notice="no")
    assert shown(panel=asked)[-1] == "cancel job 7? Enter: yes, any other key: no"
    asked = Panel(asked=Deed("retry", (2, 3)))
    assert shown(panel=asked)[-1] == "let 2 jobs run again? Enter: yes, any other key: no"
    assert shown(panel=Panel(notice="job 7: cancelled"))[-1] == "job 7: cancelled"
    told = Panel(reasons=["It is the next one, and it waits for a worker that is not there."])
    assert shown(panel=told, columns=40)[-3:-1] == [
        "It is the next one, and it waits for a",
        "worker that is not there.",
    ]


def test_every_row_that_can_be_chosen_is_marked() -> None:
    """Each in its place."""
    for thing in things(KNOWN):
        rows = shown(panel=Panel(chosen=item_of(thing)))
        assert len([row for row in rows if row.startswith("> ")]) == 1


# Sparklines


@pytest.mark.parametrize(
    ("values", "width", "bars"),
    [
        ([], 3, "   "),
        ([0, 0], 3, " ▁▁"),
        ([0, 1, 100], 3, "▁▂█"),
        ([1, 2, 3, 4], 2, "▆█"),
        ([1], 0, ""),
        ([1], -1, ""),
    ],
)
def test_sparklines(values: list[float], width: int, bars: str) -> None:
    """The newest is on the right; what is not 0 is more than the lowest bar."""
    assert sparkline(values, width) == bars


def test_the_history_of_queues_that_are_gone_is_forgotten() -> None:
    """And no queue has more than a terminal could show."""
    history = History()
    for _ in range(500):
        history.add({"a": COUNTS, "b": COUNTS})
    assert len(history.waiting("a")) == 300
    history.add({"a": COUNTS})
    assert (history.running("b"), history.waiting("b")) == ([], [])
