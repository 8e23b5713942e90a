"""Drained agents, in a file: what a server that is the only one of its store must not forget."""

# Theory of operation
# -------------------
# Servers that share a store write into its tables whom they have drained. A server that is alone
# has nobody to ask when it starts again; so it writes a file at each order, before it is answered.
# An agent that was not heard of for a day is not drained any more: one that comes later may have
# its name by chance.

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import trio

from ._agents import FORGOTTEN, Agent, Agents

LOGGER: Final = logging.getLogger("gochan.service")


@contextmanager
def remembering(agents: Agents, path: Path, now: Callable[[], float]) -> Iterator[None]:
    """Drain whom the file says, and note in it who is drained inside the block.

    Args:
        agents: those that the server has heard of.
        path: of the file; it need not be there.
        now: the time by the clock of the store.
    """
    behind = now() - trio.current_time()
    for name, (said, seen) in _read(path).items():
        if seen > now() - FORGOTTEN:
            agents.heard_elsewhere(name, said, seen - behind, draining=True)

    def note() -> None:
        behind = now() - trio.current_time()
        drained = [agent for agent in agents.all() if agent.draining]
        _write(path, {agent.name: (said_by(agent), agent.seen + behind) for agent in drained})

    agents.on_order = note
    yield


def said_by(agent: Agent) -> dict[str, Any]:
    """Return what an agent has said of itself."""
    return {
        "capacity": agent.capacity,
        "machine": agent.machine,
        "labels": dict(agent.labels),
        "held": agent.held,
        "phase": agent.phase,
        "queues": agent.queues,
    }


def _read(path: Path) -> dict[str, tuple[dict[str, Any], float]]:
    try:
        return {
            name: (said, float(seen)) for name, (said, seen) in json.loads(path.read_text()).items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        LOGGER.warning("who is drained cannot be read from %s: %s", path, error)
        return {}


def _write(path: Path, drained: dict[str, tuple[dict[str, Any], float]]) -> None:
    new = path.with_name(path.name + ".new")
    try:
        with open(new, "w") as file:
            json.dump(drained, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        LOGGER.warning("who is drained cannot be written to %s: %s", path, error)
