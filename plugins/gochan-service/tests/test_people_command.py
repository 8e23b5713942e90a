"""The command ``gochan people``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from gochan_service._commands._people_command import people_command
from gochan_service._people import Register


class Command:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *arguments: str) -> Result:
        words = ["--register", str(self.path), *arguments]
        return CliRunner().invoke(people_command, words)


@pytest.fixture
def people(tmp_path: Path) -> Command:
    path = tmp_path / "people"
    Register(path).close()
    return Command(path)


def test_somebody_is_added_let_in_and_blocked(people: Command) -> None:
    """A server that has the file open sees each step."""
    register = Register(people.path)
    assert people("add", "ada", "--role", "viewer", "--name", "Ada").exit_code == 0
    token = people("token", "ada", "--days", "1").output.strip()
    assert register.who(token, at=0.0) == register.person("ada")
    assert register.who(token, at=4e9) is None
    people("block", "ada")
    assert register.who(token, at=0.0) is None
    assert people("list").output == "ada\tviewer\tAda\t\tlocal\tblocked\n"
    people("unblock", "ada")
    people("role", "ada", "operator")
    assert register.person("ada").role == "operator"
    assert people("revoke", "ada").output == "1 tokens\n"
    assert register.who(token, at=0.0) is None
    deeds = [line.split("\t")[2:4] for line in people("audit").output.splitlines()]
    assert deeds == [
        ["command line", what] for what in ("revoke", "role", "unblock", "block", "token", "add")
    ]
    assert len(people("audit", "-n", "2").output.splitlines()) == 2
    register.close()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["token", "bob"], "there is nobody with the login 'bob'"),
        (["add", "two words"], "'two words' is no login"),
        (["add", "bob", "--role", "god"], "'god' is not one of"),
        (["token", "bob", "--days", "0"], "is not in the range"),
    ],
)
def test_what_cannot_be_done_is_one_line(people: Command, words: list[str], why: str) -> None:
    """With status 2."""
    result = people(*words)
    assert result.exit_code == 2
    assert why in result.output


def test_a_register_is_made_by_the_server_alone(tmp_path: Path) -> None:
    """So a typing error makes none."""
    result = Command(tmp_path / "typo")("list")
    assert result.exit_code == 2
    assert "there is no register" in result.output
    assert [*tmp_path.iterdir()] == []


def test_another_file_is_named(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "text"
    path.write_text("something else" * 100)
    result = Command(path)("list")
    assert (result.exit_code, path.read_text()) == (2, "something else" * 100)
    assert "cannot be used" in result.output
