"""The door: what the server answers to agents, and to whoever looks whether it is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, final

import trio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from gochan.durable import Store, StoreClosed, StoreError, StoreUnavailable, beside

from .._wire import Exchange, decode, encode
from ._agents import Agents
from ._cache import Cache
from ._canceller import Canceller
from ._exchanges import Exchanges, Permit
from ._files import Files
from ._listeners import Listeners, TooMany
from ._metrics import Meter
from ._neighbours import sharing_agents
from ._past import Past, look_again_and_again
from ._permits import permit_agent
from ._secrets import Lock
from ._steps import STEPS, status_of
from ._tending import sweep, tend
from ._tickets import TicketOffice

PROBES: Final = ("/healthz", "/readyz", "/api/v1/healthz", "/api/v1/readyz")
"""Who asks these wants to know how the server is; they are answered while it stops, too."""

_SOON: Final = {"retry-after": "1"}


async def exchange_for(
    request: Request,
    exchanges: Exchanges,
    store: Store,
    permit: Permit | None = None,
    check_agent: Callable[[], object] = lambda: None,
) -> Response:
    """Answer an exchange whose calls are those of ``store``, as far as they are permitted.

    Args:
        request: with the exchange.
        exchanges: make it.
        store: as this client has it.
        permit: which calls this client may make, if it is an agent.
        check_agent: called if it says that it is one; raises if it may not.
    """
    try:
        exchange = decode(await request.body(), Exchange)
        if exchange.agent is not None:
            check_agent()
        answer = await exchanges(exchange, store, permit, partial(_gone, request))
    except ValueError as error:
        return PlainTextResponse(f"{error}\n", 400)
    except TooMany as error:
        return PlainTextResponse(f"{error}\n", 429, _SOON)
    return Response(encode(answer), media_type="application/json")


@final
class Door:
    """What the server answers to agents.

    Args:
        store: where the jobs are.
        secrets: which agents have.
        files: of the jobs.
        lease: how many seconds a job is an agent's without a heartbeat.
        on_upload: called with the number of a job whose files have grown.

    Attributes:
        routes: what it answers.
        stopping: set when the server stops; then nobody waits.
        agents: those that have been heard of.
        listeners: who hears the bells of the store.
        exchanges: makes calls of clients.
        cache: what is told of jobs that have ended.
        meter: tells what is in the queues, and who works on them.
        past: how the queues were in the last hour.
    """

    def __init__(
        self,
        store: Store,
        secrets: Lock,
        files: Files,
        lease: float,
        on_upload: Callable[[int], None],
    ) -> None:
        self.stopping = trio.Event()
        self.agents = Agents()
        canceller = Canceller()
        self.listeners = Listeners(store, canceller)
        self.agents.on_undrain = self.listeners.wake
        self.exchanges = Exchanges(store, self.listeners, self.agents, self.stopping, lease)
        self.cache = Cache()
        self.meter = Meter(store, self.agents, self.cache)
        self.past = Past()
        self._store = store
        self._office = TicketOffice(
            store, self.listeners, canceller, self.agents, files, lease=lease,
            stopping=self.stopping, on_upload=on_upload,
        )  # fmt: skip
        make_step = _locked(secrets, self._make_step)
        self.routes: list[BaseRoute] = [
            Route("/rpc/v1/exchange", _locked(secrets, self._exchange), methods=["POST"]),
            *(Route(f"/rpc/v1/{name}", make_step, methods=["POST"]) for name in STEPS),
        ]
        probes = {"healthz": self._say_healthy, "readyz": self._say_ready}
        for path in PROBES:
            self.routes.append(Route(path, probes[path.rpartition("/")[2]], methods=["GET"]))

    async def _exchange(self, request: Request) -> Response:
        return await exchange_for(request, self.exchanges, self._store, permit_agent)

    async def _make_step(self, request: Request) -> Response:
        step = STEPS[request.url.path.rpartition("/")[2]]
        asked = decode(await request.body(), step.takes)
        answer = await step.make(self._office, asked, partial(_gone, request))
        return Response(encode(answer), status_of(answer), media_type="application/json")

    async def _say_healthy(self, request: Request) -> Response:
        """Say that the server is there."""
        return PlainTextResponse("ok\n")

    async def _say_ready(self, request: Request) -> Response:
        """Say whether the server takes requests; it does not while it stops."""
        if self.stopping.is_set():
            return PlainTextResponse("stopping\n", 503, _SOON)
        return PlainTextResponse("ok\n")


@asynccontextmanager
async def open_door(
    store: Store,
    secrets: Lock,
    files: Files,
    *,
    lease: float = 30.0,
    on_upload: Callable[[int], None] = lambda _: None,
    drained: Path | None = None,
) -> AsyncIterator[Door]:
    """Open the door of a store: hear its bells, and do what time demands, inside the block."""
    door = Door(store, secrets, files, lease, on_upload)
    async with (
        sharing_agents(store, door.agents, drained),
        beside(
            door.listeners.run,
            partial(tend, store),
            partial(sweep, store, files),
            partial(look_again_and_again, store, door.past),
        ),
    ):
        yield door


_Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


def _locked(lock: Lock, answer: _Answer) -> _Answer:
    """Answer only to those who have a secret, and make what goes wrong an answer."""

    async def answer_if_open(request: Request) -> Response:
        if not lock.opens(presented(request)):
            # Without a body, and without a word about why.
            return Response(status_code=401, headers={"www-authenticate": "Bearer"})
        try:
            return await answer(request)
        except (ValueError, OverflowError) as error:
            return PlainTextResponse(f"{error}\n", 400)
        except TooMany as error:
            return PlainTextResponse(f"{error}\n", 429, _SOON)
        except (StoreUnavailable, StoreClosed) as error:
            return PlainTextResponse(f"{error}\n", 503, _SOON)
        except OSError as error:
            return PlainTextResponse(f"the server cannot keep this now: {error}\n", 503, _SOON)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 500)

    return answer_if_open


def presented(request: Request) -> str | None:
    """Return the secret or the token that a request has in its head."""
    scheme, _, word = request.headers.get("authorization", "").partition(" ")
    return word.strip() if scheme.lower() == "bearer" else None


async def _gone(request: Request) -> None:
    """Wait until the client has left: after its body, a client can say nothing else."""
    await request.receive()
