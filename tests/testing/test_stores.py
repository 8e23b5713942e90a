"""The kit that tests stores, tested: broken stores are caught by name, good ones pass."""

from __future__ import annotations

import inspect
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from gochan.durable import open_store
from gochan.testing import StoreMachine, StoreTests, check_store
from gochan.testing._check_store import play, play_at_random
from gochan.testing._model_jobs import Says
from gochan.testing._store_checks import CHECKS
from gochan.testing._store_deeds import DEEDS
from gochan.testing._store_rules import BrokenStore, StoreRule
from gochan.testing._store_trial import StoreTrial

from .broken_stores import SINS, Sin


def each_of(*sins: Sin) -> Any:
    return pytest.mark.parametrize("sin", sins, ids=lambda sin: f"{sin.name}-{sin.rule.name}")


# One for each rule; for the others it takes as long, and says as little.
FIRST = {sin.rule: sin for sin in reversed(SINS)}.values()
OTHERS = [sin for sin in SINS if sin not in FIRST]


def first_line(rule: StoreRule) -> str:
    return f"broken: breaks a rule: {rule.value}."


# Broken stores


def test_there_is_a_broken_store_for_each_rule() -> None:
    """A rule that nothing breaks may never be checked."""
    assert {sin.rule for sin in SINS} == {*StoreRule}
    assert all(CHECKS.values())


@each_of(*FIRST)
def test_check_store_catches(sin: Sin) -> None:
    """Each by the name of its rule, and with what has led to it."""
    is_caught_by_name(sin)


@pytest.mark.slow
@each_of(*OTHERS)
def test_check_store_catches_the_others(sin: Sin) -> None:
    """As well."""
    is_caught_by_name(sin)


def is_caught_by_name(sin: Sin) -> None:
    with pytest.raises(AssertionError) as caught:
        check_store(sin.factory, histories=0)
    first, second, *history = str(caught.value).splitlines()
    assert first == first_line(sin.rule)
    assert second
    assert history[:1] == ["What was asked, each with the time:"] * bool(history)
    assert len(history) < 60


@each_of(*SINS)
def test_store_tests_catch(sin: Sin) -> None:
    """By the test whose name is the rule."""
    with pytest.raises(AssertionError) as caught:
        getattr(StoreTests(), TESTS[sin.rule])(sin.factory)
    first, *_ = str(caught.value).splitlines()
    assert first == first_line(sin.rule)


@each_of(*(sin for sin in SINS if sin.at_random))
def test_random_histories_catch(sin: Sin) -> None:
    """Nearly all, whoever draws the steps."""
    with pytest.raises(BrokenStore) as caught:
        for number in range(100):
            play_at_random(sin.factory, f"0/{number}")
    assert caught.value.rule in sin.alike


# The name of the test for each rule.
TESTS: dict[StoreRule, str] = {
    rule: name
    for name, test in vars(StoreTests).items()
    if name.startswith("test_")
    for rule in StoreRule
    if f"StoreRule.{rule.name}]" in inspect.getsource(test)
}


def run(machine: type[StoreMachine], **options: Any) -> None:
    options = {
        "max_examples": 200,  # it ends with the first failure
        "stateful_step_count": 30,
        "derandomize": True,
        "database": None,
        "phases": [Phase.generate],
        **options,
    }
    run_state_machine_as_test(machine, settings=settings(machine.TestCase.settings, **options))  # type: ignore[no-untyped-call]


def test_there_is_a_test_for_each_rule() -> None:
    """One for each, and one for random histories."""
    assert [*TESTS] == [*StoreRule]
    names = [name for name in vars(StoreTests) if name.startswith("test_")]
    assert names == [*TESTS.values(), "test_random_histories"]


# What is said


def test_a_message_tells_what_was_asked() -> None:
    """With the times, and without what is as usual."""
    sin = next(sin for sin in SINS if sin.name == "NewestFirst")
    with pytest.raises(AssertionError) as caught:
        StoreTests().test_the_next_job_goes_first(sin.factory)
    assert str(caught.value).splitlines()[:5] == [
        f"broken: breaks a rule: {StoreRule.ORDER.value}.",
        "offer gave the jobs [4, 2, 6]; it has to give [2, 4, 6].",
        "What was asked, each with the time:",
        "     0.000  enqueue([NewJob(queue='a', payload=b'1'), NewJob(queue='a', payload=b'1', "
        "priority=2), NewJob(queue='a', payload=b'1', priority=-1), NewJob(queue='a', "
        "payload=b'1', priority=2), NewJob(queue='a', payload=b'1'), NewJob(queue='a', "
        "payload=b'1', priority=1)], whole=False) said [Enqueued(id=1), Enqueued(id=2), "
        "Enqueued(id=3), Enqueued(id=4), Enqueued(id=5), Enqueued(id=6)]",
        "     0.000  offer('a', 3, Worker(name='anybody')) said [Ticket(id=4, version=1), "
        "Ticket(id=2, version=1), Ticket(id=6, version=1)]",
    ]


def test_an_error_of_the_store_is_the_cause() -> None:
    """With its traceback, which leads to the line."""
    sin = next(sin for sin in SINS if sin.name == "HatesEmptyBatches")
    with pytest.raises(AssertionError) as caught:
        check_store(sin.factory)
    assert isinstance(caught.value.__cause__, ValueError)


def test_long_histories_are_cut_short() -> None:
    """In the middle."""

    async def history(trial: StoreTrial) -> None:
        for _ in range(100):
            await trial.tend()
        trial.fail(StoreRule.TEND, "Something")

    with pytest.raises(BrokenStore) as caught:
        play(lambda: open_store("memory:"), history)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 + 41
    assert lines[13] == "  … and so on, 160 times"


def test_a_text_of_the_store_is_any_that_says_it() -> None:
    """The model leaves words to the store."""
    assert Says("lost 5") == "lost 5 times"
    assert Says() == "anything"
    assert Says() != ""
    assert Says("lost") != "gone"
    assert Says("lost") != 5
    assert {Says("lost")} == {Says("lost")}
    assert [repr(Says()), repr(Says("lost"))] == ["<a text>", "<a text with 'lost'>"]


# Good stores


def test_the_store_in_memory_is_good() -> None:
    """The function."""
    check_store(lambda: open_store("memory:"), histories=5, seed=1)


class MemoryMachine(StoreMachine):
    """The machine, with rules of its own."""

    def factory(self) -> Any:
        """Return a fresh one."""
        return open_store("memory:")

    @rule()
    def ask_something(self) -> None:
        """Ask what the machine does not ask."""
        assert self.ask(lambda store: store.look([])) == []

    @invariant()
    def it_is_balanced(self) -> None:
        """Whatever has happened."""
        assert self.ask(lambda store: store.statistics("a")).balanced


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(
    TestMemoryMachine.settings, max_examples=5, derandomize=True, database=None
)


def test_rules_of_an_author_are_heard() -> None:
    """They fail like those of the machine."""

    class Machine(MemoryMachine):
        @invariant()
        def nothing_waits(self) -> None:
            assert not self.ask(lambda store: store.statistics("a")).waiting, "one waits"

    with pytest.raises(AssertionError, match="one waits"):
        run(Machine)


def test_a_store_that_does_not_open_is_told() -> None:
    """With its own error, by a machine, too."""

    class Machine(StoreMachine):
        def factory(self) -> Any:
            return open_store("sqlite:/no/such/folder/x")

    with pytest.raises(Exception, match="there is no folder"):
        run(Machine)
    with pytest.raises(Exception, match="there is no folder"):
        check_store(lambda: open_store("sqlite:/no/such/folder/x"))


def test_a_store_that_does_not_close_is_told() -> None:
    """With its own error."""

    class Machine(StoreMachine):
        @asynccontextmanager
        async def factory(self) -> Any:
            async with open_store("memory:") as store:
                yield store
            raise ValueError("it does not close")

    with pytest.raises(ValueError, match="does not close"):
        run(Machine, max_examples=1)


def test_a_machine_reports_one_thing_and_explains_nothing() -> None:
    """The first thing that is wrong; and the message explains it."""
    assert not MemoryMachine.TestCase.settings.report_multiple_bugs
    assert Phase.explain not in MemoryMachine.TestCase.settings.phases


def test_a_machine_does_all_deeds() -> None:
    """Those of random histories, and no others."""
    assert {*DEEDS} <= {name for name in vars(StoreMachine) if not name.startswith("_")}


def test_the_same_seed_makes_the_same_history() -> None:
    """And another one makes another one."""
    logs: list[list[str]] = []

    for seed in ("1", "1", "2"):
        asked: list[str] = []

        @asynccontextmanager
        async def factory(asked: list[str] = asked) -> Any:
            async with open_store("memory:") as store:
                enqueue = store.enqueue

                async def noting(jobs: Any, *, whole: bool = False) -> Any:
                    asked.append(repr([(job.key, job.priority, job.group) for job in jobs]))
                    return await enqueue(jobs, whole=whole)

                store.enqueue = noting  # type: ignore[method-assign]
                yield store

        play_at_random(factory, seed)
        logs.append(asked)
    one, same, other = logs
    assert one == same != other


def test_a_store_may_lose_bells_if_it_says_so() -> None:
    """Then nobody expects any."""

    @asynccontextmanager
    async def deaf() -> Any:
        losing = next(sin for sin in SINS if sin.name == "LosesTheBellWaiting")
        async with losing.factory() as store:
            store._patience = 1.0
            yield store

    check_store(deaf, histories=0)


# Mistakes of the author


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((None,), {}, TypeError, "factory must be a function"),
        ((lambda: open_store("memory:"),), {"histories": -1}, ValueError, "must be >= 0, not -1"),
        ((lambda: open_store("memory:"),), {"histories": 1.5}, TypeError, "must be an int"),
        ((lambda: open_store("memory:"),), {"histories": True}, TypeError, "must be an int"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    """Before anything is tried."""
    with pytest.raises(error, match=message):
        check_store(*arguments, **options)


def test_a_missing_override_is_told() -> None:
    """With the name of the class."""
    with pytest.raises(NotImplementedError, match="Nothing needs a method factory"):
        type("Nothing", (StoreMachine,), {})().factory()
    fixture = StoreTests.store
    function = getattr(fixture, "_fixture_function", None) or fixture.__wrapped__
    with pytest.raises(NotImplementedError, match="needs a fixture named store"):
        function(StoreTests())


def test_the_function_needs_neither_pytest_nor_hypothesis() -> None:
    """The other doors say what they need."""
    program = """if True:
        import sys
        sys.modules["pytest"] = sys.modules["hypothesis"] = None
        import gochan.testing
        from gochan.durable import open_store
        gochan.testing.check_store(lambda: open_store("memory:"), histories=1)
        for name in ("StoreTests", "StoreMachine"):
            try:
                getattr(gochan.testing, name)
            except ImportError as error:
                print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == [
        "gochan.testing.StoreTests needs pytest: pip install pytest; check_store works without it",
        "gochan.testing.StoreMachine needs hypothesis: pip install hypothesis; "
        "check_store works without it",
    ]
