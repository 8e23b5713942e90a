"""The tests of `DropNewest` by the kit, as docs/how-to/test-a-strategy.md shows them."""

# -- with pytest

import pytest
from gochan.strategies import Promise
from gochan.testing import StrategyTests

from .drop_newest import DropNewest


class TestDropNewest(StrategyTests):
    promises = {Promise.FIFO, Promise.BOUNDED, Promise.NEVER_WAITS}

    @pytest.fixture(params=[1, 3])
    def strategy(self, request):
        return lambda: DropNewest(request.param)


# -- with hypothesis

from gochan.testing import StrategyMachine
from hypothesis.stateful import invariant


class DropNewestMachine(StrategyMachine):
    promises = {Promise.FIFO, Promise.BOUNDED}

    def factory(self):
        return DropNewest(3)

    @invariant()
    def nothing_else_is_kept(self):
        strategy, _ = self.strategies
        assert sorted(map(id, strategy.items)) == sorted(map(id, self.waiting))


TestDropNewestMachine = DropNewestMachine.TestCase
