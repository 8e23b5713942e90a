"""Refresh the inventories, which say at what addresses other projects document their names.

    uv run --group docs python docs/inventories/refresh.py
    uv run --group docs python docs/inventories/refresh.py trio=/some/where/objects.inv

Without arguments all of them are fetched. The documents are built from the files beside this one
alone, so that building needs no network. Only what links may lead to is kept: names in Python, and
of Python's own modules those that a program around channels is likely to name.
"""

from __future__ import annotations

import re
import sys
import zlib
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).parent
ADDRESSES = {
    "pluggy": "https://pluggy.readthedocs.io/en/stable/",
    "python": "https://docs.python.org/3/",
    "trio": "https://trio.readthedocs.io/en/stable/",
}
MODULES = (
    "abc|asyncio|collections|contextlib|contextvars|copy|dataclasses|datetime|enum|functools|heapq"
    "|importlib|inspect|io|itertools|json|logging|math|multiprocessing|os|pathlib|queue|random"
    "|signal|socket|sqlite3|statistics|subprocess|sys|threading|time|traceback|types|typing"
    "|unittest|warnings|weakref"
)
IN_PYTHON = re.compile(r"\S+ py:")
OF_PYTHON = re.compile(rf"([^.\s]+|({MODULES})\.\S+) ")


def keep_some(inventory: bytes, name: str) -> bytes:
    """Leave out of an inventory what is not linked to."""
    *header, body = inventory.split(b"\n", 4)
    lines = [line for line in zlib.decompress(body).decode().splitlines() if IN_PYTHON.match(line)]
    if name == "python":
        lines = [line for line in lines if OF_PYTHON.match(line)]
    return b"\n".join([*header, zlib.compress("\n".join([*lines, ""]).encode(), 9)])


def main(arguments: list[str]) -> None:
    """Write the inventories, or those that are given as files."""
    given = dict(argument.split("=", 1) for argument in arguments)
    for name in given or ADDRESSES:
        if name in given:
            whole = Path(given[name]).read_bytes()
        else:
            with urlopen(f"{ADDRESSES[name]}objects.inv") as answer:
                whole = answer.read()
        (HERE / f"{name}.inv").write_bytes(keep_some(whole, name))


if __name__ == "__main__":
    main(sys.argv[1:])
