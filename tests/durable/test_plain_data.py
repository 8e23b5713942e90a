"""Records as JSON can say them."""

from __future__ import annotations

import json
import math
from base64 import b64encode

import trio

from gochan.durable import Keep, NewJob, QueueSettings, open_store, plain_data


async def test_a_record_is_a_dict_of_its_fields(autojump_clock: trio.testing.MockClock) -> None:
    """What is in a payload is itself, or its bytes; JSON can say all of it."""
    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue="q", payload=b'{"a": [1, null]}', key="k")])
        await store.enqueue([NewJob(queue="q", payload=b"\xff", codec="raw")])
        one, other = plain_data(await store.look([1, 2]))
        assert (one["id"], one["key"], one["payload"]) == (1, "k", {"a": [1, None]})
        assert one["result"] is None
        assert other["payload"] == {"raw": b64encode(b"\xff").decode()}
        (record,) = await store.look([1])
        assert record is not None
        assert one["submitted"] == record.submitted.isoformat()
        assert json.loads(json.dumps(one)) == one


def test_what_has_records_in_it_is_looked_through() -> None:
    """An infinite number is none; what JSON can say stays."""
    settings = QueueSettings(capacity=math.inf, keep=Keep(done=math.inf))
    assert plain_data({"x": (settings, 1.5, "text", math.nan, True)}) == {
        "x": [
            {
                "group_limit": None,
                "capacity": None,
                "when_full": "refuse",
                "keep": {"done": None, "others": 14 * 86_400.0, "most_done": 100_000},
            },
            1.5,
            "text",
            None,
            True,
        ]
    }
