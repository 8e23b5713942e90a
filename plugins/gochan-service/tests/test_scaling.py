"""How many agents there should be: decisions, one by one and for days in virtual time."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from gochan_service import (
    ScaledAgent,
    Scaling,
    ScalingDecision,
    ScalingSnapshot,
    simulate_scaling,
)
from gochan_service._scaling._demand import expected_wait, slots_wanted
from gochan_service._scaling._rates import ArrivalRate
from gochan_service._scaling._simulating import perfect_seconds

from .loads import DAY, days_and_nights


def agent(name: str = "a", **options: Any) -> ScaledAgent:
    return ScaledAgent(name, **{"age": 1000.0, **options})


def seen(*agents: ScaledAgent, **options: Any) -> ScalingSnapshot:
    return ScalingSnapshot(agents=agents, **options)


def decide(scaling: Scaling, now: float, *agents: ScaledAgent, **options: Any) -> ScalingDecision:
    return scaling.decide(seen(*agents, **options), now)


# Demand


@pytest.mark.parametrize(
    ("there", "target", "slots"),
    [
        (seen(), 30.0, 0),
        (seen(rate=5.0, duration=10.0), 30.0, 0),  # none is there, so one more has time to come
        (seen(waiting=1), 30.0, 1),
        (seen(waiting=9), 30.0, 5),  # nothing is known: a job takes as long as the target
        (seen(waiting=9, duration=1.0), 30.0, 1),  # all are done in 10 seconds by one
        (seen(waiting=9, duration=1e9), 30.0, 10),  # nobody can wait for one to end
        (seen(waiting=5, running=4, duration=30.0), 30.0, 5),
        (seen(waiting=5, running=4, duration=30.0), 0.0, 10),
        (seen(waiting=1, duration=10.0, rate=3.0), 30.0, 30),  # as many as run on average
        (seen(running=4, duration=1.0, age=1e9), 30.0, 5),  # they take longer than others
        (seen(waiting=1, duration=0.0), 0.0, 2),
    ],
)
def test_as_many_slots_as_keep_the_wait_below_the_target(
    there: ScalingSnapshot, target: float, slots: int
) -> None:
    """By how many jobs there are, how long they take, and how many come."""
    assert slots_wanted(there, target) == slots


@pytest.mark.parametrize("target", [1.0, 30.0, 300.0])
def test_they_are_the_fewest(target: float) -> None:
    """With one less, the next job would wait for longer."""
    for waiting in range(1, 50):
        there = seen(waiting=waiting, running=3, duration=60.0)
        slots = slots_wanted(there, target)
        assert expected_wait(there, slots, target) <= target + 1e-6
        assert slots == 1 or expected_wait(there, slots - 1, target) > target


def test_the_expected_wait() -> None:
    """None with a free slot; without any slot, for ever."""
    assert expected_wait(seen(running=3), 4, 30.0) == 0
    assert expected_wait(seen(running=3, duration=12.0), 3, 30.0) == 4.0
    assert expected_wait(seen(), 0, 30.0) == math.inf


def test_the_rate_of_arrivals_is_that_of_the_last_ten_minutes() -> None:
    """From the number of jobs that ever came; another store begins anew."""
    rate = ArrivalRate()
    assert rate.note(100, 0.0) == 0
    assert rate.note(160, 10.0) == 0.1  # as if none had come before that
    assert rate.note(220, 600.0) == 0.2
    assert rate.note(220, 1200.0) == 0.0
    assert rate.note(5, 1300.0) == 0.0
    assert rate.note(65, 1301.0) == 0.1


# Up


def test_up_at_once_and_no_further_than_allowed() -> None:
    """Agents that start count as if they were there."""
    scaling = Scaling(max=4, target=0, capacity=2)
    assert decide(scaling, 0.0).create == 0
    assert decide(scaling, 1.0, waiting=3).create == 2
    starting = [agent(name, capacity=2, age=1.0, heard=False) for name in "ab"]
    assert decide(scaling, 2.0, *starting, waiting=3).create == 0
    assert decide(scaling, 3.0, *starting, waiting=99).create == 2


def test_some_are_there_without_jobs() -> None:
    """The fewest that are allowed, or as many as are to be warm."""
    assert decide(Scaling(min=2), 0.0).create == 2
    assert decide(Scaling(min=2), 0.0, agent()).create == 1
    assert decide(Scaling(buffer=3), 0.0).create == 3
    assert decide(Scaling(buffer=3, target=0), 0.0, agent(), waiting=1).create == 4
    assert decide(Scaling(buffer=3, max=2), 0.0).create == 2


# Down


def test_down_in_steps() -> None:
    """Drained, and destroyed at a later look, when it is known to drain and has nothing to do."""
    scaling = Scaling(min_age=100)
    assert decide(scaling, 0.0, agent(age=99)).drain == ()
    assert decide(scaling, 1.0, agent()) == ScalingDecision(drain=("a",))
    decision = decide(scaling, 2.0, agent(draining=True))
    assert (decision.drain, decision.destroy) == ((), ())
    assert decide(scaling, 4.0, agent(draining=True, busy=1), running=1).destroy == ()
    assert decide(scaling, 8.0, agent(draining=True, busy=1), running=1).destroy == ()
    assert decide(scaling, 9.0, agent(draining=True)).destroy == ("a",)
    assert decide(scaling, 10.0, agent(draining=True)).destroy == ()
    assert decide(scaling, 11.0) == ScalingDecision(wait=math.inf)


def test_a_busy_agent_stays() -> None:
    """However many there are, and however long nobody has wanted it."""
    scaling = Scaling(min_age=0)
    busy = [agent(str(n), busy=1) for n in range(20)]
    assert decide(scaling, 0.0, *busy, running=1).drain == ()
    decision = decide(scaling, 1.0, *busy, agent("idle"), running=1)
    assert decision.drain == ("idle",)


def test_the_fewest_that_are_allowed_stay() -> None:
    """The oldest go first."""
    agents = [agent("a", age=500.0), agent("b", age=600.0), agent("c", age=550.0)]
    assert decide(Scaling(min=1), 0.0, *agents).drain == ("b", "c")
    assert decide(Scaling(buffer=2), 0.0, *agents).drain == ("b",)


def test_what_was_wanted_a_moment_ago_stays() -> None:
    """For as long as an agent lives at least."""
    scaling = Scaling(min_age=100, target=0)
    agents = [agent("a"), agent("b")]
    assert decide(scaling, 0.0, *agents, waiting=1).drain == ()
    assert decide(scaling, 100.0, *agents).drain == ()
    assert decide(scaling, 100.1, *agents).drain == ("a", "b")


def test_who_is_wanted_again_gets_jobs_again() -> None:
    """Which is quicker than a new agent; those that operators drain are left alone."""
    scaling = Scaling(min_age=0, target=0)
    decide(scaling, 0.0, agent("a"), agent("b", draining=True))
    there = [agent("a", draining=True), agent("b", draining=True)]
    decision = decide(scaling, 1.0, *there, waiting=2)
    assert (decision.undrain, decision.create) == (("a",), 2)
    there = [agent("a"), agent("b", draining=True, busy=1)]
    assert decide(scaling, 2.0, *there, waiting=1).drain == ()


def test_a_server_that_has_forgotten_is_told_again() -> None:
    """After a restart, nobody drains."""
    scaling = Scaling(min_age=0)
    assert decide(scaling, 0.0, agent()).drain == ("a",)
    assert decide(scaling, 6.0, agent()).drain == ("a",)
    assert decide(scaling, 7.0, agent(draining=True)).destroy == ()
    assert decide(scaling, 12.0, agent(draining=True)).destroy == ("a",)


# Providers that fail or lie


def test_a_provider_that_fails_is_asked_less_and_less_often() -> None:
    """For one agent at a time, until one has come."""
    scaling = Scaling(target=0)
    assert decide(scaling, 0.0, waiting=3).create == 4
    decision = decide(scaling, 1.0, waiting=3, failed=4)
    assert decision.create == 0
    assert decision.notes == ("no agent is asked for in the next 5 s",)
    assert decide(scaling, 5.9, waiting=3).create == 0
    assert decide(scaling, 6.0, waiting=3).create == 1
    assert decide(scaling, 7.0, waiting=3, failed=1).notes == (
        "no agent is asked for in the next 10 s",
    )
    for n in range(10):
        last = decide(scaling, 100.0 + n, waiting=3, failed=1).notes
    assert last == ("no agent is asked for in the next 300 s",)
    assert decide(scaling, 500.0, agent(age=1.0), waiting=3).create == 3


def test_an_agent_that_never_comes_is_given_up() -> None:
    """After a while it is destroyed, in case it is somewhere, and another is asked for, later."""
    scaling = Scaling(target=0, patience=60)
    for provided in (True, False):
        name = f"lost-{provided}"
        now = 0.0 if provided else 1000.0
        lost = agent(name, age=59.0, heard=False, provided=provided)
        assert decide(scaling, now, lost, waiting=0, running=1).create == 1
        lost = agent(name, age=60.0, heard=False, provided=provided)
        decision = decide(scaling, now + 1, lost, waiting=1)
        assert decision.destroy == (name,)
        assert decision.notes[0] == f"agents have not reached the server in 60 s: {name}"
        assert decide(scaling, now + 500, waiting=1).create == 1  # of two, to see whether it comes


def test_who_was_killed_is_replaced_at_once() -> None:
    """Both sides say that it has gone."""
    scaling = Scaling(min=1)
    assert decide(scaling, 0.0, agent()).create == 0
    assert decide(scaling, 1.0, agent(heard=False, provided=False)).create == 1


def test_who_falls_silent_is_given_up_only_without_jobs() -> None:
    """As long as a job is its own, it may be at work."""
    scaling = Scaling(min=1, patience=60)
    decide(scaling, 0.0, agent(busy=1), running=1)
    silent = agent(heard=False, busy=1)
    assert decide(scaling, 1.0, silent, running=1).create == 0
    assert decide(scaling, 99.0, silent, running=1).destroy == ()
    decision = decide(scaling, 100.0, agent(heard=False))
    assert (decision.destroy, decision.create) == (("a",), 0)  # after a back-off
    assert decide(scaling, 105.0, agent(heard=False)).create == 1
    assert decide(scaling, 106.0, agent()).destroy == ()


def test_agents_that_the_provider_forgets_are_told_and_kept() -> None:
    """They work, and are drained and destroyed as others are."""
    scaling = Scaling(min_age=0)
    forgotten = [agent(name, provided=False, busy=1) for name in "abcde"]
    decision = decide(scaling, 0.0, *forgotten, running=5)
    assert decision.notes == ("the provider does not know agents that work: a, b, c and 2 more",)
    decide(scaling, 1.0, agent(provided=False))
    decide(scaling, 2.0, agent(provided=False, draining=True))
    assert decide(scaling, 7.0, agent(provided=False, draining=True)).destroy == ("a",)


def test_what_does_not_go_is_destroyed_again() -> None:
    """After a while, and told; it is counted, so that there are never too many."""
    scaling = Scaling(min_age=0, max=1, patience=60)
    decide(scaling, 0.0, agent())
    decide(scaling, 1.0, agent(draining=True))
    assert decide(scaling, 6.0, agent(draining=True)).destroy == ("a",)
    decision = decide(scaling, 60.0, agent(draining=True), waiting=1)
    assert (decision.destroy, decision.create, decision.undrain) == ((), 0, ())
    decision = decide(scaling, 66.0, agent(draining=True), waiting=1)
    assert decision.destroy == ("a",)
    assert decision.notes == ("agents that were destroyed are still there: a",)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"min": 3, "max": 2}, "min, 3, is more than max, 2"),
        ({"min": -1}, "min"),
        ({"capacity": 0}, "capacity"),
        ({"target": math.nan}, "target"),
        ({"patience": 0}, "patience"),
    ],
)
def test_odd_settings_are_refused(options: dict[str, Any], why: str) -> None:
    """With the name of the argument."""
    with pytest.raises(ValueError, match=why):
        Scaling(**options)


# Days


def check_days(days: int, interval: float, **options: Any) -> None:
    """Simulate days, and check what must hold on all of them."""
    jobs = days_and_nights(days, seed=days)
    scaling = Scaling(min=1, max=20, **options)
    run = simulate_scaling(scaling, jobs, interval=interval, until=days * DAY, seed=days)
    assert len(run.waits) == len(jobs)
    assert run.stopped_busy == 0
    assert max(run.agents) == run.most == 20  # in a burst
    assert min(run.agents[1:]) == 1  # at night
    assert all(n >= busy for n, busy in zip(run.agents, run.busy, strict=True))
    assert run.wait(0.5) == 0
    assert run.agent_seconds / run.perfect_seconds < 3


def test_a_day_and_a_night() -> None:
    """No agent is stopped while it works, the limits are kept, and few jobs wait."""
    check_days(1, 30)


@pytest.mark.slow
def test_a_week() -> None:
    """So with another target, and in a week."""
    check_days(7, 10, target=60)


def test_to_zero_and_back() -> None:
    """After the last job all agents go; the next job waits for one to start."""
    jobs = [(10.0, 60.0), (5000.0, 60.0)]
    run = simulate_scaling(Scaling(), jobs, start=30, until=10_000)
    assert run.agents[-1] == 0
    assert run.most == 2  # another job would have to wait for the first one
    assert all(30 <= wait <= 36 for wait in run.waits)


def test_a_perfect_scaler_has_agents_as_long_as_jobs_run() -> None:
    """As many as they need together."""
    assert perfect_seconds([(0.0, 10.0), (5.0, 10.0), (100.0, 1.0)], 1) == 21
    assert perfect_seconds([(0.0, 10.0), (5.0, 10.0), (100.0, 1.0)], 2) == 16


def test_agents_that_are_lost_cost_time_and_nothing_else() -> None:
    """All jobs are done all the same, and there are never too many agents."""
    jobs = days_and_nights(1, seed=3)[:100]
    run = simulate_scaling(Scaling(max=5, patience=60), jobs, interval=10, lost=0.5, seed=3)
    assert len(run.waits) == len(jobs)
    assert run.most <= 5
    assert run.stopped_busy == 0


def test_jobs_that_nobody_takes_end_the_simulation() -> None:
    """After a day."""
    run = simulate_scaling(Scaling(patience=10), [(1.0, 1.0)], start=60, interval=20)
    assert run.waits == []  # all are given up before they are ready
    run = simulate_scaling(Scaling(max=0), [(1.0, 1.0)], interval=3600)
    assert run.waits == []
    assert run.wait(0.5) == 0


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_seen_the_rules_are_kept(seed: int) -> None:
    """Snapshots at random: of a provider and a server that say anything."""
    chance = random.Random(seed)
    least = chance.randrange(3)
    scaling = Scaling(min=least, max=6, min_age=20, patience=30, target=chance.choice([0.0, 30.0]))
    now = 0.0
    for _ in range(300):
        now += chance.choice([0.0, 1.0, 7.0, 40.0])
        agents = [
            ScaledAgent(
                name, chance.choice([1, 4]), chance.choice([0, 0, 1]), chance.uniform(0, 60),
                draining=chance.random() < 0.3, heard=chance.random() < 0.7,
                provided=chance.random() < 0.8,
            )
            for name in "abcdefgh" if chance.random() < 0.5
        ]  # fmt: skip
        busy = {one.name for one in agents if one.busy}
        draining = {one.name for one in agents if one.draining}
        silent = {one.name for one in agents if not one.heard}
        told_to_drain = {*scaling._drained}
        decision = decide(
            scaling, now, *agents, waiting=chance.randrange(5), running=len(busy),
            failed=chance.choice([0, 0, 1]),
        )  # fmt: skip
        assert not busy & {*decision.drain} - told_to_drain
        assert not busy & {*decision.destroy}
        assert {*decision.destroy} <= draining | silent
        assert not {*decision.drain} & {*decision.undrain}
        there = [one for one in agents if one.heard or one.provided]
        assert not decision.create or decision.create + len(there) <= 6
        assert not decision.drain or least <= len(agents)
