"""Codecs: what is submitted reaches the handler as it should, or is an error that says why."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import pytest
from trio.testing import MockClock

from gochan.durable import (
    Codec,
    NewJob,
    Retry,
    Store,
    StoreError,
    msgspec_codec,
    open_durable_queue,
)


class Image(msgspec.Struct):
    path: str
    width: int = 100


@dataclass
class Size:
    width: int


ONCE = Retry(max_attempts=1)


@pytest.mark.parametrize("format", ["json", "msgpack"])
async def test_a_handler_gets_objects_of_the_type(
    store: Store, format: Literal["json", "msgpack"], autojump_clock: MockClock
) -> None:
    """And so does who looks at records; results are of their own type."""
    codec = msgspec_codec(Image, result=Size, format=format)

    async def measure(image: Image) -> Size:
        assert isinstance(image, Image)
        return Size(image.width)

    async with open_durable_queue(store, "q", measure, codec=codec) as queue:
        job = await queue.submit(Image("cat.jpg", 7))
        assert (await job.wait()).value == Size(7)
        record = await job.record()
        assert (record.codec, queue.decode(record)) == (format, Image("cat.jpg", 7))
        assert (await queue.submit(Image("dog.jpg"))).id == 2
    async with open_durable_queue(store, "q", codec=codec) as web:
        assert (await web.job(job.id).wait()).value == Size(7)


async def test_results_may_be_anything(store: Store, autojump_clock: MockClock) -> None:
    """Unless a type is given for them."""

    async def path(image: Image) -> list[str]:
        return [image.path]

    async with open_durable_queue(store, "q", path, codec=msgspec_codec(Image)) as queue:
        assert (await (await queue.submit(Image("a"))).wait()).value == ["a"]


async def test_a_payload_of_another_type_is_an_error_at_the_submit(
    store: Store, autojump_clock: MockClock
) -> None:
    """The text says where."""
    async with open_durable_queue(store, "q", codec=msgspec_codec(Image)) as queue:
        with pytest.raises(ValueError, match=r"it is no Image: Expected `str`, got `int` - at `\$"):
            await queue.submit({"path": 7})
        with pytest.raises(TypeError, match="object"):
            await queue.submit(object())
        assert (await queue.audit()).stored == 0


async def test_a_payload_of_another_process_that_does_not_fit(
    store: Store, autojump_clock: MockClock
) -> None:
    """The job fails, and the handler is not called; JSON that fits is fine."""
    called: list[Image] = []

    async def note(image: Image) -> None:
        called.append(image)

    async with open_durable_queue(store, "q") as web:
        bad = await web.submit({"width": 7})
        await web.submit({"path": "a", "width": 7})
    async with open_durable_queue(store, "q", note, codec=msgspec_codec(Image)) as queue:
        await queue.join()
        record = await queue.job(bad.id).record()
    assert called == [Image("a", 7)]
    assert record.error == (
        "its payload cannot be decoded as json: ValueError: it is no Image: "
        "Object missing required field `path`"
    )


async def test_a_result_of_another_type_fails_the_job(
    store: Store, autojump_clock: MockClock
) -> None:
    """Nobody would be able to read it."""

    async def wrong(image: Image) -> str:
        return image.path

    codec = msgspec_codec(Image, result=int)
    async with open_durable_queue(store, "q", wrong, codec=codec, retry=ONCE) as queue:
        outcome = await (await queue.submit(Image("a"))).wait()
    assert str(outcome.error) == "ValueError: it is no int: Expected `int`, got `str`"


async def test_a_result_that_cannot_be_decoded_is_told_to_who_waits(
    store: Store, autojump_clock: MockClock
) -> None:
    """And ends no queue."""

    async def path(image: Image) -> str:
        return image.path

    async with open_durable_queue(store, "q", path, codec=msgspec_codec(Image)) as queue:
        job = await queue.submit(Image("a"))
        await job.wait()
        async with open_durable_queue(store, "q", codec=msgspec_codec(Image, result=int)) as web:
            for _ in range(2):
                with pytest.raises(StoreError, match=r"the result of job 1 cannot be decoded: Val"):
                    await web.job(job.id).wait()
            other = await web.submit(Image("b"))
            with pytest.raises(StoreError, match="the result of job 2 cannot be decoded"):
                await other.wait()  # which hears of the end, instead of finding it
            await web.join()


class PickleCodec:
    """As simple as a codec can be."""

    name = "pickle"

    def encode(self, thing: Any) -> bytes:
        return pickle.dumps(thing)

    def decode(self, data: bytes) -> Any:
        return pickle.loads(data)


async def test_a_codec_of_the_users_own_is_for_payloads_and_results(
    store: Store, autojump_clock: MockClock
) -> None:
    """Results are in the encoding of the payload, so that the submitter understands them."""

    async def double(numbers: set[int]) -> object:
        return {2 * number for number in numbers} if isinstance(numbers, set) else numbers

    codec: Codec = PickleCodec()
    async with open_durable_queue(store, "q", double, codec=codec) as queue:
        assert (await (await queue.submit({1, 2})).wait()).value == {2, 4}
        async with open_durable_queue(store, "q") as web:
            assert (await (await web.submit([1])).wait()).value == [1]
            with pytest.raises(StoreError, match="no codec 'pickle' in this process"):
                web.decode((await web.jobs(before=2))[0])
            with pytest.raises(StoreError, match="no codec 'pickle' in this process"):
                await web.job(1).wait()


async def test_a_result_that_is_too_large_fails_the_job(
    store: Store, autojump_clock: MockClock
) -> None:
    """As a payload that is too large is refused."""

    async def repeat(text: str) -> str:
        return text * 10

    async with open_durable_queue(store, "q", repeat, payload_limit=20, retry=ONCE) as queue:
        outcome = await (await queue.submit("abc")).wait()
        assert str(outcome.error) == (
            "ValueError: what the handler returned has 32 bytes, and queue 'q' takes at most 20; "
            "store it elsewhere, and return where it is"
        )
        with pytest.raises(ValueError, match="the payload has 23 bytes, and queue 'q' takes at"):
            await queue.submit("x" * 21)


def test_arguments_that_make_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is at the call."""
    with pytest.raises(ValueError, match='format must be "json" or "msgpack"'):
        msgspec_codec(Image, format="yaml")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        msgspec_codec(Image | Size)
    monkeypatch.setitem(sys.modules, "msgspec", None)
    with pytest.raises(ImportError, match="install gochan with its extra msgspec"):
        msgspec_codec(Image)


async def test_jobs_of_any_type(store: Store, autojump_clock: MockClock) -> None:
    """Without a type, it is only faster."""
    await store.enqueue([NewJob(queue="q", payload=b'{"a":1}')])

    async def same(payload: object) -> object:
        return payload

    async with open_durable_queue(store, "q", same, codec=msgspec_codec(Any)) as queue:
        assert (await queue.job(1).wait()).value == {"a": 1}
        assert (await (await queue.submit(None)).wait()).value is None
