"""An index finds entries by the identity of their items, also if an object has several."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gochan.strategies import Index

from ..examples import examples


class Entry:
    """What a strategy keeps about an item."""

    def __init__(self, item: object) -> None:
        self.item = item


def test_equal_items_are_told_apart() -> None:
    """And they need no hash."""
    index = Index[str]()
    one: list[int] = []
    other: list[int] = []
    index.add(one, "one")
    index.add(other, "other")
    assert index.find(one) == "one"
    assert index.find(other) == "other"
    assert index.find([]) is None
    index.forget(one, "one")
    assert index.find(one) is None
    assert len(index) == 1
    with pytest.raises(LookupError):
        index.forget(one, "one")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 9))))
@examples(200)
def test_each_entry_is_there_until_it_is_forgotten(steps: list[tuple[bool, int, int]]) -> None:
    """Beside a list of the entries of each object."""
    index = Index[Entry]()
    items = [object() for _ in range(3)]
    model: list[list[Entry]] = [[], [], []]
    for add, number, place in steps:
        item, entries = items[number], model[number]
        if add:
            entries.append(Entry(item))
            index.add(item, entries[-1])
        elif entries:
            index.forget(item, entries.pop(place % len(entries)))
        for known, left in zip(items, model, strict=True):
            found = index.find(known)
            assert found in left if left else found is None
        assert len(index) == sum(map(len, model))


def test_the_same_object_many_times_takes_no_more_steps() -> None:
    """Whether its entries leave as they came, or the newest first."""
    item = object()
    for last in (0, -1):
        index = Index[Entry]()
        entries = [Entry(item) for _ in range(50_000)]
        for entry in entries:
            index.add(item, entry)
        for entry in entries[:: 1 if last == 0 else -1]:
            index.forget(item, entry)
        assert len(index) == 0
