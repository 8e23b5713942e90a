"""A job server for durable queues, and the agents that run its jobs."""

# All plugins are loaded to find one; what needs HTTP is imported only when it is used.
#
# The rooms and files, from the bottom up: each uses only those above it.
#
#   _scaling      as many agents as the jobs need
#   _token        what tokens begin with
#   _shared       tables beside the jobs, for many servers
#   _directories  where an organisation keeps its people
#   _wire         what goes over the wire
#   _people       who people are, and what they may do
#   _door         what the server answers to agents
#   _api          what it answers to people and their programs
#   _openapi      the description of all that
#   _page         what they see in a browser
#   _server       all of it
#   _remote       the store of a server, as its clients have it
#   _agent        an agent, which runs a command for each job
#   _lab          all of them in one run of trio, with faults, for tests
#   _commands     `gochan serve` and `gochan agent`

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from gochan import hookimpl
from gochan.durable import StoreSpec

from ._directories import (
    DirectoryAccess,
    DirectoryError,
    DirectoryPerson,
    DirectorySpec,
    people_of,
)

if TYPE_CHECKING:
    import ssl

    import click

    from gochan.durable import DurableQueue

    from ._lab import Lab, LabAgent, LabPerson, LabServer
    from ._remote import HttpStore
    from ._scaling import (
        AgentPlan,
        Provider,
        ProviderError,
        ProviderSpec,
        ScaledAgent,
        Scaling,
        ScalingDecision,
        ScalingRun,
        ScalingSnapshot,
        simulate_scaling,
    )

__all__ = [
    "AgentPlan",
    "DirectoryAccess",
    "DirectoryError",
    "DirectoryPerson",
    "DirectorySpec",
    "HttpStore",
    "Lab",
    "LabAgent",
    "LabPerson",
    "LabServer",
    "Provider",
    "ProviderError",
    "ProviderSpec",
    "ScaledAgent",
    "Scaling",
    "ScalingDecision",
    "ScalingRun",
    "ScalingSnapshot",
    "open_agent",
    "open_server_store",
    "people_of",
    "simulate_scaling",
]

P = TypeVar("P")
R = TypeVar("R")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "_remote" if name == "HttpStore" else "_lab" if name.startswith("Lab") else "_scaling"
    thing: object = getattr(import_module(f"{__name__}.{room}"), name)
    return thing


def open_server_store(
    address: str,
    *,
    token: str | None = None,
    secret: str | None = None,
    timeout: float = 10.0,
    tls: ssl.SSLContext | None = None,
) -> AbstractAsyncContextManager[HttpStore, bool | None]:
    """Open the store of a server, and close it on the way out.

    Args:
        address: its URL, such as ``http://127.0.0.1:8000``.
        token: of a person; by default, ``GOCHAN_TOKEN`` of the environment. Without it, a server on
            this machine gets the token that ``gochan serve`` has written in this folder.
        secret: of agents; by default, if there is no token, ``GOCHAN_SECRET``.
        timeout: after how many seconds a call ends with `gochan.durable.StoreUnavailable`.
        tls: how the server is trusted; by default, as the system does.

    Raises:
        StoreUnavailable: the server cannot be reached. Raised on entering, as is the next.
        StoreError: it does not accept the token or the secret.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """
    from ._remote import open_http_store
    from ._remote._address import check

    return open_http_store(*check(address, token, secret, timeout), tls=tls)


def open_agent(
    url: str,
    queue: str,
    handler: Callable[[P], Awaitable[R]],
    *,
    capacity: int = 1,
    labels: Mapping[str, str] | None = None,
    machine: str | None = None,
    once: bool = False,
    job: int | None = None,
    lease: float | None = None,
    timeout: float = 3600.0,
    grace: float = 5.0,
    secret: str | None = None,
) -> AbstractAsyncContextManager[DurableQueue[P, R], bool | None]:
    """Run the jobs of a queue of a server inside the block.

    ::

        async with open_agent("http://127.0.0.1:8000", "thumbnails", resize) as agent:
            async with stop_on_signals(agent) as stopped:
                await stopped.wait()

    It is a `gochan.durable.DurableQueue` whose store is the server. The handler's calls, retries,
    leases and the stop are the same; while the server cannot be reached, it tries again.

    Args:
        url: of the server.
        queue: whose jobs are run.
        handler: called with each payload.
        capacity: how many jobs run at the same time.
        labels: what jobs may ask for.
        machine: for jobs that are pinned to it; by default, the name of the host.
        once: whether to run one job, and stop.
        job: the number of the one job to run, and stop.
        lease: how many seconds a job stays here when the server hears nothing; by default, as
            many as the server says, by ``gochan serve --lease``.
        timeout: how many seconds a job may run that says nothing else.
        grace: how many seconds jobs have to clean up if the block is left.
        secret: of agents; by default, ``GOCHAN_SECRET`` of the environment, or for a server on this
            machine what ``gochan serve`` has written in this folder.

    Raises:
        StoreUnavailable: the server cannot be reached. Raised on entering, as is the next.
        StoreError: it does not accept the secret.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
    """
    from ._agent import open_agent_by
    from ._remote._address import agents_secret

    return open_agent_by(
        open_server_store(url, secret=agents_secret(secret, url=url)),
        queue,
        handler,
        capacity=capacity,
        labels=labels,
        machine=machine,
        once=once,
        job=job,
        lease=lease,
        timeout=timeout,
        grace=grace,
    )


@hookimpl
def gochan_stores() -> Iterable[StoreSpec]:
    """Offer the stores of servers."""
    for scheme in ("http", "https"):
        yield StoreSpec(scheme, open_server_store, "of a job server, anywhere")


@hookimpl
def gochan_providers() -> Iterable[ProviderSpec]:
    """Offer what `gochan scale` starts agents with."""
    from ._scaling._offered import OWN

    return OWN


@hookimpl
def gochan_commands() -> Iterable[click.Command]:
    """Offer the commands."""
    from ._commands import commands

    return commands
