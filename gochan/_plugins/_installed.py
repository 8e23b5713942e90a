"""The plugins of this environment, and `gochan.strategy`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ..strategies import Strategy

if TYPE_CHECKING:
    from ._plugins import Plugins


@cache
def installed_plugins() -> Plugins:
    """Return the plugins of the installed distributions; they are loaded when they are needed."""
    from ._plugins import Plugins  # few programs name a strategy

    return Plugins()


def strategy(name: str, /, **options: object) -> Strategy[Any]:
    """Make a new strategy by its name.

    ::

        newest = Chan(strategy=gochan.strategy("drop-oldest", capacity=20))
        fair = Chan(strategy=gochan.strategy("rate(100) | fair('tenant') | codel(1.0)"))

    A name that is not built in loads all installed plugins, once.

    Args:
        name: a built-in one (``block``, ``drop-on-full``, ``priority-cancel``), or one that
            an installed plugin offers; ``gochan plugins`` lists them. Or several with ``|``
            between them: filters, then the one that decides the order; see
            `gochan.strategies.Filter`. Options can stand in parentheses after each name.
        options: the options of the strategy, in a chain of the last one, such as ``capacity``.

    Raises:
        UnknownStrategyError: nobody offers that name.
        NameConflictError: more than one plugin offers it.
        TypeError: an option is unknown or missing, or the parts do not make a chain.
        ValueError: a chain cannot be read, or an option is out of range.

    Warns:
        PluginWarning: the name is not built in, and an installed plugin is broken.
    """
    plugins = installed_plugins()
    plugins.warn(name)
    return plugins.strategy(name, **options)


def strategy_for_jobs(name: str, capacity: int | float | None = None) -> Strategy[Any]:
    """Make a new strategy by its name, as `gochan.open_job_queue` does.

    Raises and warns as `gochan.strategy` does.

    Args:
        name: as for `gochan.strategy`.
        capacity: how many jobs may wait; ``None`` leaves it to the strategy, or is 100 if that
            has no default of its own.
    """
    plugins = installed_plugins()
    plugins.warn(name)
    return plugins.strategy_for_jobs(name, capacity)
