"""A record of a command as a JSON object, with what the command has written."""

from __future__ import annotations

import codecs
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from ._record import Record, signal_name


def fields_of(record: Record) -> dict[str, Any]:
    """Return the fields of the object, but for the output.

    Text is made of bytes as file names are in Python: what is not UTF-8 becomes lone surrogates,
    so that nothing is lost.
    """
    return {
        "seq": record.item.number,
        "line": os.fsdecode(b" ".join(record.item.lines)) if record.item.lines else None,
        "command": os.fsdecode(record.command),
        "host": _host(),
        "start": round(record.start, 3),
        "seconds": round(record.seconds, 3),
        "outcome": record.outcome,
        "status": record.exit_status,
        "signal": signal_name(record.signal) if record.signal else None,
    }


def json_line(fields: Mapping[str, Any], **outputs: Iterable[bytes]) -> Iterator[bytes]:
    """Return a line with an object, in pieces; ``outputs`` are further fields, of any length."""
    yield json.dumps(fields)[:-1].encode()
    for name, chunks in outputs.items():
        yield f', "{name}": "'.encode()
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        for chunk in chunks:
            yield _escaped(decoder.decode(chunk))
        yield _escaped(decoder.decode(b"", final=True)) + b'"'
    yield b"}\n"


def _escaped(text: str) -> bytes:
    return json.dumps(text)[1:-1].encode()


@cache
def _host() -> str:
    return socket.gethostname()
