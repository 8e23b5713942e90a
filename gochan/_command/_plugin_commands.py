"""The commands of gochan: the built-in ones, and those that plugins add."""

# Theory of operation
# -------------------
# Plugins are loaded together, because only that tells whether two offer the same name. A plugin
# whose commands cannot be had is told in one line, and the others work. Nobody can take the name
# of a built-in command, and a name that two plugins offer belongs to neither, as with strategies.
#
# Some commands are known although no plugin offers them: they say what to install.

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, final

import click

from .._plugins import (
    PluginError,
    PluginInfo,
    Plugins,
    ask,
    clash,
    cure,
    text_of,
)
from ._built_in_commands import BUILT_IN

# Commands that are worth naming where they are missing, and their distributions.
KNOWN: Final = {
    **dict.fromkeys(("agent", "agents", "log", "people", "scale", "serve"), "gochan-service"),
    "sim": "gochan-sim",
}


@final
class PluginCommands:
    """The commands that plugins offer, and what is wrong with them.

    Attributes:
        problems: sentences, each with what to do.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._offers: dict[str, list[tuple[click.Command, PluginInfo]]] = {}
        self._broken: dict[PluginInfo, str] = {}
        for info, plugin in plugins.active():
            try:
                commands = dict(_ask(plugin))
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # whatever a plugin raises is its own fault
                self._broken[info] = text_of(problem)
            else:
                for name, command in commands.items():
                    self._offers.setdefault(name, []).append((command, info))
        self.problems = [
            *(
                f"the commands of gochan plugin {info.title} were skipped: "
                f"{problem.rstrip('.')}. {cure(plugins.handle(info))}"
                for info, problem in self._broken.items()
            ),
            *(f"{self._clash(name)}." for name, them in self._offers.items() if len(them) > 1),
        ]

    @property
    def known(self) -> list[str]:
        """The names of commands that could be installed."""
        return [*KNOWN]

    @property
    def names(self) -> list[str]:
        """The names that plugins offer."""
        return [*self._offers]

    def of(self, info: PluginInfo) -> list[str]:
        """Return the names of the commands that a plugin offers."""
        return [name for name, them in self._offers.items() if info in [one for _, one in them]]

    def problem_of(self, info: PluginInfo) -> list[str]:
        """Return what is wrong with the commands of a plugin."""
        return [
            *([f"its commands were skipped: {self._broken[info]}"] if info in self._broken else []),
            *(
                f"command {name!r} is also offered by {other.title}"
                for name in self.of(info)
                for _, other in self._offers[name]
                if other is not info
            ),
        ]

    def get(self, name: str) -> click.Command | None:
        """Return the command of that name; one that says why, if it cannot be had."""
        offers = self._offers.get(name, [])
        if len(offers) == 1:
            return offers[0][0]
        if offers:
            why = f"the command 'gochan {name}' cannot be run, because several plugins offer it"
            return _unavailable(name, "Offered by several plugins.", why)
        if name in KNOWN:
            return self._missing(name, KNOWN[name])
        return None

    def _clash(self, name: str) -> str:
        infos = [info for _, info in self._offers[name]]
        return clash(f"command {name!r}", infos, self._plugins.handle(infos[0]))

    def _missing(self, name: str, distribution: str) -> click.Command:
        """Return what stands in for a known command: it says what to install, or to mend."""
        where = f"the command 'gochan {name}' is in the distribution {distribution}"
        for info in self._plugins:
            if info.distribution == distribution and info.status == "blocked":
                return _unavailable(name, "Blocked.", f"{where}, which is blocked")
            if info.distribution == distribution:
                return _unavailable(name, "Broken.", f"{where}, which is broken")
        how = f"in a clone of gochan: pip install ./plugins/{distribution}"
        return _unavailable(
            name, f"Not installed; {how}", f"{where}, which is not installed; {how}"
        )


def _ask(plugin: object) -> Iterator[tuple[str, click.Command]]:
    """Yield the commands of one plugin by their names, each checked."""
    seen: set[str] = set()
    for command in ask(plugin, "gochan_commands", "click.Command"):
        if not isinstance(command, click.Command) or not command.name:
            raise PluginError(
                f"gochan_commands must yield click commands that have a name, not {command!r}"
            )
        if command.name in BUILT_IN:
            raise PluginError(f"command {command.name!r} is built in; choose another name")
        if command.name in seen:
            raise PluginError(f"command {command.name!r} is offered twice")
        seen.add(command.name)
        yield command.name, command


def _unavailable(name: str, short: str, why: str) -> click.Command:
    """Return a command that takes any arguments, and only says why it cannot be had."""

    def tell(arguments: Collection[str]) -> None:
        raise click.UsageError(why)

    return click.Command(
        name,
        callback=tell,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
        short_help=short,
    )
