"""The kit that tests strategies, tested: broken strategies are caught by name, good ones pass."""

from __future__ import annotations

import inspect
import math
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

import gochan.testing
from gochan._plugins._built_in import gochan_strategies
from gochan.strategies import (
    ADMIT,
    Block,
    DropOnFull,
    Empty,
    Filter,
    PriorityCancel,
    Promise,
    Refuse,
    Strategy,
    Verdict,
)
from gochan.testing import StrategyMachine, StrategyTests, check_strategy
from gochan.testing._history import histories
from gochan.testing._items import PLAIN, Item, Touched, any_item, traits
from gochan.testing._rules import Broken, Rule
from gochan.testing._steps import Steps
from gochan.testing._trial import Subject, Trial
from gochan.testing._witness import Witness

from .broken_strategies import SINS, ComesLastGoesFirst, Sin, Slow

every_sin = pytest.mark.parametrize("sin", SINS, ids=lambda sin: f"{sin.name}-{sin.rule.name}")

# Where the same object was offered twice, nobody can tell which one came back.
ALIKE = {Rule.NOTHING_REPEATED, Rule.TURNED_AWAY, Rule.DROPS}


def first_line(name: str, rule: Rule | Promise) -> str:
    which = f"its promise {rule.name}" if isinstance(rule, Promise) else "a rule"
    return f"{name} breaks {which}: {rule.value}."


def broken_by(told: str, sin: Sin) -> bool:
    """Whether a message begins with the name of a strategy and what it has broken."""
    rules = ALIKE if sin.rule in ALIKE else {sin.rule}
    return told.splitlines()[0] in {first_line(sin.name, rule) for rule in rules}


# Broken strategies


def test_there_is_a_broken_strategy_for_each_rule_and_promise() -> None:
    """A rule that nothing breaks may never be checked."""
    assert {sin.rule for sin in SINS} == {*Rule, *Promise}


@every_sin
def test_check_strategy_catches(sin: Sin) -> None:
    """Each by its name; it says which rule was broken, and in the next line how."""
    with pytest.raises(AssertionError) as caught:
        check_strategy(sin.factory, sin.promises)
    first, second, *history = str(caught.value).splitlines()
    assert first == first_line(sin.name, sin.rule)
    assert sin.says in second
    assert history[:1] == ["The calls, each with its time:"] * bool(history)
    assert len(history) < 60


@every_sin
def test_strategy_tests_catch(sin: Sin) -> None:
    """By the test whose name is the rule."""

    class Tests(StrategyTests):
        promises = sin.promises

    with pytest.raises(AssertionError) as caught:
        getattr(Tests(), TESTS[sin.rule])(sin.factory)
    first, *_ = str(caught.value).splitlines()
    assert first == first_line(sin.name, sin.rule)


@every_sin
def test_a_machine_catches(sin: Sin) -> None:
    """Each by its name, whatever hypothesis chooses."""

    class Machine(StrategyMachine):
        promises = sin.promises

        def factory(self) -> Any:
            return sin.factory()

    with pytest.raises(AssertionError) as caught:
        run(Machine)
    assert broken_by(str(caught.value), sin)


# The name of the test for each rule and promise.
TESTS: dict[Rule | Promise, str] = {
    rule: name
    for name, test in vars(StrategyTests).items()
    if name.startswith("test_")
    for rule in (*Rule, *Promise)
    if f"Rule.{rule.name})" in inspect.getsource(test)
    or (name == "test_it_keeps_its_promises" and isinstance(rule, Promise))
}


def run(machine: type[StrategyMachine], **options: Any) -> None:
    options = {
        "max_examples": 3000,  # it ends with the first failure
        "derandomize": True,
        "database": None,
        "phases": [Phase.generate],
        **options,
    }
    run_state_machine_as_test(machine, settings=settings(machine.TestCase.settings, **options))  # type: ignore[no-untyped-call]


def test_a_failure_names_the_rule() -> None:
    """Each test hears of its own rule alone."""
    (factory,) = (sin.factory for sin in SINS if sin.name == "LosesAtClose")
    failed = []
    for name in TESTS.values():
        try:
            getattr(StrategyTests(), name)(factory)
        except AssertionError:
            failed.append(name)
    assert failed == ["test_nothing_is_lost"]


def test_there_is_a_test_for_each_rule() -> None:
    """And one for all promises."""
    assert {*TESTS} == {*Rule, *Promise}
    assert len({*TESTS.values()}) == len(Rule) + 1


# What is said


def test_the_message_has_the_fewest_steps() -> None:
    """The history is made shorter until every step matters."""
    factory = next(sin.factory for sin in SINS if sin.name == "DropsTwice")
    with pytest.raises(AssertionError) as caught:
        check_strategy(factory)
    assert str(caught.value) == (
        "DropsTwice breaks a rule: only waiting items are dropped, each with a reason.\n"
        "It dropped #1, which was not waiting.\n"
        "The calls, each with its time:\n"
        "       0  offer(#1) said ADMIT\n"
        "       0  offer(#2) said ADMIT\n"
        "       0  offer(#3) said ADMIT\n"
        "       0  offer(#4) said ADMIT and dropped #1: 'oldest' and dropped #1: 'oldest'"
    )


def test_the_message_shows_what_matters_about_items() -> None:
    """Here their priorities, and no keys."""
    (sin,) = (sin for sin in SINS if sin.rule is Promise.PRIORITY)
    with pytest.raises(AssertionError) as caught:
        check_strategy(sin.factory, sin.promises)
    assert re.fullmatch(
        r"It gave out #1, of priority (.+), though #2 of priority .+ was waiting\.\n"
        r"The calls, each with its time:\n"
        r" +0  offer\(#1(: priority .+)?\) said ADMIT\n"
        r" +0  offer\(#2(: priority .+)?\) said ADMIT\n"
        r" +0  take\(\) gave #1",
        str(caught.value).partition("\n")[2],
    )


def test_an_error_of_the_strategy_is_the_cause() -> None:
    """With its traceback, which leads to the line."""
    factory = next(sin.factory for sin in SINS if sin.name == "Divides")
    with pytest.raises(AssertionError) as caught:
        check_strategy(factory)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_long_histories_are_cut_short() -> None:
    """In the middle."""
    witness = Witness(Block(1000))
    for number in range(100):
        witness.offer(number)
    with pytest.raises(Broken) as caught:
        witness.books.fail(Rule.LENGTH, "Something")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3 + 51
    assert "50 more calls" in lines[43]
    assert lines[-1].strip().startswith("0  offer(#100")


def test_the_same_object_is_shown_as_such() -> None:
    """And long reprs are cut."""
    witness = Witness(Block(9), items=lambda dice: "x" * 100)
    witness.offer(0)
    witness.offer_again(0)
    assert "'xxx" in witness.books.log[0]
    assert "..." in witness.books.log[0]
    assert "offer(#2, the same object as #1) said ADMIT" in witness.books.log[1]


# Good strategies


class Stingy(Filter[Any]):
    """Lets one go per second, from one item a tenth of a second after it came."""

    next_out = -math.inf

    def take(self, now: float) -> Any:
        if now < self.next_out:
            raise Empty
        item = super().take(now)
        self.next_out = now + 1
        return item

    def next_change(self, now: float) -> float | None:
        change = super().next_change(now)
        return min(change or math.inf, self.next_out) if now < self.next_out else change


class Latest(Strategy[Any]):
    """Keeps the newest item only."""

    def offer(self, item: Any, now: float) -> Verdict:
        if self.items:
            self.drop(self.items.pop(), "replaced")
        self.items.append(item)
        return ADMIT


class Taking(Strategy[Any]):
    """Takes in what another way `take` decides about."""

    def remove(self, item: Any) -> bool:
        for place, other in enumerate(self.items):
            if other is item:
                del self.items[place]
                return True
        return False


class Turns(Taking):
    """Each key in turn, and inside a key the oldest."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.keys: list[Any] = []

    def offer(self, item: Any, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is ADMIT and item.key not in self.keys:
            self.keys.append(item.key)
        return verdict

    def take(self, now: float) -> Any:
        for place, key in enumerate(self.keys):
            for item in self.items:
                if item.key == key:
                    self.keys.append(self.keys.pop(place))
                    self.remove(item)
                    return item
        raise Empty


class Priority(Taking):
    """The highest priority first; a priority grows with time if that is wanted."""

    def __init__(self, capacity: int, ageing: float = 0.0) -> None:
        super().__init__(capacity)
        self.ageing = ageing
        self.since: list[tuple[Any, float]] = []

    def offer(self, item: Any, now: float) -> Verdict:
        verdict = super().offer(item, now)
        if verdict is ADMIT:
            self.since.append((item, now))
        return verdict

    def take(self, now: float) -> Any:
        since = [pair for pair in self.since if any(pair[0] is item for item in self.items)]
        if not since:
            raise Empty
        item, _ = max(since, key=lambda pair: pair[0].priority + (now - pair[1]) * self.ageing)
        self.remove(item)
        since = [pair for pair in since if pair[0] is not item]
        self.since = since + [(other, now) for other in self.items if other is item]
        return item


class Busy(Strategy[Any]):
    """Gives out two at a time, as long as none of them has been finished."""

    busy = 0

    def take(self, now: float) -> Any:
        if self.busy == 2:
            raise Empty
        item = super().take(now)
        self.busy += 1
        return item

    def finished(self, item: Any, now: float, *, waited: float, ran: float, ok: bool) -> None:
        assert waited >= 0 <= ran
        assert ok or isinstance(ok, bool)
        self.busy -= 1

    def take_all(self, now: float) -> Any:
        while self.items:
            yield self.items.popleft()


P = Promise
GOOD: dict[str, tuple[Callable[[], Strategy[Any]], set[Promise]]] = {
    "latest": (lambda: Latest(1), {P.FIFO, P.LIFO, P.BOUNDED, P.NO_STARVATION, P.NEVER_WAITS}),
    "slow": (lambda: Slow(3), {P.FIFO, P.BOUNDED, P.NO_STARVATION, P.LOSSLESS}),
    "stingy": (lambda: Stingy(), {P.FIFO, P.BOUNDED, P.NO_STARVATION, P.LOSSLESS}),
    "chain": (lambda: Stingy() | Filter() | Block(4), {P.FIFO, P.BOUNDED, P.NO_STARVATION}),
    "stingy turns": (lambda: Stingy() | Turns(4), {P.FAIR, P.BOUNDED, P.NO_STARVATION}),
    "stingy refuses": (lambda: Stingy() | DropOnFull(4), {P.FIFO, P.NEVER_WAITS, P.LOSSLESS}),
    "hands back": (lambda: Filter() | PriorityCancel(4), {P.FIFO, P.LOSSLESS}),
    "lifo": (lambda: ComesLastGoesFirst(3), {P.LIFO, P.BOUNDED, P.LOSSLESS}),
    "turns": (lambda: Turns(6), {P.FAIR, P.BOUNDED, P.NO_STARVATION, P.LOSSLESS}),
    "priority": (lambda: Priority(5), {P.PRIORITY, P.BOUNDED, P.LOSSLESS}),
    "ageing": (lambda: Priority(5, ageing=1.0), {P.NO_STARVATION, P.BOUNDED, P.LOSSLESS}),
    "busy": (lambda: Busy(3), {P.FIFO, P.BOUNDED, P.NO_STARVATION}),
    "no room": (lambda: Block(0), {P.FIFO, P.BOUNDED}),
    "much room": (lambda: DropOnFull(100), {P.FIFO, P.BOUNDED, P.NEVER_WAITS}),
    "all the room": (lambda: Block(math.inf), {P.FIFO, P.BOUNDED, P.NEVER_WAITS}),
}
for _spec in gochan_strategies():
    for _capacity in (1, 3):
        _make = partial(_spec.factory, capacity=_capacity)
        GOOD[f"{_spec.name} {_capacity}"] = (_make, {*_spec.promises})

every_good_one = pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)


@every_good_one
def test_good_strategies_pass(good: tuple[Callable[[], Strategy[Any]], set[Promise]]) -> None:
    """Nothing is said about what keeps the rules, the built-in ones first of all."""
    factory, promises = good
    check_strategy(factory, promises)


@every_good_one
def test_good_strategies_pass_the_machine(
    good: tuple[Callable[[], Strategy[Any]], set[Promise]],
) -> None:
    """Neither does hypothesis find anything."""
    factory, given = good

    class Machine(StrategyMachine):
        promises = given

        def factory(self) -> Strategy[Any]:
            return factory()

    run(Machine, max_examples=5)


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("turns", P.FIFO),
        ("turns", P.PRIORITY),
        ("priority", P.NO_STARVATION),
        ("priority", P.FAIR),
        ("ageing", P.PRIORITY),
        ("lifo", P.FAIR),
        ("latest", P.LOSSLESS),
        ("slow", P.NEVER_WAITS),
    ],
)
def test_a_good_strategy_cannot_promise_everything(name: str, promise: Promise) -> None:
    """What one keeps another breaks; so each promise says something."""
    with pytest.raises(AssertionError, match=f"breaks its promise {promise.name}: "):
        check_strategy(GOOD[name][0], [promise])


class TestBlock(StrategyTests):
    """The second door from inside."""

    promises = frozenset({P.FIFO, P.BOUNDED, P.NO_STARVATION, P.LOSSLESS})
    histories = 20

    @pytest.fixture
    def strategy(self) -> Callable[[], Strategy[Any]]:
        """Return a factory."""
        return lambda: Block(2)


class TestWithItsOwnItems(TestBlock):
    """With items that have neither priority nor key."""

    promises = frozenset({P.FIFO, P.NO_STARVATION})

    def items(self, dice: Random) -> Any:
        """Return a number, which is the same object as others, or one of its own."""
        return dice.choice([None, "", 1, [], 10**9])


class BlockMachine(StrategyMachine):
    """The third door, with rules of its own."""

    promises = (P.FIFO, P.NO_STARVATION)

    def factory(self) -> Strategy[Any]:
        """Return a fresh one."""
        return Block(3)

    def items(self, dice: Random) -> Any:
        """Return something."""
        return [dice.random()]

    @rule()
    def look(self) -> None:
        """Ask both something that the machine does not ask."""
        one, other = map(repr, self.strategies)
        assert one == other

    @invariant()
    def what_waits_is_there(self) -> None:
        """As the model knows it."""
        one, other = self.strategies
        assert [*map(id, one.items)] == [*map(id, self.waiting)]
        assert len(one) == len(other)
        assert self.now >= -5


TestBlockMachine = BlockMachine.TestCase
TestBlockMachine.settings = settings(
    TestBlockMachine.settings, max_examples=10, derandomize=True, database=None
)


def test_rules_of_an_author_are_heard() -> None:
    """They fail like those of the machine."""

    class Machine(BlockMachine):
        @invariant()
        def never_two(self) -> None:
            assert len(self.waiting) < 2, "two wait"

    with pytest.raises(AssertionError, match="two wait"):
        run(Machine)


def test_a_machine_reports_one_thing_and_explains_nothing() -> None:
    """The first thing that is wrong; and the message explains it."""
    assert not BlockMachine.TestCase.settings.report_multiple_bugs
    assert Phase.explain not in BlockMachine.TestCase.settings.phases
    assert {*HealthCheck} == {*BlockMachine.TestCase.settings.suppress_health_check}


# Histories


def test_the_same_seed_makes_the_same_histories() -> None:
    """And another one makes others."""
    subject = Subject(lambda: Block(3))
    one, same, other = ([*histories(subject, 20, seed)] for seed in (1, 1, 2))
    assert one == same != other
    assert len(one) == 20
    assert max(len(history.steps) for history in one[:5]) < max(len(h.steps) for h in one)


def test_histories_do_everything() -> None:
    """Each deed, each ending, several beginnings; and fill what can be filled."""
    subject = Subject(lambda: Block(50), frozenset({P.NO_STARVATION}))
    found = [*histories(subject, 300, 0)]
    deeds = {deed for history in found for deed, _ in (*history.steps, history.ending)}
    steps = {name for name in {*vars(Steps), *vars(Witness)} if not name.startswith("_")}
    assert deeds == steps - {"now", "check", "length"}
    assert len({history.start for history in found}) == 4
    assert max(sum(deed == "offer" for deed, _ in history.steps) for history in found) > 50


def test_the_books_are_right_after_every_step() -> None:
    """The witness knows where each item is; its invariants hold."""
    for factory, promises in GOOD.values():
        subject = Subject(factory, frozenset(promises))
        for history in histories(subject, 5, "books"):
            trial = Trial(subject, history.start)
            for deed, number in (*history.steps, history.ending):
                trial.step(deed, number)
                trial.witness.check()
                trial.twin.check()
            assert trial.witness.books.log == trial.twin.books.log


def test_a_chain_is_a_strategy_with_several_names() -> None:
    """All of them are in the message."""

    class Silent(Filter[Any]):
        def offer(self, item: Any, now: float) -> Any:
            super().offer(item, now)

    with pytest.raises(AssertionError, match=r"^Filter \| Silent \| Block breaks a rule"):
        check_strategy(lambda: Filter() | Silent() | Block(3))


# Items


@pytest.mark.parametrize(
    ("touch", "deed"),
    [
        (lambda item: item == 1, "=="),
        (lambda item: item != 1, "!="),
        (lambda item: item < item, "<"),
        (lambda item: item <= item, "<="),
        (lambda item: item > item, ">"),
        (lambda item: item >= item, ">="),
        (hash, "hashed"),
        (bool, "true"),
        (len, "length"),
    ],
)
def test_an_item_is_not_to_be_touched(touch: Callable[[Item], Any], deed: str) -> None:
    """But for its attributes, and its identity."""
    with pytest.raises(Touched, match=deed):
        touch(Item(0, None, 0))


def test_items_have_what_jobs_have() -> None:
    """Priorities and keys that differ, from few; one number stands for a plain one."""
    made = [any_item(Random(number)) for number in range(100)]
    assert {item.priority for item in made} == {-1, 0, 1, 2}
    assert {item.key for item in made} == {None, "a", "b", "c"}
    plain = any_item(Random(PLAIN))
    assert (traits(plain), repr(plain)) == ("", "<item: plain>")
    assert repr(Item(2, "a", 0)) == "<item: priority 2, key 'a'>"


def test_authors_can_bring_items() -> None:
    """For a strategy that wants to know more."""

    class Even(Strategy[int]):
        def offer(self, item: int, now: float) -> Verdict:
            return Refuse("odd") if item % 2 else super().offer(item, now)

    check_strategy(lambda: Even(3), {P.FIFO, P.NO_STARVATION}, items=lambda dice: dice.randrange(9))
    with pytest.raises(AssertionError, match=r"offer raised TypeError.*'Item'"):
        check_strategy(lambda: Even(3))


def test_items_of_ones_own_can_starve_each_other() -> None:
    """Though the kit does not know which of them comes first, and few would come at random."""

    class Largest(Strategy[float]):
        def take(self, now: float) -> float:
            if not self.items:
                raise Empty
            largest = max(self.items)
            self.items.remove(largest)
            return largest

    with pytest.raises(AssertionError, match="still waited"):
        check_strategy(lambda: Largest(3), {P.NO_STARVATION}, items=lambda dice: dice.random())


# Mistakes of the author


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((Block(3),), {}, TypeError, "factory must be a function"),
        ((None,), {}, TypeError, "factory must be a function"),
        ((lambda: 3,), {}, TypeError, "factory must return a strategy, not 3"),
        ((Block,), {}, TypeError, "capacity"),
        ((lambda: Block(3), ["FIFO"]), {}, TypeError, "must be members of Promise.*'FIFO'"),
        ((lambda: Block(3),), {"items": 3}, TypeError, "items must be a function"),
        ((lambda: Block(3),), {"histories": 0}, ValueError, "histories must be >= 1, not 0"),
        ((lambda: Block(3),), {"histories": True}, TypeError, "histories must be an int, not True"),
        ((lambda: Block(3),), {"histories": 1.5}, TypeError, "histories must be an int, not 1.5"),
    ],
)
def test_wrong_arguments_are_named(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    """Before anything is tried."""
    with pytest.raises(error, match=message):
        check_strategy(*arguments, **options)


def test_a_strategy_that_was_not_set_up_is_an_error() -> None:
    """As a channel would."""

    class Hasty(Strategy[Any]):
        def __init__(self) -> None:
            self.capacity = 3

    with pytest.raises(TypeError, match=r"Hasty.__init__ must call super"):
        check_strategy(Hasty)


def test_a_missing_override_is_named() -> None:
    """With the name of the class."""
    with pytest.raises(NotImplementedError, match="Nothing needs a method factory"):
        type("Nothing", (StrategyMachine,), {})().factory()
    fixture = StrategyTests.strategy
    function = getattr(fixture, "_fixture_function", None) or fixture.__wrapped__
    with pytest.raises(NotImplementedError, match="needs a fixture named strategy"):
        function(StrategyTests())


# What is needed


def test_the_function_needs_neither_pytest_nor_hypothesis() -> None:
    """The other doors say what they need; and gochan does not load the kit by itself."""
    program = """if True:
        import sys
        import gochan
        assert "gochan.testing" not in sys.modules
        sys.modules["pytest"] = sys.modules["hypothesis"] = None
        import gochan.testing
        gochan.testing.check_strategy(lambda: gochan.strategies.Block(3))
        for name in ("StrategyTests", "StrategyMachine", "nothing"):
            try:
                getattr(gochan.testing, name)
            except (ImportError, AttributeError) as error:
                print(type(error).__name__, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    doors = {"StrategyTests": "pytest", "StrategyMachine": "hypothesis"}
    assert done.stdout.splitlines() == [
        *(
            f"ImportError gochan.testing.{door} needs {library}: pip install {library}; "
            "check_strategy works without it"
            for door, library in doors.items()
        ),
        "AttributeError module 'gochan.testing' has no attribute 'nothing'",
    ]


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match=r"module 'gochan.testing' has no attribute 'x'"):
        gochan.testing.x  # type: ignore[attr-defined]  # noqa: B018


def test_errors_inside_the_doors_are_not_taken_for_missing_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the library itself is what may be missing."""
    monkeypatch.setitem(gochan.testing._LATER, "Broken", ("_no_such_module", "pytest"))
    with pytest.raises(ModuleNotFoundError, match="_no_such_module"):
        gochan.testing.Broken  # type: ignore[attr-defined]  # noqa: B018
