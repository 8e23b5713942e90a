"""Items: an indexed line does what a deque does, and any item can be taken out of it at once."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gochan.strategies import remove_item
from gochan.strategies._items import IndexedLine

LONG = 100


class Item:
    """Equal to all others, without a hash, neither true nor false."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        raise AssertionError("items are compared by identity")

    def __bool__(self) -> bool:
        raise AssertionError("items are neither true nor false")


def numbers(line: Any) -> list[int]:
    return [item.number for item in line]


# Few items, so that the same one waits several times.
ITEMS = [Item(number) for number in range(4)]
some_item = st.sampled_from(ITEMS)
some_index = st.integers(-5, 5)


class BesideADeque(RuleBasedStateMachine):
    """Each step is done to a deque, too."""

    def __init__(self) -> None:
        super().__init__()
        self.line: IndexedLine[Item] = IndexedLine()
        self.model: deque[Item] = deque()

    def both(self, do: Callable[[Any], Any]) -> None:
        """Do it to both; what is returned or raised must be the same."""
        answers = []
        for line in (self.line, self.model):
            try:
                answers.append(do(line))
            except (IndexError, TypeError) as error:
                answers.append(type(error))
        assert answers[0] is answers[1] or numbers(answers[0]) == numbers(answers[1])

    @rule(item=some_item)
    def append(self, item: Item) -> None:
        self.both(lambda line: line.append(item))

    @rule(item=some_item)
    def appendleft(self, item: Item) -> None:
        self.both(lambda line: line.appendleft(item))

    @rule(items=st.lists(some_item, max_size=5))
    def extend(self, items: list[Item]) -> None:
        self.both(lambda line: line.extend(items))

    @rule(items=st.lists(some_item, max_size=5))
    def extendleft(self, items: list[Item]) -> None:
        self.both(lambda line: line.extendleft(iter(items)))

    @rule()
    def popleft(self) -> None:
        self.both(lambda line: line.popleft())

    @rule()
    def pop(self) -> None:
        self.both(lambda line: line.pop())

    @rule(item=some_item)
    def take_out(self, item: Item) -> None:
        """Which of several same ones it is makes a difference to the others, so all are."""
        removed = 0
        while self.line.take_out(item):
            self.line.check()
            removed += 1
        assert removed == sum(other is item for other in self.model)
        self.model = deque(other for other in self.model if other is not item)

    @rule(index=some_index, item=some_item)
    def insert(self, index: int, item: Item) -> None:
        self.both(lambda line: line.insert(index, item))

    @rule(index=some_index)
    def get(self, index: int) -> None:
        self.both(lambda line: line[index])

    @rule(index=some_index, item=some_item)
    def put(self, index: int, item: Item) -> None:
        self.both(lambda line: line.__setitem__(index, item))

    @rule(index=some_index)
    def delete(self, index: int) -> None:
        self.both(lambda line: line.__delitem__(index))

    @rule(steps=some_index)
    def rotate(self, steps: int) -> None:
        self.both(lambda line: line.rotate(steps))

    @rule()
    def reverse(self) -> None:
        self.both(lambda line: line.reverse())

    @rule()
    def clear(self) -> None:
        self.both(lambda line: line.clear())

    @rule()
    def slice(self) -> None:
        self.both(lambda line: line[0:2])

    @invariant()
    def the_same(self) -> None:
        self.line.check()
        assert len(self.line) == len(self.model)
        assert bool(self.line) == bool(self.model)
        assert numbers(self.line) == numbers(self.model)
        assert numbers(reversed(self.line)) == numbers(reversed(self.model))
        assert type(self.line.copy()) is deque
        assert numbers(copy.copy(self.line)) == numbers(self.model)


TestBesideADeque = BesideADeque.TestCase
TestBesideADeque.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_items_that_can_be_compared_are_found_as_in_a_deque() -> None:
    """By what they are equal to."""
    line = IndexedLine([3, 1, 2, 1])
    assert line.pop(2) == 2
    assert 3 in line
    assert 4 not in line
    assert line.index(1) == 1
    assert line.count(1) == 2
    line.remove(1)
    assert line == deque([3, 1]) == line.copy()
    assert line == IndexedLine([3, 1]) != IndexedLine([1, 3])
    assert line != [3, 1]
    assert repr(line) == "deque([3, 1])"
    with pytest.raises(TypeError, match="unhashable"):
        hash(line)


# Removing


@given(st.integers(0, 3 * LONG), st.data())
@settings(max_examples=50, deadline=None)
def test_each_can_be_removed_in_any_order(length: int, data: st.DataObject) -> None:
    """From a short line, and from a long one; what is left keeps its order."""
    items = [Item(number) for number in range(length)]
    line = deque(items)
    left = list(items)
    for item in data.draw(st.permutations(items))[: length // 2 + 1]:
        removed, line = remove_item(line, item)
        assert removed
        left = [other for other in left if other is not item]
        assert numbers(line) == numbers(left)
        removed, line = remove_item(line, item)
        assert not removed
    assert remove_item(line, Item(0)) == (False, line)


def test_a_short_line_stays_a_deque() -> None:
    """As does a long one from the front of which something is removed."""
    for length in (1, 10, LONG):
        items = [Item(number) for number in range(length)]
        line = deque(items)
        assert remove_item(line, items[0]) == (True, line)
        assert type(line) is deque
        assert len(line) == length - 1


def test_a_long_line_is_a_deque_again_when_it_is_empty() -> None:
    """So what came before costs nothing later."""
    items = [Item(number) for number in range(LONG)]
    line = deque(items)
    _, line = remove_item(line, items[50])
    assert isinstance(line, IndexedLine)
    for item in items:
        _, line = remove_item(line, item)
    assert type(line) is deque


def test_the_item_may_be_a_part_of_an_entry() -> None:
    """Such as one with the time until which it may wait."""
    items = [Item(number) for number in range(LONG)]
    line = deque(enumerate(items))
    for number in (3, 70, 99, 50):
        removed, line = remove_item(line, items[number], itemgetter(1))
        assert removed
        assert number not in [place for place, _ in line]
    assert remove_item(line, items[70], itemgetter(1))[0] is False
    assert isinstance(line, IndexedLine)
    assert line[0][1] is items[0]


@pytest.mark.parametrize(
    "kind", [lambda items: deque(items, LONG), type("Own", (deque,), {})], ids=["bounded", "own"]
)
def test_a_line_of_another_kind_stays_what_it_is(kind: Callable[..., deque[Item]]) -> None:
    """Its author may count on what it does."""
    items = [Item(number) for number in range(LONG)]
    line = kind(items)
    for number in (50, 99, 0):
        for found in (True, False):
            removed, after = remove_item(line, items[number])
            assert removed is found
            assert after is line
    assert len(line) == LONG - 3


def test_what_has_left_is_not_kept() -> None:
    """Neither by the index nor in empty cells."""
    line: Any = IndexedLine(range(1000, 1000 + LONG))
    for number in range(1000, 1000 + LONG - 1):
        assert line.take_out(next(iter(line)))
        assert len(line) == 1000 + LONG - 1 - number
    line.pop()
    assert not len(line._index)
    assert not line._cells


@pytest.mark.parametrize("index", range(-LONG + 3, LONG - 3))
def test_places_count_what_is_there(index: int) -> None:
    """Not what has been taken out before them."""
    line: Any = IndexedLine(range(1000, 1000 + LONG))
    for number in (1001, 1050, 1051):
        assert line.take_out(next(entry for entry in line if entry == number))
    rest = [number for number in range(1000, 1000 + LONG) if number not in (1001, 1050, 1051)]
    assert line[index] == rest[index]
