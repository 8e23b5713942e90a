"""Plugins: find strategies by name, and say which distribution is to blame."""

# Theory of operation
# -------------------
# Plugins are entry points of the group "gochan". Nothing is loaded before somebody asks
# for a strategy by name or for the list. Then each plugin is loaded in a ``try`` of its
# own: imported, searched for misspelt hooks, asked for its strategies. Each is asked
# through a plugin manager of its own, so none can get between gochan and another. One
# that fails is skipped, listed as broken, and warned about, so a program does not stop
# because of a plugin that it does not use.
#
# Built-in names cannot be taken. A name that two plugins offer belongs to neither:
# whichever came first would be chance, and the other would be blamed for it.
#
# Whatever is said about a plugin names it, its distribution and version, the cause, and
# what to do. The sentences are made here, for warnings, errors and the list alike.

from __future__ import annotations

import difflib
import inspect
import os
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, reduce
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    distributions,
    entry_points,
    version,
)
from operator import or_
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal, TypeAlias, TypeVar, final

import pluggy

from .._core._errors import NameConflictError, PluginError, PluginWarning, UnknownStrategyError
from ..strategies import Strategy, StrategySpec, _built_in
from ..strategies._strategy import DEFAULT_CAPACITY
from ._chains import Stage, parse_chain
from ._hooks import PROJECT, Hooks

T = TypeVar("T")

API: Final = 1
BLOCK_VARIABLE: Final = "GOCHAN_BLOCK_PLUGINS"

# How much of a plugin's own words about its trouble is told.
_LONGEST: Final = 500

Status: TypeAlias = Literal["active", "blocked", "broken"]


@final
@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin, and what became of it."""

    name: str
    distribution: str
    version: str
    status: Status
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
        block: names of plugins, or of their distributions, to leave alone; ``"*"`` stands for
            all. The names in the environment variable ``GOCHAN_BLOCK_PLUGINS``, with commas
            between, are added.
        trace: is told, line by line, what is loaded, how long that takes, and where it fails.
    """

    def __init__(
        self,
        found: Iterable[EntryPoint] | None = None,
        *,
        block: Iterable[str] = (),
        trace: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._trace = trace
        self._infos: list[PluginInfo] = []
        self._offers: dict[str, list[tuple[StrategySpec, PluginInfo]]] = {}
        self._causes: dict[PluginInfo, BaseException] = {}
        self._load_built_in()
        blocked = {block} if isinstance(block, str) else {*block}
        blocked.update(name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(","))
        seen = _find() if found is None else [(_describe(entry), entry) for entry in found]
        for info, entry in sorted(seen, key=lambda pair: pair[0].name):
            if blocked & {info.name, info.distribution, "*"}:
                self._trace(f"{info.title}: blocked")
                self._infos.append(replace(info, status="blocked", problem=""))
            elif entry is None:
                self._infos.append(info)
            else:
                self._load(info, entry)

    def __iter__(self) -> Iterator[PluginInfo]:
        """Iterate over what became of each plugin, the built-in strategies first."""
        return iter(self._infos)

    @property
    def names(self) -> list[str]:
        """The names of all strategies, sorted."""
        return sorted(self._offers)

    def offers(self) -> Iterator[tuple[StrategySpec, PluginInfo]]:
        """Iterate over all strategies with their plugins, in the order of the plugins."""
        for info in self._infos:
            for name in info.strategies:
                yield next(offer for offer in self._offers[name] if offer[1] is info)

    def clashes(self) -> dict[str, list[PluginInfo]]:
        """Return the names that more than one plugin offers, with those plugins."""
        return {
            name: [info for _, info in offers]
            for name, offers in self._offers.items()
            if len(offers) > 1
        }

    def complaint(self, info: PluginInfo) -> str:
        """Return what is wrong with a broken plugin, and what to do."""
        return (
            f"gochan plugin {info.title} is broken and was skipped: {info.problem.rstrip('.')}. "
            f"Mend, update or uninstall it, or set {BLOCK_VARIABLE}={self._handle(info)}."
        )

    def clash(self, name: str) -> str:
        """Return what is wrong with a name that several plugins offer, and what to do."""
        infos = self.clashes()[name]
        titles = " and ".join(info.title for info in infos)
        nobody = "neither" if len(infos) == 2 else "none of them"
        return (
            f"strategy {name!r} is offered by {titles}, so it belongs to {nobody}; uninstall "
            f"all but one, or block it with {BLOCK_VARIABLE}={self._handle(infos[0])}"
        )

    def warn(self) -> None:
        """Warn about each broken plugin."""
        for info in self._infos:
            if info.status == "broken":
                warnings.warn(self.complaint(info), PluginWarning, stacklevel=3)

    def spec(self, name: str) -> StrategySpec:
        """Return the strategy of that name.

        Raises:
            UnknownStrategyError: nobody offers it.
            NameConflictError: more than one plugin offers it.
        """
        return self._offer(name)[0]

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

    # Names

    def _offer(self, name: str) -> tuple[StrategySpec, PluginInfo]:
        offers = self._offers.get(name, [])
        if len(offers) == 1:
            return offers[0]
        if offers:
            raise NameConflictError(self.clash(name))
        likely = self._likely(name)
        raise UnknownStrategyError(self._unknown(name, likely)) from (
            likely and self._causes.get(likely)
        )

    def _likely(self, name: str) -> PluginInfo | None:
        """Return the plugin that would have offered this, by its name."""
        for info in self._infos:
            if info.status != "active" and (
                name in {info.name, info.distribution.removeprefix("gochan-")}
                or name.startswith(f"{info.name}-")
            ):
                return info
        return None

    def _unknown(self, name: str, likely: PluginInfo | None) -> str:
        """Return what can be said about a name that nobody offers."""
        known = ", ".join(self.names)
        text = f"there is no strategy named {_clean(name)!r}; known are: {known}."
        close = difflib.get_close_matches(name, self._offers, n=1)
        if close:
            text += f" Did you mean {close[0]!r}?"
        skipped = [info.name for info in self._infos if info.status != "active"]
        if likely and likely.status == "broken":
            text += f" {self.complaint(likely)}"
        elif likely:
            text += f" The plugin {likely.title} is blocked; see {BLOCK_VARIABLE}."
        elif skipped:
            text += (
                f" Broken or blocked plugins were skipped: {', '.join(skipped)}; "
                f"see 'gochan plugins'."
            )
        return text

    def _handle(self, info: PluginInfo) -> str:
        """Return by what name this plugin, and no other, can be blocked."""
        twins = [other for other in self._infos if other.name == info.name]
        return info.name if len(twins) == 1 else info.distribution

    # Making strategies

    def _make(self, stage: Stage, options: dict[str, object]) -> Strategy[Any]:
        spec, info = self._offer(stage.name)
        named: dict[str, object] = dict(stage.named)
        twice = named.keys() & options.keys()
        if twice:
            raise TypeError(f"strategy {spec.name!r}: {', '.join(sorted(twice))} is given twice")
        named.update(options)
        _check_options(spec, stage.positional, named)
        title = f"strategy {spec.name!r} of plugin {info.title}"
        try:
            strategy = spec.factory(*stage.positional, **named)
        except (TypeError, ValueError) as error:  # most probably about an option
            error.add_note(f"raised by {title}")
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(f"{title} cannot be made: {_text(error)}") from error
        if not isinstance(strategy, Strategy):
            raise PluginError(f"the factory of {title} made {strategy!r}, which is not a Strategy")
        if not hasattr(strategy, "_dropped"):
            raise PluginError(
                f"{title} cannot be used: {type(strategy).__name__}.__init__ must call "
                f"super().__init__(capacity)"
            )
        if strategy._in_use:
            raise PluginError(
                f"the factory of {title} gave out {strategy!r} again, which is at work already; "
                f"it must make a new one each time"
            )
        return strategy

    # Loading

    def _load_built_in(self) -> None:
        try:
            own_version = version("trio-gochan")
        except PackageNotFoundError:  # pragma: no cover  # run from a bare source tree
            own_version = "?"
        info = PluginInfo("built-in", "trio-gochan", own_version, "active")
        self._activate(info, [*_ask(_built_in)])

    def _load(self, info: PluginInfo, entry: EntryPoint) -> None:
        """Load one plugin, or note what is wrong with it."""
        try:
            plugin = self._timed(info, f"imported {entry.value}", lambda: _import(entry))
            specs = self._timed(
                info, "asked for strategies", lambda: [*self._checked(_ask(plugin))]
            )
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # whatever a plugin does, it is its fault
            self._trace("".join(traceback.format_exception(problem)).rstrip())
            info = replace(info, status="broken", problem=_text(problem))
            self._infos.append(info)
            self._causes[info] = problem
            return
        self._activate(info, specs)

    def _activate(self, info: PluginInfo, specs: list[StrategySpec]) -> None:
        """Enter what a plugin offers."""
        names = tuple(spec.name for spec in specs)
        self._trace(f"{info.title}: offers {', '.join(names) or 'nothing'}")
        info = replace(info, status="active", strategies=names)
        self._infos.append(info)
        for spec in specs:
            self._offers.setdefault(spec.name, []).append((spec, info))

    def _timed(self, info: PluginInfo, what: str, step: Callable[[], T]) -> T:
        """Take a step, and tell how long it took."""
        start = perf_counter()
        try:
            return step()
        finally:
            self._trace(f"{info.title}: {what}, {(perf_counter() - start) * 1000:.1f} ms")

    def _checked(self, specs: Iterable[StrategySpec]) -> Iterator[StrategySpec]:
        """Iterate over ``specs`` as long as they can be offered."""
        seen: set[str] = set()
        for spec in specs:
            if not isinstance(spec, StrategySpec):
                raise PluginError(f"gochan_strategies must yield StrategySpec, not {spec!r}")
            if spec.api != API:
                raise PluginError(self._wrong_api(spec))
            if spec.name in seen:
                raise PluginError(f"strategy {spec.name!r} is offered twice")
            if spec.name in self._infos[0].strategies:
                raise PluginError(f"strategy {spec.name!r} is built in; choose another name")
            seen.add(spec.name)
            yield spec

    def _wrong_api(self, spec: StrategySpec) -> str:
        newer = isinstance(spec.api, int) and spec.api > API
        cure = "it needs a newer gochan: update trio-gochan" if newer else "update the plugin"
        return (
            f"strategy {spec.name!r} is written for version {spec.api!r} of the strategy protocol, "
            f"and gochan {self._infos[0].version} speaks version {API}; {cure}"
        )


def _find() -> list[tuple[PluginInfo, EntryPoint | None]]:
    """Return the plugins of all installed distributions; ``None`` for what cannot be read."""
    try:
        return [(_describe(entry), entry) for entry in entry_points(group=PROJECT)]
    except Exception:  # one damaged distribution, whosever it is, ends the whole search
        found: dict[str, list[tuple[PluginInfo, EntryPoint | None]]] = {}
        for distribution in distributions():
            name, number = _identity(distribution)
            key = name.lower().replace("_", "-")
            if key in found:
                continue  # it is hidden by one of the same name, earlier on the path
            try:
                entries = distribution.entry_points.select(group=PROJECT)
                found[key] = [(_describe(entry), entry) for entry in entries]
            except Exception as error:
                problem = f"its entry_points.txt cannot be read ({_text(error)})"
                info = PluginInfo(name, name, number, "broken", problem=problem)
                found[key] = [(info, None)] if key.startswith(f"{PROJECT}-") else []
        return [pair for pairs in found.values() for pair in pairs]


def _describe(entry: EntryPoint) -> PluginInfo:
    return PluginInfo(entry.name, *_identity(entry.dist), "active")


def _identity(distribution: Distribution | None) -> tuple[str, str]:
    """Return name and version, if need be as the name of the folder has them."""
    try:
        metadata = distribution.metadata  # type: ignore[union-attr]  # fails like a bad file
        if metadata["Name"] and metadata["Version"]:
            return metadata["Name"], metadata["Version"]
    except Exception:  # missing, or not to be read
        pass
    folder = Path(str(getattr(distribution, "_path", ""))).name
    name, _, number = folder.removesuffix(".dist-info").partition("-")
    return name or "?", number or "?"


def _import(entry: EntryPoint) -> object:
    """Import what an entry point leads to."""
    try:
        entry.module  # noqa: B018  # fails if there is none
    except Exception:
        raise PluginError(
            f"its entry point {entry.value!r} is not of the form module or module:object"
        ) from None
    return entry.load()


def _ask(plugin: object) -> Iterator[StrategySpec]:
    """Ask a plugin for its strategies."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    hooks = ", ".join(vars(manager.hook))
    manager.register(plugin, name="it")
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{error}; the hooks of this gochan: {hooks}") from None
    if not manager.get_hookcallers(plugin):
        raise PluginError(
            f"{plugin!r} implements no hook; is @gochan.hookimpl missing? The entry point has to "
            f"lead to the module with the hook, not to the hook"
        )
    try:
        answers = manager.hook.gochan_strategies()  # pluggy leaves out None
    except TypeError as error:
        if inspect.isclass(plugin):
            raise PluginError(f"{error}; {plugin!r} is a class, make an instance of it") from error
        raise
    if not answers:
        raise PluginError("gochan_strategies returned None; it must yield StrategySpec(...)")
    for answer in answers:
        if inspect.iscoroutine(answer):
            answer.close()  # or else Python complains, too
        if not isinstance(answer, Iterable):
            raise PluginError(
                f"gochan_strategies must yield StrategySpec(...), or return a list of them, "
                f"not {answer!r}"
            )
        yield from answer


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


def _text(problem: BaseException) -> str:
    """Return one line about what went wrong in a plugin, even if it breaks that, too."""
    kind = type(problem).__name__
    try:
        text = str(problem) if isinstance(problem, PluginError) else f"{kind}: {problem}"
    except Exception:
        return f"{kind}, whose text cannot be shown"
    missing = problem.name if isinstance(problem, ImportError) else None
    if missing and missing.partition(".")[0] == PROJECT:
        text += "; was it written for another version of gochan?"
    return _clean(text)


def _clean(text: str) -> str:
    """Return ``text`` in one line, not too long, and safe to print."""
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}..."
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _check_options(
    spec: StrategySpec, positional: tuple[object, ...], named: dict[str, object]
) -> None:
    """Raise a `TypeError` that names the strategy unless it takes these options."""
    signature = signature_of(spec)
    if signature is None:
        return
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        takes = ", ".join(signature.parameters) or "none"
        raise TypeError(f"strategy {spec.name!r}: {error}; its options: {takes}") from None


def _missing_capacity(spec: StrategySpec, stage: Stage) -> dict[str, object]:
    """Return a capacity, if the strategy needs one and the stage does not name it."""
    signature = signature_of(spec)
    if signature is None or "capacity" not in signature.parameters:
        return {}
    try:
        given = signature.bind_partial(*stage.positional, **dict(stage.named)).arguments
    except TypeError:
        return {}  # it will be said what is wrong
    needed = signature.parameters["capacity"].default is inspect.Parameter.empty
    return {"capacity": DEFAULT_CAPACITY} if needed and "capacity" not in given else {}


def signature_of(spec: StrategySpec) -> inspect.Signature | None:
    """Return what options there are; ``None`` if the factory, written in C, hides them."""
    try:
        return inspect.signature(spec.factory)
    except ValueError:
        return None
