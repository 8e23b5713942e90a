"""The place of a store: addresses, options, and what is said when it cannot be used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gochan._command._standard_files import complain
from gochan._command.queues import _place
from gochan.durable._sqlite import _sqlite_store

from .. import processes
from ..processes import Gochan, finish
from . import stores
from .stores import complaint, fill

gochan = processes.gochan
folder = stores.folder

DB = "sqlite:jobs.db"
SECRET = "s3cret"

# A plugin whose store cannot be opened, and which prints when it is loaded.
PLUGIN = """
print("this plugin prints")
from gochan import hookimpl
from gochan.durable import StoreSpec

@hookimpl
def gochan_stores():
    yield StoreSpec("nothing", lambda address: None, "for a test")
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs", DB, DB], ["unexpected extra argument (sqlite:jobs.db)"]),
        (["jobs", "--at", DB, DB], ["unexpected extra argument (sqlite:jobs.db)"]),
        (["jobs", "--nonsense"], ["No such option", "--nonsense"]),
        (["show", DB], ["'ID'", "'sqlite:jobs.db' is not a whole number"]),
        (["jobs", "jobs.db"], ["begins with a scheme and a colon", "'jobs.db'"]),
        (["jobs", "sqlit:jobs.db"], ["there is no store 'sqlit'", "Did you mean 'sqlite'?"]),
        (["jobs", "sqlite:"], ["needs a path"]),
        (["jobs", "memory:"], ["a store in memory is gone as soon as the command ends"]),
        (["jobs", "sqlite:shop.py"], ["shop.py is no SQLite database"]),
        (["submit", "sqlite:no/jobs.db", "q", "1"], ["there is no folder no"]),
        (["jobs", DB, "--option", "shared"], ["'shared' is not like NAME=VALUE"]),
        (["jobs", DB, "--option", "share=true"], ["no option 'share'; did you mean 'shared'?"]),
        (
            ["jobs", DB, "--option", "shared=perhaps"],
            ["shared must be True or False, not 'perhaps'"],
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    folder: Path, gochan: Gochan, arguments: list[str], words: list[str]
) -> None:
    """With status 2, and what to do."""
    line = complaint(gochan(*arguments))
    for word in words:
        assert word in line


def test_where_the_jobs_are(folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option, the first word, or the environment, in this order; a file is one on SQLite."""
    fill(DB, "a", queue="here")
    fill("sqlite:other.db", "a", queue="there")
    monkeypatch.setenv("GOCHAN_URL", "sqlite:other.db")
    assert b"there" in gochan("jobs").out
    for arguments in (
        ["jobs", DB],
        ["jobs", "jobs.db"],
        ["jobs", "--at", DB],
        ["jobs", "--at=jobs.db"],
    ):
        assert b"here" in gochan(*arguments).out
    assert gochan("pause", "there").status == 0
    assert gochan("pause", "here", "--at", DB).status == 0
    assert gochan("cancel", DB, "1", "--reason", DB).out == b"job 1: cancelled\n"


def test_a_word_that_only_looks_like_an_address(folder: Path, gochan: Gochan) -> None:
    """The name of a queue may have a colon in it, or be that of a file."""
    for queue in ("mails:eu", "shop.py"):
        fill(DB, "a", queue=queue)
        assert gochan("pause", queue, "--at", DB).status == 0
        assert gochan("pause", DB, queue).status == 0
        assert gochan("submit", "--at", DB, queue, "1").status == 0


def test_the_server_that_nobody_has_named(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the one that `gochan serve` starts; if it is not there, it is said what to do."""
    monkeypatch.setattr(_place, "SERVER", "sqlite:nothing/jobs.db")
    line = complaint(gochan("jobs"))
    assert "'gochan serve' starts it" in line
    assert "GOCHAN_URL" in line
    assert "gochan serve" not in complaint(gochan("jobs", "--at", "sqlite:nothing/jobs.db"))
    monkeypatch.setattr(_place, "SERVER", "nobody://127.0.0.1")
    assert "'gochan serve' starts it" in complaint(gochan("jobs"))
    assert "gochan serve" not in complaint(gochan("jobs", "--at", "nobody://127.0.0.1"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs", f"postgresql://me:{SECRET}@127.0.0.1:1/db"],
        ["jobs", f"postgresql://me:{SECRET}@127.0.0.1:1/db?nonsense=1"],
        ["jobs", f"postgresql://me:{SECRET}@x@127.0.0.1:1/db"],
        ["jobs", f"postgers://me:{SECRET}@127.0.0.1:1/db"],
        ["jobs", DB, "--queue", f"postgresql://me:{SECRET}@127.0.0.1:1/db"],
        ["jobs", DB, "--before", f"postgresql://me:{SECRET}@127.0.0.1:1/db"],
        ["jobs", DB, f"postgresql://me:{SECRET}@127.0.0.1:1/db"],
        ["jobs", f"postgresql://127.0.0.1:1/db?password={SECRET}&x=1"],
        [f"postgresql://me:{SECRET}@127.0.0.1:1/db"],
    ],
)
def test_no_password_is_shown(folder: Path, gochan: Gochan, arguments: list[str]) -> None:
    """Whatever is wrong with the address, or where it was given by mistake."""
    fill(DB, "a")
    assert SECRET not in complaint(gochan(*arguments))


def test_a_name_in_an_address_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """It is no secret, and may be what is wrong."""
    complain("postgresql://me@host/db, x://me:a:b/c@host:5/db?password=d&e=f and a@b")
    assert capfd.readouterr().err == (
        "gochan: postgresql://me@host/db, x://***@host:5/db?password=***&e=f and a@b\n"
    )


def test_options_reach_the_store(folder: Path, gochan: Gochan) -> None:
    """As what they are in JSON."""
    ended = gochan(
        "submit", DB, "q", "1", "--option", "shared=true", "--option", "synchronous=normal"
    )
    assert (ended.status, ended.out) == (0, b"1\n")


def test_options_from_the_environment(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold for all commands that name none themselves; spaces are between them."""
    fill(DB, "a")
    monkeypatch.setenv("GOCHAN_STORE_OPTIONS", "shared=true nonsense=1")
    assert "no option 'nonsense'" in complaint(gochan("jobs", DB))
    assert gochan("jobs", DB, "--option", "shared=true").status == 0
    monkeypatch.setenv("GOCHAN_STORE_OPTIONS", "shared")
    assert "'shared' is not like NAME=VALUE" in complaint(gochan("jobs", DB))


def test_a_store_of_a_plugin(folder: Path) -> None:
    """A broken plugin is told in a line, and what it prints is no result."""
    for name, program in (("one", PLUGIN), ("two", "raise RuntimeError('broken')")):
        information = folder / f"gochan_{name}-0.3.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Name: gochan-{name}\nVersion: 0.3\n")
        (information / "entry_points.txt").write_text(f"[gochan]\n{name} = plugin_{name}\n")
        (folder / f"plugin_{name}.py").write_text(program)
    ended = finish("jobs", "nothing:", cwd=folder, variables={"PYTHONPATH": str(folder)})
    assert (ended.status, ended.out) == (2, b"")
    printed, *lines = ended.err.splitlines()
    assert printed == "this plugin prints"
    assert "plugin 'two'" in lines[0]
    assert "must return an async context manager" in lines[-1]


def test_a_worker_that_has_the_file_alone_is_named(folder: Path, gochan: Gochan) -> None:
    """Where SQLite is too old for two writers, it is said what to do; looking goes on."""
    fill(DB, "a")
    held = (
        "import sqlite3, sys; sqlite3.sqlite_version_info = (3, 51, 2)\n"
        "from gochan.__main__ import main; main()"
    )
    command = (sys.executable, "-c", held)
    with processes.start("work", DB, "mails=shop:send", command=command, cwd=folder) as running:
        running.expect("runs jobs of")
        ended = finish("submit", DB, "mails", "1", command=command, cwd=folder)
        assert "another process has sqlite:jobs.db open" in complaint(ended)
        assert "with the option shared=True" in complaint(ended)
        ended = finish("jobs", DB, "--json", command=command, cwd=folder)
        assert json.loads(ended.out)["queues"]["mails"]["stored"] == 1


def test_a_warning_of_a_store_is_a_line(
    folder: Path, gochan: Gochan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As all else that is wrong; the command goes on."""
    fill(DB, "a")
    monkeypatch.setattr(_sqlite_store, "network_file_system_of", lambda path: "nfs4")
    ended = gochan("jobs", DB)
    assert ended.status == 0
    assert ended.err.startswith("gochan: sqlite:jobs.db is on a network file system (nfs4)")
