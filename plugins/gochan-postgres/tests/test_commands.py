"""The commands of gochan, on a server: the same as on a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from gochan_postgres._schema import NEWEST

from .conftest import Server


def gochan(server: Server, name: str, *arguments: str, folder: Path) -> tuple[int, str, str]:
    """Run a command; return its status, its output, and what it said."""
    address = server.address.replace("postgres@", "postgres:s3cret@")
    words = [sys.executable, "-m", "gochan", name, address, "--option", "schema=commands"]
    ended = subprocess.run(
        [*words, *arguments], capture_output=True, text=True, cwd=folder, timeout=60, check=False
    )
    assert "s3cret" not in ended.stdout + ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def test_a_job_from_its_submission_to_its_end(server: Server, tmp_path: Path) -> None:
    """A look makes no tables."""
    (tmp_path / "shop.py").write_text("async def send(mail):\n    return 2 * mail\n")
    status, _, said = gochan(server, "jobs", folder=tmp_path)
    assert status == 2
    assert "has no tables yet; bring it up to date by `gochan migrate`" in said
    _, out, _ = gochan(server, "migrate", folder=tmp_path)
    assert out.endswith(f" is new, and has schema {NEWEST}\n")
    assert gochan(server, "submit", "mails", "21", folder=tmp_path) == (0, "1\n", "")
    status, out, said = gochan(server, "explain", "1", folder=tmp_path)
    assert (status, out.split("\n")[0], said) == (0, "It is the next one.", "")
    status, _, said = gochan(server, "work", "mails", "shop:send", "--until-empty", folder=tmp_path)
    assert status == 0
    assert said.endswith("gochan: mails: 1 done\n")
    _, out, _ = gochan(server, "jobs", "--json", folder=tmp_path)
    (job,) = json.loads(out)["jobs"]
    assert (job["kind"], job["result"]) == ("done", 42)
    status, out, said = gochan(server, "top", folder=tmp_path)
    assert (status, said) == (0, "")
    assert "0 jobs running, 0 waiting" in out
    assert out.split("\n")[2].split()[:4] == ["mails", "0", "0", "1"]
