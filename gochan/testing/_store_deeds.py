"""What random histories of stores are made of: one step for a name and a number."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final, TypeVar, final

from ..durable import (
    END_KINDS,
    STATES,
    Ending,
    Keep,
    NewJob,
    ProgressReport,
    QueueSettings,
    Release,
    Ticket,
    Worker,
)
from ._store_trial import StoreTrial

T = TypeVar("T")

# How often each is done, compared with others.
DEEDS: Final[dict[str, int]] = {
    "enqueue": 8,
    "claim": 6,
    "finish": 4,
    "release": 4,
    "start": 3,
    "tend": 3,
    "wait": 4,
    "extend": 2,
    "offer": 2,
    "accept": 2,
    "cancel": 2,
    "retry": 2,
    "report": 1,
    "pause": 1,
    "configure": 1,
    "purge": 1,
    "look": 1,
}

_QUEUES: Final = ("a", "a", "a", "b")
_WORKERS: Final = (
    Worker("plain"),
    Worker("plain"),
    Worker("on m", "m"),
    Worker("with gpu", None, {"gpu": "yes"}),
    Worker("both", "m", {"gpu": "yes", "zone": "1"}),
)
_KEEPS: Final = (Keep(), Keep(), Keep(20.0, 40.0), Keep(20.0, 10.0, 2), Keep(0.0, 0.0))


@final
class StoreDeeds:
    """Does the steps of a random history."""

    def __init__(self, trial: StoreTrial) -> None:
        self.trial = trial
        self.offers: list[Ticket] = []

    async def begin(self, number: int) -> None:
        """Give the queues settings, or leave them as they are."""
        dice = Random(number)
        for queue in ("a", "b"):
            if dice.random() < 0.7:
                await self.trial.configure(queue, _settings(dice))

    async def do(self, deed: str, number: int) -> None:
        """Do one step; the number says how."""
        await getattr(self, f"_{deed}")(Random(number))

    async def _enqueue(self, dice: Random) -> None:
        jobs = [self._new_job(dice) for _ in range(dice.choice((1, 1, 2, 3, 5)))]
        await self.trial.enqueue(*jobs, whole=dice.random() < 0.3)

    def _new_job(self, dice: Random) -> NewJob:
        now = self.trial.now
        ids = [*self.trial.model.jobs, *([self.trial.model.last_id + 7] * (dice.random() < 0.1))]
        options: dict[str, Any] = {}
        for chance, name, values in (
            (0.3, "key", ("k", "l")),
            (0.3, "once_for", (5.0, 50.0)),
            (0.4, "priority", (-1, 1, 2)),
            (0.2, "delay", (2.5, 25.0)),
            (0.1, "run_at", (now - 5, now + 5, now + 50)),
            (0.2, "expires", (now - 5, now + 5, now + 50)),
            (0.5, "max_attempts", (1, 2)),
            (0.4, "group", ("g", "h")),
            (0.15, "machine", ("m", "n")),
            (0.15, "labels", ({"gpu": "yes"}, {"gpu": "yes", "zone": "1"}, {"gpu": "no"})),
            (0.1, "receipt", ("r", "s")),
            (0.1, "headers", ({"traceparent": "00"},)),
            (0.5, "after_all", ("ended",)),
        ):
            if dice.random() < chance:
                options[name] = dice.choice(values)
        if ids and dice.random() < 0.25:
            options["after"] = tuple(dice.choices(ids, k=dice.choice((1, 2))))
        return NewJob(queue=dice.choice(_QUEUES), payload=b"%d" % dice.randrange(10), **options)

    async def _claim(self, dice: Random) -> None:
        lease = dice.choice((5.0, 30.0, 30.0))
        await self.trial.claim(
            dice.choice(_QUEUES), dice.choice((0, 1, 1, 2, 4, 9)), dice.choice(_WORKERS), lease
        )

    async def _offer(self, dice: Random) -> None:
        self.offers += await self.trial.offer(
            dice.choice(_QUEUES), dice.choice((1, 2, 4)), dice.choice(_WORKERS)
        )

    async def _accept(self, dice: Random) -> None:
        tickets = [*dict.fromkeys(_some(dice, self.offers[-6:]))]
        self.offers = [ticket for ticket in self.offers if dice.random() < 0.8]
        await self.trial.accept(tickets, dice.choice(_WORKERS), 20.0)

    def _runs(self, dice: Random) -> list[Ticket]:
        """Draw runs; most of them go on, but late workers have others."""
        held = [
            ticket
            for ticket in self.trial.tickets
            if self.trial.model.run(ticket.id, ticket.version) is not None
        ]
        running = {ticket.id for ticket in held}
        late = [ticket for ticket in self.trial.tickets if ticket not in held]
        very_late = [ticket for ticket in late if ticket.id in running]
        choices = [runs for runs in (held, held, very_late, late[-9:]) if runs]
        return [*dict.fromkeys(_some(dice, dice.choice(choices)))] if choices else []

    async def _start(self, dice: Random) -> None:
        await self.trial.start(*self._runs(dice))

    async def _extend(self, dice: Random) -> None:
        await self.trial.extend(*self._runs(dice), lease=dice.choice((1.0, 20.0)))

    async def _report(self, dice: Random) -> None:
        await self.trial.report(
            *(
                ProgressReport(run.id, run.version, dice.random(), dice.choice((None, 2.0)))
                for run in self._runs(dice)
            )
        )

    async def _finish(self, dice: Random) -> None:
        endings: list[Ending] = []
        for run in self._runs(dice):
            kind = dice.choice(("done", "done", "done", *END_KINDS))
            result, error = (b"2", None) if kind == "done" else (None, "Error: x")
            started = dice.random() < 0.8
            endings.append(Ending(run.id, run.version, kind, result, error, started))
        await self.trial.finish(*endings)

    async def _release(self, dice: Random) -> None:
        kinds: Sequence[Any] = ("failed", "failed", "timed_out", "later", "interrupted")
        await self.trial.release(
            *(
                Release(
                    run.id,
                    run.version,
                    "unstarted" if dice.random() < 0.2 else dice.choice(kinds),
                    dice.choice((0.0, 0.0, 2.5, 25.0)),
                    dice.random() < 0.7,
                    dice.choice((None, "Error: y")),
                )
                for run in self._runs(dice)
            )
        )

    def _ids(self, dice: Random) -> list[int]:
        ids = [*self.trial.model.jobs][-12:]
        return _some(dice, [*ids, self.trial.model.last_id + 5] if dice.random() < 0.2 else ids)

    async def _cancel(self, dice: Random) -> None:
        await self.trial.cancel(*self._ids(dice), reason=dice.choice(("not needed", "")))

    async def _retry(self, dice: Random) -> None:
        ended = [job.id for job in self.trial.model.jobs.values() if not job.live]
        ids = _some(dice, ended) if dice.random() < 0.7 else self._ids(dice)
        await self.trial.retry(*ids, attempts=dice.choice((None, None, 1)))

    async def _pause(self, dice: Random) -> None:
        await self.trial.pause(dice.choice(_QUEUES), paused=dice.random() < 0.4)

    async def _configure(self, dice: Random) -> None:
        settings = _settings(dice) if dice.random() < 0.8 else None
        await self.trial.configure(dice.choice(_QUEUES), settings, update=dice.random() < 0.7)

    async def _purge(self, dice: Random) -> None:
        kinds = dice.sample(END_KINDS, dice.choice((1, 3, 5)))
        await self.trial.purge(dice.choice(_QUEUES), *kinds, n=dice.choice((1, 500)))

    async def _tend(self, dice: Random) -> None:
        await self.trial.tend(dice.choice((1, 500, 500)))

    async def _wait(self, dice: Random) -> None:
        await self.trial.wait(dice.choice((0.25, 1.0, 3.0, 6.0, 30.0, 60.0)))

    async def _look(self, dice: Random) -> None:
        queue, ids = dice.choice(_QUEUES), self._ids(dice)
        await self.trial.list(
            queue,
            states=dice.sample(STATES, dice.randrange(3)),
            kinds=dice.sample(END_KINDS, dice.choice((0, 0, 2))),
            limit=dice.choice((3, 100)),
            before=dice.choice((None, *ids)),
            after=dice.choice((None, None, 0, *ids)),
        )
        await self.trial.explain(dice.choice([*ids, 1000]))
        await self.trial.names()


def _settings(dice: Random) -> QueueSettings:
    return QueueSettings(
        dice.choice((None, 1, 2)),
        dice.choice((float("inf"), float("inf"), 1, 3, 5)),
        dice.choice(("refuse", "drop-oldest", "drop-oldest")),
        dice.choice(_KEEPS),
    )


def _some(dice: Random, things: Sequence[T]) -> list[T]:
    """Draw one thing, or a few; some may come twice."""
    return dice.choices(things, k=dice.choice((1, 1, 2, 4))) if things else []
