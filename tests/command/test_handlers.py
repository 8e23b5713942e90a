"""Handlers by their names: what is found, and what is said where nothing is."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import click
import pytest

from gochan._command.queues._handlers import load_handler

from . import stores

folder = stores.folder

MORE = """
import functools
from shop import Sender, send

partial = functools.partial(send)

@functools.wraps(send)
def wrapped(payload):
    return send(payload)
"""


@pytest.mark.parametrize(
    "name", ["shop:send", "shop:sender", "more:partial", "shop:Sender.__call__"]
)
def test_a_handler_is_any_async_callable(folder: Path, name: str) -> None:
    """Also inside an object; the folder need not be on the path."""
    (folder / "more.py").write_text(MORE)
    sys.modules.pop("more", None)
    handler = load_handler(name, str(folder))
    thing = handler.func if isinstance(handler, functools.partial) else handler
    assert getattr(thing, "__module__", "") == "shop"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shop", ["like module:function, not 'shop'"]),
        ("shop:", ["like module:function"]),
        (":send", ["like module:function"]),
        ("shpo:send", ["no module 'shpo' in /", "--folder"]),
        ("shop.jobs:send", ["no module 'shop.jobs'"]),
        ("shop:sned", ["there is no 'sned'; did you mean 'send'?"]),
        ("shop:zzzzz", ["there is no 'zzzzz'"]),
        ("shop:plain", ["'shop:plain' is not an async function", "to_thread.run_sync"]),
        ("shop:number", ["is not an async function"]),
        ("shop:Sender", ["is not an async function"]),
        ("more:wrapped", ["is not an async function"]),
        (
            "needy:send",
            ["module 'needy' cannot be imported: ModuleNotFoundError", "no_such_module"],
        ),
        ("crooked:send", ["SyntaxError", "crooked.py, line 1"]),
        (
            "leaving:send",
            ["module 'leaving' cannot be imported: SystemExit: 3", "leaving.py, line 2"],
        ),
        ("failing:send", ["ZeroDivisionError: division by zero", "failing.py, line 3"]),
    ],
)
def test_what_is_wrong_is_said(folder: Path, name: str, words: list[str]) -> None:
    """In one sentence, with the place where it is."""
    for module, text in {
        "more": MORE,
        "needy": "import no_such_module",
        "crooked": "def (",
        "leaving": "import sys\nsys.exit(3)",
        "failing": "def fail():\n    return 1\n1 / 0",
    }.items():
        (folder / f"{module}.py").write_text(text)
        sys.modules.pop(module, None)
    with pytest.raises(click.UsageError) as caught:
        load_handler(name, str(folder))
    for word in words:
        assert word in caught.value.message


def test_the_folder_comes_first(folder: Path) -> None:
    """As for a script there; it is put on the path once."""
    load_handler("shop:send", str(folder))
    load_handler("shop:send", str(folder))
    assert sys.path[0] == str(folder.resolve())
    assert sys.path.count(sys.path[0]) == 1
