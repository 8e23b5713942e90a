"""Agents of a lab: real ones, whose handlers are watched."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, final

import trio

from gochan.durable import DurableQueue, StoreUnavailable, Worker, current_job

from .._agent import open_agent_by
from .._remote import open_http_store
from ._host import SKEW
from ._ledger import Ledger
from ._link import Link
from ._network import URL, Network, Transport

LOGGER: Final = logging.getLogger("gochan.service")

SECRET: Final = "gochan_agent_of_a_lab_0123456789"

_TIMEOUT: Final = 10.0
_CONNECTIONS: Final = 4
_AGAIN: Final = 1.0  # seconds after which an agent that could not begin is started again

Handler = Callable[[Any], Awaitable[object]]


@final
class LabAgent:
    """An agent of a `Lab`.

    Attributes:
        name: what the verbs of the script call it.
        queue: whose jobs it runs.
        capacity: how many jobs it runs at the same time.
        is_alive: whether it has been started, and neither killed nor stopped.
        is_drained: whether the server gives it no more jobs.
    """

    def __init__(
        self,
        name: str,
        queue: str,
        handler: Handler,
        capacity: int,
        labels: Mapping[str, str],
        machine: str | None,
        options: Mapping[str, Any],
        network: Network,
        ledger: Ledger,
    ) -> None:
        self.name: Final = name
        self.queue: Final = queue
        self.capacity: Final = capacity
        self.is_alive = False
        self.is_drained = False
        self.link = Link()
        self.skew = 0.0
        self.begun = trio.Event()
        self._handler = handler
        self._labels = labels
        self._machine = machine or name
        self._options = options
        self._network = network
        self._ledger = ledger
        self._scope = trio.CancelScope()
        self._jobs: DurableQueue[Any, Any] | None = None

    @property
    def worker(self) -> Worker:
        """Who it is for the store."""
        return Worker(self.name, self._machine, self._labels)

    @property
    def known_as(self) -> str:
        """Its name for the server."""
        return f"{self._machine}:{os.getpid()}"

    @property
    def running(self) -> tuple[int, ...]:
        """The numbers of the jobs that it runs now."""
        return tuple(run.id for run in self._ledger.running if run.link is self.link)

    def start(self, nursery: trio.Nursery) -> None:
        """Run it from now on."""
        self.is_alive = True
        self.link = Link()
        self.link.note_trouble()
        self.begun = trio.Event()
        self._scope = trio.CancelScope()
        nursery.start_soon(self._run, self.link, self._scope, name=self.name)

    def kill(self) -> None:
        """End it now, and let nothing pass that it still says."""
        self.is_alive = False
        self._jobs = None
        self._network.cut(self.link)
        self._scope.cancel("killed")

    async def stop(self) -> None:
        """Let it end in order."""
        self.is_alive = False
        if self._jobs is not None:
            await self._jobs.stop(finish="running")
        else:
            self.kill()

    async def _run(self, link: Link, scope: trio.CancelScope) -> None:
        SKEW.set(lambda: self.skew)
        with scope:
            while True:
                try:
                    await self._serve(link)
                except StoreUnavailable:  # as it begins; what starts services tries again
                    await trio.sleep(_AGAIN)
                except Exception as error:
                    if not link.is_cut:
                        LOGGER.exception("%s has ended", self.name)
                        self._ledger.blame("alive", f"{self.name} has ended: {error!r}")
                    return
                else:
                    return

    async def _serve(self, link: Link) -> None:
        opening = open_http_store(
            URL, SECRET, _TIMEOUT, transport=Transport(self._network, link, _CONNECTIONS)
        )

        async def watched(payload: object) -> object:
            return await self._handle(payload, link)

        async with open_agent_by(
            opening,
            self.queue,
            watched,
            capacity=self.capacity,
            labels=self._labels,
            machine=self._machine,
            **self._options,
        ) as jobs:
            if not link.is_cut:
                self._jobs = jobs
                self.begun.set()
            await jobs.wait_stopped()

    async def _handle(self, payload: object, link: Link) -> object:
        job = current_job()
        run = self._ledger.begin(self.name, link, job)
        result = None
        try:
            value = await self._handler(payload)
            result = job.encode(value)
        finally:
            self._ledger.end(run, result)
        return value

    def __repr__(self) -> str:
        return self.name
