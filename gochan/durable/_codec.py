"""Codecs: how payloads and results become bytes."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol, final

from .._core import brief
from ._errors import StoreError


class Codec(Protocol):
    """Turns objects into bytes and back. The bytes are kept together with the name.

    It is for payloads and for results. A codec that has an attribute ``results``, which is another
    codec, is for payloads alone.
    """

    @property
    def name(self) -> str:
        """What the store remembers, such as ``"json"``."""

    def encode(self, thing: Any) -> bytes:
        """Return ``thing`` as bytes.

        Raises:
            TypeError, ValueError: it cannot be encoded.
        """

    def decode(self, data: bytes) -> Any:
        """Return what was encoded."""


@final
class JsonCodec:
    """JSON as in the standard library, but without NaN and infinity, which are no JSON."""

    name: Final = "json"

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode
        self._decode = json.JSONDecoder().decode

    def encode(self, thing: Any) -> bytes:
        """Return ``thing`` as JSON.

        Raises:
            TypeError, ValueError: JSON has no such thing.
        """
        return self._encode(thing).encode()

    def decode(self, data: bytes) -> Any:
        """Return what was encoded."""
        return self._decode(data.decode())


json_codec: Final = JsonCodec()
"""The codec that a durable queue uses unless told otherwise."""


@final
class Codecs:
    """The codecs of a queue: the one for what it submits, and JSON for what others have submitted.

    Args:
        queue: its name, for errors.
        codec: for what it submits.
        limit: how many bytes a payload or a result may have.
    """

    def __init__(self, queue: str, codec: Codec, limit: int) -> None:
        self.name: str = codec.name
        self._queue = queue
        self._limit = limit
        self._payloads: dict[str, Codec] = {json_codec.name: json_codec, codec.name: codec}
        self._results: dict[str, Codec] = {
            name: getattr(one, "results", one) for name, one in self._payloads.items()
        }

    def encode(self, payload: object) -> bytes:
        """Return a payload as bytes.

        Raises:
            TypeError, ValueError: it cannot be encoded, or is too large.
        """
        try:
            data = self._payloads[self.name].encode(payload)
        except RecursionError:
            raise ValueError(self._not_stored(payload, "it is nested too deeply")) from None
        except (TypeError, ValueError) as error:
            wrong = TypeError if isinstance(error, TypeError) else ValueError
            raise wrong(self._not_stored(payload, str(error))) from error
        if len(data) > self._limit:
            raise ValueError(
                f"the payload has {len(data)} bytes, and queue {self._queue!r} takes at most "
                f"{self._limit}; store it elsewhere, and submit where it is"
            )
        return data

    def _not_stored(self, payload: object, why: str) -> str:
        return (
            f"payload {brief(payload)} of queue {self._queue!r} cannot be stored as "
            f"{self.name}: {why}"
        )

    def decode(self, name: str, data: bytes) -> Any:
        """Return the payload that the codec of this name has encoded."""
        return self._find(self._payloads, name).decode(data)

    def encode_result(self, name: str, result: object) -> bytes:
        """Return what a handler returned as bytes.

        Raises:
            TypeError, ValueError: it cannot be encoded, or is too large.
        """
        try:
            data = self._find(self._results, name).encode(result)
        except (TypeError, ValueError) as error:
            error.add_note(
                f"what the handler of queue {self._queue!r} returned cannot be stored as {name}"
            )
            raise
        if len(data) > self._limit:
            raise ValueError(
                f"what the handler returned has {len(data)} bytes, and queue {self._queue!r} takes "
                f"at most {self._limit}; store it elsewhere, and return where it is"
            )
        return data

    def decode_result(self, name: str, data: bytes) -> Any:
        """Return the result that the codec of this name has encoded."""
        return self._find(self._results, name).decode(data)

    def _find(self, codecs: dict[str, Codec], name: str) -> Codec:
        try:
            return codecs[name]
        except KeyError:
            raise StoreError(
                f"queue {self._queue!r} has no codec {name!r} in this process; "
                "give open_durable_queue the one that the job was submitted with"
            ) from None
