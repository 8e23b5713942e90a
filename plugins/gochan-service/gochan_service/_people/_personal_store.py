"""The store as one person has it: what they may not do is refused, what they change is noted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, final

from gochan.durable import (
    Cancelling,
    EndKind,
    Enqueued,
    NewJob,
    QueueSettings,
    Refusal,
    Retrying,
    Store,
)

from ._person import Person
from ._roles import OWNER, Role, allows, least_role

_FREE: Final = frozenset({"address", "patience", "loses_answers", "now", "listen"})

Note: TypeAlias = Callable[[str, str], Awaitable[None]]
"""Notes what was done: the deed, and details."""


class NotAllowed(Exception):
    """A person may not do that."""


def check_role(person: Person, needed: Role) -> None:
    """Refuse somebody who has not this role, or one with all that it has.

    Raises:
        NotAllowed: they have not.
    """
    if not allows(person.role, needed):
        raise NotAllowed(f"{person.login} is a {person.role}; that is for {needed}s")


@final
class PersonalStore:
    """A store behind the permissions of a person.

    Args:
        store: where the jobs are.
        person: who asks.
        note: called for each change, before it is made.
    """

    def __init__(self, store: Store, person: Person, note: Note) -> None:
        self._store = store
        self._person = person
        self._note = note

    def __getattr__(self, name: str) -> Any:
        if name not in _FREE:
            self._check(name)
        return getattr(self._store, name)

    def _check(self, name: str) -> None:
        check_role(self._person, least_role(name))

    async def _check_owner(self, ids: Sequence[int]) -> None:
        """Refuse what concerns jobs of others, unless it is an operator who asks."""
        if allows(self._person.role, "operator"):
            return
        for id, record in zip(ids, await self._store.look(ids), strict=True):
            if record is not None and record.headers.get(OWNER) != self._person.login:
                raise NotAllowed(f"job {id} is not one of {self._person.login}'s")

    async def configure(
        self, queue: str, settings: QueueSettings | None = None, *, update: bool = False
    ) -> QueueSettings:
        """Do what `Store.configure` says; anybody may ask."""
        if settings is not None:
            self._check("configure")
            await self._note("configure", f"queue {queue}")
        return await self._store.configure(queue, settings, update=update)

    async def enqueue(
        self, jobs: Sequence[NewJob], *, whole: bool = False
    ) -> Sequence[Enqueued | Refusal]:
        """Do what `Store.enqueue` says; the jobs say who has submitted them."""
        self._check("enqueue")
        owned = [replace(job, headers={**job.headers, OWNER: self._person.login}) for job in jobs]
        queues = ", ".join(sorted({job.queue for job in jobs}))
        await self._note("submit", f"{len(jobs)} job{'s' * (len(jobs) > 1)} in {queues}")
        return await self._store.enqueue(owned, whole=whole)

    async def cancel(self, ids: Sequence[int], reason: str) -> Sequence[Cancelling]:
        """Do what `Store.cancel` says; the reason names the person."""
        self._check("cancel")
        await self._check_owner(ids)
        await self._note("cancel", f"jobs {_listed(ids)}{reason and f': {reason}'}")
        return await self._store.cancel(ids, reason)

    async def retry(self, ids: Sequence[int], attempts: int | None = None) -> Sequence[Retrying]:
        """Do what `Store.retry` says."""
        self._check("retry")
        await self._check_owner(ids)
        await self._note("retry", f"jobs {_listed(ids)}")
        return await self._store.retry(ids, attempts)

    async def pause(self, queue: str, paused: bool) -> bool:
        """Do what `Store.pause` says."""
        self._check("pause")
        await self._note("pause" if paused else "resume", f"queue {queue}")
        return await self._store.pause(queue, paused)

    async def purge(self, queue: str, kinds: Collection[EndKind], n: int) -> int:
        """Do what `Store.purge` says."""
        self._check("purge")
        await self._note("purge", f"at most {n} jobs of {queue} that are {', '.join(kinds)}")
        return await self._store.purge(queue, kinds, n)


def _listed(ids: Sequence[int]) -> str:
    shown = ", ".join(map(str, ids[:20]))
    return shown if len(ids) <= 20 else f"{shown} and {len(ids) - 20} more"
