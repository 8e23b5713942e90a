"""Opening a store by its address."""

# Theory of operation
# -------------------
# The scheme of an address says which store it is: ``memory:`` and ``sqlite:`` are built in, all
# others are offered by plugins, by the hook `gochan_stores`. The rules are those for strategies:
# a built-in scheme loads no plugin, and none can take it; a scheme that two plugins offer belongs
# to neither; a broken plugin is told with its distribution, and what to do.
#
# An address may hold a password, so no error shows more of one than its scheme.

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from .._plugins import (
    NameConflictError,
    PluginError,
    PluginInfo,
    Plugins,
    PluginWarning,
    ask,
    clash,
    cure,
    installed_plugins,
    nearest,
    text_of,
)
from .._queue import Opening
from ._memory import open_memory_store
from ._spec import StoreSpec
from ._store import Store

# The version of the store protocol.
API: Final = 1

# Schemes that are worth naming where they are missing, and their distributions.
KNOWN: Final = {
    "postgresql": "gochan-postgres",
    "postgres": "gochan-postgres",
    "http": "gochan-service",
    "https": "gochan-service",
}


def _open_memory(address: str) -> AbstractAsyncContextManager[Store, bool | None]:
    if address != "memory:":
        raise ValueError('the address of a store in memory is "memory:", and nothing more')
    return open_memory_store()


def _open_sqlite(address: str, **options: Any) -> AbstractAsyncContextManager[Store, bool | None]:
    from ._sqlite import open_sqlite_store  # imported when it is used

    path = address.partition(":")[2]
    if not path:
        raise ValueError('the address of a store on SQLite needs a path, as in "sqlite:jobs.db"')
    if path == ":memory:":
        raise ValueError('a store in memory has the address "memory:"')
    if path.startswith("//"):
        raise ValueError(
            'the path of a store on SQLite follows the colon at once, as in "sqlite:jobs.db" or '
            '"sqlite:/var/lib/jobs.db"'
        )
    return _opened("sqlite", inspect.signature(open_sqlite_store), open_sqlite_store, path, options)


BUILT_IN: Final = {
    "memory": StoreSpec("memory", _open_memory, "in memory, for tests and single processes"),
    "sqlite": StoreSpec("sqlite", _open_sqlite, "in a file, for the processes of one machine"),
}


def open_store(address: str, /, **options: object) -> AbstractAsyncContextManager[Store, None]:
    """Open the store at an address, and close it on the way out.

    ::

        async with open_store("sqlite:jobs.db") as store:
            ...

    Args:
        address: ``memory:``, ``sqlite:PATH``, or one with a scheme that an installed plugin offers,
            such as ``postgresql://user@host/database`` of ``gochan-postgres``.
        options: of that store.

    Raises:
        ValueError: nobody offers a store with that scheme, or the address is not one of its own.
        TypeError: the address is no string, or the store has no such option.
        NameConflictError: more than one plugin offers that scheme.
        PluginError: the plugin that offers the scheme cannot open a store.
        StoreError: there is no store of ours at that address. Raised on entering, as is the next.
        StoreUnavailable: it cannot be reached.

    Warns:
        PluginWarning: the scheme is not built in, and the stores of an installed plugin are broken.
    """
    if not isinstance(address, str):
        raise TypeError(f"the address of a store must be a str, not {type(address).__name__}")
    scheme, colon, _ = address.partition(":")
    if not colon:
        raise ValueError(
            "the address of a store begins with a scheme and a colon, as in "
            f'"sqlite:jobs.db"; this one has none{_shown(address)}'
        )
    if scheme in BUILT_IN:
        spec, title = BUILT_IN[scheme], "of gochan"
    else:
        stores = StorePlugins(installed_plugins())
        for problem in stores.problems:
            warnings.warn(problem, PluginWarning, stacklevel=2)
        spec, info = stores.get(scheme)
        title = f"of plugin {info.title}"
    opened = _opened(scheme, _signature_of(spec), spec.open, address, options)
    if not isinstance(opened, AbstractAsyncContextManager):
        raise PluginError(
            f"store {scheme!r} {title} cannot be opened: it must return an async context manager, "
            f"not {type(opened).__name__}"
        )
    return Opening("open_store", "store", Store, lambda: opened)


def _shown(address: str) -> str:
    """Return an address for an error; nothing if it may hold a password."""
    return "" if "@" in address or "/" in address or len(address) > 80 else f": {address!r}"


class StorePlugins:
    """The stores that plugins offer, and what is wrong with them.

    Attributes:
        problems: sentences, each with what to do.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._offers: dict[str, list[tuple[StoreSpec, PluginInfo]]] = {}
        self.problems: list[str] = []
        plugins.load()
        self.problems += plugins.complaints()
        for info, plugin in plugins.active():
            try:
                specs = [*_ask(plugin)]
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # whatever a plugin raises is its own fault
                self.problems.append(
                    f"the stores of gochan plugin {info.title} were skipped: "
                    f"{text_of(problem).rstrip('.')}. {cure(plugins.handle(info))}"
                )
            else:
                for spec in specs:
                    self._offers.setdefault(spec.scheme, []).append((spec, info))

    def get(self, scheme: str) -> tuple[StoreSpec, PluginInfo]:
        """Return the store of that scheme, and the plugin that offers it.

        Raises:
            ValueError: nobody offers it.
            NameConflictError: more than one plugin offers it.
        """
        offers = self._offers.get(scheme, [])
        if len(offers) > 1:
            infos = [info for _, info in offers]
            raise NameConflictError(
                clash(f"store {scheme!r}", infos, self._plugins.handle(infos[0]))
            )
        if not offers:
            raise ValueError(self._unknown(scheme))
        return offers[0]

    def _unknown(self, scheme: str) -> str:
        """Say that nobody offers a scheme, and what to do."""
        known = [*BUILT_IN, *sorted(self._offers)]
        text = f"there is no store {scheme!r}" if scheme.isalnum() else "there is no such store"
        if scheme in KNOWN:
            distribution = KNOWN[scheme]
            for info in self._plugins:
                if info.distribution == distribution:
                    return (
                        f"{text}: it is in the distribution {distribution}, which is {info.status}"
                    )
            return (
                f"{text} here: it is in the distribution {distribution}, which is not installed; "
                f"from a clone of gochan: pip install ./plugins/{distribution}"
            )
        meant = nearest(scheme, [*known, *KNOWN])
        text += f"; known are: {', '.join(known)}."
        return f"{text} Did you mean {meant!r}?" if meant else text


def _ask(plugin: object) -> Iterator[StoreSpec]:
    """Yield the stores of one plugin, each checked."""
    seen: set[str] = set()
    for spec in ask(plugin, "gochan_stores", "StoreSpec"):
        if not isinstance(spec, StoreSpec):
            raise PluginError(f"gochan_stores must yield StoreSpec, not {spec!r}")
        if spec.api != API:
            raise PluginError(
                f"store {spec.scheme!r} is written for version {spec.api!r} of the store protocol, "
                f"and this gochan speaks version {API}; update whichever is older"
            )
        if spec.scheme in BUILT_IN:
            raise PluginError(f"store {spec.scheme!r} is built in; choose another scheme")
        if spec.scheme in seen:
            raise PluginError(f"store {spec.scheme!r} is offered twice")
        seen.add(spec.scheme)
        yield spec


# Options


def _signature_of(spec: StoreSpec) -> inspect.Signature | None:
    """Return the options of a store; ``None`` where they are not known here."""
    if spec.open is _open_sqlite:
        return None  # which looks itself
    try:
        return inspect.signature(spec.open)
    except ValueError:  # written in C
        return None


def _opened(
    scheme: str,
    signature: inspect.Signature | None,
    opening: Any,
    address: str,
    options: dict[str, Any],
) -> AbstractAsyncContextManager[Store, bool | None]:
    """Open a store; an option that it does not have is named."""
    if signature is not None:
        try:
            signature.bind(address, **options)
        except TypeError as error:
            takes = [*signature.parameters][1:]
            unknown = next((name for name in options if name not in takes), None)
            problem = str(error) if unknown is None else f"it has no option {unknown!r}"
            meant = None if unknown is None else nearest(unknown, takes)
            hint = "; its" if meant is None else f"; did you mean {meant!r}? Its"
            raise TypeError(
                f"store {scheme!r}: {problem}{hint} options: {', '.join(takes) or 'none'}"
            ) from None
    opened: AbstractAsyncContextManager[Store, bool | None] = opening(address, **options)
    return opened
