"""Making: a fresh strategy from a factory and options, or an error that says what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..strategies import Strategy, StrategySpec
from ._chains import Stage
from ._errors import PluginError
from ._sentences import clean, text_of

# The capacity for jobs if neither the user nor the strategy says one.
DEFAULT_CAPACITY: Final = 100


def make(
    spec: StrategySpec, stage: Stage, options: Mapping[str, object], plugin: Callable[[], str]
) -> Strategy[Any]:
    """Make a new strategy.

    Args:
        spec: which one.
        stage: its options in a text.
        options: those given apart.
        plugin: returns the title of its plugin, for errors.

    Raises:
        PluginError: the factory fails, or makes something that cannot be used.
        TypeError: an option is unknown, missing or given twice, or of a wrong type.
        ValueError: an option is out of range.
    """
    named: dict[str, object] = dict(stage.named)
    twice = named.keys() & options.keys()
    if twice:
        raise TypeError(f"strategy {spec.name!r}: {', '.join(sorted(twice))} is given twice")
    named.update(options)
    _check_options(spec, stage.positional, named)
    try:
        strategy = spec.factory(*stage.positional, **named)
    except (TypeError, ValueError) as error:  # most probably about an option
        error.add_note(f"raised by strategy {spec.name!r} of plugin {plugin()}")
        raise
    except (Exception, SystemExit) as error:
        title = f"strategy {spec.name!r} of plugin {plugin()}"
        raise PluginError(f"{title} cannot be made: {text_of(error)}") from error
    _check_made(strategy, spec, plugin)
    return strategy


def _check_made(strategy: object, spec: StrategySpec, plugin: Callable[[], str]) -> None:
    """Raise a `PluginError` unless a channel can use what the factory has made."""
    if isinstance(strategy, Strategy) and hasattr(strategy, "_dropped") and not strategy._in_use:
        return
    title = f"strategy {spec.name!r} of plugin {plugin()}"
    if not isinstance(strategy, Strategy):
        raise PluginError(f"the factory of {title} made {strategy!r}, which is not a Strategy")
    if not hasattr(strategy, "_dropped"):
        raise PluginError(
            f"{title} cannot be used: {type(strategy).__name__}.__init__ must call "
            f"super().__init__(capacity)"
        )
    raise PluginError(
        f"the factory of {title} gave out {strategy!r} again, which is already in use; "
        f"it must make a new one each time"
    )


# Options


def _check_options(
    spec: StrategySpec, positional: tuple[object, ...], named: Mapping[str, object]
) -> None:
    """Raise a `TypeError` that names the strategy unless it takes these options."""
    signature = signature_of(spec)
    if signature is None:
        return
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        problem = _unknown_option(signature, named) or f"{error}; its options: "
        takes = ", ".join(signature.parameters) or "none"
        raise TypeError(f"strategy {spec.name!r}: {problem}{takes}") from None


def _unknown_option(signature: inspect.Signature, named: Iterable[str]) -> str | None:
    """Say which option there is not, and which one may have been meant."""
    # A factory that takes any option refuses none by its name.
    unknown = next((name for name in named if name not in signature.parameters), None)
    if unknown is None:
        return None
    text = f"it has no option {clean(unknown)!r}; "
    meant = nearest(unknown, signature.parameters)
    return f"{text}did you mean {meant!r}? Its options: " if meant else f"{text}its options: "


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, ``None`` if none is near."""
    import difflib  # for errors only

    names = [*known]
    longer = [one for one in names if len(name) > 1 and one.startswith(name)]
    return next(iter(longer or difflib.get_close_matches(name, names, n=1)), None)


def missing_capacity(spec: StrategySpec, stage: Stage) -> dict[str, object]:
    """Return a capacity, if the strategy needs one and the stage does not name it."""
    signature = signature_of(spec)
    if signature is None or "capacity" not in signature.parameters:
        return {}
    try:
        given = signature.bind_partial(*stage.positional, **dict(stage.named)).arguments
    except TypeError:
        return {}  # `make` says what is wrong
    needed = signature.parameters["capacity"].default is inspect.Parameter.empty
    return {"capacity": DEFAULT_CAPACITY} if needed and "capacity" not in given else {}


def signature_of(spec: StrategySpec) -> inspect.Signature | None:
    """Return the options of a strategy; ``None`` if its factory, written in C, hides them."""
    try:
        return inspect.signature(spec.factory)
    except ValueError:
        return None
