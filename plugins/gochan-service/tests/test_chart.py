"""The last hour of each queue: seen, kept, and drawn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import trio
from gochan_service._door import Moment, Past
from gochan_service._door._past import look_again_and_again
from gochan_service._page._chart import Chart
from trio.testing import MockClock

from gochan.durable import NewJob, StoreUnavailable, open_store


def test_two_lines_have_one_scale() -> None:
    """The left edge is an hour ago; what is highest does not touch the edge."""
    chart = Chart([Moment(0.0, 0, 2), Moment(1800.0, 10, 0), Moment(3600.0, 5, 1)])
    assert chart.drawn
    assert chart.waiting == "0,23.0 60,1.0 120,12.0"
    assert chart.running == "0,18.6 60,23.0 120,20.8"
    assert chart.words == "waiting: 5, at most 10; running: 1, at most 2; in the last hour"


def test_a_moment_alone_is_no_line() -> None:
    """And a queue that is empty is a flat one."""
    assert not Chart([Moment(0.0, 1, 1)]).drawn
    assert Chart([Moment(0.0, 0, 0), Moment(3600.0, 0, 0)]).waiting == "0,23.0 120,23.0"


async def test_an_hour_is_kept(autojump_clock: MockClock) -> None:
    """Of each queue that is there; while the store is away, nothing is seen."""
    past = Past()
    async with open_store("memory:") as store, trio.open_nursery() as nursery:
        away = SimpleNamespace(now=False)

        class Sometimes:
            def __getattr__(self, name: str) -> Any:
                if away.now:
                    raise StoreUnavailable("it is away")
                return getattr(store, name)

        await store.enqueue([NewJob(queue="q", payload=b"1")])
        nursery.start_soon(look_again_and_again, Sometimes(), past)
        await trio.sleep(600.5)
        assert [moment.waiting for moment in past.of("q")] == [1] * 21
        away.now = True
        await trio.sleep(600)
        assert len(past.of("q")) == 21
        away.now = False
        await store.enqueue([NewJob(queue="q", payload=b"2")])
        await trio.sleep(2400)
        assert {moment.waiting for moment in past.of("q")} == {1, 2}
        await trio.sleep(7200)
        assert [moment.waiting for moment in past.of("q")] == [2] * 121
        nursery.cancel_scope.cancel()


def test_a_queue_that_is_gone_is_forgotten() -> None:
    """An hour later."""
    past = Past()
    count: Any = SimpleNamespace(waiting=1, running=0)
    past.note(0.0, {"old": count, "new": count})
    past.note(3601.0, {"new": count})
    assert past.of("old") == ()
    assert past.of("new") == (Moment(3601.0, 1, 0),)
