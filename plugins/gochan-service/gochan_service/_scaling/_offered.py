"""The providers that are there: those of this plugin, and those of others."""

from __future__ import annotations

from gochan.lowlevel import plugin_offers

from ._by_command import open_by_command
from ._local import open_local
from ._providers import ProviderError, ProviderSpec

OWN = (
    ProviderSpec("local", open_local, "processes of this machine"),
    ProviderSpec("command", open_by_command, "any command line: --create, --destroy, --list"),
)


def find_provider(name: str) -> ProviderSpec:
    """Return the provider of this name.

    Raises:
        ProviderError: there is none, or several plugins offer one.
    """
    offers = plugin_offers("gochan_providers", ProviderSpec)
    found = [spec for spec in offers if spec.name == name]
    if len(found) > 1:
        raise ProviderError(f"several plugins offer a provider {name!r}; uninstall all but one")
    if not found:
        names = ", ".join(sorted({spec.name for spec in offers}))
        raise ProviderError(f"there is no provider {name!r}; there are: {names}")
    return found[0]
