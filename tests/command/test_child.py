"""One child process, run for real: what it gets, and how it and its descendants end."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import sys
import tempfile
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import trio

from gochan import Job, Outcome, open_job_queue
from gochan._command.run import _child
from gochan._command.run._child import ChildError, run_child

from .. import processes
from ..processes import PATIENCE, sleepers, state_of, wait_until

marker = processes.marker


@asynccontextmanager
async def open_children(*, grace: float = PATIENCE) -> Any:
    """Open a queue whose jobs are command lines."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:

        async def handle(arguments: Sequence[str]) -> int:
            return await run_child(arguments, out, err)

        async with open_job_queue(handle, grace=grace, failures="collect") as queue:
            yield queue


async def run(*arguments: str) -> Outcome[int]:
    async with open_children() as queue:
        job = await queue.submit(arguments)
        return await job.wait()


async def cancel_when(condition: Callable[[], object], job: Job[Any, int]) -> tuple[str, float]:
    """Cancel a job when something is the case; return how it ended, and how long that took."""
    await trio.to_thread.run_sync(wait_until, condition, "a command to be ready")
    since = trio.current_time()
    job.cancel()
    outcome = await job.wait()
    return outcome.kind, trio.current_time() - since


@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", -signal.SIGTERM), ("kill -9 $$", -9)],
)
async def test_the_exit_status_is_returned_negative_for_a_signal(script: str, status: int) -> None:
    """As in subprocess."""
    assert (await run("sh", "-c", script)).value == status


async def test_output_goes_to_the_two_files_and_the_input_is_empty(tmp_path: Path) -> None:
    """Whatever our own standard files are."""
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        script = "cat; echo out; echo err >&2"
        assert await run_child(["sh", "-c", script], out_file, err_file) == 0
    assert (out.read_bytes(), err.read_bytes()) == (b"out\n", b"err\n")


async def test_arguments_are_passed_on_as_they_are(tmp_path: Path) -> None:
    """No shell looks at them."""
    arguments = ["$HOME", "a  b", "", "*", "'\"", "-n", "é\n"]
    with (tmp_path / "out").open("w+b") as out:
        await run_child(["printf", "%s|", *arguments], out, out)
    assert (tmp_path / "out").read_text() == "".join(f"{text}|" for text in arguments)


async def test_the_child_leads_a_process_group_of_its_own() -> None:
    """So a Ctrl-C at the terminal does not reach it past us."""
    script = "import os, sys; sys.exit(os.getpgrp() != os.getpid())"
    assert (await run(sys.executable, "-S", "-c", script)).value == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["/nonexistent/command"], "No such file"),
        ([os.path.dirname(__file__)], "Permission denied"),
        (["echo", "a" * 200_000], "too long"),
        (["echo", "a\0b"], "null byte"),
    ],
)
async def test_what_cannot_be_started_raises(arguments: list[str], why: str) -> None:
    """The error says so, and why."""
    with pytest.raises(ChildError, match=f"^cannot be started: .*{why}"):
        raise (await run(*arguments)).error or AssertionError


async def test_output_that_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    """Nothing is cut off silently. The command is not held up."""
    with Path("/dev/full").open("wb", buffering=0) as full:  # noqa: ASYNC230
        async with open_job_queue(
            lambda arguments: run_child(arguments, full, full), failures="collect"
        ) as queue:
            job = await queue.submit(["sh", "-c", "head -c 300000 /dev/zero; echo x >&2"])
            outcome = await job.wait()
    assert str(outcome.error) == "its output cannot be kept: No space left on device"


async def test_a_file_may_take_a_part_at_a_time(tmp_path: Path) -> None:
    """As files without a buffer do when a limit is near."""

    class Picky(io.BytesIO):
        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:1000])

    out = Picky()
    async with open_job_queue(lambda arguments: run_child(arguments, out, out)) as queue:
        await queue.submit(["seq", "20000"])
    assert out.getvalue() == b"".join(b"%d\n" % number for number in range(1, 20001))


async def test_a_process_in_a_group_of_its_own_ends_with_the_job(marker: str) -> None:
    """The ``timeout`` command makes such a group, and so does job control."""
    async with open_children() as queue:
        script = f"timeout 5000 sleep {marker} & timeout 5000 sleep {marker}; wait"
        job = await queue.submit(["bash", "-c", script])
        await trio.to_thread.run_sync(wait_until, lambda: len(sleepers(marker)) == 4, "both")
        job.cancel()
        await job.wait()
        assert not sleepers(marker)


@pytest.fixture
def slow_kill(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each process live on for a moment after KILL, as one with much memory does."""
    timers: list[Timer] = []

    def delayed(send: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def later(target: int, number: int) -> None:
            with suppress(ProcessLookupError):
                send(target, number)

        def kill(target: int, number: int) -> None:
            if number != signal.SIGKILL:
                send(target, number)
            else:
                send(target, 0)
                timers.append(Timer(0.15, later, [target, number]))
                timers[-1].start()

        return kill

    monkeypatch.setattr(os, "kill", delayed(os.kill))
    monkeypatch.setattr(os, "killpg", delayed(os.killpg))
    yield
    for timer in timers:
        timer.join()


@pytest.mark.slow
@pytest.mark.parametrize("group", ["the first", "its own"])
async def test_a_process_with_much_memory_is_dead_when_the_job_ends(
    tmp_path: Path, group: str
) -> None:
    """The kernel takes its time to reap such a process."""
    program = f"""
import os, signal, time
if os.fork() == 0:
    {group == "its own"} and os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    memory = bytearray(500_000_000)
    memory[::4096] = b"x" * len(memory[::4096])
    with open("new", "w") as file:
        file.write(str(os.getpid()))
    os.rename("new", "ready")
time.sleep(1000)
"""
    ready = tmp_path / "ready"
    async with open_children(grace=0.1) as queue:
        for _ in range(8):
            command = [sys.executable, "-S", "-c", program]
            job = await queue.submit(["sh", "-c", 'cd "$0"; exec "$@"', str(tmp_path), *command])
            await cancel_when(ready.exists, job)
            process = int(ready.read_text())
            assert state_of(process) in "Z-"
            ready.unlink()


# In a program: let go of the pipes, which would be waited for.
SILENTLY = "[os.dup2(os.open(os.devnull, os.O_RDWR), number) for number in (1, 2)]"


@pytest.mark.usefixtures("slow_kill")
@pytest.mark.parametrize("group", ["the first", "its own"])
async def test_what_is_killed_after_the_grace_is_dead_when_the_job_ends(
    marker: str, group: str
) -> None:
    """In whatever process group it is, and however long the kernel takes to reap it."""
    program = f"""
import os, signal, time
if os.fork() == 0:
    {group == "its own"} and os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    {SILENTLY}
    os.execvp("sleep", ["sleep", "{marker}"])
time.sleep(1000)
"""
    async with open_children(grace=0.1) as queue:
        job = await queue.submit([sys.executable, "-S", "-c", program])
        kind, _ = await cancel_when(lambda: sleepers(marker), job)
        assert not sleepers(marker)
    assert kind == "cancelled"


@pytest.mark.usefixtures("slow_kill")
async def test_what_a_command_leaves_behind_is_waited_for(marker: str) -> None:
    """It is killed at once, but may take a moment to be gone."""
    async with open_children() as queue:
        job = await queue.submit(["sh", "-c", f"sleep {marker} >&- 2>&- & exit 4"])
        outcome = await job.wait()
        assert not sleepers(marker)
    assert outcome.value == 4


async def test_a_process_in_a_group_of_its_own_outlives_a_command_that_ends(
    tmp_path: Path, marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We do not wait for it, even if the command's group still holds a process that is dead."""
    monkeypatch.setattr(_child, "_REAPING", 2 * PATIENCE)
    program = f"""
import os
if os.fork() == 0:
    dead = os.fork() or os._exit(0)
    os.setpgid(0, 0)
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
    {SILENTLY}
    open("ready", "w").close()
    os.execvp("sleep", ["sleep", "{marker}"])
while not os.path.exists("ready"):
    pass
"""
    command = [sys.executable, "-S", "-c", program]
    outcome = await run("sh", "-c", 'cd "$0"; exec "$@"', str(tmp_path), *command)
    wait_until(lambda: sleepers(marker), "the process in a group of its own")
    assert outcome.value == 0
    assert outcome.ran < PATIENCE  # rather than as long as reaping may take
    for process in sleepers(marker):
        os.kill(process, signal.SIGKILL)


async def test_each_process_of_a_session_gets_term_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one in a group of its own. Some programs treat a second TERM as a demand to hurry."""
    program = """
import os, signal, time

def note(number, _):
    os.write(log, b"%d\\n" % number)

child = os.fork()
if child == 0:
    os.setpgid(0, 0)
name = "leader" if child else "other"
log = os.open(name, os.O_WRONLY | os.O_CREAT)
signal.signal(signal.SIGTERM, note)
signal.signal(signal.SIGCONT, note)
os.write(log, b"%d\\n" % os.getpid())
while not os.path.exists("end"):
    time.sleep(0.01)
"""
    sent: list[tuple[int, int]] = []

    def noting(send: Callable[[int, int], None]) -> Callable[[int, int], None]:
        return lambda target, number: sent.append((target, number)) or send(target, number)

    def lines(name: str) -> list[int]:
        path = tmp_path / name
        return [*map(int, path.read_text().split())] if path.exists() else []

    monkeypatch.setattr(os, "kill", noting(os.kill))
    monkeypatch.setattr(os, "killpg", noting(os.killpg))
    async with open_children() as queue:
        command = [sys.executable, "-S", "-c", program]
        job = await queue.submit(["sh", "-c", 'cd "$0"; exec "$@"', str(tmp_path), *command])
        await trio.to_thread.run_sync(
            wait_until, lambda: lines("leader") and lines("other"), "both processes"
        )
        job.cancel()
        await trio.to_thread.run_sync(
            wait_until, lambda: len(lines("leader") + lines("other")) == 6, "both signals"
        )
        (tmp_path / "end").touch()
        await job.wait()
    leader, *heard_by_leader = lines("leader")
    other, *heard_by_other = lines("other")
    assert {*heard_by_leader} == {*heard_by_other} == {signal.SIGTERM, signal.SIGCONT}
    # Two signals sent in a row may be heard as one, so look at what was sent.
    once = [(leader, signal.SIGTERM), (leader, signal.SIGCONT)]
    once += [(other, signal.SIGTERM), (other, signal.SIGCONT)]
    polite = [each for each in sent if each[1] in (signal.SIGTERM, signal.SIGCONT)]
    assert sorted(polite) == sorted(once)


async def test_output_that_is_there_is_kept_although_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We may have been stopped for longer than anybody waits for the pipes."""

    async def stand_still(process: trio.Process, deadline: float, **options: bool) -> None:
        """Stop everything in this process until the pipe is full and the time is over."""
        (tmp_path / "go").touch()
        assert process.stdout is not None
        pipe = process.stdout.fileno()
        wait_until(lambda: readable(pipe) >= 60_000, "the output of the daemon")
        wait_until(lambda: trio.current_time() > deadline, "the deadline")
        await reap(process, deadline, **options)

    reap = _child._reap
    monkeypatch.setattr(_child, "_reap", stand_still)
    monkeypatch.setattr(_child, "_REAPING", 0.1)
    out = io.BytesIO()
    late = f"until [ -e {tmp_path}/go ]; do :; done; exec head -c 200000 /dev/zero"
    async with open_job_queue(lambda arguments: run_child(arguments, out, out)) as queue:
        await queue.submit(["sh", "-c", f"setsid sh -c '{late}' &"])
    assert len(out.getvalue()) >= 60_000


def readable(pipe: int) -> int:
    """Return how many bytes can be read from a pipe now."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_what_a_command_leaves_running_is_dead_when_its_job_ends(marker: str) -> None:
    """Even what ignores TERM. The status is that of the command."""
    script = (
        f"trap '' TERM; for i in 1 2 3 4 5 6; do (sleep {marker} & sleep {marker}) & done; exit 4"
    )
    async with open_children() as queue:
        job = await queue.submit(["sh", "-c", script])
        outcome = await job.wait()
        assert not sleepers(marker)
    assert outcome.value == 4
    assert outcome.ran < PATIENCE / 2


async def test_a_cancelled_command_gets_term_and_time_to_clean_up(
    tmp_path: Path, marker: str
) -> None:
    """All of its group do. The job ends when the last of them has, well before the grace."""
    script = f"""
        (trap 'echo child >> log; exit' TERM; sleep {marker} & wait) &
        trap 'echo parent >> log; wait; echo end >> log; exit' TERM
        sleep {marker} & wait
    """
    async with open_children() as queue:
        job = await queue.submit(["sh", "-c", f"cd {tmp_path}; {script}"])
        kind, seconds = await cancel_when(lambda: len(sleepers(marker)) == 2, job)
    assert kind == "cancelled"
    assert seconds < PATIENCE / 2
    log = (tmp_path / "log").read_text().split()
    assert sorted(log) == ["child", "end", "parent"]
    assert log[-1] == "end"


async def test_the_job_waits_for_a_grandchild_that_cleans_up_longer(
    tmp_path: Path, marker: str
) -> None:
    """The command itself has ended at once."""
    script = f"""
        (trap 'sleep 0.2; touch cleaned; exit' TERM; sleep {marker} & wait) &
        exec sleep {marker}
    """
    async with open_children() as queue:
        job = await queue.submit(["sh", "-c", f"cd {tmp_path}; {script}"])
        _, seconds = await cancel_when(lambda: len(sleepers(marker)) == 2, job)
        assert (tmp_path / "cleaned").exists()
    assert seconds < PATIENCE / 2


@pytest.mark.parametrize("who", ["the command", "its child"])
async def test_a_process_that_ignores_term_is_killed_after_the_grace(marker: str, who: str) -> None:
    """Not before, and not much later. No process is alive when the job ends."""
    stubborn = f"(trap '' TERM; exec sleep {marker}) & "
    command = f"exec sleep {marker}" if who == "its child" else f"trap '' TERM; sleep {marker}"
    async with open_children(grace=0.3) as queue:
        job = await queue.submit(["sh", "-c", stubborn + command])
        kind, seconds = await cancel_when(lambda: len(sleepers(marker)) == 2, job)
        assert not sleepers(marker)
    assert kind == "cancelled"
    assert 0.3 <= seconds < PATIENCE / 2


async def test_a_time_limit_ends_a_command_in_the_same_way(marker: str) -> None:
    """It counts as timed out."""
    async with open_children() as queue:
        job = await queue.submit(["sleep", marker], timeout=0.1)
        assert (await job.wait()).kind == "timed_out"
        assert not sleepers(marker)


async def test_a_stopped_command_is_ended_nevertheless(marker: str) -> None:
    """KILL works on a stopped process, too."""
    async with open_children(grace=0.2) as queue:
        job = await queue.submit(["sh", "-c", f"sleep {marker} & kill -STOP $$; wait"])
        kind, _ = await cancel_when(lambda: sleepers(marker), job)
        assert kind == "cancelled"


async def test_zombies_that_nobody_reaps_are_not_waited_for(
    tmp_path: Path, marker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their parent, in a session of its own, may never reap them."""
    monkeypatch.setattr(_child, "_REAPING", 0.2)
    # The child leaves the group of the command, and its own child dies there.
    program = f"""
import os, time
if os.fork() == 0:
    dead = os.fork() or os._exit(0)
    os.setsid()
    os.waitid(os.P_PID, dead, os.WEXITED | os.WNOWAIT)
    with open("pids.new", "w") as file:
        file.write(f"{{os.getpid()}} {{dead}}")
    os.rename("pids.new", "pids")
time.sleep({marker})
"""
    async with open_children() as queue:
        command = [sys.executable, "-S", "-c", program]
        job = await queue.submit(["sh", "-c", 'cd "$0"; exec "$@"', str(tmp_path), *command])
        pids = tmp_path / "pids"
        kind, seconds = await cancel_when(pids.exists, job)
    daemon, dead = map(int, pids.read_text().split())
    assert state_of(dead) == "Z"
    assert kind == "cancelled"
    assert seconds < PATIENCE / 2
    os.kill(daemon, signal.SIGKILL)


async def test_a_process_that_leaves_the_session_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon is meant to outlive the command that starts it."""
    monkeypatch.setattr(_child, "_REAPING", 0.2)
    script = f"setsid sh -c 'echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 9' &"
    wait = f"until [ -e {tmp_path}/pid ]; do :; done"
    assert (await run("sh", "-c", f"{script} {wait}")).value == 0
    daemon = int((tmp_path / "pid").read_text())
    assert state_of(daemon) not in "Z-"
    os.killpg(daemon, signal.SIGKILL)
    wait_until(lambda: state_of(daemon) in "Z-", "its end")
