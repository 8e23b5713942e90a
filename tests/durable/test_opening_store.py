"""Stores are opened by their addresses, which may name what a plugin offers."""

from __future__ import annotations

import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest

from gochan import NameConflictError, PluginError, PluginWarning, hookimpl
from gochan._plugins import Plugins
from gochan.durable import BookStore, NewJob, Store, StoreSpec, open_store
from gochan.durable import _opening_store as opening

Install: TypeAlias = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have plugins instead of the installed ones: objects with hooks, by their names."""

    def install(**plugins: object) -> None:
        entries = []
        for name, plugin in plugins.items():
            module = ModuleType(f"gochan_{name}")
            module.plugin = plugin  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
            entries.append(EntryPoint(name, f"gochan_{name}:plugin", "gochan"))
        found = Plugins(entries)
        monkeypatch.setattr(opening, "installed_plugins", lambda: found)

    return install


class Offers:
    """A plugin that offers stores."""

    def __init__(self, *specs: Any) -> None:
        self.specs = specs

    @hookimpl
    def gochan_stores(self) -> Iterable[Any]:
        yield from self.specs


@asynccontextmanager
async def open_tape(address: str, *, reel: int = 1) -> AsyncIterator[Store]:
    """Pretend that the memory is a tape."""
    async with open_store("memory:") as store:
        await store.enqueue([NewJob(queue=f"{address} {reel}", payload=b"")])
        yield store


TAPE = StoreSpec("tape", open_tape, "on tape")


# Built in


async def test_memory_and_sqlite_are_built_in(install: Install, tmp_path: Path) -> None:
    """No plugin is loaded for them."""
    install(broken=object())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for address in ("memory:", f"sqlite:{tmp_path / 'jobs.db'}"):
            async with open_store(address) as store:
                assert isinstance(store, Store)
                assert store.address == address


@pytest.mark.parametrize(
    ("address", "options", "error", "text"),
    [
        (None, {}, TypeError, "must be a str, not NoneType"),
        ("jobs.db", {}, ValueError, "this one has none: 'jobs.db'"),
        ("/var/secret@jobs.db", {}, ValueError, "this one has none$"),
        ("memory:jobs", {}, ValueError, '"memory:", and nothing more'),
        ("memory:", {"shared": True}, TypeError, "'memory': it has no option 'shared'.* none$"),
        ("sqlite:", {}, ValueError, "needs a path"),
        ("sqlite::memory:", {}, ValueError, 'has the address "memory:"'),
        ("sqlite:///jobs.db", {}, ValueError, "follows the colon at once"),
        (
            "sqlite:jobs.db",
            {"syncronous": "full"},
            TypeError,
            "no option 'syncronous'; did you mean 'synchronous'. Its options: synchronous, shared",
        ),
    ],
)
def test_what_is_wrong_with_an_address_is_said_at_the_call(
    address: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    """And a secret that it may hold is not."""
    with pytest.raises(error, match=text) as caught:
        open_store(address, **options)
    assert "secret" not in str(caught.value)


# Of plugins


async def test_gochan_stores_offers_stores_by_their_schemes(install: Install) -> None:
    """The whole address goes to the plugin, and so do the options."""
    install(tape=Offers(TAPE))
    async with open_store("tape://deck/7", reel=3) as store:
        assert isinstance(store, BookStore)
        assert await store.queues() == ["tape://deck/7 3"]


def test_an_option_that_a_store_does_not_have_is_named(install: Install) -> None:
    """By gochan, from the signature of the function."""
    install(tape=Offers(TAPE))
    with pytest.raises(TypeError, match="'tape': it has no option 'real'; did you mean 'reel'"):
        open_store("tape:", real=3)


def test_a_function_without_a_signature_says_itself_what_is_wrong(install: Install) -> None:
    """Written in C, it may hide its options."""
    install(tape=Offers(StoreSpec("tape", dict, "on tape")))
    with pytest.raises(ValueError, match="dictionary update sequence"):
        open_store("tape:")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("taip://user:secret@host", "no store 'taip'; known are: .*, tape. Did you mean 'tape'"),
        ("user:secret@host", "there is no store 'user'; known are: memory, sqlite, tape.$"),
        ("a secret:", "there is no such store; known are"),
        ("postgresql://user:secret@host", "not installed; .*/plugins/gochan-postgres$"),
    ],
)
def test_a_scheme_that_nobody_offers_is_told_with_what_there_is(
    install: Install, address: str, text: str
) -> None:
    """Or with what to install."""
    install(tape=Offers(TAPE))
    with pytest.raises(ValueError, match=text) as caught:
        open_store(address)
    assert "secret" not in str(caught.value)


def test_a_scheme_that_two_plugins_offer_belongs_to_neither(install: Install) -> None:
    """Which of them came first would be chance."""
    install(one=Offers(TAPE), two=Offers(TAPE))
    with pytest.raises(NameConflictError, match=r"store 'tape' is offered by 'one' .* and 'two' "):
        open_store("tape:")


@pytest.mark.parametrize(
    ("plugin", "text"),
    [
        (Offers("tape"), "must yield StoreSpec, not 'tape'"),
        (Offers(StoreSpec("tape", open_tape, "", api=2)), "version 2 of the store protocol"),
        (Offers(StoreSpec("sqlite", open_tape, "")), "'sqlite' is built in"),
        (Offers(TAPE, TAPE), "'tape' is offered twice"),
        (object(), "implements no hook"),
    ],
)
def test_a_broken_plugin_is_told_with_what_to_do(
    install: Install, plugin: object, text: str
) -> None:
    """It is skipped, and the others work."""
    install(broken=plugin, good=Offers(StoreSpec("wire", open_tape, "on wire")))
    with pytest.warns(PluginWarning, match=f"{text}.*GOCHAN_BLOCK_PLUGINS=broken"):
        open_store("wire:")


def test_a_plugin_that_is_interrupted_is_not_broken(install: Install) -> None:
    """Ctrl-C is the user's."""

    class Interrupted:
        @hookimpl
        def gochan_stores(self) -> Iterable[StoreSpec]:
            raise KeyboardInterrupt

    install(slow=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        open_store("wire:")


def test_what_a_plugin_opens_is_a_context_manager(install: Install) -> None:
    """Otherwise the error would be about our ``async with``."""
    install(tape=Offers(StoreSpec("tape", lambda address: "a reel", "on tape")))
    with pytest.raises(PluginError, match=r"'tape' of plugin 'tape' .*, not str"):
        open_store("tape:")


def test_a_plugin_that_should_offer_a_scheme_and_does_not_is_told(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocked or broken, it is installed."""
    install(tape=object())
    monkeypatch.setitem(opening.KNOWN, "reel", "?")
    with (
        pytest.warns(PluginWarning, match="implements no hook"),
        pytest.raises(ValueError, match="is in the distribution \\?, which is broken"),
    ):
        open_store("reel:")
