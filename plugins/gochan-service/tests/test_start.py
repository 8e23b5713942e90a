"""What the plugin costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys

import gochan_service
import pytest

HEAVY = {"httpx", "starlette", "hypercorn", "jinja2", "msgspec"}


def test_who_looks_for_plugins_does_not_load_http() -> None:
    """All plugins are asked for their commands and stores, whoever looks for one of them."""
    program = """
import sys
import gochan_service
assert [*gochan_service.gochan_commands()]
assert [*gochan_service.gochan_stores()]
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert HEAVY & {*done.stdout.split()} == set()


def test_a_name_that_is_not_there_is_named() -> None:
    """As for any module, although names are looked for when they are used."""
    with pytest.raises(AttributeError, match=r"'gochan_service' has no attribute 'Labb'"):
        gochan_service.Labb  # noqa: B018
