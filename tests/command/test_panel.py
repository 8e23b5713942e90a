"""The keys of `gochan top`: what they choose, ask and do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gochan._command.queues.top import Panel
from gochan._command.queues.top._panel import Deed, Item, item_of, things

from .test_picture import KNOWN


def on(name: str, sort: str = "job") -> Panel:
    """Return a panel on which that is chosen."""
    chosen = next(item_of(one) for one in things(KNOWN) if item_of(one)[:2] == (sort, name))
    return Panel(chosen=chosen)


def on_end() -> Panel:
    return Panel(chosen=next(item_of(one) for one in things(KNOWN) if item_of(one).sort == "end"))


def test_up_and_down_choose_a_row() -> None:
    """Round and round, in the order of the picture; also with the keys of vi."""
    panel, items = Panel(), [item_of(one) for one in things(KNOWN)]
    seen = []
    for key in ["down", "j"] * (len(items) // 2 + 1):
        assert panel.press(key, KNOWN) is None
        seen.append(panel.chosen)
    assert seen == (items * 2)[: len(seen)]
    assert [item.sort for item in items] == ["queue"] * 2 + ["job"] * 3 + ["end"] * 2 + ["job"] * 3
    panel = Panel()
    panel.press("up", KNOWN)
    assert panel.chosen == items[-1]
    panel.press("k", KNOWN)
    assert panel.chosen == items[-2]


def test_what_is_gone_is_not_chosen() -> None:
    """The next choice begins at an end; in an empty store, there is none."""
    panel = on("7")
    known = replace(KNOWN, running=[])
    assert panel.thing(known) is None
    assert panel.press("c", known) is None
    assert panel.notice == "choose a row first: up, down"
    panel.press("down", known)
    assert panel.chosen == Item("queue", "mails")
    for _ in range(2):
        panel.press("down", KNOWN)
    panel.press("down", known)  # where job 7 was
    assert panel.chosen is not None
    assert panel.chosen.sort == "end"
    nothing = replace(KNOWN, queues={}, running=[], waiting=[], ended=[])
    panel.press("down", nothing)
    assert panel.chosen is None


@pytest.mark.parametrize("job", ["7", "11"])
def test_a_job_is_cancelled_after_a_question(job: str) -> None:
    """Enter says yes; any other key says no, and does nothing else."""
    panel = on(job)
    for key in ("\x1b", "q", "c", "down"):
        assert panel.press("c", KNOWN) is None
        assert panel.asked == Deed("cancel", (int(job),))
        assert panel.press(key, KNOWN) is None
        assert (panel.asked, panel.quits, panel.chosen) == (None, False, Item("job", job))
    panel.press("c", KNOWN)
    assert panel.press("\r", KNOWN) == Deed("cancel", (int(job),))
    assert panel.asked is None


def test_jobs_that_ended_run_again_after_a_question() -> None:
    """All that ended for this reason, as far as they are shown."""
    panel = on_end()
    assert panel.press("r", KNOWN) is None
    assert panel.press("\n", KNOWN) == Deed("retry", (3, 2))


def test_a_queue_is_paused_and_resumed_at_once() -> None:
    """That of the row, whatever that is about."""
    assert on("shrink", "queue").press("p", KNOWN) == Deed("pause", queue="shrink")
    assert on("mails", "queue").press("p", KNOWN) == Deed("resume", queue="mails")
    assert on("7").press("p", KNOWN) == Deed("pause", queue="shrink")
    assert on_end().press("p", KNOWN) == Deed("pause", queue="shrink")
    assert on("7").press("p", replace(KNOWN, queues={})) == Deed("pause", queue="shrink")


def test_a_job_is_explained() -> None:
    """So is the last one that ended for a reason. Keys take the explanation away."""
    assert on_end().press("e", KNOWN) == Deed("explain", (3,))
    panel = on("7")
    assert panel.press("enter", KNOWN) == Deed("explain", (7,))
    panel.reasons = ["It runs."]
    assert panel.press("e", KNOWN) is None
    assert panel.reasons == ()
    panel.reasons = ["It runs."]
    panel.press("down", KNOWN)
    assert (panel.reasons, panel.chosen) == ((), Item("job", "8"))


def test_what_cannot_be_done_is_said() -> None:
    """Until the next key."""
    panel = on("shrink", "queue")
    for key, words in (("c", "can be cancelled"), ("r", "can run again"), ("e", "explained")):
        assert panel.press(key, KNOWN) is None
        assert words in panel.notice
    panel.press("x", KNOWN)
    assert panel.notice == ""
    panel = on_end()
    panel.press("c", KNOWN)
    assert "only a job that has not ended" in panel.notice


def test_other_keys() -> None:
    """One explains the keys, one ends the view, and all others do nothing."""
    panel = Panel()
    panel.press("?", KNOWN)
    assert panel.help
    panel.press("h", KNOWN)
    assert not panel.help
    panel.press("x", KNOWN)
    assert panel == Panel()
    panel.press("q", KNOWN)
    assert panel.quits
