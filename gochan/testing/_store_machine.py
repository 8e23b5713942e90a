"""The third door for stores: a state machine for hypothesis, to which authors can add rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from threading import Thread
from typing import TypeVar, final

import trio
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.strategies import integers
from trio.testing import MockClock

from ..durable import Store
from ._check_store import StoreFactory
from ._store_deeds import StoreDeeds
from ._store_trial import StoreTrial

T = TypeVar("T")

_numbers = integers(0, (1 << 16) - 1)


@final
class _Run:
    """A run of trio in another thread, in which a store is open. Steps come from this one."""

    def __init__(self, factory: StoreFactory) -> None:
        self._factory = factory
        self._error: BaseException | None = None
        self._opened: Future[StoreDeeds] = Future()
        self._thread = Thread(target=self._run, name="run of trio with a store", daemon=True)
        self._thread.start()
        self.deeds = self._opened.result()

    def _run(self) -> None:
        clock = MockClock()

        async def main() -> None:
            async with self._factory() as store:
                self._token = trio.lowlevel.current_trio_token()
                self._end = trio.Event()
                self._opened.set_result(StoreDeeds(StoreTrial(store, clock)))
                await self._end.wait()

        try:
            trio.run(main, clock=clock)
        except BaseException as error:
            self._error = error
            if not self._opened.done():
                self._opened.set_exception(error)

    def do(self, step: Callable[[], Awaitable[T]]) -> T:
        """Do something in the run, and wait until that is done."""

        async def steps() -> T:
            return await step()

        return trio.from_thread.run(steps, trio_token=self._token)

    def close(self) -> None:
        """Close the store, and end the run."""
        trio.from_thread.run_sync(self._end.set, trio_token=self._token)
        self._thread.join()
        if self._error is not None:
            raise self._error


class StoreMachine(RuleBasedStateMachine):
    """A state machine around a store; subclass, override `factory`, and add rules.

    ::

        class MemoryMachine(StoreMachine):
            def factory(self):
                return open_store("memory:")

        TestMemory = MemoryMachine.TestCase

    It plays the same steps as `check_store`, but hypothesis chooses them, and leaves out what does
    not matter when something is wrong. It needs hypothesis.
    """

    _run: _Run | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.TestCase.settings = settings(
            cls.TestCase.settings,
            report_multiple_bugs=False,  # the first thing that is wrong explains the others
            phases=[phase for phase in Phase if phase is not Phase.explain],  # the message does
        )

    def factory(self) -> AbstractAsyncContextManager[Store, bool | None]:
        """Override this: return a context manager that opens an empty store."""
        raise NotImplementedError(f"{type(self).__name__} needs a method factory")

    def ask(self, question: Callable[[Store], Awaitable[T]]) -> T:
        """Ask the store something, for rules of your own that change nothing.

        ::

            @invariant()
            def few_wait(self):
                assert self.ask(lambda store: store.statistics("a")).waiting < 100
        """
        run = self._started
        return run.do(lambda: question(run.deeds.trial.store))

    @property
    def _started(self) -> _Run:
        assert self._run is not None, "the machine has yet to be run"
        return self._run

    @property
    def _has_jobs(self) -> bool:
        return bool(self._started.deeds.trial.model.jobs)

    @property
    def _has_runs(self) -> bool:
        return bool(self._started.deeds.trial.tickets)

    @property
    def _has_offers(self) -> bool:
        return bool(self._started.deeds.offers)

    def _do(self, deed: str, number: int) -> None:
        run = self._started
        run.do(lambda: run.deeds.do(deed, number))

    @initialize(number=_numbers)
    def begin(self, number: int) -> None:
        """Open a store, and give its queues settings."""
        self._run = run = _Run(self.factory)
        run.do(lambda: run.deeds.begin(number))

    @rule(number=_numbers)
    def enqueue(self, number: int) -> None:
        """Store a batch."""
        self._do("enqueue", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def claim(self, number: int) -> None:
        """Lease the next jobs for some worker."""
        self._do("claim", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def offer(self, number: int) -> None:
        """Ask what some worker could have."""
        self._do("offer", number)

    @precondition(lambda self: self._has_offers)
    @rule(number=_numbers)
    def accept(self, number: int) -> None:
        """Lease what was offered, perhaps long ago."""
        self._do("accept", number)

    @precondition(lambda self: self._has_runs)
    @rule(number=_numbers)
    def start(self, number: int) -> None:
        """Mark starts."""
        self._do("start", number)

    @precondition(lambda self: self._has_runs)
    @rule(number=_numbers)
    def extend(self, number: int) -> None:
        """Extend leases."""
        self._do("extend", number)

    @precondition(lambda self: self._has_runs)
    @rule(number=_numbers)
    def report(self, number: int) -> None:
        """Tell how far runs have come."""
        self._do("report", number)

    @precondition(lambda self: self._has_runs)
    @rule(number=_numbers)
    def finish(self, number: int) -> None:
        """End jobs."""
        self._do("finish", number)

    @precondition(lambda self: self._has_runs)
    @rule(number=_numbers)
    def release(self, number: int) -> None:
        """Give jobs back."""
        self._do("release", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def cancel(self, number: int) -> None:
        """Cancel jobs."""
        self._do("cancel", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def retry(self, number: int) -> None:
        """Let jobs run again."""
        self._do("retry", number)

    @rule(number=_numbers)
    def pause(self, number: int) -> None:
        """Pause a queue, or resume it."""
        self._do("pause", number)

    @rule(number=_numbers)
    def configure(self, number: int) -> None:
        """Change settings."""
        self._do("configure", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def purge(self, number: int) -> None:
        """Delete jobs that have ended."""
        self._do("purge", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def tend(self, number: int) -> None:
        """Do what time demands."""
        self._do("tend", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def wait(self, number: int) -> None:
        """Let time pass."""
        self._do("wait", number)

    @precondition(lambda self: self._has_jobs)
    @rule(number=_numbers)
    def look(self, number: int) -> None:
        """Ask what changes nothing."""
        self._do("look", number)

    def teardown(self) -> None:
        """Close the store."""
        if self._run is not None:
            self._run.close()
