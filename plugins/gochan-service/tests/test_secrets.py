"""Who may come in: files of secrets, and every route with a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gochan_service._door import Keyring, SecretError, SecretFile, make_secret_file
from starlette.routing import Route
from trio.testing import MockClock

from .doors import SECRET, open_near

OLD, NEW = "the old secret of all", "the-new-secret-of-all"


def test_a_keyring_opens_with_its_secrets() -> None:
    """With each of them, and nothing else; one without a secret stays shut."""
    keyring = Keyring(OLD, NEW)
    assert keyring.opens(OLD)
    assert keyring.opens(NEW)
    for wrong in (
        None,
        "",
        OLD[:-1],
        OLD + "x",
        NEW.upper(),
        "é",
        "\udcff".encode("utf-8", "replace").decode(),
    ):
        assert not keyring.opens(wrong)
    for empty in (Keyring(), Keyring("")):
        assert not empty.opens(None)
        assert not empty.opens("")


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode("latin-1"))
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("x" * 20, 0o640, "others can read"),
        ("x" * 20, 0o604, "others can read"),
        ("", 0o600, "has 0 secrets"),
        ("a" * 20 + "\n" + "b" * 20 + "\n" + "c" * 20, 0o600, "has 3 secrets"),
        ("short", 0o600, "fewer than 16 letters"),
        ("\xe9" * 20, 0o600, "cannot be read"),
    ],
)
def test_a_file_that_is_no_secret_is_refused(
    tmp_path: Path, text: str, mode: int, why: str
) -> None:
    """With a sentence that says why."""
    with pytest.raises(SecretError, match=why):
        SecretFile(write(tmp_path / "secret", text, mode))


def test_a_file_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has made it knows what is in it."""
    path = write(tmp_path / "secret", "x" * 20)
    uid = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: uid)
    with pytest.raises(SecretError, match="belongs to another user"):
        Keyring.read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """It could not be read."""
    with pytest.raises(SecretError, match="cannot be read"):
        SecretFile(tmp_path / "secret")


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """For its owner alone, long, and with nothing left beside it."""
    mask = os.umask(0)
    try:
        make_secret_file(tmp_path / "secret", "gochan_agent_")
    finally:
        os.umask(mask)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    text = (tmp_path / "secret").read_text()
    assert text.startswith("gochan_agent_")
    assert len(text) > 50
    make_secret_file(tmp_path / "secret", "gochan_agent_")
    assert (tmp_path / "secret").read_text() == text
    assert os.listdir(tmp_path) == ["secret"]


def test_two_servers_make_one_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second takes that of the first."""
    write(tmp_path / "secret", "x" * 20)
    monkeypatch.setattr(Path, "exists", lambda self: False)
    make_secret_file(tmp_path / "secret", "gochan_agent_")
    assert (tmp_path / "secret").read_text() == "x" * 20


def test_a_secret_that_cannot_be_made(tmp_path: Path) -> None:
    """Since its folder is not there."""
    with pytest.raises(SecretError, match="cannot be made"):
        make_secret_file(tmp_path / "nowhere" / "secret", "x")


def test_a_file_is_read_again_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A rotation: the old one, both, the new one. What is wrong meanwhile changes nothing."""
    path = write(tmp_path / "secret", OLD.replace(" ", "-"))
    old = OLD.replace(" ", "-")
    file = SecretFile(path)
    assert file.opens(old)
    assert file.secrets == [old]
    write(path, f"{old}\n{NEW}\n")
    assert not file.opens(NEW)
    file.look()
    assert file.opens(old)
    assert file.opens(NEW)
    write(path, "oops")
    file.look()
    file.look()
    assert file.opens(NEW)
    assert caplog.text.count("what was good stays good") == 1
    path.unlink()
    file.look()
    assert file.opens(NEW)
    write(path, NEW)
    file.look()
    assert not file.opens(old)
    assert file.opens(NEW)


ODD = [
    None,
    "",
    "Bearer",
    "Bearer ",
    f"Basic {SECRET}",
    SECRET,
    f"Bearer {SECRET}x",
    f"Bearer {SECRET[:-1]}",
    f"Bearer x {SECRET}",
    "Bearer gochan_token_of_operator",
    "Bearer \xff\xfe",
]


async def test_every_route_for_agents_needs_the_secret(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """The routes themselves are asked which there are. The answer says nothing, and has no body."""
    async with open_near(tmp_path) as near:
        paths = [
            route.path
            for route in near.door.routes
            if isinstance(route, Route) and route.path.startswith("/rpc/")
        ]
        assert len(paths) == 9
        for path in paths:
            for word in ODD:
                headers = {} if word is None else {"authorization": word.encode("latin-1")}
                answer = await near.post(path, secret=None, headers=headers, json={})
                assert (answer.status_code, answer.content) == (401, b""), (path, word)
            assert (await near.post(path, json=[])).status_code == 400
            spaced = {"authorization": f"bEaReR   {SECRET}"}
            answer = await near.post(path, secret=None, headers=spaced, json=[])
            assert answer.status_code == 400
        for path in ("/healthz", "/readyz", "/api/v1/healthz", "/api/v1/readyz"):
            assert (await near.get(path)).text == "ok\n"
