"""Command lines that users of xargs and GNU parallel type, and what to type here instead."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .. import processes
from ..processes import ONE, Gochan

gochan = processes.gochan


class Row(NamedTuple):
    """What they type there, what we type here after ``gochan run``, and what comes out.

    What comes out there is the same, unless it is said why it is not.
    """

    theirs: str
    ours: str
    out: str
    lines: str = ""
    different: str = ""


# In a folder with these files. Lines come from a file; with none, the command line has the items.
FILES = {
    "a.log": "one\n",
    "b c.log": "two\nthree\n",
    "d/e.tar.gz": "",
    "list": "x\ny\n",
}

# How nice we would be with 7 more.
NICE = f"{min(os.getpriority(os.PRIO_PROCESS, 0) + 7, 19)}\n"

INPUT = [
    # Items
    Row("xargs -d'\\n' -n1 echo", "echo", "a b\nc\n", "a b\nc\n"),
    Row("xargs -I{} echo '<{}>'", "echo '<{}>'", "<a b>\n", "a b\n"),
    Row("xargs -I% sh -c 'echo %'", "-I% --shell 'echo %'", "a  b\n", "a  b\n",
        "the shell there splits what xargs has put into its text"),
    Row("xargs -0 -n1 echo", "-0 echo", "a\nb\nc\n", "a\nb\0c\0"),
    Row("xargs -d, -n1 echo", "-d, echo", "a\nb\n", "a,b"),
    Row("xargs -d'\\t' -n1 echo", r"-d'\t' echo", "a\nb\n", "a\tb"),
    Row("xargs -a list -n1 echo", "-a list echo", "x\ny\n"),
    Row("xargs -n2 echo", "-n2 echo", "a b\nc\n", "a\nb\nc\n"),
    Row("xargs echo", "-n0 echo", "a b c\n", "a\nb\nc\n"),
    Row("xargs -r echo", "echo", "", "\n\n"),
    Row("xargs -P4 -I{} wc -l {}", "-P1 wc -l {}", "1 a.log\n", "a.log\n"),
    Row("xargs -d'\\n' -n1 printf '<%s>' --", "printf '<%s>' --", "<--><-n><--><b>", "-n\nb\n"),
    Row("parallel -k echo ::: a 'b c'", "echo ::: a 'b c'", "a\nb c\n"),
    Row("parallel echo {} is {} ::: a", "echo {} is {} ::: a", "a is a\n"),
    Row("parallel -k echo ::: a b ::: 1 2", "echo ::: a b ::: 1 2", "a 1\na 2\nb 1\nb 2\n"),
    Row("parallel echo {2}-{1} ::: a ::: 1", "echo {2}-{1} ::: a ::: 1", "1-a\n"),
    Row("parallel echo {-1}/{1} ::: a ::: 1", "echo {-1}/{1} ::: a ::: 1", "1/a\n"),
    Row("parallel --link echo ::: a b ::: 1 2", "echo ::: a b :::+ 1 2", "a 1\nb 2\n"),
    Row("parallel echo ::: a b c :::+ 1 2", "echo ::: a b c :::+ 1 2", "a 1\nb 2\n"),
    Row("parallel ::: 'echo a' 'echo b'", "sh -c ::: 'echo a' 'echo b'", "a\nb\n"),
    Row("parallel -k", "sh -c", "a\nb\n", "echo a\necho b\n"),
    Row("parallel -a list echo", "echo :::: list", "x\ny\n"),
    Row("parallel -k echo :::: list list", "echo :::: list list", "x x\nx y\ny x\ny y\n"),
    Row("parallel -k -a list -a list echo", "-a list -a list echo", "x x\nx y\ny x\ny y\n"),
    Row("parallel -k -a list echo ::: 1", "-a list echo ::: 1", "x 1\ny 1\n"),
    Row("parallel -k echo {1} :::: list", "echo {1} :::: list", "x\ny\n"),
    Row("parallel -k echo :::: list ::: 1", "echo :::: list ::: 1", "x 1\ny 1\n"),
    Row("parallel -q printf '[%s]\\n' ::: ''", "printf '[%s]\\n' ::: ''", "[]\n"),
    # Places
    Row("parallel echo {.} ::: d/e.tar.gz", "echo {.} ::: d/e.tar.gz", "d/e.tar\n"),
    Row("parallel echo {/} ::: d/e.tar.gz", "echo {/} ::: d/e.tar.gz", "e.tar.gz\n"),
    Row("parallel echo {//} ::: d/e.gz b", "echo {//} ::: d/e.gz b", "d\n.\n"),
    Row("parallel echo {/.} ::: d/e.tar.gz", "echo {/.} ::: d/e.tar.gz", "e.tar\n"),
    Row("parallel echo {1/.}{2} ::: d/e.x ::: 1", "echo {1/.}{2} ::: d/e.x ::: 1", "e1\n"),
    Row("parallel -k echo {#}: {} ::: a b", "echo {#}: {} ::: a b", "1: a\n2: b\n"),
    Row("parallel -j1 echo {%}: {} ::: a b", "echo {%}: {} ::: a b", "1: a\n1: b\n"),
    Row("parallel echo {} {.}.b ::: a.log", "echo {} {.}.b ::: a.log", "a.log a.b\n"),
    Row("parallel -I% echo % {} ::: a", "-I% echo % {} ::: a", "a {}\n"),
    # Columns
    Row("parallel --colsep '\\t' echo {2} {1}", r"-C '\t' echo {2} {1}", "b a\n", "a\tb\n"),
    Row("parallel --colsep , echo {2}-{1}", "-C, echo {2}-{1}", "b-a\n", "a,b\n"),
    Row("parallel --colsep ' +' echo {2}", "-C ' +' echo {2}", "b\n", "a   b\n"),
    Row("parallel --colsep '\\|' echo {1}", "-C '|' echo {1}", "a\n", "a|b\n"),
    Row("parallel --header : --colsep , echo {m}", "--header : --colsep , echo {m}", "2\n",
        "n,m\n1,2\n"),
    Row("parallel --header : --colsep , echo {m} {n}", "--header -C, echo {m} {n}", "2 1\n",
        "n,m\n1,2\n"),
    Row("parallel --header : echo {f}-{n} ::: f a b ::: n 1",
        "--header echo {f}-{n} ::: f a b ::: n 1", "a-1\nb-1\n"),
    # Batches
    Row("parallel -N2 echo {1}-{2} ::: a b c d", "-N2 echo {1}-{2} ::: a b c d", "a-b\nc-d\n"),
    Row("parallel -N2 echo x{}y ::: a b c", "-N2 echo x{}y ::: a b c", "xay xby\nxcy\n"),
    Row("parallel -j1 -X echo x{} ::: a b c", "-n0 echo x{} ::: a b c", "xa xb xc\n"),
    Row("parallel -j1 -m echo ::: a b c", "-n0 echo ::: a b c", "a b c\n"),
    # Standard input
    Row("parallel --pipe wc -l", "--pipe wc -l", "3\n", "a\nb\n\n"),
    Row("parallel -k --pipe --block 4 'cat; echo -'", "--pipe --block 4 sh -c 'cat; echo -'",
        "aa\n-\nbb\n-\nc-\n", "aa\nbb\nc"),
    Row("parallel -k --pipe -N2 'cat; echo -'", "--pipe -N2 --shell 'cat; echo -'",
        "a\nb\n-\nc\n-\n", "a\nb\nc\n"),
    Row("parallel -k --pipe --block 4 --header : cat", "--pipe --block 4 --header cat",
        "h\na\n1\nh\nb\n2\n", "h\na\n1\nb\n2\n"),
    Row("xargs -n1 sh -c 'cat; echo $0'", "sh -c 'cat; echo $0'", "a\n", "a\n"),
    # A shell
    Row("parallel 'echo {} | wc -c'", "--shell 'echo {} | wc -c'", "5\n", "a  b\n"),
    Row("f() { echo $1$1; }; export -f f; parallel f ::: a", "--bash 'f() { echo $1$1; }; f' ::: a",
        "aa\n"),
    Row("parallel 'echo {1..3}' ::: a", "--bash 'echo {1..3}' ::: a", "1 2 3 a\n"),
    Row("parallel 'echo a; echo {}' ::: b", "--shell 'echo a; echo {}' ::: b", "a\nb\n"),
    Row("parallel echo '\"{}\"' ::: 'a  b'", "--shell echo '\"{}\"' ::: 'a  b'", "a  b\n",
        different="it quotes the quotes"),
    Row("parallel 'cat {} | wc -l' ::: *.log", "--shell 'cat {} | wc -l' ::: a.log 'b c.log'",
        "1\n2\n"),
    Row("parallel -q echo '$HOME' ::: a", "echo '$HOME' ::: a", "$HOME a\n"),
    Row("parallel --dry-run echo {} ::: 'a b'", "--dry-run echo {} ::: 'a b'", "echo 'a b'\n"),
    Row("parallel --dry-run echo", "--dry-run echo", "echo 'a  b'\n", "a  b\n"),
]  # fmt: skip

OUTPUT = [
    Row("parallel -k --tag echo ::: a b", "-k --tag echo ::: a b", "a\ta\nb\tb\n"),
    Row("parallel --tag echo {2} ::: a ::: 1", "--tag echo {2} ::: a ::: 1", "a 1\t1\n"),
    Row("parallel --tag -N2 echo ::: a b", "--tag -N2 echo ::: a b", "a b\ta b\n"),
    Row("parallel --lb echo ::: a", "--lb echo ::: a", "a\n"),
    Row("parallel --line-buffer printf ::: 'a\\nb'", "--line-buffer printf ::: 'a\\nb'", "a\nb\n"),
    Row("parallel --lb --tag printf ::: a", "--lb --tag printf ::: a", "a\ta\n"),
    Row("parallel -k --lb echo ::: a b", "-k --lb echo ::: a b", "a\nb\n"),
    Row("parallel -u printf ::: a", "-u printf ::: a", "a"),
    Row("xargs -P2 -n1 echo", "-u echo", "a\nb\n", "a\nb\n"),
    Row("parallel --results out echo ::: a", "--results out echo ::: a", "a\n"),
    Row("parallel --joblog log echo ::: a", "--joblog log echo ::: a", "a\n"),
    Row("parallel --joblog +log echo ::: a", "--joblog +log echo ::: a", "a\n"),
    Row("parallel --nice 7 nice '#' ::: a", "--shell --nice 7 'sleep 0.1; nice #' ::: a", NICE),
    Row("parallel --wd /tmp pwd '#' ::: a", "--cwd /tmp --shell 'pwd #' ::: a", "/tmp\n"),
    Row("parallel --wd {//} ls {/} ::: d/e.tar.gz", "--cwd {//} ls {/} ::: d/e.tar.gz",
        "e.tar.gz\n"),
    Row("A=1 parallel 'echo $A' {} ::: a", "--env A=1 --shell 'echo $A' ::: a", "1 a\n"),
    Row("parallel echo '$PARALLEL_SEQ' ::: a", "--shell 'echo $GOCHAN_JOB #' ::: a", "1\n"),
    Row("parallel echo '$PARALLEL_JOBSLOT' ::: a", "--shell 'echo $GOCHAN_SLOT #' ::: a", "1\n"),
    Row("xargs --process-slot-var=SLOT sh -c 'echo $SLOT'", "sh -c 'echo $GOCHAN_SLOT'", "1\n",
        "a\n"),
]  # fmt: skip


PACE = [
    Row("xargs -P1 -n1 echo", "-j1 echo", "a\nb\n", "a\nb\n"),
    Row("parallel --jobs 1 --bar echo ::: a b", "--jobs 1 --bar echo ::: a b", "a\nb\n"),
    Row("xargs -r0n1 echo", "-r0n1 echo", "a\n", "a\0"),
    Row("parallel -k -j50% echo ::: a b", "-k -j50% echo ::: a b", "a\nb\n"),
    Row("parallel -k -j+1 echo ::: a b", "-k -j+1 echo ::: a b", "a\nb\n"),
    Row("parallel -k -j-1 echo ::: a b", "-k -j-1 echo ::: a b", "a\nb\n"),
    Row("parallel -k -j0 echo ::: a b", "-k -j0 echo ::: a b", "a\nb\n"),
    Row("parallel -j1 --delay 0.1 echo ::: a b", "--rate 10/s echo ::: a b", "a\nb\n"),
    Row("parallel -j1 --memfree 1k echo ::: a", "--memory-free 1k echo ::: a", "a\n"),
    Row("parallel -j1 --load 10000% echo ::: a", "--load 10000% echo ::: a", "a\n"),
    Row("parallel -j1 --timeout 1m echo ::: a", "--timeout 1m echo ::: a", "a\n"),
    Row("parallel -j1 --timeout 1m30s echo ::: a", "--timeout 1m30s echo ::: a", "a\n"),
    Row("parallel -j1 --timeout 500% echo ::: a", "--timeout 500% echo ::: a", "a\n"),
    Row("parallel -j1 --retries 2 'echo x >>f; grep -c x f | grep 2 #' ::: a",
        "--retries 2 --shell 'echo x >>f; grep -c x f | grep 2 #' ::: a", "2\n"),
    Row("parallel -j1 --halt now,success=1 echo ::: a b", "--halt now,success=1 echo ::: a b",
        "a\n"),
    Row("parallel -j1 --halt -2 echo ::: a b", "--halt -2 echo ::: a b", "a\n"),
    Row("parallel -j1 --halt soon,done=2 echo ::: a b c", "--halt soon,done=2 echo ::: a b c",
        "a\nb\n"),
    Row("parallel -j1 --joblog l --resume echo ::: a b", "--journal j echo ::: a b", "a\nb\n"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(gochan: Gochan, folder: Path, row: Row) -> None:
    arguments = shlex.split(row.ours)
    if row.lines:
        (folder / "lines").write_text(row.lines)
        arguments = ["--input", "lines", *arguments]
    ended = gochan("run", *ONE, *arguments)  # which a later option replaces
    assert ended.out.decode() == row.out
    assert ended.status == 0


@pytest.mark.parametrize("row", INPUT, ids=lambda row: row.theirs)
def test_what_to_type_for_items_and_words(gochan: Gochan, folder: Path, row: Row) -> None:
    """Where items come from, and how commands are made of them."""
    check(gochan, folder, row)


@pytest.mark.parametrize("row", OUTPUT, ids=lambda row: row.theirs)
def test_what_to_type_for_output_and_processes(gochan: Gochan, folder: Path, row: Row) -> None:
    """How output is passed on and recorded, and what commands are given."""
    check(gochan, folder, row)


@pytest.mark.parametrize("row", PACE, ids=lambda row: row.theirs)
def test_what_to_type_for_pace_and_failures(gochan: Gochan, folder: Path, row: Row) -> None:
    """How many run, when they start, and what follows when they end."""
    check(gochan, folder, row)


@pytest.mark.slow
@pytest.mark.parametrize("row", [*INPUT, *PACE], ids=lambda row: row.theirs)
def test_there_it_prints_the_same(folder: Path, row: Row) -> None:
    """Or something else, for a reason."""
    if shutil.which(row.theirs.split()[0]) is None:
        pytest.skip("it is not installed")
    found = subprocess.run(
        ["bash", "-c", row.theirs],
        input=row.lines.encode(),
        capture_output=True,
        # Commands that end in another order print in another order, unless parallel is told this;
        # and it would take the shell that it finds among its parents.
        env={
            **os.environ,
            "PARALLEL": "--keep-order",
            "PARALLEL_SHELL": shutil.which("bash") or "",
        },
    )
    assert (found.stdout.decode() == row.out) is (not row.different)
