"""The command ``gochan people``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gochan_service._commands._directory_commands as directory_commands
import gochan_service._commands._using_register as using_register
import pytest
from click.testing import CliRunner, Result
from gochan_service import DirectoryAccess, DirectoryError, DirectoryPerson
from gochan_service._commands._people_command import people_command
from gochan_service._people import Person, Register

from gochan.durable import open_store


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
    assert "ada is blocked, so this token opens nothing for now" in people("token", "ada").stderr
    people("unblock", "ada")
    assert people("token", "ada").stderr == ""
    people("role", "ada", "operator")
    assert register.person("ada").role == "operator"
    assert people("revoke", "ada").output == "3 tokens\n"
    assert register.who(token, at=0.0) is None
    deeds = [line.split("\t")[2:4] for line in people("audit").output.splitlines()]
    assert deeds == [
        ["command line", what]
        for what in ["revoke", "role", "token", "unblock", "token", "block", "token", "add"]
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


# Directories

LDIF = """\
dn: uid=ada,ou=people
objectClass: person
uid: ada
memberOf: cn=ops,ou=groups

dn: uid=bob,ou=people
objectClass: person
uid: bob
cn: Bob
"""


def test_people_are_imported_from_a_file(people: Command, tmp_path: Path) -> None:
    """Nobody leaves, unless the file is the whole directory."""
    file = tmp_path / "people.ldif"
    file.write_text(LDIF)
    words = ["import", str(file), "--group", "ops=operator"]
    result = people(*words, "--dry-run")
    assert result.output.splitlines() == [
        "ada is new, as operator",
        "bob is new, as viewer",
        "ldif: 2 added, 0 changed, 0 left",
    ]
    assert people("list").output == ""
    people(*words)
    assert people("list").output == "ada\toperator\t\t\tldif\nbob\tviewer\tBob\t\tldif\n"
    file.write_text(LDIF.partition("\n\n")[0])
    assert people(*words).output == "ldif: 0 added, 0 changed, 0 left\n"
    assert "1 of the 2 people of ldif are not there any more" in people(*words, "--whole").output
    assert "bob has left" in people(*words, "--whole", "--yes").output
    assert people("list").output.splitlines()[1].endswith("\tgone")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--group", "ops"], "'ops' is not like ops=operator"),
        (["--group", "ops=god"], "'ops=god' is not like ops=operator"),
        (["--source", "local"], "'local' is who was added by hand"),
        ([], "line 1 or before"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    people: Command, tmp_path: Path, words: list[str], why: str
) -> None:
    """Nothing was changed."""
    file = tmp_path / "people.ldif"
    file.write_text("junk" if not words else LDIF)
    result = people("import", str(file), *words)
    assert (result.exit_code, people("list").output) == (2, "")
    assert why in result.output


def test_a_directory_is_synced(
    people: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password comes from the environment or a file; a failure changes nothing."""
    asked: list[tuple[str, DirectoryAccess]] = []

    async def read(address: str, access: DirectoryAccess) -> list[DirectoryPerson]:
        asked.append((address, access))
        if address == "club:closed":
            raise DirectoryError("it is closed")
        return [DirectoryPerson("ada", groups=("ops",))]

    monkeypatch.setattr(directory_commands, "read_directory", read)
    monkeypatch.setenv("GOCHAN_DIRECTORY_PASSWORD", "from the environment")
    words = ["sync", "club:here", "--user", "root", "--group", "ops=operator", "--others", "none"]
    assert people(*words).output.endswith("club:here: 1 added, 0 changed, 0 left\n")
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    named = people(*words, "--password-file", str(secret), "--source", "club", "--timeout", "5")
    assert named.output == "club: 0 added, 0 changed, 0 left; kept by others: ada\n"
    assert asked == [
        ("club:here", DirectoryAccess("root", "from the environment")),
        ("club:here", DirectoryAccess("root", "from a file", timeout=5.0)),
    ]
    result = people("sync", "club:closed")
    assert result.exit_code == 2
    assert "nothing was changed: it is closed" in result.output


def test_what_people_have_written_does_not_steer_a_terminal(people: Command) -> None:
    """Reasons of a cancel, and names in a directory."""
    register = Register(people.path)
    register.add(Person("ada", "viewer", "A\x1b[2Jda", "a\u202e@x"), by="x\x07", at=0.0, source="")
    register.note("cancel", "so\nor so\x1b]0;title\x07", by="ada", at=0.0, source="10.0.0.1")
    register.close()
    for words in (["list"], ["audit"]):
        output = people(*words).output
        assert all(letter.isprintable() or letter in "\n\t" for letter in output), output
    assert r"A\x1b[2Jda" in people("list").output
    assert len(people("audit").output.splitlines()) == 2


@pytest.mark.parametrize("place", ["sqlite:{0}", "{0}.people"])
def test_a_register_is_named_by_its_store_or_its_file(tmp_path: Path, place: str) -> None:
    """The file is beside the store."""
    Register(tmp_path / "jobs.db.people").close()
    words = ["--register", place.format(tmp_path / "jobs.db"), "list"]
    assert CliRunner().invoke(people_command, words).exit_code == 0


def test_a_store_that_keeps_no_register_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as one that is reached by a server."""
    monkeypatch.setattr(using_register, "open_store", lambda address: open_store("memory:"))
    result = CliRunner().invoke(people_command, ["--register", "http://127.0.0.1:1", "list"])
    assert result.exit_code == 2
    assert "memory: keeps no register; give the file that is beside it" in result.output


def test_a_register_beside_the_jobs_is_named_by_its_store(server: Any) -> None:
    """A server and the command see the same people."""

    def people(*words: str) -> Result:
        return CliRunner().invoke(people_command, ["--register", server.address, *words])

    assert people("add", "ada", "--role", "viewer").exit_code == 0
    assert people("list").output.startswith("ada\tviewer\t")
    again = people("add", "ada")
    assert (again.exit_code, "ada" in again.output) == (2, True)
