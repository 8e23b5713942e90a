"""Plugins: find strategies by name, and say which distribution is to blame."""

# Theory of operation
# -------------------
# Plugins are entry points of the group "gochan". Nothing is loaded before somebody asks
# for a strategy by name or for the list. Then each plugin is loaded in a ``try`` of its
# own: imported, registered, checked for misspelt hooks, asked for its strategies. One
# that fails is skipped, listed as broken, and warned about, so a program does not stop
# because of a plugin that it does not use.
#
# Built-in names cannot be taken. A name that two plugins offer belongs to neither:
# whichever came first would be chance, and the other would be blamed for it.

from __future__ import annotations

import difflib
import inspect
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from operator import or_
from typing import Any, Final, Literal, final

import pluggy

from ._chains import Stage, parse_chain
from ._errors import NameConflictError, PluginError, PluginWarning, UnknownStrategyError
from ._hooks import PROJECT, Hooks
from ._strategy import DEFAULT_CAPACITY, Strategy, StrategySpec
from .strategies import _built_in

API: Final = 1
BLOCK_VARIABLE: Final = "GOCHAN_BLOCK_PLUGINS"


@final
@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin, and what became of it."""

    name: str
    distribution: str
    version: str
    status: Literal["active", "blocked", "broken"]
    strategies: tuple[str, ...] = ()
    problem: str = ""

    @property
    def title(self) -> str:
        """The plugin as errors name it."""
        return f"{self.name!r} ({self.distribution} {self.version})"


@final
class Plugins:
    """All plugins that can be seen, and the strategies they offer.

    Args:
        found: the entry points to load; by default those of the installed distributions.
        block: names of plugins to leave alone; ``"*"`` stands for all. The names in the
            environment variable ``GOCHAN_BLOCK_PLUGINS``, with commas between, are added.
    """

    def __init__(
        self, found: Iterable[EntryPoint] | None = None, *, block: Iterable[str] = ()
    ) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._infos: list[PluginInfo] = []
        self._specs: dict[str, list[tuple[StrategySpec, PluginInfo]]] = {}
        self._load_built_in()
        blocked = {block} if isinstance(block, str) else {*block}
        blocked.update(name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(","))
        if found is None:
            found = entry_points(group=PROJECT)
        for entry in sorted(found, key=lambda entry: entry.name):
            if blocked & {entry.name, "*"}:
                self._infos.append(_describe(entry, "blocked"))
            else:
                self._load(entry)

    def __iter__(self) -> Iterator[PluginInfo]:
        """Iterate over what became of each plugin, the built-in strategies first."""
        return iter(self._infos)

    @property
    def names(self) -> list[str]:
        """The names of all strategies, sorted."""
        return sorted(self._specs)

    def clashes(self) -> dict[str, list[PluginInfo]]:
        """Return the names that more than one plugin offers, with those plugins."""
        return {
            name: [info for _, info in offers]
            for name, offers in self._specs.items()
            if len(offers) > 1
        }

    def warn(self) -> None:
        """Warn about each broken plugin."""
        for info in self._infos:
            if info.status == "broken":
                warnings.warn(
                    f"gochan plugin {info.title} is broken and was skipped: {info.problem}. "
                    f"Mend, update or uninstall it, or set {BLOCK_VARIABLE}={info.name}.",
                    PluginWarning,
                    stacklevel=3,
                )

    def spec(self, name: str) -> StrategySpec:
        """Return the strategy of that name.

        Raises:
            UnknownStrategyError: nobody offers it.
            NameConflictError: more than one plugin offers it.
        """
        offers = self._specs.get(name, [])
        if len(offers) == 1:
            return offers[0][0]
        if offers:
            titles = " and ".join(info.title for _, info in offers)
            raise NameConflictError(
                f"strategy {name!r} is offered by {titles}, so it belongs to neither; "
                f"uninstall one, or block it with {BLOCK_VARIABLE}={offers[0][1].name}"
            )
        raise UnknownStrategyError(self._unknown(name))

    def strategy(self, name: str, /, **options: object) -> Strategy[Any]:
        """Make a new strategy of that name, or a chain; see `gochan.strategy`."""
        *filters, order = parse_chain(name)
        parts = [self._make(stage, {}) for stage in filters]
        return reduce(or_, [*parts, self._make(order, options)])

    def strategy_for_jobs(self, name: str, capacity: int | float | None) -> Strategy[Any]:
        """Make a new strategy for so many jobs, ``None`` for as many as it likes."""
        if capacity is not None:
            return self.strategy(name, capacity=capacity)
        order = parse_chain(name)[-1]
        return self.strategy(name, **_missing_capacity(self.spec(order.name), order))

    def _make(self, stage: Stage, options: dict[str, object]) -> Strategy[Any]:
        spec = self.spec(stage.name)
        named = dict(stage.named)
        twice = named.keys() & options.keys()
        if twice:
            raise TypeError(f"strategy {spec.name!r}: {', '.join(sorted(twice))} is given twice")
        named.update(options)
        _check_options(spec, stage.positional, named)
        strategy = spec.factory(*stage.positional, **named)
        if not isinstance(strategy, Strategy):
            raise PluginError(
                f"the factory of strategy {spec.name!r} made {strategy!r}, which is not a Strategy"
            )
        return strategy

    def _load_built_in(self) -> None:
        try:
            own_version = version("trio-gochan")
        except PackageNotFoundError:  # pragma: no cover  # run from a bare source tree
            own_version = "?"
        self._manager.register(_built_in, name="built-in")
        specs = self._collect(_built_in)
        names = tuple(spec.name for spec in specs)
        info = PluginInfo("built-in", "trio-gochan", own_version, "active", names)
        self._infos.append(info)
        self._specs.update((spec.name, [(spec, info)]) for spec in specs)

    def _load(self, entry: EntryPoint) -> None:
        """Load one plugin, or note what is wrong with it."""
        plugin = None
        try:
            plugin = entry.load()
            self._manager.register(plugin, name=f"{entry.dist and entry.dist.name}:{entry.name}")
            self._manager.check_pending()
            specs = self._collect(plugin)
            self._validate(specs)
        except (Exception, SystemExit) as problem:  # whatever a plugin does, it is its fault
            if plugin is not None and self._manager.is_registered(plugin):
                self._manager.unregister(plugin)
            self._infos.append(_describe(entry, "broken", problem=_text(problem)))
            return
        info = _describe(entry, "active", tuple(spec.name for spec in specs))
        self._infos.append(info)
        for spec in specs:
            self._specs.setdefault(spec.name, []).append((spec, info))

    def _collect(self, plugin: object) -> list[StrategySpec]:
        """Ask this plugin alone for its strategies."""
        if not self._manager.get_hookcallers(plugin):
            raise PluginError("it implements no hook; is @gochan.hookimpl missing?")
        others = [other for other in self._manager.get_plugins() if other is not plugin]
        hook = self._manager.subset_hook_caller("gochan_strategies", others)
        answers = hook()  # pluggy leaves out None
        if not answers:
            raise PluginError("gochan_strategies returned None; it must yield StrategySpec(...)")
        return [spec for specs in answers for spec in specs]

    def _validate(self, specs: Iterable[StrategySpec]) -> None:
        seen: set[str] = set()
        for spec in specs:
            if not isinstance(spec, StrategySpec):
                raise PluginError(f"gochan_strategies must yield StrategySpec, not {spec!r}")
            if spec.api != API:
                raise PluginError(
                    f"strategy {spec.name!r} is written for version {spec.api!r} of the "
                    f"strategy protocol, and this gochan speaks version {API}"
                )
            if spec.name in seen:
                raise PluginError(f"strategy {spec.name!r} is offered twice")
            if spec.name in self._infos[0].strategies:
                raise PluginError(f"strategy {spec.name!r} is built in; choose another name")
            seen.add(spec.name)

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(str(name), self._specs, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        skipped = [info.name for info in self._infos if info.status != "active"]
        more = (
            f" Broken or blocked plugins were skipped: {', '.join(skipped)}; see 'gochan plugins'."
            if skipped
            else ""
        )
        known = ", ".join(self.names)
        return f"there is no strategy named {name!r}; known are: {known}.{hint}{more}"


@cache
def installed_plugins() -> Plugins:
    """Return the plugins of the installed distributions, loaded on first use."""
    return Plugins()


def strategy(name: str, /, **options: object) -> Strategy[Any]:
    """Make a new strategy by its name.

    ::

        newest = Chan(strategy=gochan.strategy("drop-oldest", capacity=20))
        fair = Chan(strategy=gochan.strategy("rate(100) | fair('tenant') | codel(1.0)"))

    Args:
        name: a built-in one (``block``, ``drop-on-full``, ``priority-cancel``), or one that
            an installed plugin offers; ``gochan plugins`` lists them. Or several with ``|``
            between them: filters, then the one that decides the order; see
            `gochan.strategies.Filter`. Options can stand in parentheses after each name.
        options: what the strategy, of a chain the last one, takes, such as ``capacity``.

    Raises:
        UnknownStrategyError: nobody offers that name.
        NameConflictError: more than one plugin offers it.
        TypeError: an option is unknown or missing, or the parts do not make a chain.
        ValueError: a chain cannot be read, or an option is out of range.

    Warns:
        PluginWarning: an installed plugin is broken.
    """
    plugins = installed_plugins()
    plugins.warn()
    return plugins.strategy(name, **options)


def _describe(
    entry: EntryPoint,
    status: Literal["active", "blocked", "broken"],
    strategies: tuple[str, ...] = (),
    problem: str = "",
) -> PluginInfo:
    distribution = entry.dist
    return PluginInfo(
        entry.name,
        (distribution and distribution.name) or "?",
        (distribution and distribution.version) or "?",
        status,
        strategies,
        problem,
    )


def _text(problem: BaseException) -> str:
    """Return one line about what went wrong in a plugin, even if it breaks that, too."""
    try:
        return " ".join(f"{type(problem).__name__}: {problem}".split())
    except Exception:
        return f"{type(problem).__name__}, whose text cannot be shown"


def _check_options(
    spec: StrategySpec, positional: tuple[object, ...], named: dict[str, object]
) -> None:
    """Raise a `TypeError` that names the strategy unless it takes these options."""
    signature = _signature(spec)
    if signature is None:  # pragma: no cover  # a factory in C may hide its signature
        return
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "none"
        raise TypeError(f"strategy {spec.name!r}: {error}; its options: {takes}") from None


def _missing_capacity(spec: StrategySpec, stage: Stage) -> dict[str, object]:
    """Return a capacity, if the strategy needs one and the stage does not name it."""
    signature = _signature(spec)
    if signature is None or "capacity" not in signature.parameters:
        return {}
    try:
        given = signature.bind_partial(*stage.positional, **dict(stage.named)).arguments
    except TypeError:
        return {}  # it will be said what is wrong
    needed = signature.parameters["capacity"].default is inspect.Parameter.empty
    return {"capacity": DEFAULT_CAPACITY} if needed and "capacity" not in given else {}


def _signature(spec: StrategySpec) -> inspect.Signature | None:
    try:
        return inspect.signature(spec.factory)
    except ValueError:  # pragma: no cover  # a factory in C may hide its signature
        return None
