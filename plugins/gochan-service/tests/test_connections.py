"""Clients that are slow, odd, or many: real bytes, in virtual time or over sockets."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
import trustme
from gochan_service._door import serve
from gochan_service._door._limits import Limited
from gochan_service._door._proxied import Proxied
from trio.testing import MockClock, lockstep_stream_pair, wait_all_tasks_blocked

Talk = Callable[[], Awaitable["Line"]]


class Line(trio.abc.HalfCloseableStream):
    """One end of a line in memory; what hypercorn asks of a socket is answered, too."""

    family = socket.AF_INET

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    @property
    def socket(self) -> Line:
        return self

    def getpeername(self) -> tuple[str, int]:
        return "192.0.2.1", 1234

    getsockname = getpeername

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def read(self) -> bytes:
        """Return all that comes until the other end closes."""
        data = b""
        with_end = (trio.BrokenResourceError, trio.ClosedResourceError)
        while True:
            try:
                part = await self.receive_some(65536)
            except with_end:
                return data
            if not part:
                return data
            data += part


class Lines(trio.abc.Listener[Line]):
    """Where lines in memory begin."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[Line](1000)

    async def accept(self) -> Line:
        return await self._receive.receive()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    async def dial(self) -> Line:
        """Return the client's end of a new line."""
        here, there = lockstep_stream_pair()
        await self._send.send(Line(there))
        return Line(here)


class App:
    """Answers with the size of the body; at /poll, when the client has left or the server stops."""

    def __init__(self) -> None:
        self.stopping = trio.Event()
        self.left = 0
        self.seen: list[Any] = []
        self.release = trio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        if scope["path"] == "/early":
            await self._say(send, b"early", 401)
            return
        if scope["path"] == "/fail":
            raise RuntimeError("a riddle")
        if scope["path"] == "/half":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            raise RuntimeError("a riddle")
        size = 0
        while True:
            part = await receive()
            if part["type"] == "http.disconnect":
                self.left += 1
                return
            size += len(part["body"])
            if not part["more_body"]:
                break
        if scope["path"] == "/poll":
            async with trio.open_nursery() as nursery:

                async def wait() -> None:
                    await receive()
                    self.left += 1
                    nursery.cancel_scope.cancel()

                nursery.start_soon(wait)
                await self.stopping.wait()
                nursery.cancel_scope.cancel()
        elif scope["path"] == "/slow":
            await self.release.wait()
        elif scope["path"] == "/flood":
            size = 10**7
        await self._say(send, b"x" * size if size == 10**7 else str(size).encode())

    async def _say(self, send: Any, body: bytes, status: int = 200) -> None:
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: App, **options: Any) -> AsyncIterator[Lines]:
    lines = Lines()
    limited = Limited(app, longest=100_000, stopping=app.stopping, open=["/open"])
    async with serve(limited, [lines], stopping=app.stopping, **options):  # type: ignore[list-item]
        yield lines


HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


def request(path: bytes = b"/", body: bytes = b"") -> bytes:
    return HEAD % (path, len(body)) + body


async def ask(lines: Lines, data: bytes) -> bytes:
    """Send something on a new line, and return the first part of the answer."""
    line = await lines.dial()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await line.send_all(data)

        nursery.start_soon(send)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = await line.receive_some(65536)
            if not part:
                break
            answer += part
        nursery.cancel_scope.cancel()
    await line.aclose()
    return answer


async def answer_of(line: Line) -> bytes:
    """Return the answer to a request without a body, all of it."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n0"):
        answer += await line.receive_some(1000)
    return answer


async def test_a_request_is_answered(autojump_clock: MockClock) -> None:
    """And several on one connection, also if they come together."""
    app = App()
    async with serving(app) as lines:
        line = await lines.dial()
        await line.send_all(request(body=b"12345"))
        assert b"HTTP/1.1 200" in await line.receive_some(1000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.send_all, request(body=b"1") * 3)
            text = b""
            while text.count(b"HTTP/1.1 200") < 3:
                text += await line.receive_some(1000)
        await line.aclose()
    assert len(app.seen) == 4


async def test_a_slow_head_is_cut(autojump_clock: MockClock) -> None:
    """Of a new connection, and of one that has had an answer."""
    async with serving(App()) as lines:
        line = await lines.dial()
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    for byte in request():
                        await line.send_all(bytes([byte]))
                        await trio.sleep(1)

            nursery.start_soon(drip)
            assert await line.read() == b""
        assert 15 <= trio.current_time() < 17
        start = trio.current_time()
        line = await lines.dial()
        await line.send_all(request())
        assert b"200" in await answer_of(line)
        await trio.sleep(50)
        await line.send_all(b"POST /")
        await line.read()
        assert 64 <= trio.current_time() - start < 67


async def test_an_idle_connection_is_closed(autojump_clock: MockClock) -> None:
    """At once if it was never used, after a minute and a quarter otherwise."""
    async with serving(App()) as lines:
        line = await lines.dial()
        assert await line.read() == b""
        assert 15 <= trio.current_time() < 16
        start = trio.current_time()
        line = await lines.dial()
        await line.send_all(request())
        await line.read()
        assert 75 <= trio.current_time() - start < 76


async def test_a_body_that_says_it_is_too_long_is_not_waited_for(
    autojump_clock: MockClock,
) -> None:
    """The answer comes at once."""
    async with serving(App()) as lines:
        assert b"413" in await ask(lines, HEAD % (b"/", 100_001))
        assert trio.current_time() < 1


async def test_a_slow_body_is_cut(autojump_clock: MockClock) -> None:
    """If 15 seconds bring less than a kilobyte; a steady one may take its time."""
    async with serving(App()) as lines:
        assert b"408" in await ask(lines, HEAD % (b"/", 100) + b"x")
        assert 15 <= trio.current_time() < 16
        line = await lines.dial()
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                await line.send_all(HEAD % (b"/", 10_000))
                for _ in range(10):
                    await trio.sleep(10)
                    await line.send_all(b"x" * 1000)

            nursery.start_soon(drip)
            assert b"200" in await line.receive_some(1000)
        await line.aclose()
    assert trio.current_time() > 100


async def test_a_client_that_does_not_read_is_cut(autojump_clock: MockClock) -> None:
    """So it holds nobody up, not even a stop."""
    async with serving(App(), grace=30.0) as lines:
        line = await lines.dial()
        await line.send_all(request(b"/flood"))
        await wait_all_tasks_blocked()
    assert trio.current_time() < 16


async def test_a_stop_is_in_order(autojump_clock: MockClock) -> None:
    """Polls are answered at once, what is in flight ends, nothing else is begun, but it is told."""
    app = App()
    answers: dict[str, bytes] = {}
    async with trio.open_nursery() as nursery:
        async with serving(app) as lines:

            async def note(name: str) -> None:
                answers[name] = await ask(lines, request(b"/" + name.encode()))
                answers[f"{name} at"] = str(trio.current_time()).encode()

            nursery.start_soon(note, "poll")
            nursery.start_soon(note, "slow")
            idle = await lines.dial()
            await idle.send_all(request())
            assert b"200" in await answer_of(idle)
            await trio.sleep(1)

            async def while_it_stops() -> None:
                await app.stopping.wait()
                await trio.sleep(1)
                assert float(answers["poll at"]) < 1.5
                answers["new"] = await ask(lines, request())
                answers["open"] = await ask(lines, request(b"/open"))
                await trio.sleep(1)
                app.release.set()

            nursery.start_soon(while_it_stops)
        assert await idle.read() == b""
    assert b"HTTP/1.1 200" in answers["poll"]
    assert b"HTTP/1.1 200" in answers["slow"]
    assert b"HTTP/1.1 200" in answers["open"]
    assert b"HTTP/1.1 503" in answers["new"]
    assert b"retry-after: 1" in answers["new"]
    assert 3 <= trio.current_time() < 4


async def test_a_stop_does_not_wait_for_ever(autojump_clock: MockClock) -> None:
    """What is in flight after the grace is cut."""
    app = App()
    async with serving(app) as lines:
        line = await lines.dial()
        await line.send_all(request(b"/slow"))
        await wait_all_tasks_blocked()
    assert 20 <= trio.current_time() < 23


async def test_a_client_that_leaves_ends_its_poll(autojump_clock: MockClock) -> None:
    """Also one that closes only its own direction; and one in the middle of a body."""
    app = App()
    async with serving(app) as lines:
        for number, leave in enumerate((Line.aclose, Line.send_eof), 1):
            line = await lines.dial()
            await line.send_all(request(b"/poll"))
            await wait_all_tasks_blocked()
            await leave(line)
            await trio.sleep(0.1)
            assert app.left == number
            await line.aclose()
        line = await lines.dial()
        await line.send_all(HEAD % (b"/", 100) + b"x")
        await line.aclose()
        await trio.sleep(0.1)
        assert app.left == 3
    assert trio.current_time() < 1


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"ffff\r\n" + b"x" * 65535 + b"\r\n"
WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
HTTP2 = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (POST + b"A: b\r\n" * 100 + b"\r\n", 431),
        (POST + b"A: " + b"b" * 70_000, 431),
        (b"POST /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"POST /?" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (request(body=b"x" * 100_001), 413),
        (POST + CHUNKED + b"\r\n" + CHUNK * 2 + b"0\r\n\r\n", 413),
        (GET + WEBSOCKET + b"\r\n", 403),
        (GET + HTTP2 + b"\r\n", 200),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 200),
        (request(b"/fail"), 500),
        (request(b"/early", b"x" * 90_000), 401),
    ],
)
async def test_what_is_odd_is_refused(
    autojump_clock: MockClock, data: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With the right status, and the server goes on."""
    async with serving(App()) as lines:
        assert (await ask(lines, data)).startswith(b"HTTP/1.1 %d" % status)
        assert b"200" in await ask(lines, request())
    assert ("a riddle" in caplog.text) == (status == 500)


async def test_a_client_that_does_not_let_a_connection_end_is_cut(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second later: all that was to be said has been said."""

    async def send_eof(line: Line) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(Line, "send_eof", send_eof)
    async with serving(App()) as lines:
        line = await lines.dial()
        await line.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200" in await line.read()
        assert 1 <= trio.current_time() < 2


async def test_a_failure_after_the_head_ends_the_connection(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing better to say."""
    async with serving(App()) as lines:
        line = await lines.dial()
        await line.send_all(request(b"/half"))
        assert b"200" in await line.read()
    assert "POST /half failed" in caplog.text


async def test_a_body_that_nobody_reads_holds_nobody_up(autojump_clock: MockClock) -> None:
    """An answer that does not want the body ends the connection, with all that belongs to it."""
    async with serving(App()) as lines:
        for _ in range(5):
            line = await lines.dial()
            async with trio.open_nursery() as nursery:

                async def flood(line: Line = line) -> None:
                    with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
                        for _ in range(100):
                            await line.send_all(CHUNK)

                head = b"POST /early HTTP/1.1\r\nHost: x\r\n"
                await line.send_all(head + CHUNKED + b"\r\n")
                nursery.start_soon(flood)
                assert b"401" in await line.read()
                await line.aclose()
    # Now the server has stopped, and would have waited for what is left.
    assert trio.current_time() < 1


async def test_there_are_not_more_connections_than_there_may_be(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Further ones are closed at once; that is told once."""
    async with serving(App(), most=2) as lines:
        first, second = await lines.dial(), await lines.dial()
        for line in (first, second):
            await line.send_all(request(b"/poll"))
        for _ in range(3):
            assert await (await lines.dial()).read() == b""
        assert caplog.text.count("no more are taken") == 1
        await first.aclose()
        await trio.sleep(1)
        assert b"200" in await ask(lines, request())
        await second.aclose()


async def test_a_failure_of_a_connection_is_its_own(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, and the server goes on."""
    async with serving(App()) as lines:
        with monkeypatch.context() as patch:
            patch.setattr(Line, "getpeername", lambda self: 1 / 0)
            assert await (await lines.dial()).read() == b""
        assert "a connection failed" in caplog.text
        assert b"200" in await ask(lines, request())


async def test_a_proxy_says_who_asks(autojump_clock: MockClock) -> None:
    """The last word counts: those before it, the client may have made up."""
    app = App()
    lines = Lines()
    async with serve(Proxied(app), [lines], stopping=app.stopping):  # type: ignore[list-item]
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
        said = b"X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n"
        await ask(lines, head + said)
        await ask(lines, head + b"X-Forwarded-Proto: odd\r\n\r\n")
    first, second = app.seen
    assert (first["client"], first["scheme"]) == (("192.0.2.7", 0), "https")
    assert (second["client"][0], second["scheme"]) == ("192.0.2.1", "http")


# Over sockets


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_what_is_wrong_behind_a_request_is_answered_before_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two tasks answer then: that of the request, and the one that reads what comes after it."""
    caplog.set_level(logging.WARNING)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    smuggled = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nZ\r\nQ\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    async with serve(Limited(App()), listeners, stopping=trio.Event()):
        for _ in range(20):  # in an order that chance decides
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(smuggled)
                assert (await stream.receive_some(1000)).startswith(b"HTTP/1.1 400")
    assert caplog.text == ""


@asynccontextmanager
async def serving_tls(authority: trustme.CA, app: App) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    sockets = await trio.open_tcp_listeners(0, host="127.0.0.1")
    listeners = [trio.SSLListener(one, context, https_compatible=True) for one in sockets]
    async with serve(Limited(app), listeners, stopping=app.stopping, grace=0.2):
        yield sockets[0].socket.getsockname()[1]


async def test_tls(authority: trustme.CA) -> None:
    """Works with a client that trusts the certificate, and not with others."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    app = App()
    async with serving_tls(authority, app) as port:
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", port, ssl_context=context)
        await stream.send_all(request(body=b"123"))
        assert b"HTTP/1.1 200" in await stream.receive_some(1000)
        assert app.seen[0]["scheme"] == "https"
        other = await trio.open_ssl_over_tcp_stream("127.0.0.1", port)
        with pytest.raises(trio.BrokenResourceError):
            await other.send_all(request())
        await trio.aclose_forcefully(other)
        plain = await trio.open_tcp_stream("127.0.0.1", port)
        await plain.send_all(request())
        assert b"HTTP" not in await plain.receive_some(1000)
        await trio.aclose_forcefully(plain)
        await trio.aclose_forcefully(stream)


async def test_a_slow_handshake_is_cut(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said, and the connection is closed."""
    monkeypatch.setattr("gochan_service._door._connection.SLOWEST", 0.2)
    async with serving_tls(authority, App()) as port:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        with trio.fail_after(10):
            with pytest.raises(trio.BrokenResourceError):
                while await stream.receive_some(1000):
                    pass
                raise trio.BrokenResourceError
        await trio.aclose_forcefully(stream)


@pytest.mark.slow
async def test_a_thousand_polls(caplog: pytest.LogCaptureFixture) -> None:
    """Wait side by side, and are answered at once when the server stops."""
    caplog.set_level(logging.WARNING)
    app = App()
    answered = 0
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1024)
    port = listeners[0].socket.getsockname()[1]

    async def poll() -> None:
        nonlocal answered
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(request(b"/poll"))
            assert b"200" in await stream.receive_some(1000)
            answered += 1

    async with trio.open_nursery() as nursery:
        async with serve(Limited(app), listeners, stopping=app.stopping):
            for _ in range(1000):
                nursery.start_soon(poll)
            with trio.fail_after(60):
                while len(app.seen) < 1000:  # noqa: ASYNC110
                    await trio.sleep(0.05)
            start = trio.current_time()
        assert trio.current_time() - start < 10
    assert answered == 1000
