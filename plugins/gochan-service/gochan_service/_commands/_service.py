"""A server that runs: its files, its sockets, and what signals say to it."""

# Theory of operation
# -------------------
# A server that cannot be leaves nothing behind: clients in this folder would show its token to
# another server. So it listens first, then opens the store, and only then makes its secrets.

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Final, final

import trio

from gochan import Chan, open_signal_chan
from gochan.durable import beside, open_store

from .._door import (
    Listener,
    SecretError,
    SecretFile,
    make_secret_file,
    open_job_files,
    serve,
)
from .._door._proxied import Proxied
from .._door._serving import MOST_CONNECTIONS
from .._people import Person, open_register
from .._server import open_server
from .._token import SECRET, TOKEN
from ._own_agents import OwnAgents, running
from ._place import Place
from ._sole_server import refuse_second, sole_server
from ._systemd import tell_systemd
from ._using_register import register_beside
from ._usual import SERVER

_LOOK: Final = 5.0  # seconds after which it is looked whether the secrets have changed
_SPARE: Final = 200  # files that are open beside connections


@final
@dataclass(frozen=True, slots=True)
class Beside:
    """What is kept beside a store."""

    secrets: SecretFile
    secrets_at: Path
    tokens: SecretFile
    tokens_at: Path
    people: Path
    files: Path
    drained: Path


def open_files(store: str, secret_file: Path | None) -> Beside:
    """Open what is beside a store, or make it.

    Raises:
        ValueError: a file cannot be used.
    """
    base = Path(store.partition(":")[2] if store.startswith("sqlite:") else "gochan")
    secrets = secret_file or base.with_name(base.name + ".secret")
    tokens = base.with_name(base.name + ".token")
    try:
        make_secret_file(secrets, SECRET)
        make_secret_file(tokens, TOKEN)
        return Beside(
            SecretFile(secrets),
            secrets,
            SecretFile(tokens),
            tokens,
            register_beside(store),
            base.with_name(base.name + ".files"),
            base.with_name(base.name + ".drained"),
        )
    except SecretError as error:
        raise ValueError(str(error)) from None


@final
class Service:
    """A server, from its first line to its last."""

    def __init__(
        self,
        store: str,
        place: Place,
        lease: float,
        secret_file: Path | None,
        tls: SSLContext | None,
        reload_tls: Callable[[], None],
        *,
        behind_proxy: bool,
        agents: OwnAgents | None = None,
    ) -> None:
        self._store = store
        self._place = place
        self._lease = lease
        self._secret_file = secret_file
        self._opened: Beside | None = None
        self._tls = tls
        self._reload_tls = reload_tls
        self._behind_proxy = behind_proxy
        self._own_agents = agents
        self._hurry = trio.Event()
        self._operators: dict[str, Person] = {}
        self._stop = trio.Event()
        self.is_over = False
        """Whether it has stopped in order."""

    async def run(self) -> None:
        """Serve until a signal says to stop."""
        signals = open_signal_chan(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        async with signals as arrived:
            with trio.CancelScope() as everything:
                async with beside(partial(self._obey, arrived, everything)):
                    await self._serve()
                self.is_over = True

    async def _obey(self, arrived: Chan[int], everything: trio.CancelScope) -> None:
        """Do what signals say: look at the files, stop in order, or end at once."""
        async for number in arrived:
            if number == signal.SIGHUP:
                self._look()
                self._look_at_tls()
            elif self._stop.is_set():
                self._hurry.set()
                everything.cancel()
            else:
                self._stop.set()

    @property
    def _files(self) -> Beside:
        assert self._opened is not None
        return self._opened

    async def _serve(self) -> None:
        refuse_second(self._store)
        async with self._listening() as listeners:
            url = self._place.url(listeners, self._tls)
            with sole_server(self._store, url):
                await self._serve_at(url, listeners)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[list[Listener]]:
        listeners = await self._open()
        try:
            yield listeners
        finally:
            with trio.CancelScope(shield=True):
                for listener in listeners:
                    await listener.aclose()
            self._place.leave()

    async def _serve_at(self, url: str, listeners: list[Listener]) -> None:
        async with open_store(self._store) as jobs:
            files = self._opened = open_files(self._store, self._secret_file)
            self._look()
            opening = partial(open_server, lease=self._lease, drained=files.drained)
            async with (
                open_register(jobs, files.people) as people,
                open_job_files(jobs, files.files) as job_files,
                opening(jobs, files.secrets, people, self._operators, job_files) as server,
            ):
                app = Proxied(server.application) if self._behind_proxy else server.application
                most = _most_connections()
                async with (
                    serve(app, listeners, stopping=server.stopping, most=most),
                    beside(self._look_for_ever),
                ):
                    self._greet(jobs.address, url)
                    await self._until_stopped(url)

    async def _until_stopped(self, url: str) -> None:
        """Wait until a signal says to stop, and until own agents have ended."""
        if self._own_agents is None:
            await self._wait_for_the_stop()
        else:
            async with running(
                self._own_agents, url, lambda: self._files.secrets.secrets[-1], self._hurry
            ):
                await self._wait_for_the_stop()

    async def _wait_for_the_stop(self) -> None:
        await self._stop.wait()
        tell_systemd("STOPPING=1")
        _say("stopping; a second signal ends this at once")

    def _greet(self, store: str, url: str) -> None:
        _say(f"serving {store} at {url}")
        if self._place.path is not None:
            _say("a proxy reaches that; commands and browsers need the address of the proxy")
            url = "https://…"
        at = "" if url == SERVER else f" --at {url}"
        secrets, tokens = self._files.secrets_at, self._files.tokens_at
        _say(f"jobs: gochan submit{at} --queue NAME, which reads a line for each job")
        _say(f"agents: gochan agent {url} --queue NAME -- COMMAND {{}}")
        _say(f"people: gochan top{at}; in a browser {url}, with the token of {tokens}")
        _say(f"elsewhere, agents need GOCHAN_SECRET=$(cat {secrets})")
        _say(f"elsewhere, people need GOCHAN_TOKEN=$(cat {tokens})")
        tell_systemd("READY=1")

    async def _open(self) -> list[Listener]:
        try:
            return await self._place.open(self._tls)
        except OSError as error:
            where = self._place.path or f"{self._place.host}:{self._place.port}"
            raise OSError(
                f"cannot listen at {where}: {error.strerror or error}; see --listen"
            ) from None

    async def _look_for_ever(self) -> None:
        while True:
            await trio.sleep(_LOOK)
            self._look()

    def _look(self) -> None:
        """See whether the secrets are other ones."""
        if self._opened is None:
            return
        self._files.secrets.look()
        self._files.tokens.look()
        self._operators.clear()
        for token in self._files.tokens.secrets:
            self._operators[token] = Person("operator", "operator")

    def _look_at_tls(self) -> None:
        try:
            self._reload_tls()
        except OSError as error:
            _say(f"the certificate cannot be read, so the old one stays: {error}")


def _most_connections() -> int:
    """Allow as many open files as the system does, and return how many may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return min(MOST_CONNECTIONS, max(1, soft - _SPARE))


def _say(line: str) -> None:
    print(f"gochan: {line}", file=sys.stderr, flush=True)
