"""Listing: what ``gochan plugins`` says about plugins and strategies."""

from __future__ import annotations

import inspect
import io
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final, NamedTuple

from .._plugins import PluginError, PluginInfo, Plugins, ask, signature_of, text_of
from ..durable import StoreSpec
from ..strategies import Filter, Promise, StrategySpec
from ._plugin_commands import PluginCommands

# Plugins


def plugin_rows(plugins: Plugins, commands: PluginCommands) -> list[dict[str, Any]]:
    """Return what is listed about each plugin, as JSON has it."""
    objects = dict(plugins.active())
    rows = []
    for info in plugins:
        troubles = [*_shared(info, plugins), *commands.problem_of(info)]
        offers = {kind.word: _names(objects.get(info), kind, troubles) for kind in _KINDS}
        rows.append(
            {
                **asdict(info),
                "strategies": list(info.strategies),
                "commands": commands.of(info),
                **offers,
                "problem": info.problem or "; ".join(troubles),
            }
        )
    return rows


class _Kind(NamedTuple):
    """What a plugin offers by a hook, other than strategies and commands.

    Some classes are those of plugins, and not known here.
    """

    word: str
    """The hook is ``gochan_`` and this."""
    wanted: str
    """The name of the class of what it yields."""
    type: type
    attribute: str
    """Where the name is that users type."""
    typed: str
    """How they type it."""


_KINDS: Final = (
    _Kind("stores", "StoreSpec", StoreSpec, "scheme", "{}:"),
    _Kind("directories", "DirectorySpec", object, "scheme", "{}:"),
    _Kind("providers", "ProviderSpec", object, "name", "--provider {}"),
)


def _names(plugin: object, kind: _Kind, troubles: list[str]) -> list[str]:
    """Return the names of what a plugin offers, and add what is wrong to ``troubles``."""
    names: list[str] = []
    if plugin is None:
        return names
    try:
        for spec in ask(plugin, f"gochan_{kind.word}", kind.wanted):
            name = getattr(spec, kind.attribute, None)
            if not isinstance(spec, kind.type) or not isinstance(name, str):
                raise PluginError(f"gochan_{kind.word} must yield {kind.wanted}, not {spec!r}")
            names.append(name)
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # whatever a plugin raises is its own fault
        troubles.append(f"its {kind.word} were skipped: {text_of(problem)}")
        return []
    return names


def _shared(info: PluginInfo, plugins: Plugins) -> Iterator[str]:
    """Say which names a plugin has to share."""
    for name, infos in plugins.clashes().items():
        if info in infos:
            others = ", ".join(other.title for other in infos if other is not info)
            yield f"strategy {name!r} is also offered by {others}"


def plugin_table(rows: list[dict[str, Any]]) -> str:
    """Return a table of the plugins in ``rows``; what they offer is written as users type it."""
    from rich import box  # only a table needs it
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("NAME", "DISTRIBUTION", "VERSION", "STATUS"):
        table.add_column(name, no_wrap=True)
    table.add_column("OFFERS", overflow="fold")
    for row in rows:
        cells = [row[name] for name in ("name", "distribution", "version", "status")]
        offers = [
            *row["strategies"],
            *(f"gochan {name}" for name in row["commands"]),
            *(kind.typed.format(name) for kind in _KINDS for name in row[kind.word]),
        ]
        table.add_row(*cells, ", ".join(offers))
    text = io.StringIO()  # rich would end the process if nobody reads what it prints
    width = shutil.get_terminal_size().columns
    Console(file=text, width=width, markup=False, emoji=False).print(table)
    return text.getvalue()


def problems(plugins: Plugins) -> list[str]:
    """Return what is wrong with plugins and their strategies, and what to do."""
    clashes = [f"{plugins.clash(name)}." for name in plugins.clashes()]
    return [*plugins.complaints(), *clashes]


# Strategies


def strategy_rows(plugins: Plugins, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what is listed about strategies, all or those of these names, as JSON has it.

    Raises:
        PluginError: nobody offers such a name, or more than one plugin does.
    """
    chosen = [plugins.spec(name) for name in names]
    return [
        {
            "name": spec.name,
            "kind": kind(spec),
            "options": options(spec),
            "summary": spec.summary,
            "promises": [_word(promise) for promise in Promise if promise in spec.promises],
            "description": _description(spec),
            "plugin": info.name,
            "distribution": info.distribution,
            "version": info.version,
        }
        for spec, info in plugins.offers()
        if not names or any(spec is one for one in chosen)
    ]


def strategy_texts(rows: list[dict[str, Any]], *, in_full: bool) -> Iterator[str]:
    """Yield the lines that describe each strategy."""
    meanings = {_word(promise): promise.value for promise in Promise}
    for row in rows:
        yield f"{row['name']}{row['options']}"
        yield f"    {row['summary']}"
        origin = f"{row['plugin']!r} ({row['distribution']} {row['version']})"
        yield f"    {row['kind'] or 'strategy'} of plugin {origin}"
        if in_full:
            yield from (f"    promises: {meanings[word]} ({word})" for word in row["promises"])
            yield from (f"    {line}".rstrip() for line in ["", *row["description"].splitlines()])
        else:
            yield f"    promises: {', '.join(row['promises']) or 'nothing'}"
        yield ""


def kind(spec: StrategySpec) -> str | None:
    """Return whether it is an order or a filter, ``None`` if that cannot be seen."""
    if not inspect.isclass(spec.factory):
        return None
    return "filter" if issubclass(spec.factory, Filter) else "order"


def options(spec: StrategySpec) -> str:
    """Return the options as they are declared, without their types."""
    signature = signature_of(spec)
    if signature is None:
        return "(...)"
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_default(parameter.default))
        for parameter in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def _default(value: object) -> object:
    """Return a default as it is shown: three dots for one that words cannot give."""
    plain = value is inspect.Parameter.empty or isinstance(value, (int, float, str, type(None)))
    return value if plain else _Dots()


class _Dots:
    def __repr__(self) -> str:
        return "..."


def _description(spec: StrategySpec) -> str:
    """Return the docstring of the class or function itself, not one that it inherits."""
    factory = spec.factory
    own = factory.__doc__ if inspect.isclass(factory) or inspect.isroutine(factory) else None
    return inspect.cleandoc(own or "")


def _word(promise: Promise) -> str:
    return promise.name.lower().replace("_", "-")
