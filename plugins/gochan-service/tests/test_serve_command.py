"""``gochan serve``, as real processes."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import trio
import trustme
from gochan_service._commands._place import Place
from gochan_service._commands._printing_log import print_log
from gochan_service._commands._serve_command import serve_command
from gochan_service._commands._service import Service
from gochan_service._commands._sole_server import refuse_second, sole_server

from gochan.durable import StoreUnavailable, open_store

COMMAND = [sys.executable, "-m", "gochan", "serve"]


class Serving:
    """A server that runs."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*COMMAND, "--listen", "127.0.0.1:0", *options],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self.lines: list[str] = []
        self.until("people:")
        (serving,) = (line for line in self.lines if "serving" in line)
        self.url = serving.split()[-1]

    def until(self, word: str) -> str:
        """Return the next line with this in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if word in line:
                return line
        raise AssertionError(f"no {word!r} in {self.lines}")

    def secret(self, name: str = "jobs.db.secret") -> dict[str, str]:
        word = (self.folder / name).read_text().split()[-1]
        return {"authorization": f"Bearer {word}"}

    def healthz(self, **options: Any) -> int:
        said = {"agent": {"name": "a"}}
        options = {"headers": self.secret(), "json": said, "trust_env": False} | options
        return httpx.post(f"{self.url}/rpc/v1/healthz", **options).status_code

    def eventually(self, status: int, **options: Any) -> None:
        """Wait until the server answers like that."""
        late = time.monotonic() + 20
        while self.healthz(**options) != status:
            assert time.monotonic() < late
            time.sleep(0.05)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        self.lines += self.process.communicate(timeout=30)[1].splitlines()
        return self.process.returncode


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Serving]:
    server = Serving(folder, *options, **environment)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@contextmanager
def bound(one: socket.socket, address: str) -> Iterator[None]:
    one.bind(address)
    one.settimeout(20)
    yield


def failing(folder: Path, *options: str) -> str:
    """Return the one line that a server says which cannot be."""
    with chdir(folder), pytest.raises(click.ClickException) as caught:
        serve_command.main([*options], standalone_mode=False)
    line = caught.value.format_message()
    assert "\n" not in line
    return line


def test_a_server_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    """It says what to do next, takes a new secret without being started again, and stops."""
    with serving(tmp_path) as server:
        first, *_ = server.lines
        assert first.startswith("gochan: serving sqlite:jobs.db at http://127.0.0.1:")
        assert f"gochan: agents: gochan agent {server.url} " in "".join(server.lines)
        server.until("elsewhere, agents need GOCHAN_SECRET=$(cat jobs.db.secret)")
        names = sorted(path.name for path in tmp_path.iterdir())
        assert {"jobs.db", "jobs.db.secret", "jobs.db.token"} <= {*names}
        for name in ("jobs.db.secret", "jobs.db.token"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert server.healthz() == 200
        token = server.secret("jobs.db.token")
        assert httpx.get(f"{server.url}/api/v1/queues", headers=token).status_code == 200
        assert httpx.get(f"{server.url}/api/v1/queues", headers=server.secret()).status_code == 401
        assert server.healthz(headers=token) == 401
        old = server.secret()
        (tmp_path / "jobs.db.secret").write_text("a-new-secret-of-agents\n")
        (tmp_path / "jobs.db.token").write_text("gochan_token_that_is_new\n")
        server.process.send_signal(signal.SIGHUP)
        server.eventually(200)
        assert server.healthz(headers=old) == 401
        new = server.secret("jobs.db.token")
        assert httpx.get(f"{server.url}/api/v1/queues", headers=new).status_code == 200
        assert httpx.get(f"{server.url}/api/v1/queues", headers=token).status_code == 401
        assert server.stop() == 0
        assert "gochan: stopping; a second signal ends this at once" in server.lines


def test_ctrl_c_twice_ends_it_at_once(tmp_path: Path) -> None:
    """Although a request is in flight: the first one waits for that."""
    with serving(tmp_path) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:
            head = "POST /rpc/v1/healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
            word = server.secret()["authorization"]
            slow.sendall(f"{head}Authorization: {word}\r\n\r\n".encode())
            assert server.healthz() == 200  # so the head has been read
            server.process.send_signal(signal.SIGINT)
            server.until("stopping")
            ready = httpx.get(f"{server.url}/readyz")
            assert (ready.status_code, ready.text) == (503, "stopping\n")
            assert server.healthz() == 503
            start = time.monotonic()
            assert server.stop(signal.SIGINT) == 1
            assert time.monotonic() - start < 10


def test_tls(tmp_path: Path) -> None:
    """With a certificate that is read again on SIGHUP; a broken one changes nothing."""
    authority = trustme.CA()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    certificate = authority.issue_cert("127.0.0.1")
    (tmp_path / "key.pem").write_bytes(certificate.private_key_pem.bytes())
    chain = b"".join(one.bytes() for one in certificate.cert_chain_pems)
    (tmp_path / "cert.pem").write_bytes(chain)
    with serving(tmp_path, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert server.healthz(verify=context) == 200
        (tmp_path / "cert.pem").write_text("oops")
        server.process.send_signal(signal.SIGHUP)
        server.until("the certificate cannot be read, so the old one stays")
        assert server.healthz(verify=context) == 200
        with pytest.raises(httpx.ConnectError):
            server.healthz()
        assert server.stop() == 0


def test_clients_trust_whom_the_system_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or the authority in the file that SSL_CERT_FILE names."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "all.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async def look() -> None:
        async with open_store(server.url) as store:
            assert await store.queues() == []

    with serving(tmp_path, "--tls-cert", "all.pem") as server:
        monkeypatch.setenv("GOCHAN_TOKEN", (tmp_path / "jobs.db.token").read_text().strip())
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            trio.run(look)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        trio.run(look)
        with pytest.raises(click.UsageError, match="no job 1"):
            print_log(server.url, 1, follow=False, version=None)
        monkeypatch.setenv("GOCHAN_TOKEN", "gochan_token_of_a_stranger")
        with pytest.raises(click.UsageError, match="not accept the token in GOCHAN_TOKEN"):
            print_log(server.url, 1, follow=False, version=None)


def test_other_places(tmp_path: Path) -> None:
    """IPv6, and a socket in a folder, of this user alone, that is gone afterwards."""
    at = str(tmp_path / "notices")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices,
        bound(notices, at),
        serving(tmp_path, "--listen", "[::1]:0", "--behind-proxy", NOTIFY_SOCKET=at) as server,
    ):
        assert server.url.startswith("http://[::1]:")
        assert notices.recv(100) == b"READY=1"
        assert server.healthz(headers=server.secret() | {"x-forwarded-for": "1.2.3.4"}) == 200
        assert server.stop() == 0
        assert notices.recv(100) == b"STOPPING=1"
    place = tmp_path / "socket"
    for number in (signal.SIGKILL, signal.SIGTERM):
        with serving(tmp_path, "--listen", f"unix:{place}", "--secret-file", "other") as server:
            assert place.stat().st_mode & 0o777 == 0o600
            transport = httpx.HTTPTransport(uds=str(place))
            with httpx.Client(transport=transport, base_url="http://x") as client:
                assert client.get("/healthz").text == "ok\n"
            assert (tmp_path / "other").exists()
            assert "gochan agent unix:" not in "".join(server.lines)  # which would not work
            options = "--store", "sqlite:other.db", "--listen", f"unix:{place}"
            assert "already in use" in failing(tmp_path, *options)
            server.stop(number)
        assert place.exists() is (number == signal.SIGKILL)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--listen", "8000"], "'8000' is not like 127.0.0.1:8000"),
        (["--listen", "::1:8000"], "an address with colons has brackets: [::1]:8000"),
        (["--listen", "127.0.0.1:99999"], "is not like"),
        (["--listen", "0.0.0.0:0"], "secrets would travel in clear text"),
        (["--listen", ":0"], "secrets would travel in clear text"),
        (["--tls-key", "key.pem"], "--tls-key needs --tls-cert"),
        (["--tls-cert", "nowhere.pem"], "nowhere.pem cannot be used for TLS"),
        (["--lease", "0"], "--lease"),
        (["--store", "odd:x"], "odd"),
        (["--store", "sqlite:nowhere/jobs.db"], "there is no folder nowhere"),
        (["--secret-file", "shared"], "others can read shared"),
        (["--agents", "1", "--queue", "q"], "--agents needs --queue and a command"),
        (["--queue", "q"], "give --agents"),
        (["--tls-cert", "shared"], "; if its key is in another file, give that by --tls-key"),
        (["--agents", "1", "--queue", "q", "--listen", "unix:x", "--", "x"], "listen at HOST:PORT"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, options: list[str], why: str) -> None:
    """Which says what to do."""
    (tmp_path / "shared").write_text("x" * 20)
    (tmp_path / "shared").chmod(0o644)
    assert why in failing(tmp_path, *options)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """It is said which one, and no file is left: its token would be shown to the other server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        line = failing(tmp_path, "--listen", where)
    assert f"cannot listen at {where}: Address already in use" in line
    assert not [*tmp_path.iterdir()]


def test_a_store_that_cannot_be_leaves_no_token(tmp_path: Path) -> None:
    """Nor does it stay at its port."""
    (tmp_path / "jobs.db").write_text("this is no database" * 100)
    assert "database" in failing(tmp_path, "--listen", "127.0.0.1:0")
    assert not [*tmp_path.glob("*.token"), *tmp_path.glob("*.secret")]


def test_a_second_server_is_told_of_the_first(tmp_path: Path) -> None:
    """By its address, and all files stay as they are; one that was killed is not in the way."""
    with serving(tmp_path) as server:
        before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        for listen in ("127.0.0.1:0", server.url.removeprefix("http://")):
            line = failing(tmp_path, "--listen", listen)
            assert line == f"a server runs here already: it serves sqlite:jobs.db at {server.url}"
        after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        assert after == before
        server.process.kill()
        server.process.wait()
    with serving(tmp_path) as server:
        assert (tmp_path / "jobs.db.server").read_text() == f"{server.url}\n"
        assert server.stop() == 0
    assert (tmp_path / "jobs.db.server").read_text() == ""


def test_two_servers_that_start_at_the_same_moment(tmp_path: Path) -> None:
    """One of them is refused, although neither has seen the other before it listened."""
    store = f"sqlite:{tmp_path / 'jobs.db'}"
    refuse_second(store)
    with sole_server(store, "http://one"):
        with pytest.raises(OSError, match=r"already: .* at http://one"), sole_server(store, "x"):
            raise AssertionError("there are two")
        assert (tmp_path / "jobs.db.server").read_text() == "http://one\n"
    with sole_server("memory:", "http://one"), sole_server("memory:", "http://two"):
        pass


def test_a_file_system_without_locks_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then only the store notices a second server."""

    def flock(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with sole_server(f"sqlite:{tmp_path / 'jobs.db'}", "http://one"):
        refuse_second(f"sqlite:{tmp_path / 'jobs.db'}")


def test_a_folder_that_is_not_there_is_left_to_the_store(tmp_path: Path) -> None:
    """Which says so in its own words."""
    with sole_server(f"sqlite:{tmp_path / 'nowhere' / 'jobs.db'}", "http://one"):
        assert not [*tmp_path.iterdir()]


async def test_a_signal_to_look_again_may_come_before_there_are_files() -> None:
    """What there is already is looked at: the certificate."""
    looks = []

    class Closed:
        path = "socket"

        async def open(self, tls: object) -> list[Any]:
            signal.raise_signal(signal.SIGHUP)
            await trio.testing.wait_all_tasks_blocked()
            raise OSError("taken")

    closed: Any = Closed()
    service = Service(
        "memory:", closed, 30.0, None, None, lambda: looks.append("tls"), behind_proxy=False
    )
    with pytest.raises(OSError, match="cannot listen at socket: taken"):
        await service.run()
    assert looks == ["tls"]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:x", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        (":1", False),
        ("example.org:1", False),
        ("unix:80", False),
    ],
)
def test_which_places_only_this_machine_reaches(text: str, near: bool) -> None:
    """The others need TLS."""
    assert Place.of(text).is_near is near
