"""Random programs, and that they do the same while they are traced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
import trio
from gochan_trace import Trace, trace
from hypothesis import given
from hypothesis import strategies as st

from gochan import Chan
from gochan._core._choice import chance

from ..core.test_properties import Market, Play, capacities, make_plain, make_with_block, programs
from ..examples import examples
from ..queue.test_law import STRATEGIES, run_schedules, settings_and_programs

pytestmark = pytest.mark.usefixtures("both_modes")

scheduling: Random = trio._core._run._r


@pytest.mark.parametrize("make", [make_plain, make_with_block])
@examples(few=12)
@given(capacities, programs)
def test_random_programs_do_the_same_while_they_are_traced(
    make: Callable[..., Chan[Any]], sizes: Sequence[float], program: Any
) -> None:
    """They do what the model does; each value received has one arrow, from where it was sent."""
    chance.seed(1)
    scheduling.seed(1)
    with trace() as seen:
        trio.run(Play(sizes, make).run, program)
    seen.check()
    check_arrows(seen)


def check_arrows(seen: Trace) -> None:
    """Assert that what was received was sent, and the other way round, as far as it was."""
    received = Counter(
        (event.channel, event.value)
        for event in seen.events
        if event.outcome == "done" and event.value is not None
        if event.verb.startswith("receive") or event.chosen.startswith("receive")
    )
    drained = [event for event in seen.events if event.verb == "drain"]
    arrows = Counter(
        (one.channel, one.value) for one in seen.transfers if one.received not in drained
    )
    assert arrows == received
    for one in seen.transfers:
        assert one.sent.channel == one.received.channel == one.channel
        assert one.sent.value == one.value
        assert one.sent.outcome in ("done", "waiting")
        assert one.received in drained or one.received.value == one.value


@pytest.mark.parametrize("make", [make_plain, make_with_block])
@examples(few=12)
@given(
    capacities,
    st.integers(2, 12),
    st.integers(1, 10),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_nothing_is_lost_while_it_is_traced(
    make: Callable[..., Chan[Any]],
    sizes: Sequence[float],
    traders: int,
    values: int,
    closes: int,
    only_parked: bool,
    luck: int,
) -> None:
    """In no schedule, whatever is cancelled; and no arrow goes back in time."""
    chance.seed(luck)
    scheduling.seed(luck)
    market = Market(make, sizes, closes, only_parked, Random(luck))
    with trace() as seen:
        trio.run(market.run, traders, values)
    seen.check()
    check_arrows(seen)


@pytest.mark.parametrize("name", STRATEGIES)
@examples(few=2)
@settings_and_programs
def test_the_law_of_queues_holds_while_they_are_traced(name: str, **settings: Any) -> None:
    """No job is lost, counted twice, or seen twice."""
    with trace() as seen:
        run_schedules(STRATEGIES[name], *settings.values())
    seen.check()
    for one in seen.transfers:
        if one.received.verb == "job":
            assert one.sent.job == one.received.job
