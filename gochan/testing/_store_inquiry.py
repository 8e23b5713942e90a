"""An inquiry: a store is asked, and it is noted what was asked and answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import trio
from trio.testing import wait_all_tasks_blocked

from .._core import ReceiveChan
from ..durable import Hint, NewJob, Store
from ._store_rules import BrokenStore, StoreRule
from ._store_shown import shown

_SHOWN: Final = 40  # steps in a message


class StoreInquiry:
    """Asks one store.

    Attributes:
        store: which.
        log: what was asked, and the answers.
        begin: when, by the clock of the store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.log: list[str] = []
        self.begin = store.now()
        self._named: set[str] = set()

    # Failing

    def fail(self, rule: StoreRule, message: str) -> NoReturn:
        """Say that a rule is broken, and what has led to that.

        Raises:
            BrokenStore: always.
        """
        log = self.log
        if len(log) > _SHOWN:
            log = [*log[:10], f"  … and so on, {len(log) - _SHOWN} times", *log[10 - _SHOWN :]]
        history = ["What was asked, each with the time:", *log] if log else []
        text = [f"{self.store.address} breaks a rule: {rule.value}.", message, *history]
        raise BrokenStore(rule, "\n".join(text))

    def expect(self, rule: StoreRule, actual: object, expected: object, what: str) -> None:
        """Fail unless two things are equal."""
        if actual != expected:
            self.fail(rule, f"{what} is {shown(actual)}; it has to be {shown(expected)}.")

    async def _ask(self, operation: str, *arguments: Any, **options: Any) -> Any:
        """Ask the store something, and note it."""
        self._named.update(_names_in(arguments))
        options_shown = (f"{name}={self._shown(value)}" for name, value in options.items())
        words = [*map(self._shown, arguments), *options_shown]
        asked = f"{self.store.now() - self.begin:10.3f}  {operation}({', '.join(words)})"
        self.log.append(asked)
        try:
            answer = await getattr(self.store, operation)(*arguments, **options)
        except Exception as error:
            self.log[-1] += f" raised {error!r}"
            try:
                self.fail(StoreRule.ANSWERS, f"{operation} raised {type(error).__name__}: {error}.")
            except BrokenStore as broken:
                raise broken from error
        self.log[-1] += f" said {self._shown(answer)}"
        return answer

    async def _ask_for_each(
        self, operation: str, things: Sequence[Any], *more: Any, **options: Any
    ) -> list[Any]:
        """Ask something about each of several things."""
        answers = [*await self._ask(operation, things, *more, **options)]
        if len(answers) != len(things):
            self.fail(
                StoreRule.ANSWERS,
                f"{operation} gave {len(answers)} answers about {len(things)} things.",
            )
        return answers

    def _compare(self, rule: StoreRule, operation: str, answers: object, expected: object) -> None:
        if answers != expected:
            self.fail(rule, f"{operation} said {shown(answers)}; it has to say {shown(expected)}.")

    def _shown(self, thing: object) -> str:
        return shown(thing, self.begin)

    @property
    def now(self) -> float:
        """The time by the clock of the store."""
        return self.store.now()

    # Bells

    @asynccontextmanager
    async def hears(self, queue: str, *sorts: str) -> AsyncIterator[None]:
        """Expect each of these bells, if the store says that none is lost."""
        async with self.store.listen(queue) as bell:
            yield
            if self.store.patience != float("inf"):
                return
            heard = await _heard(bell, {*sorts})
        for sort in sorts:
            if sort not in heard and "changed" not in heard:
                self.fail(
                    StoreRule.BELLS,
                    f"Nobody who listens to queue {queue!r} heard {sort!r}, only {sorted(heard)}; "
                    "and the store says that it loses no bell, since its patience is infinite.",
                )


def _names_in(arguments: Sequence[Any]) -> set[str]:
    """Return the names of queues in the arguments of a call; perhaps other words, too."""
    words = {word for word in arguments if isinstance(word, str)}
    jobs = [job for things in arguments if isinstance(things, Sequence) for job in things]
    return words | {job.queue for job in jobs if isinstance(job, NewJob)}


async def _heard(bell: ReceiveChan[Hint], wanted: set[str]) -> set[str]:
    """Return what is rung. It may come from a thread, so a bell has a little time."""
    heard: set[str] = set()
    for patience in (0.0, 0.0, 0.02, 0.05, 0.1, 0.2):
        await wait_all_tasks_blocked(patience)
        while True:
            try:
                heard.add(bell.receive_nowait().what)
            except trio.WouldBlock:
                break
        if wanted <= heard or "changed" in heard:
            break
    return heard
