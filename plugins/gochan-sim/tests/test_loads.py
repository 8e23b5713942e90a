"""Loads: made up from a seed, or read from a record whose every fault is told."""

from __future__ import annotations

import json
import math
from collections import Counter
from contextlib import suppress

import pytest
from gochan_sim._loads import SCENARIOS, Arrival, LoadError, read_load
from hypothesis import given
from hypothesis import strategies as st

from .calls import examples

OVERLOAD, SLOW_WORKERS = SCENARIOS
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)


# Made up


@every_scenario
def test_a_seed_makes_always_the_same_load(scenario) -> None:
    """And another seed another one."""
    assert scenario.load(1) == scenario.load(1)
    assert scenario.load(1) != scenario.load(2)


@every_scenario
def test_jobs_come_in_order_and_within_the_phases(scenario) -> None:
    """All of them, with the patience of the scenario."""
    arrivals = scenario.load(3).arrivals
    moments = [one.arrival for one in arrivals]
    assert moments == sorted(moments)
    assert 0 < moments[0] < 1
    assert 59 < moments[-1] <= 60
    assert {one.patience for one in arrivals} == {1.0}


def test_as_many_jobs_come_as_the_phases_say() -> None:
    """In the mean: 28 per second, then 80, then 28 again."""
    counts = Counter[str]()
    for seed in range(8):
        for one in OVERLOAD.load(seed).arrivals:
            counts["calm" if one.arrival <= 10 else "bad" if one.arrival <= 40 else "after"] += 1
    assert counts["calm"] / 80 == pytest.approx(28, rel=0.1)
    assert counts["bad"] / 240 == pytest.approx(80, rel=0.03)
    assert counts["after"] / 160 == pytest.approx(28, rel=0.1)


@every_scenario
def test_a_job_takes_a_tenth_of_a_second_in_the_mean(scenario) -> None:
    """And how much differs as waiting times do: the deviation is as large as the mean."""
    services = [one.service for seed in range(4) for one in scenario.load(seed).arrivals]
    mean = sum(services) / len(services)
    deviation = math.sqrt(sum((one - mean) ** 2 for one in services) / len(services))
    assert mean == pytest.approx(0.1, rel=0.05)
    assert deviation == pytest.approx(0.1, rel=0.05)


def test_some_keys_are_more_frequent_than_others() -> None:
    """The first comes twice as often as the second, and eight times as often as the eighth."""
    counts = Counter(one.key for seed in range(8) for one in OVERLOAD.load(seed).arrivals)
    assert [key for key, _ in counts.most_common(3)] == ["key-1", "key-2", "key-3"]
    assert len(counts) == 8
    assert counts["key-1"] / counts["key-2"] == pytest.approx(2, rel=0.1)
    assert counts["key-1"] / counts["key-8"] == pytest.approx(8, rel=0.15)


def test_what_workers_can_do_in_the_bad_period() -> None:
    """Workers x time / service, and slower workers do less."""
    assert OVERLOAD.bad.possible(4) == pytest.approx(1200)
    assert SLOW_WORKERS.bad.possible(4) == pytest.approx(240)
    assert SLOW_WORKERS.bad.possible(8) == pytest.approx(480)
    assert [moment in OVERLOAD.bad for moment in (9.9, 10, 39.9, 40)] == [False, True, True, False]


# Recorded


def read(*lines: str | bytes, **options: float):
    """Read a record of these lines."""
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    return read_load(raw, "trace.jsonl", **options)


def test_a_record_is_read_line_by_line() -> None:
    """With everything that a job can have."""
    load = read(
        '{"arrival": 0, "service": 0.5}',
        '{"arrival": 1.25, "service": 2, "patience": 3, "key": "a", "priority": -1,'
        ' "payload": {"tenant": "b"}}',
    )
    assert load.arrivals == (
        Arrival(0.0, 0.5),
        Arrival(1.25, 2.0, 3.0, "a", -1, {"tenant": "b"}),
    )
    assert load.bad is None


def test_nobody_gives_up_unless_it_is_said() -> None:
    """By the job, or else for all of them."""
    lines = ['{"arrival": 0, "service": 1}', '{"arrival": 0, "service": 1, "patience": 2}']
    assert [one.patience for one in read(*lines).arrivals] == [math.inf, 2]
    assert [one.patience for one in read(*lines, patience=5).arrivals] == [5, 2]


def test_null_is_as_good_as_nothing() -> None:
    """Programs that write records have it for what they do not know."""
    (one,) = read(
        '{"arrival": 1, "service": 1, "patience": null, "key": null, "priority": null}'
    ).arrivals
    assert one == Arrival(1.0, 1.0)


def test_empty_lines_are_passed_over() -> None:
    """They count, though, where a line is named."""
    lines = [b"\n", b'{"arrival": 1, "service": 1}\r\n', b"  \n", b"x"]
    assert len(read(*lines[:3]).arrivals) == 1
    with pytest.raises(LoadError, match="line 4"):
        read(*lines)


def test_jobs_can_stand_in_any_order() -> None:
    """Such as that in which they ended; those that came at the same moment keep theirs."""
    lines = [f'{{"arrival": {at}, "service": {n}}}' for n, at in enumerate([3, 1, 3, 2, 1])]
    arrivals = read(*lines).arrivals
    assert [(one.arrival, one.service) for one in arrivals] == [
        (1, 1),
        (1, 4),
        (2, 3),
        (3, 0),
        (3, 2),
    ]


GOOD = '{"arrival": 0, "service": 1}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", ["not JSON", "column 1"]),
        ('{"arrival": 0, "service": 1', ["not JSON", "column"]),
        ('{"arrival": 0, "service": 1} {}', ["not JSON", "Extra data"]),
        (b'\xef\xbb\xbf{"arrival": 0, "service": 1}', ["not JSON", "BOM"]),
        (b'{"arrival": 0, "service": 1, "key": "\xff"}', ["not UTF-8", "0xff"]),
        ("[" * 100_000, ["recursion"]),
        ("[0, 1]", ["not a JSON object", '{"arrival"']),
        ("null", ["not a JSON object"]),
        ("3", ["not a JSON object"]),
        ("{}", ["'arrival' is missing"]),
        ('{"service": 1}', ["'arrival' is missing"]),
        ('{"arrival": 1}', ["'service' is missing"]),
        ('{"arrival": 1, "service": null}', ["'service' is missing"]),
        ('{"arrival": 1, "service": 1, "servce": 1}', ["'servce' is no field", "service"]),
        ('{"arrival": 1, "service": 1, "arrival": 2}', ["'arrival' is given twice"]),
        ('{"arrival": -1, "service": 1}', ["'arrival' must be >= 0, not -1"]),
        ('{"arrival": 1, "service": -0.5}', ["'service' must be >= 0, not -0.5"]),
        ('{"arrival": 1, "service": 1, "patience": -2}', ["'patience' must be >= 0, not -2"]),
        ('{"arrival": NaN, "service": 1}', ["NaN"]),
        ('{"arrival": 1, "service": Infinity}', ["Infinity"]),
        ('{"arrival": 1, "service": 1, "patience": -Infinity}', ["-Infinity"]),
        ('{"arrival": 1e999, "service": 1}', ["'arrival' must be at most 1e+10"]),
        ('{"arrival": 1e300, "service": 1}', ["'arrival' must be at most 1e+10"]),
        (f'{{"arrival": 1{"0" * 5000}, "service": 1}}', ["digits"]),
        ('{"arrival": true, "service": 1}', ["'arrival' must be a number of seconds, not true"]),
        ('{"arrival": 1, "service": "1"}', ["'service' must be a number", 'not "1"']),
        ('{"arrival": [1], "service": 1}', ["'arrival' must be a number", "[1]"]),
        ('{"arrival": 1, "service": 1, "priority": 1.5}', ["'priority' must be a whole", "1.5"]),
        ('{"arrival": 1, "service": 1, "priority": true}', ["'priority' must be a whole", "true"]),
        ('{"arrival": 1, "service": 1, "key": ["a"]}', ["'key' must be", '["a"]']),
        ('{"arrival": 1, "service": 1, "key": {}}', ["'key' must be", "{}"]),
    ],
    ids=range(31),
)
def test_an_error_says_what_is_wrong_with_a_line(line: str | bytes, words: list[str]) -> None:
    """In one line, with the file and the line number; the rest is not replayed."""
    with pytest.raises(LoadError) as caught:
        read(GOOD, line, GOOD)
    text = str(caught.value)
    assert text.startswith("trace.jsonl, line 2: ")
    for word in words:
        assert word in text
    assert "\n" not in text


@pytest.mark.parametrize("lines", [[], [b""], [b"\n", b" \n"]])
def test_an_empty_record_is_an_error(lines: list[bytes]) -> None:
    """There is nothing to simulate."""
    with pytest.raises(LoadError, match=r"trace\.jsonl: it has no jobs"):
        read(*lines)


seconds = st.floats(0, 1e10, allow_nan=False) | st.integers(0, 10**10)


@examples(100)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"arrival": seconds, "service": seconds},
            optional={
                "patience": seconds | st.none(),
                "key": st.none() | st.text() | st.integers() | st.booleans(),
                "priority": st.integers() | st.none(),
                "payload": st.recursive(st.none() | st.text(), st.lists),
            },
        ),
        min_size=1,
    )
)
def test_what_was_written_is_read(rows) -> None:
    """Any record, whatever is in it."""
    arrivals = read(*map(json.dumps, rows)).arrivals
    assert len(arrivals) == len(rows)
    assert [one.arrival for one in arrivals] == sorted(row["arrival"] for row in rows)
    for one, row in zip(arrivals, sorted(rows, key=lambda row: float(row["arrival"])), strict=True):
        assert one.service == row["service"]
        assert one.key == row.get("key")
        assert one.priority == (row.get("priority") or 0)
        assert one.payload == row.get("payload")


@examples(300)
@given(st.lists(st.binary() | st.text().map(str.encode), min_size=1))
def test_noise_is_a_load_error_or_a_load(lines: list[bytes]) -> None:
    """Never another error."""
    with suppress(LoadError):
        read(*lines)
