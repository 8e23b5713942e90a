"""Addresses of servers, and what is shown to them."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from gochan_service._remote._address import agents_secret, check, described, trust_of

HERE = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a server has run; nothing is in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("GOCHAN_SECRET", "GOCHAN_SECRET_FILE", "GOCHAN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "jobs.db.token").write_text("token-of-here\n")
    (tmp_path / "jobs.db.secret").write_text("the-old-one\nsecret-of-here\n")
    return tmp_path


@pytest.mark.parametrize("url", [HERE, "http://localhost:80", "https://[::1]:8000/"])
def test_a_server_of_this_folder_needs_no_words(url: str) -> None:
    """It has written them here; during a rotation, the last is the new one."""
    assert check(url, None, None, 1.0)[1] == "token-of-here"
    assert agents_secret(url=url) == "secret-of-here"


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://127.0.0.1.example.org", "http://10.0.0.1"]
)
def test_no_other_machine_is_shown_what_is_in_this_folder(url: str) -> None:
    """It could not be its own."""
    with pytest.raises(ValueError, match="wants a token"):
        check(url, None, None, 1.0)
    with pytest.raises(ValueError, match="needs the server's secret"):
        agents_secret(url=url)


def test_what_is_said_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments, then the environment, then the folder."""
    monkeypatch.setenv("GOCHAN_SECRET", "secret")
    assert check(HERE, None, "mine", 1.0)[1] == "mine"
    assert agents_secret(url=HERE) == "secret"
    monkeypatch.setenv("GOCHAN_TOKEN", "token")
    assert check(HERE, None, None, 1.0)[1] == "token"
    assert check(HERE, "mine", None, 1.0)[1] == "mine"
    assert agents_secret("mine", url=HERE) == "mine"


@pytest.mark.parametrize("where", ["GOCHAN_SECRET", "GOCHAN_SECRET_FILE"])
def test_the_token_of_a_person_is_no_secret_of_agents(
    where: str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """It would open the door for people, where what commands print is not taken."""
    (folder / "mistaken").write_text("gochan_token_of_a_person\n")
    monkeypatch.setenv(where, "mistaken" if where.endswith("FILE") else "gochan_token_of_a_person")
    with pytest.raises(ValueError, match=f"the token in .*{where}.* is that of a person"):
        agents_secret(url=HERE)


def test_the_secret_of_agents_does_not_hide_the_token_of_this_folder(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """It is there for agents that are started in the same shell; a token is taken as one."""
    monkeypatch.setenv("GOCHAN_SECRET", "gochan_agent_secret")
    assert check(HERE, None, None, 1.0)[1] == "token-of-here"
    assert check("http://host", None, None, 1.0)[1] == "gochan_agent_secret"
    monkeypatch.setenv("GOCHAN_SECRET", "gochan_token_of_a_person")
    assert check(HERE, None, None, 1.0)[1] == "gochan_token_of_a_person"
    monkeypatch.setenv("GOCHAN_SECRET", "gochan_agent_secret")
    (folder / "jobs.db.token").unlink()
    assert check(HERE, None, None, 1.0)[1] == "gochan_agent_secret"


def test_what_is_refused_is_named_by_where_it_was(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """A token of people, or a secret of agents; from the environment, a file, or an argument."""
    monkeypatch.setenv("GOCHAN_TOKEN", "rubbish")
    monkeypatch.setenv("GOCHAN_SECRET", "gochan_token_odd")
    monkeypatch.setenv("GOCHAN_SECRET_FILE", "agents")
    (folder / "agents").write_text("an-old-one\na-new-one\n")
    assert {word: described(word) for word in ("gochan_token_of_a_person", "mine", "rubbish")} == {
        "gochan_token_of_a_person": "the token",
        "mine": "the secret",
        "rubbish": "the token in GOCHAN_TOKEN",
    }
    assert described("gochan_token_odd") == "the token in GOCHAN_SECRET"
    assert described("a-new-one") == "the secret in agents, which GOCHAN_SECRET_FILE names"
    assert described("token-of-here") == "the token in jobs.db.token"
    assert described("the-old-one") == "the secret in jobs.db.secret"
    monkeypatch.setenv("GOCHAN_SECRET", "a-new-one")
    assert described("a-new-one") == "the secret in GOCHAN_SECRET"


@pytest.mark.parametrize(
    "url",
    [
        "h:8000", "//h:8000", "ftp://h", "http://", "http://h:port", "http://h:99999", "http://h:0",
        "http://a b", "http://h/?x", "http://h/#x", "http://[::1", "http://h\n",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_apart(url: str) -> None:
    """From one that cannot be reached: no patience helps."""
    with pytest.raises(ValueError, match="the address of a server is like"):
        check(url, "token", None, 1.0)


@pytest.mark.parametrize("url", ["https://h", "HTTPS://h"])
def test_whom_to_trust_depends_on_the_scheme(url: str) -> None:
    """However it is written."""
    assert trust_of(url).get_ca_certs() == ssl.create_default_context().get_ca_certs()
    assert not trust_of("http://h").get_ca_certs()


def test_files_that_say_nothing_are_passed_over(folder: Path) -> None:
    """Those of a store that is not on SQLite are looked at, too."""
    (folder / "jobs.db.token").write_text("")
    (folder / "jobs.db.secret").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="GOCHAN_TOKEN"):
        check(HERE, None, None, 1.0)
    (folder / "gochan.token").write_text("token-of-gochan")
    (folder / "gochan.secret").write_text("secret-of-gochan")
    assert check(HERE, None, None, 1.0)[1] == "token-of-gochan"
    assert agents_secret(url=HERE) == "secret-of-gochan"
