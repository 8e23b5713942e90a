"""Arguments of durable queues: what makes no sense is an error at the call."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from trio.testing import MockClock

from gochan.durable import DurableQueue, open_durable_queue, open_store

NESTED: list[Any] = []
for _ in range(100_000):
    NESTED = [NESTED]
CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)


async def work(payload: object) -> None:
    """Never called."""


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"key": 7}, TypeError, "key must be a str or None, not 7"),
        ({"key": ""}, ValueError, "key must not be empty; for none, leave it out"),
        ({"key": "a\0b"}, ValueError, "key must not contain the character NUL"),
        ({"key": "\udc80"}, ValueError, "key must be text that UTF-8 can encode"),
        ({"group": 7}, TypeError, "group must be a str or None, not 7"),
        ({"group": ""}, ValueError, "group must not be empty"),
        ({"machine": 7}, TypeError, "machine must be a str or None, not 7"),
        ({"machine": ""}, ValueError, "machine must not be empty"),
        ({"delay": -1}, ValueError, "delay must be >= 0"),
        ({"delay": math.nan}, ValueError, "delay must be >= 0"),
        ({"delay": math.inf}, ValueError, "delay must be .* and <= 3155760000"),
        ({"delay": 1e300}, ValueError, "delay must be .* and <= 3155760000"),
        ({"delay": 10**400}, ValueError, "delay must be .* not an int of 1329 bits"),
        ({"delay": True}, TypeError, "delay must be a number of seconds"),
        ({"timeout": 0}, ValueError, "timeout must be"),
        ({"expires": math.inf}, ValueError, "expires must be"),
        ({"expires": datetime(2030, 1, 1)}, ValueError, "expires must have a timezone"),
        ({"run_at": datetime(2030, 1, 1)}, ValueError, "run_at must have a timezone"),
        ({"run_at": 5.0}, TypeError, "run_at must be a datetime"),
        ({"run_at": datetime(2030, 1, 1, tzinfo=UTC), "delay": 1}, ValueError, "not both"),
        ({"max_attempts": 0}, ValueError, "max_attempts must be"),
        ({"priority": "high"}, TypeError, "priority must be"),
        ({"priority": False}, TypeError, "priority must be an int, not False"),
        ({"priority": 0.0}, TypeError, "priority must be an int, not 0.0"),
        ({"once_for": False}, TypeError, "once_for must be a number of seconds, not False"),
        ({"priority": 1 << 63}, ValueError, "priority must fit into 64 bits, not 65"),
        ({"priority": -(1 << 63) - 1}, ValueError, "priority must fit into 64 bits"),
        ({"labels": {"a": 1}}, TypeError, "labels must be a dict of str to str"),
        ({"labels": ["a"]}, TypeError, "labels must be a dict of str to str"),
        ({"labels": {"a": "b\0"}}, ValueError, "labels must not contain the character NUL"),
        ({"headers": [1]}, TypeError, "headers must be a dict of str to str"),
        ({"after": 5}, TypeError, r"after must be several jobs, as in \[job\], not 5"),
        ({"after": "12"}, TypeError, "after must be several jobs"),
        ({"after": ["12"]}, TypeError, "after must be jobs of the store or their numbers"),
        ({"after": [0]}, ValueError, "a number in after must be >= 1"),
        ({"after": [1 << 63]}, ValueError, "a number in after must fit into 64 bits"),
        ({"after_all": "never"}, ValueError, "after_all must be"),
        ({"once_for": -1, "key": "a"}, ValueError, "once_for must be"),
    ],
)
async def test_a_wrong_option_is_an_error_at_the_call(
    options: dict[str, Any], error: type[Exception], text: str, autojump_clock: MockClock
) -> None:
    """It names the option."""
    async with open_store("memory:") as store, open_durable_queue(store, "q") as queue:
        with pytest.raises(error, match=text):
            await queue.submit(1, **options)
        assert (await queue.audit()).stored == 0


@pytest.mark.parametrize("priority", [-(1 << 63), (1 << 63) - 1])
async def test_what_just_fits_is_kept(
    address: str, priority: int, autojump_clock: MockClock
) -> None:
    """In every store."""
    async with open_store(address) as store, open_durable_queue(store, "q") as queue:
        job = await queue.submit(1, priority=priority, delay=3155760000, key="\N{SNOWMAN}")
        record = await job.record()
        assert (record.priority, record.key) == (priority, "\N{SNOWMAN}")
        assert record.run_at is not None


@pytest.mark.parametrize(
    ("payload", "error", "text"),
    [
        (
            {1},
            TypeError,
            r"payload \{1\} of queue 'q' cannot be stored as json: Object of type set",
        ),
        (math.nan, ValueError, "payload nan of queue 'q' .* Out of range float"),
        ("\udc80", ValueError, "cannot be stored as json: 'utf-8' codec can't encode"),
        (CIRCLE, ValueError, "Circular reference"),
        (NESTED, ValueError, "cannot be stored as json: it is nested too deeply"),
    ],
    ids=["set", "nan", "surrogate", "circle", "nested"],
)
async def test_a_payload_that_cannot_be_stored(
    payload: Any, error: type[Exception], text: str, autojump_clock: MockClock
) -> None:
    """The error names it, briefly, and its queue."""
    async with open_store("memory:") as store, open_durable_queue(store, "q") as queue:
        with pytest.raises(error, match=text) as caught:
            await queue.submit(payload)
        assert len(str(caught.value)) < 300
        with pytest.raises(error):
            await queue.submit_many([1, payload])
        assert (await queue.audit()).stored == 0


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"name": ""}, TypeError, "the name of a queue must be a str"),
        ({"name": 7}, TypeError, "the name of a queue must be a str"),
        ({"name": "a\0"}, ValueError, "the name of a queue must not contain"),
        ({"handler": print}, TypeError, "handler print is not async"),
        ({"when_full": "explode"}, ValueError, 'when_full must be "wait", "refuse" or'),
        ({"capacity": 0}, ValueError, "capacity must be"),
        ({"group_limit": 0}, ValueError, "group_limit must be"),
        ({"keep": 5}, TypeError, r"keep must be a Keep, as in Keep\(done=86400\), not 5"),
        ({"workers": 0}, ValueError, "workers must be"),
        ({"lease": 0}, ValueError, "lease must be"),
        ({"lease": 1e300}, ValueError, "lease must be"),
        ({"retry": 5}, TypeError, r"retry must be a Retry, as in Retry\(max_attempts=3\), not 5"),
        ({"codec": 5}, TypeError, "codec must be a Codec, such as json_codec, not 5"),
        ({"timeout": -1}, ValueError, "timeout must be"),
        ({"strategy": 5}, TypeError, "strategy must be a str"),
        ({"failures": "hide"}, ValueError, 'failures must be "raise" or "collect"'),
        ({"machine": 5}, TypeError, "machine must be a str or None, not 5"),
        ({"labels": 5}, TypeError, "labels must be a dict of str to str, not 5"),
        ({"grace": -1}, ValueError, "grace must be"),
        ({"payload_limit": 0}, ValueError, "payload_limit must be"),
        ({"update": 1}, TypeError, "update must be True or False"),
        ({"on_end": work}, TypeError, "on_end must be a plain function"),
    ],
)
async def test_a_queue_that_makes_no_sense_is_not_opened(
    options: dict[str, Any], error: type[Exception], text: str, autojump_clock: MockClock
) -> None:
    """The error is at the call, before the block is entered."""
    options = {"name": "q", "handler": work} | options
    async with open_store("memory:") as store:
        with pytest.raises(error, match=text):
            open_durable_queue(store, **options)
        assert await store.queues() == []


WRONG_CALLS: dict[str, Any] = {
    "id must be an int": lambda queue: queue.job("5"),
    "id must be >= 1": lambda queue: queue.job(0),
    "id must fit into 64 bits": lambda queue: queue.job(1 << 63),
    "id must fit into 64 bits, not 82": lambda queue: queue.explain(1 << 80),
    "state must be among \"scheduled\", .* not 'late'": lambda queue: queue.jobs(state="late"),
    "kind must be among \"done\", .* not 'late'": lambda queue: queue.jobs(kind=["done", "late"]),
    "kind must be a str or several of them": lambda queue: queue.jobs(kind=5),
    "limit must be >= 1": lambda queue: queue.jobs(limit=0),
    "before must be >= 1": lambda queue: queue.jobs(before=0),
    "kind must be among \"done\", .* not 'all'": lambda queue: queue.purge("all"),
}


@pytest.mark.parametrize(("text", "call"), WRONG_CALLS.items(), ids=WRONG_CALLS)
async def test_a_question_that_makes_no_sense(
    text: str, call: Any, autojump_clock: MockClock
) -> None:
    """It is not put to the store."""

    async def ask(queue: DurableQueue[Any, Any]) -> None:
        await call(queue)

    async with open_store("memory:") as store, open_durable_queue(store, "q") as queue:
        with pytest.raises((TypeError, ValueError), match=text):
            await ask(queue)
