"""A codec by msgspec: payloads are checked, and become objects of a type."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final, Literal, final

from ._codec import Codec


@final
class MsgspecCodec:
    """What `msgspec_codec` makes.

    Attributes:
        name: what the store remembers.
        results: the codec for results.
    """

    def __init__(
        self, module: Any, error: type[Exception], type: Any, results: Codec | None, what: str
    ) -> None:
        self.name: Final[str] = what
        self.results: Final[Codec] = self if results is None else results
        self._type = type
        self._error = error
        self._encode = module.encode
        self._decode = module.Decoder(type).decode

    def encode(self, thing: Any) -> bytes:
        """Return ``thing`` as bytes.

        Raises:
            TypeError, ValueError: it cannot be encoded, or is not of the type.
        """
        data: bytes = self._encode(thing)
        if self._type is not Any:
            self.decode(data)
        return data

    def decode(self, data: bytes) -> Any:
        """Return what was encoded.

        Raises:
            ValueError: it is not of the type; the text says where.
        """
        try:
            return self._decode(data)
        except self._error as error:
            name = getattr(self._type, "__qualname__", self._type)
            raise ValueError(f"it is no {name}: {error}") from None


def msgspec_codec(
    type: Any, /, *, result: Any = Any, format: Literal["json", "msgpack"] = "json"
) -> Codec:
    """Return a codec that gives handlers payloads of a type, by msgspec.

    ::

        class Image(msgspec.Struct):
            path: str
            width: int = 100

        async with open_durable_queue(store, "thumbnails", resize, codec=msgspec_codec(Image)):
            ...

    The type may be whatever msgspec knows: a Struct, a dataclass, a ``TypedDict``, ``list[int]``.
    A payload of another type is an error at the submit; one that another process has stored fails
    its job, without a call of the handler. Jobs in JSON are understood by queues with
    `json_codec`, and theirs here, if they fit the type.

    Args:
        type: of payloads.
        result: of what handlers return; by default, anything.
        format: of the bytes; ``"msgpack"`` is smaller, but only queues with such a codec know it.

    Raises:
        ImportError: msgspec is not installed.
        TypeError: msgspec does not know a type.
        ValueError: ``format`` is neither of the two.
    """
    if format not in ("json", "msgpack"):
        raise ValueError(f'format must be "json" or "msgpack", not {format!r}')
    try:
        import msgspec
    except ImportError:
        raise ImportError(
            "msgspec_codec needs the package msgspec; install gochan with its extra msgspec"
        ) from None
    module: ModuleType = getattr(msgspec, format)
    results = MsgspecCodec(module, msgspec.MsgspecError, result, None, format)
    return MsgspecCodec(module, msgspec.MsgspecError, type, results, format)
