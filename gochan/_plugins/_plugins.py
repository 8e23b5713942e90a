"""Plugins: who offers which strategy, and strategies by name."""

# Theory of operation
# -------------------
# Plugins are entry points of the group "gochan". None is imported before somebody asks for a
# name that is not built in, or for the list. Then all of them are loaded, once: only that
# tells whether two offer the same name. A built-in name needs none of this, because no
# plugin can take it.
#
# A name that two plugins offer belongs to neither: which of them came first would be chance,
# and the other would be blamed for it.

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeAlias, final

from ..strategies import Strategy, StrategySpec
from . import _built_in
from ._chains import Stage, parse_chain
from ._errors import NameConflictError, PluginWarning, UnknownStrategyError
from ._info import PluginInfo
from ._making import make, missing_capacity, nearest
from ._sentences import BLOCK_VARIABLE, broken, clash, unknown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from ._loading import Loaded

Offer: TypeAlias = tuple[StrategySpec, PluginInfo]


@final
class Plugins:
    """All plugins that can be seen, and the strategies they offer.

    Args:
        found: the entry points to load; by default those of the installed distributions.
        block: names of plugins, or of their distributions, to leave alone; ``"*"`` stands for
            all. The names in the environment variable ``GOCHAN_BLOCK_PLUGINS``, separated by
            commas, are added.
        trace: is told, line by line, what is loaded, how long that takes, and where it fails.
    """

    def __init__(
        self,
        found: Iterable[EntryPoint] | None = None,
        *,
        block: Iterable[str] = (),
        trace: Callable[[str], object] = lambda line: None,
    ) -> None:
        self._built_in = {spec.name: spec for spec in _built_in.gochan_strategies()}
        self._found = found
        self._block = {block} if isinstance(block, str) else {*block}
        self._trace = trace
        self._loaded: list[Loaded] = []  # the built-in strategies first; empty before `load`
        self._offers: dict[str, list[Offer]] = {}

    def load(self) -> None:
        """Load all plugins, unless that has been done."""
        if not self._loaded:
            loaded = self._load()
            for one in loaded:
                for spec in one.specs:
                    self._offers.setdefault(spec.name, []).append((spec, one.info))
            self._loaded = loaded

    def _load(self) -> list[Loaded]:
        # A program that names built-in strategies only pays neither for pluggy nor for the
        # reading of metadata, which take longer to import than all of gochan.
        from ._discovery import describe, find, own_info
        from ._loading import Loaded, load_all

        found = find() if self._found is None else [(describe(one), one) for one in self._found]
        blocked = {name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(",")}
        mine = own_info((*self._built_in,))
        self._trace(f"{mine.title}: offers {', '.join(mine.strategies)}")
        others = load_all(found, mine, blocked | self._block, self._trace)
        return [Loaded(mine, (*self._built_in.values(),)), *others]

    # The list

    def __iter__(self) -> Iterator[PluginInfo]:
        """Iterate over all plugins, the built-in strategies first."""
        self.load()
        return iter([one.info for one in self._loaded])

    def active(self) -> Iterator[tuple[PluginInfo, object]]:
        """Iterate over the plugins that were loaded, each with what its entry point leads to."""
        self.load()
        for one in self._loaded:
            if one.plugin is not None:
                yield one.info, one.plugin

    @property
    def names(self) -> list[str]:
        """The names of all strategies, sorted."""
        self.load()
        return sorted(self._offers)

    def offers(self) -> Iterator[Offer]:
        """Iterate over all strategies with their plugins, in the order of the plugins."""
        self.load()
        for one in self._loaded:
            for spec in one.specs:
                yield spec, one.info

    def clashes(self) -> dict[str, list[PluginInfo]]:
        """Return the names that more than one plugin offers, with those plugins."""
        self.load()
        return {
            name: [info for _, info in offers]
            for name, offers in self._offers.items()
            if len(offers) > 1
        }

    # What is wrong

    def complaint(self, info: PluginInfo) -> str:
        """Return what is wrong with a broken plugin, and what to do."""
        return broken(info, self.handle(info))

    def complaints(self) -> list[str]:
        """Return what is wrong with the broken plugins; nothing before they are loaded."""
        infos = [one.info for one in self._loaded]
        return [self.complaint(info) for info in infos if info.status == "broken"]

    def clash(self, name: str) -> str:
        """Return what is wrong with a name that several plugins offer, and what to do."""
        infos = self.clashes()[name]
        return clash(f"strategy {name!r}", infos, self.handle(infos[0]))

    def handle(self, info: PluginInfo) -> str:
        """Return the name by which this plugin, and no other, can be blocked."""
        twins = [other for other in self if other.name == info.name]
        return info.name if len(twins) == 1 else info.distribution

    def warn(self, text: str | None = None) -> None:
        """Warn about each broken plugin.

        Args:
            text: a name or a chain, which may need plugins. If it names built-in strategies
                only, nothing is loaded, and there is no warning.
        """
        if text is None or any(one.name not in self._built_in for one in parse_chain(text)):
            self.load()
            for complaint in self.complaints():
                warnings.warn(complaint, PluginWarning, stacklevel=3)

    # Strategies by name

    def spec(self, name: str) -> StrategySpec:
        """Return the strategy of that name.

        Raises:
            UnknownStrategyError: nobody offers it.
            NameConflictError: more than one plugin offers it.
        """
        if name in self._built_in:
            return self._built_in[name]
        self.load()
        offers = self._offers.get(name, [])
        if len(offers) == 1:
            return offers[0][0]
        if offers:
            raise NameConflictError(self.clash(name))
        likely = self._likely(name)
        raise UnknownStrategyError(self._unknown(name, likely)) from (likely and likely.cause)

    def strategy(self, name: str, /, **options: object) -> Strategy[Any]:
        """Make a new strategy of that name, or a chain; see `gochan.strategy`."""
        *filters, order = parse_chain(name)
        parts = [self._make(stage, {}) for stage in filters]
        return reduce(or_, [*parts, self._make(order, options)])

    def strategy_for_jobs(self, name: str, capacity: int | float | None) -> Strategy[Any]:
        """Make a new strategy for so many jobs; ``None`` leaves the number to the strategy."""
        if capacity is not None:
            return self.strategy(name, capacity=capacity)
        order = parse_chain(name)[-1]
        return self.strategy(name, **missing_capacity(self.spec(order.name), order))

    def _make(self, stage: Stage, options: dict[str, object]) -> Strategy[Any]:
        spec = self.spec(stage.name)
        return make(spec, stage, options, lambda: self._plugin_of(spec).title)

    def _plugin_of(self, spec: StrategySpec) -> PluginInfo:
        return next(info for one, info in self.offers() if one is spec)

    def _likely(self, name: str) -> Loaded | None:
        """Return the plugin that would have offered this, going by its name."""
        for one in self._loaded:
            info = one.info
            if info.status != "active" and (
                name in {info.name, info.distribution.removeprefix("gochan-")}
                or name.startswith(f"{info.name}-")
            ):
                return one
        return None

    def _unknown(self, name: str, likely: Loaded | None) -> str:
        """Return what can be said about a name that nobody offers."""
        text = unknown(name, self.names, nearest(name, self._offers))
        skipped = [one.info.name for one in self._loaded if one.info.status != "active"]
        if likely and likely.info.status == "broken":
            text += f" {self.complaint(likely.info)}"
        elif likely:
            text += f" The plugin {likely.info.title} is blocked; see {BLOCK_VARIABLE}."
        elif skipped:
            text += (
                f" Broken or blocked plugins were skipped: {', '.join(skipped)}; "
                f"see 'gochan plugins'."
            )
        return text
