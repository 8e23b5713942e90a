"""Loading: plugins are imported and asked what they offer, each on its own."""

# Theory of operation
# -------------------
# Each plugin is loaded in a ``try`` of its own: imported, searched for misspelt hooks, asked
# for its strategies. Each is asked through a plugin manager of its own, so none can get
# between gochan and another. One that fails is skipped and listed as broken, so a program
# does not stop because of a plugin that it does not use.

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from time import perf_counter
from typing import Final, TypeAlias, TypeVar, final

import pluggy

from ..strategies import StrategySpec
from ._discovery import Found
from ._errors import PluginError
from ._hooks import PROJECT, Hooks
from ._info import PluginInfo
from ._sentences import text_of

T = TypeVar("T")

# The version of the strategy protocol.
API: Final = 1

Trace: TypeAlias = Callable[[str], object]


@final
@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin after the attempt to load it."""

    info: PluginInfo
    specs: tuple[StrategySpec, ...] = ()
    plugin: object = None
    """What its entry point leads to; ``None`` unless it is active."""
    cause: BaseException | None = None
    """Why it is broken."""


def load_all(
    found: Iterable[Found], built_in: PluginInfo, blocked: Collection[str], trace: Trace
) -> Iterator[Loaded]:
    """Load plugins in the order of their names, but those that are blocked."""
    for info, entry in sorted(found, key=lambda pair: pair[0].name):
        if not {info.name, info.distribution, "*"}.isdisjoint(blocked):
            trace(f"{info.title}: blocked")
            yield Loaded(replace(info, status="blocked", problem=""))
        elif entry is None:
            yield Loaded(info)
        else:
            yield _load(info, entry, built_in, trace)


def _load(info: PluginInfo, entry: EntryPoint, built_in: PluginInfo, trace: Trace) -> Loaded:
    """Load one plugin, or say what is wrong with it."""

    def timed(what: str, step: Callable[[], T]) -> T:
        start = perf_counter()
        try:
            return step()
        finally:
            trace(f"{info.title}: {what}, {(perf_counter() - start) * 1000:.1f} ms")

    try:
        plugin = timed(f"imported {entry.value}", lambda: _import(entry))
        specs = timed("asked for strategies", lambda: (*_specs(plugin, built_in),))
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # whatever a plugin raises is its own fault
        trace("".join(traceback.format_exception(problem)).rstrip())
        return Loaded(replace(info, status="broken", problem=text_of(problem)), cause=problem)
    names = tuple(spec.name for spec in specs)
    trace(f"{info.title}: offers {', '.join(names) or 'no strategies'}")
    return Loaded(replace(info, strategies=names), specs, plugin)


def _import(entry: EntryPoint) -> object:
    """Import the object that an entry point leads to."""
    try:
        entry.module  # noqa: B018  # fails if there is none
    except Exception:
        raise PluginError(
            f"its entry point {entry.value!r} is not of the form module or module:object"
        ) from None
    return entry.load()


# Hooks


def ask(plugin: object, hook: str, wanted: str) -> Iterator[object]:
    """Yield what a plugin answers to one hook; nothing if it does not implement that hook.

    Args:
        plugin: what its entry point leads to.
        hook: the name of the hook.
        wanted: what the hook has to yield, for errors.

    Raises:
        PluginError: it implements no hook at all, a misspelt one, or its answer is unusable.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    _register(manager, plugin)
    caller = getattr(manager.hook, hook)
    if not caller.get_hookimpls():
        return
    try:
        answers = caller()  # pluggy leaves out None
    except TypeError as error:
        if inspect.isclass(plugin):
            raise PluginError(f"{error}; {plugin!r} is a class, make an instance of it") from error
        raise
    if not answers:
        raise PluginError(f"{hook} returned None; it must yield {wanted}(...)")
    for answer in answers:
        if inspect.iscoroutine(answer):
            answer.close()  # or else Python complains, too
        if not isinstance(answer, Iterable):
            raise PluginError(
                f"{hook} must yield {wanted}(...), or return a list of them, not {answer!r}"
            )
        yield from answer


def _register(manager: pluggy.PluginManager, plugin: object) -> None:
    """Find the hooks that a plugin implements, and check their names."""
    hooks = ", ".join(sorted(vars(manager.hook)))
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


def _specs(plugin: object, built_in: PluginInfo) -> Iterator[StrategySpec]:
    """Yield the strategies of a plugin, each checked."""
    seen: set[str] = set()
    for spec in ask(plugin, "gochan_strategies", "StrategySpec"):
        if not isinstance(spec, StrategySpec):
            raise PluginError(f"gochan_strategies must yield StrategySpec, not {spec!r}")
        if spec.api != API:
            raise PluginError(_wrong_api(spec, built_in.version))
        if spec.name in seen:
            raise PluginError(f"strategy {spec.name!r} is offered twice")
        if spec.name in built_in.strategies:
            raise PluginError(f"strategy {spec.name!r} is built in; choose another name")
        seen.add(spec.name)
        yield spec


def _wrong_api(spec: StrategySpec, own_version: str) -> str:
    newer = isinstance(spec.api, int) and spec.api > API
    advice = "it needs a newer gochan: update trio-gochan" if newer else "update the plugin"
    return (
        f"strategy {spec.name!r} is written for version {spec.api!r} of the strategy protocol, "
        f"and gochan {own_version} speaks version {API}; {advice}"
    )
