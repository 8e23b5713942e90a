"""Artefacts: files that a run has made, sent to the server."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from typing import Final

import trio

from gochan.durable import StoreError, StoreUnavailable

from .._wire import Part
from ._log_stream import PAUSE, Send

_PART: Final = 2**20
_MOST: Final = 1000  # files of a run
_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")


class UploadFailed(Exception):
    """A file that a run has made could not be sent."""


async def upload(id: int, version: int, patterns: Sequence[str], send: Send) -> None:
    """Send the files that match patterns, each under its own name; wait for a server that is away.

    Raises:
        UploadFailed: one cannot be read, or the server does not take it.
    """
    files = await trio.to_thread.run_sync(matching, patterns)
    if len(files) > _MOST:
        raise UploadFailed(f"{len(files)} files match; a run may upload {_MOST}")
    names: dict[str, str] = {}
    for path in files:
        name = name_of(path)
        if name in names:
            raise UploadFailed(f"{path} and {names[name]} would have the same name")
        names[name] = path
        await _send_file(id, version, name, path, send)


def matching(patterns: Sequence[str]) -> list[str]:
    """Return the files that match patterns, each once. Called in a thread."""
    paths = [path for pattern in patterns for path in sorted(glob.glob(pattern, recursive=True))]
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path)]


async def _send_file(id: int, version: int, name: str, path: str, send: Send) -> None:
    try:
        async with await trio.open_file(path, "rb") as file:
            offset = 0
            while True:
                await file.seek(offset)
                data = await file.read(_PART)
                try:
                    (size,) = await send([Part(id, version, name, offset, data)])
                except StoreUnavailable:  # what a run has made is worth a wait
                    await trio.sleep(PAUSE)
                    continue
                if size is None:
                    raise UploadFailed(f"{path} comes too late: the run is over")
                offset = min(size, offset + len(data))
                if len(data) < _PART:
                    return
    except (OSError, StoreError) as error:
        raise UploadFailed(f"{path} cannot be sent: {error}") from None


def name_of(path: str) -> str:
    """Return the name under which a file is kept."""
    name = _ODD.sub("_", os.path.basename(path))
    return name if name[:1].isalnum() else f"file{name}"
