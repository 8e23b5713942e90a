"""What plugins offer to other plugins, by hooks that gochan itself has no use for."""

from __future__ import annotations

import warnings
from typing import TypeVar

from ._errors import PluginError, PluginWarning
from ._installed import installed_plugins

T = TypeVar("T")


def plugin_offers(hook: str, kind: type[T], /) -> list[T]:
    """Return what the installed plugins offer by a hook, in the order of their names.

    For plugins that use what other plugins offer. All plugins are loaded. One whose hook fails in
    any way offers nothing.

    Args:
        hook: its name, such as ``gochan_directories``.
        kind: the class of what it has to yield.

    Raises:
        ValueError: there is no such hook.

    Warns:
        PluginWarning: a plugin is broken, or its hook has failed.
    """
    from ._hooks import Hooks  # few programs need pluggy
    from ._loading import ask
    from ._sentences import cure, text_of

    if not hasattr(getattr(Hooks, hook, None), "gochan_spec"):
        raise ValueError(f"there is no hook {hook!r}")
    plugins = installed_plugins()
    plugins.load()
    problems = plugins.complaints()
    offers: list[T] = []
    for info, plugin in plugins.active():
        try:
            offers += _checked([*ask(plugin, hook, kind.__name__)], hook, kind)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # whatever a plugin raises is its own fault
            problems.append(
                f"what gochan plugin {info.title} offers by {hook} was skipped: "
                f"{text_of(problem).rstrip('.')}. {cure(plugins.handle(info))}"
            )
    for line in problems:
        warnings.warn(line, PluginWarning, stacklevel=2)
    return offers


def _checked(answers: list[object], hook: str, kind: type[T]) -> list[T]:
    wrong = [one for one in answers if not isinstance(one, kind)]
    if wrong:
        raise PluginError(f"{hook} must yield {kind.__name__}, not {wrong[0]!r}")
    return answers  # type: ignore[return-value]
