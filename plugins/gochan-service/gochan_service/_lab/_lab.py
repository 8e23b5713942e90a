"""The lab: a server, agents and people in one run of trio, in virtual time, with faults."""

# Theory of operation
# -------------------
# Everything is real but the network, the clock and what is left to chance: the server and the
# agents are those of `gochan serve` and `open_agent`, people have the store of a server, and HTTP
# flows between them, on streams of memory. Trio's clock jumps, and all chance follows the seed, so
# a run is the same each time.
#
# The store outlives the server, as a file or a database does when a process is killed.
#
# Verbs that need not wait are plain functions. Each is noted in the script, which is printed with
# the seed when something is wrong.

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, final

import httpx
import trio
from trio.testing import MockClock

from gochan.durable import (
    DurableJob,
    DurableQueue,
    JobRecord,
    Store,
    StoreError,
    StoreUnavailable,
    open_durable_queue,
    open_store,
)
from gochan.testing import seeded

from .._people import ROLES, Person, Role
from .._remote import HttpStore, open_http_store
from ._agents import Handler, LabAgent
from ._host import virtual_host
from ._ledger import Ledger
from ._link import Link
from ._network import URL, Network, Transport
from ._observed import Observed
from ._script import Script
from ._server import LabServer
from ._storm import FAULTS, Storm

LOGGER: Final = logging.getLogger("gochan.service")

_TOKENS: Final = {f"gochan_token_of_{role}": Person(role, role) for role in ROLES}
_OPERATOR: Final = "gochan_token_of_operator"
_LOOK: Final = 1.0
_SETTLED: Final = 900.0
_TIMEOUT: Final = 10.0
_CONNECTIONS: Final = 4


@final
class LabPerson:
    """A person at a `Lab`.

    Attributes:
        name: what the verbs of the script call it.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.link = Link()
        self.store: HttpStore
        self.queues: dict[str, DurableQueue[Any, Any]] = {}

    def __repr__(self) -> str:
        return self.name


Member: TypeAlias = LabAgent | LabServer | LabPerson


@final
class Lab:
    """A job server, its agents and its people in one run of trio, in virtual time.

    ::

        async with Lab(seed=7) as lab:
            agent = await lab.start_agent("thumbnails", resize, capacity=2)
            job = await lab.submit("thumbnails", {"image": 7})
            lab.partition(agent)
            await trio.sleep(60)
            await lab.settle()
            assert (await job.wait()).value == "small-7.jpg"

    It is a run of the real server and agents, with HTTP between them, but without sockets; so a
    minute passes in no time, and whatever can go wrong can be made to go wrong at any moment.
    Meanwhile the laws of the system are watched: no acknowledged job is lost, none has two
    outcomes or runs at two places, a cancel is heard. `check`, and the end of the block, raise if
    one is broken. The error has the seed and the script, which give the same run again.

    It needs a virtual clock: the fixture ``autojump_clock`` of pytest-trio, or
    ``trio.run(main, clock=MockClock(autojump_threshold=0))``. Inside the block, threads take no
    time, and `time.time` follows that clock.

    Args:
        seed: of all that is left to chance; by default, another one each time.
        store: the address of the store: ``memory:``, or ``sqlite:PATH``.
        lease: how many seconds a job is an agent's without a heartbeat.

    Attributes:
        seed: what was given or drawn.
        random: follows the seed as well; for what a test leaves to chance.
        server: the server.
        agents: those that were started.
        operator: who submits and cancels.
        store: that of the server.

    Raises:
        AssertionError: a law is broken. Raised at the end of the block.
        RuntimeError: entered in real time.
    """

    def __init__(
        self, seed: int | None = None, *, store: str = "memory:", lease: float = 30.0
    ) -> None:
        self.seed: Final = Random().randrange(2**32) if seed is None else seed
        self.random: Final = Random(self.seed)
        self.agents: Final[list[LabAgent]] = []
        self.operator: Final = LabPerson("lab.operator")
        self.server: LabServer
        self.store: Store
        self._address = store
        self._lease = lease
        self._ledger = Ledger()
        self._names: set[str] = set()
        self._submitting = 0

    # The block

    async def __aenter__(self) -> Self:
        if not isinstance(trio.lowlevel.current_clock(), MockClock):
            raise RuntimeError(
                "a Lab needs a virtual clock: use the fixture autojump_clock of pytest-trio, or "
                "trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))"
            )
        self._block = self._open()
        await self._block.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(self._told())
        try:
            await self._block.__aexit__(kind, error, traceback)
        except BaseExceptionGroup as group:
            # The nursery has put what the block raised into a group.
            if group.split(lambda one: one is error)[1] is not None:
                raise
        if error is None:
            self.check()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            stack.enter_context(virtual_host())
            stack.enter_context(seeded(self.seed))
            self._script = Script()
            async with open_store(self._address) as store:
                self.store = store
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    self._network = Network(nursery)
                    observed: Any = Observed(store, self._ledger)
                    self.server = LabServer(
                        observed, self._network, self._ledger, folder, _TOKENS, self._lease
                    )
                    stack.callback(self.server.close)
                    self.server.start(nursery)
                    await self.server.begun.wait()
                    await nursery.start(self._open_person, self.operator)
                    nursery.start_soon(self._look_for_ever)
                    try:
                        yield
                    finally:
                        nursery.cancel_scope.cancel()

    async def _open_person(
        self, person: LabPerson, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        transport = Transport(self._network, person.link, _CONNECTIONS)
        async with open_http_store(URL, _OPERATOR, _TIMEOUT, transport=transport) as store:
            person.store = store
            task_status.started()
            await trio.sleep_forever()

    async def _queue(self, name: str) -> DurableQueue[Any, Any]:
        """Return a queue as the operator has it."""
        if name not in self.operator.queues:
            self._names.add(name)
            queue = await self._nursery.start(self._open_queue, name)
            self.operator.queues.setdefault(name, queue)
        return self.operator.queues[name]

    async def _open_queue(
        self, name: str, task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED
    ) -> None:
        while True:
            opening: Any = open_durable_queue(self.operator.store, name)
            try:
                async with opening as queue:
                    task_status.started(queue)
                    await trio.sleep_forever()
            except StoreUnavailable:
                await trio.sleep(_LOOK)

    # Agents and jobs

    async def start_agent(
        self,
        queue: str,
        handler: Handler,
        *,
        capacity: int = 1,
        labels: Mapping[str, str] | None = None,
        machine: str | None = None,
        **options: Any,
    ) -> LabAgent:
        """Start an agent, and return as soon as it works.

        Args:
            queue: whose jobs it runs.
            handler: called with each payload.
            capacity: how many jobs it runs at the same time.
            labels: what jobs may ask for.
            machine: for jobs that are pinned to it; by default, the name of the agent.
            options: further ones of `open_agent`: ``lease``, ``timeout``, ``grace``.
        """
        self._names.add(queue)
        name = f"agent{len(self.agents) + 1}"
        agent = LabAgent(
            name,
            queue,
            handler,
            capacity,
            dict(labels or {}),
            machine,
            {"lease": self._lease, **options},
            self._network,
            self._ledger,
        )
        self.agents.append(agent)
        called = getattr(handler, "__name__", "handler")
        self._script.note(
            f"{name} = await lab.start_agent({queue!r}, {called}, capacity={capacity})"
        )
        agent.start(self._nursery)
        await agent.begun.wait()
        return agent

    async def submit(self, queue: str, payload: object, **options: Any) -> DurableJob[Any]:
        """Submit a job as the operator, and return it as soon as the server has acknowledged it.

        It takes the options of `gochan.durable.DurableQueue.submit`, and tries again while the
        server cannot be reached.
        """
        self._script.note(f"await lab.submit({queue!r}, {payload!r}{_said(options)})")
        return await self._submit(queue, payload, options)

    def submit_soon(self, queue: str, payload: object, **options: Any) -> None:
        """Do what `submit` does, without waiting."""
        self._script.note(f"lab.submit_soon({queue!r}, {payload!r}{_said(options)})")
        self._nursery.start_soon(self._submit, queue, payload, options)

    async def _submit(
        self, queue: str, payload: object, options: Mapping[str, Any]
    ) -> DurableJob[Any]:
        self._submitting += 1
        try:
            job = await (await self._queue(queue)).submit(payload, **options)
        finally:
            self._submitting -= 1
        self._ledger.acknowledge(job.id)
        return job

    async def cancel(self, job: DurableJob[Any] | int, reason: str = "cancelled") -> bool:
        """Cancel a job as the operator; return whether there was anything to end.

        Raises:
            StoreUnavailable: the server cannot be reached.
        """
        id = job if isinstance(job, int) else job.id
        self._script.note(f"await lab.cancel({id}, {reason!r})")
        (answer,) = await self.operator.store.cancel([id], reason)
        return answer != "unknown"

    def cancel_soon(self, job: DurableJob[Any] | int, reason: str = "cancelled") -> None:
        """Do what `cancel` does, without waiting, and once only."""
        id = job if isinstance(job, int) else job.id
        self._script.note(f"lab.cancel_soon({id}, {reason!r})")
        self._nursery.start_soon(self._once, partial(self.operator.store.cancel, [id], reason))

    def retry_soon(self, job: DurableJob[Any] | int) -> None:
        """Let a job that has ended run again, as the operator, without waiting, and once only."""
        id = job if isinstance(job, int) else job.id
        self._script.note(f"lab.retry_soon({id})")
        self._nursery.start_soon(self._once, partial(self.operator.store.retry, [id]))

    async def _once(self, call: Callable[[], Awaitable[object]]) -> None:
        with suppress(StoreError, StoreUnavailable):
            await call()

    async def record(self, job: DurableJob[Any] | int) -> JobRecord:
        """Return what the store knows of a job, whether or not the server can be reached.

        Raises:
            LookupError: nothing.
        """
        id = job if isinstance(job, int) else job.id
        (record,) = await self.store.look([id])
        if record is None:
            raise LookupError(f"there is no job {id}")
        return record

    def client(self, role: Role = "operator") -> httpx.AsyncClient:
        """Return a client of the server, for its API and its page, as somebody with a role."""
        return httpx.AsyncClient(
            transport=Transport(self._network, self.operator.link, _CONNECTIONS),
            base_url=URL,
            headers={"authorization": f"Bearer gochan_token_of_{role}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    # Faults

    def kill(self, what: Member) -> None:
        """End an agent or the server at once, as ``kill -9`` does.

        Nothing that it says from then on arrives, and none of its handlers comes to its end. But
        what cleans up in a handler runs, in Python there is no way around that.
        """
        self._note("kill", what)
        if isinstance(what, LabPerson):
            raise TypeError("people are not killed; agents and the server are")
        if what.is_alive:
            what.kill()

    def restart(self, what: Member) -> None:
        """Start an agent or the server again; if it is alive, kill it first."""
        self._note("restart", what)
        if isinstance(what, LabPerson):
            raise TypeError("people are not restarted; agents and the server are")
        if what.is_alive:
            what.kill()
        self._start(what)

    def _start(self, what: LabAgent | LabServer) -> None:
        for link in self._links(what):
            link.note_trouble()
        what.start(self._nursery)

    async def stop(self, what: Member) -> None:
        """Stop an agent or the server in order, as SIGTERM does; an agent ends what it runs."""
        self._note("stop", what, verb="await lab.stop")
        await self._stop(what)

    def stop_soon(self, what: Member) -> None:
        """Do what `stop` does, without waiting."""
        self._note("stop_soon", what)
        self._nursery.start_soon(self._stop, what)

    async def _stop(self, what: Member) -> None:
        if isinstance(what, LabAgent):
            await what.stop()
        elif isinstance(what, LabServer):
            what.stop_soon()
            for link in self._links(what):
                link.note_trouble()

    def partition(self, what: Member) -> None:
        """Let nothing arrive that somebody sends, or is sent, until that is healed.

        It is not lost: as TCP does, what was sent arrives then, also if the sender has given up.
        """
        self._note("partition", what)
        for link in self._links(what):
            link.change(up=False)

    def heal(self, what: Member | None = None) -> None:
        """End a partition and a delay; by default, all of them."""
        self._note("heal", what)
        for link in self._links(self.server if what is None else what):
            if not link.is_up or link.delay:
                link.change(up=True, delay=0.0)

    def delay(self, what: Member, seconds: float) -> None:
        """Let everything that somebody sends, or is sent, take so long in each direction."""
        self._note("delay", what, seconds)
        for link in self._links(what):
            link.change(delay=seconds)

    def drop_reply(self, what: Member, n: int = 1) -> None:
        """Let the next answers of the server not arrive, though it has done what was asked."""
        self._note("drop_reply", what, n)
        for link in self._links(what):
            link.drops += n
            link.note_trouble()

    def duplicate(self, what: Member, after: float = 0.0) -> None:
        """Let the next request of somebody arrive twice, the second time after some seconds."""
        self._note("duplicate", what, after)
        for link in self._links(what):
            link.repeats.append(after)

    def skew(self, agent: LabAgent, seconds: float) -> None:
        """Let the host's clock of an agent, `time.time`, be wrong by some seconds."""
        self._note("skew", agent, seconds)
        agent.skew = seconds

    async def drain(self, agent: LabAgent) -> None:
        """Give an agent no more jobs, as an operator does, until `undrain`.

        Neither a restart of the server nor one of the agent ends it.

        Raises:
            StoreUnavailable: the server does not run.
            LookupError: it has not heard of the agent.
        """
        self._note("drain", agent, verb="await lab.drain")
        await self._drain(agent, draining=True)

    async def undrain(self, agent: LabAgent) -> None:
        """Give an agent jobs again.

        Raises:
            StoreUnavailable: the server does not run.
            LookupError: it has not heard of the agent.
        """
        self._note("undrain", agent, verb="await lab.undrain")
        await self._drain(agent, draining=False)

    def drain_soon(self, agent: LabAgent) -> None:
        """Do what `drain` does, without waiting, and once only."""
        self._note("drain_soon", agent)
        self._nursery.start_soon(self._drain_once, agent, True)

    def undrain_soon(self, agent: LabAgent) -> None:
        """Do what `undrain` does, without waiting, and once only."""
        self._note("undrain_soon", agent)
        self._nursery.start_soon(self._drain_once, agent, False)

    async def _drain_once(self, agent: LabAgent, draining: bool) -> None:
        with suppress(StoreUnavailable, LookupError):
            await self._drain(agent, draining=draining)

    async def _drain(self, agent: LabAgent, *, draining: bool) -> None:
        agent.link.note_trouble()
        if not draining:
            self._ledger.undrained(agent.known_as)
        verb = "drain" if draining else "undrain"
        status = await self.server.post(f"/api/v1/agents/{agent.known_as}/{verb}", _OPERATOR)
        if status != 200:
            raise LookupError(f"the server has not heard of {agent.name}")
        agent.is_drained = draining
        if draining:
            self._ledger.drained(agent.known_as)

    def _links(self, what: Member) -> list[Link]:
        """Return the ways of an agent or a person; of the server, all."""
        if isinstance(what, LabServer):
            return [self.operator.link, *(agent.link for agent in self.agents)]
        return [what.link]

    def _note(self, name: str, what: object, *more: object, verb: str = "") -> None:
        words = ", ".join([*([] if what is None else [repr(what)]), *map(repr, more)])
        self._script.note(f"{verb or f'lab.{name}'}({words})")

    # The laws

    async def _look_for_ever(self) -> None:
        while True:
            await trio.sleep(_LOOK)
            await self._look()

    async def _look(self) -> None:
        """Find what goes on although it must not, and what does not though it must."""
        self._ledger.look()
        for agent in self.agents:
            is_idle = agent.is_alive and agent.begun.is_set()
            is_idle = (
                is_idle
                and not agent.is_drained
                and len(agent.running) < agent.capacity
                and self.server.is_alive
            )
            tickets = await self.store.offer(agent.queue, 1, agent.worker) if is_idle else ()
            self._ledger.note_waiting(
                agent.name, agent.link, tickets[0] if tickets and is_idle else None
            )

    async def audit(self) -> None:
        """Look whether the laws hold now; `check` raises what is found.

        `storm` does so after each step, and `settle` at its end.
        """
        await self._look()
        for queue in sorted(self._names):
            try:
                await self.store.audit(queue)
            except AssertionError as error:
                self._ledger.blame("audit", f"queue {queue!r}: {error}")

    async def settle(self, *, within: float = _SETTLED) -> None:
        """End all faults, and wait until all jobs have ended; then raise if a law is broken.

        A server that was killed or stopped is started again; agents are not.

        Args:
            within: how many seconds that may take.

        Raises:
            AssertionError: a law is broken, or a job has not ended in time.
        """
        self._script.note(f"await lab.settle({'' if within == _SETTLED else f'{within=}'})")
        for link in self._links(self.server):
            link.change(up=True, delay=0.0)
            link.drops = 0
            link.repeats.clear()
        if not self.server.is_alive:
            self._start(self.server)
        with trio.move_on_after(within):
            await self.server.begun.wait()
            while self._submitting or await self._left():
                for agent in self.agents:
                    if agent.is_drained:
                        await self._drain(agent, draining=False)
                await trio.sleep(_LOOK)
        for record in await self._left():
            why = " ".join(str(await self.store.explain(record.id)).split()).rstrip(".")
            self._ledger.blame(
                "nothing lost", f"job {record.id} is {record.state} after {within:g} s ({why})"
            )
        await self.audit()
        self._ledger.audit(await self._all())
        self.check()

    async def _left(self) -> list[JobRecord]:
        """Return the jobs that have not ended."""
        return [record for record in await self._all() if record.state != "ended"]

    async def _all(self) -> list[JobRecord]:
        records: list[JobRecord] = []
        for queue in sorted(self._names):
            before = None
            while page := await self.store.list(queue, limit=500, before=before):
                records += page
                before = page[-1].id
        return records

    def check(self) -> None:
        """Raise if a law was broken.

        Raises:
            AssertionError: it says which, and has the seed and the script.
        """
        __tracebackhide__ = True
        if self.breaches:
            raise AssertionError("\n".join([*self.breaches, self._told()]))

    @property
    def breaches(self) -> Sequence[str]:
        """Which laws were broken, each with what has happened."""
        return [*self._ledger.breaches]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many jobs were submitted and have run again; once settled, how they have ended."""
        return {**self._ledger.counts}

    @property
    def script(self) -> str:
        """What was done, as a program that does it again in a lab with the same seed."""
        return str(self._script)

    def _told(self) -> str:
        lines = "\n".join(f"    {line}" for line in self.script.splitlines())
        return f"in a Lab with seed={self.seed}, after:\n{lines}"

    # Chance

    async def storm(
        self,
        steps: int = 100,
        *,
        payload: Callable[[Random], object] = lambda random: random.randrange(1000),
        faults: Sequence[str] = FAULTS,
        pause: float = 3.0,
    ) -> None:
        """Let everything happen at random: jobs, cancels, retries, and faults.

        It follows the seed. If no agent was started, it starts three, whose handler takes its
        time, and fails now and then. After each step the laws are looked at. At the end, agents
        that are dead are started again.

        Args:
            steps: how many things happen.
            payload: makes a payload, from a random number generator.
            faults: which of them happen; by default, all.
            pause: how many seconds there are between two steps, on average.

        Raises:
            AssertionError: a law is broken.
        """
        storm = Storm(self, payload, faults)
        await storm.begin()
        for _ in range(steps):
            storm.step()
            await trio.sleep(self.random.expovariate(1 / pause))
            await self.audit()
            self.check()
        storm.end()


def _said(options: Mapping[str, object]) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items())
