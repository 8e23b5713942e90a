"""What the plugin costs those who do not use it."""

from __future__ import annotations

import subprocess
import sys

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
