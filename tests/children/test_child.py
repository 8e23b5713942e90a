"""One child process, run for real: what it gets, and how it and its descendants end."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
import trio

from gochan import Job, Outcome, open_job_queue
from gochan._children import _child, _collected, _scratch, _watcher
from gochan._children._child import Child, open_children
from gochan._children._collected import Collected
from gochan._children._pipes import Pipe
from gochan._children._program import ChildError, Program
from gochan._children._session import Session
from gochan._children._watcher import KernelWatcher, TaskWatcher
from gochan._children._writing import write_all
from gochan._command._descriptors import STDERR, STDOUT

from .. import processes
from ..processes import PATIENCE, sleepers, state_of, wait_until

marker = processes.marker


@pytest.fixture(params=["in place", "aside"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How children are started: by the thread with the tasks, or by others."""
    if request.param == "aside":
        monkeypatch.setattr(_child, "_FEW", 0)
    return str(request.param)


@asynccontextmanager
async def open_commands(output: Any = None, *, grace: float = PATIENCE) -> Any:
    """Open a queue whose jobs are command lines."""
    async with open_children() as children:

        async def handle(arguments: Sequence[str]) -> int:
            program = Program([*map(os.fsencode, arguments)])
            return await children.run(program, output or Collected())

        async with open_job_queue(handle, grace=grace, failures="collect") as queue:
            yield queue


async def run(*arguments: str, output: Any = None) -> Outcome[int]:
    async with open_commands(output) as queue:
        job = await queue.submit(arguments)
        return await job.wait()


async def written(*arguments: str) -> tuple[bytes, bytes]:
    """Return what a command has written."""
    output = Collected()
    await run(*arguments, output=output)
    return b"".join(output.chunks(STDOUT)), b"".join(output.chunks(STDERR))


async def test_a_child_outside_of_a_job_has_time_to_clean_up() -> None:
    """If whoever waits for it is cancelled."""
    output = Collected()
    script = b"trap 'echo cleaned; exit' TERM; echo began; sleep 99 & wait"
    async with open_children() as children:
        with trio.move_on_after(1) as scope:
            await children.run(Program([b"sh", b"-c", script]), output)
    assert scope.cancelled_caught
    assert b"".join(output.chunks(STDOUT)) == b"began\ncleaned\n"


async def test_two_outputs_in_one_pipe_keep_their_order() -> None:
    """All of it comes as standard output."""
    output = Collected()
    script = b"echo 1; echo 2 >&2; echo 3"
    async with open_children() as children:
        program = Program([b"sh", b"-c", script], stdin=b"x", one_pipe=True)
        assert await children.run(program, output) == 0
    assert [(number, b"".join(each)) for number, each in output.pieces()] == [
        (STDOUT, b"1\n2\n3\n")
    ]


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


async def test_output_is_kept_and_the_input_is_empty() -> None:
    """Whatever our own standard files are."""
    assert await written("sh", "-c", "cat; echo out; echo err >&2") == (b"out\n", b"err\n")


async def test_arguments_are_passed_on_as_they_are() -> None:
    """No shell looks at them."""
    arguments = ["$HOME", "a  b", "", "*", "'\"", "-n", "é\n", "\udcff"]
    out, _ = await written("printf", "%s|", *arguments)
    assert out == os.fsencode("".join(f"{text}|" for text in arguments))


async def test_the_child_leads_a_process_group_of_its_own() -> None:
    """So a Ctrl-C at the terminal does not reach it past us."""
    script = "import os, sys; sys.exit(os.getpgrp() != os.getpid())"
    assert (await run(sys.executable, "-S", "-c", script)).value == 0


async def test_output_that_cannot_be_kept_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off silently. The command is not held up."""
    with Path("/dev/full").open("wb", buffering=0) as full:  # noqa: ASYNC230
        monkeypatch.setattr(_collected, "open_scratch", lambda: full)
        outcome = await run("sh", "-c", "head -c 3000000 /dev/zero; echo x >&2")
    assert str(outcome.error) == "its output cannot be kept: No space left on device"


async def test_a_process_in_a_group_of_its_own_ends_with_the_job(marker: str) -> None:
    """The ``timeout`` command makes such a group, and so does job control."""
    async with open_commands() as queue:
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
    async with open_commands(grace=0.1) as queue:
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
    async with open_commands(grace=0.1) as queue:
        job = await queue.submit([sys.executable, "-S", "-c", program])
        kind, _ = await cancel_when(lambda: sleepers(marker), job)
        assert not sleepers(marker)
    assert kind == "cancelled"


@pytest.mark.usefixtures("slow_kill")
async def test_what_a_command_leaves_behind_is_waited_for(marker: str) -> None:
    """It is killed at once, but may take a moment to be gone."""
    async with open_commands() as queue:
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
    async with open_commands() as queue:
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

    async def stand_still(child: Child) -> None:
        """Stop everything in this process until the pipe is full and the time is over."""
        deadline = trio.current_time() + 0.1
        (tmp_path / "go").touch()
        (pipe, _) = child._pipes
        assert isinstance(pipe, Pipe)
        monkeypatch.undo()
        wait_until(lambda: readable(pipe._descriptor) >= 60_000, "the output of the daemon")
        wait_until(lambda: trio.current_time() > deadline, "the deadline")
        await wait(child)

    wait = Child._wait_for_pipes
    monkeypatch.setattr(_child, "_REAPING", 0.1)
    monkeypatch.setattr(Child, "_wait_for_pipes", stand_still)
    late = f"""
        touch {tmp_path}/out
        until [ -e {tmp_path}/go ]; do :; done
        exec head -c 200000 /dev/zero
    """
    until = f"until [ -e {tmp_path}/out ]; do :; done"
    out, _ = await written("sh", "-c", f"setsid sh -c '{late}' & {until}")
    assert len(out) >= 60_000


def readable(pipe: int) -> int:
    """Return how many bytes can be read from a pipe now."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


async def test_what_a_command_leaves_running_is_dead_when_its_job_ends(marker: str) -> None:
    """Even what ignores TERM. The status is that of the command."""
    script = (
        f"trap '' TERM; for i in 1 2 3 4 5 6; do (sleep {marker} & sleep {marker}) & done; exit 4"
    )
    async with open_commands() as queue:
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
    async with open_commands() as queue:
        job = await queue.submit(["sh", "-c", f"cd {tmp_path}; {script}"])
        kind, seconds = await cancel_when(lambda: len(sleepers(marker)) == 2, job)
    assert kind == "cancelled"
    assert seconds < PATIENCE / 2
    log = (tmp_path / "log").read_text().split()
    assert sorted(log) == ["child", "end", "parent"]
    assert log[-1] == "end"


@pytest.mark.parametrize("group", ["the first", "its own"])
async def test_the_job_waits_for_a_grandchild_that_cleans_up_longer(
    tmp_path: Path, marker: str, group: str
) -> None:
    """The command itself has ended at once."""
    child = f"trap 'sleep 0.2; touch cleaned; exit' TERM; sleep {marker} & wait"
    program = f"""
import os
if os.fork() == 0:
    {group == "its own"} and os.setpgid(0, 0)
    os.execvp("sh", ["sh", "-c", {child!r}])
os.execvp("sleep", ["sleep", "{marker}"])
"""
    async with open_commands() as queue:
        command = [sys.executable, "-S", "-c", program]
        job = await queue.submit(["sh", "-c", 'cd "$0"; exec "$@"', str(tmp_path), *command])
        _, seconds = await cancel_when(lambda: len(sleepers(marker)) == 2, job)
        assert (tmp_path / "cleaned").exists()
    assert seconds < PATIENCE / 2


@pytest.mark.parametrize("who", ["the command", "its child"])
async def test_a_process_that_ignores_term_is_killed_after_the_grace(marker: str, who: str) -> None:
    """Not before, and not much later. No process is alive when the job ends."""
    stubborn = f"(trap '' TERM; exec sleep {marker}) & "
    command = f"exec sleep {marker}" if who == "its child" else f"trap '' TERM; sleep {marker}"
    async with open_commands(grace=0.3) as queue:
        job = await queue.submit(["sh", "-c", stubborn + command])
        kind, seconds = await cancel_when(lambda: len(sleepers(marker)) == 2, job)
        assert not sleepers(marker)
    assert kind == "cancelled"
    assert 0.3 <= seconds < PATIENCE / 2


async def test_a_time_limit_ends_a_command_in_the_same_way(marker: str) -> None:
    """It counts as timed out."""
    async with open_commands() as queue:
        job = await queue.submit(["sleep", marker], timeout=0.1)
        assert (await job.wait()).kind == "timed_out"
        assert not sleepers(marker)


async def test_a_stopped_command_is_ended_nevertheless(marker: str) -> None:
    """KILL works on a stopped process, too."""
    async with open_commands(grace=0.2) as queue:
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
    async with open_commands() as queue:
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


# What a program is given, and where its output goes


@asynccontextmanager
async def open_some() -> Any:
    """Run programs without jobs."""
    async with open_children() as children:

        async def run(output: Any, *arguments: str, **options: Any) -> int:
            return await children.run(Program([*map(os.fsencode, arguments)], **options), output)

        yield run


def output_of(output: Collected) -> bytes:
    return b"".join(output.chunks(STDOUT))


async def test_a_program_may_be_given_something_to_read() -> None:
    """More than a pipe holds, and though it does not read all of it."""
    data = os.urandom(300_000)
    async with open_some() as run:
        output = Collected()
        assert await run(output, "cat", stdin=data) == 0
        assert output_of(output) == data
        output.close()
        assert await run(Collected(), "head", "-c", "1", stdin=data) == 0


@pytest.mark.parametrize("memory", [True, False])
def test_what_it_reads_is_in_memory_where_the_system_has_that(
    memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere in a file."""
    if not memory:
        monkeypatch.delattr(os, "memfd_create")
    descriptor = _scratch.open_memory(b"abc")
    assert os.read(descriptor, 10) == b"abc"
    os.close(descriptor)


def test_what_cannot_be_kept_for_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves no file open."""
    monkeypatch.setattr(os, "memfd_create", lambda name: os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(OSError, match="No space"):
        _scratch.open_memory(b"abc")


async def test_a_program_may_start_in_another_folder(tmp_path: Path) -> None:
    """A relative path counts from there."""
    (tmp_path / "here").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "here").chmod(0o755)
    async with open_some() as run:
        output = Collected()
        assert await run(output, "./here", folder=os.fsencode(tmp_path)) == 0
        assert output_of(output) == os.fsencode(f"{tmp_path}\n")
        with pytest.raises(ChildError):
            await run(Collected(), "./here", folder=b"/")


async def test_a_program_may_have_its_own_variables() -> None:
    """And no others. The path is one of them."""
    async with open_some() as run:
        output = Collected()
        await run(output, "/usr/bin/env", environment={b"A": b"\xff"})
        assert output_of(output) == b"A=\xff\n"
        with pytest.raises(ChildError, match="command not found"):
            await run(Collected(), "env", environment={b"PATH": b"/nonexistent"})
        assert await run(Collected(), "env", environment={}) == 0  # there is a default


async def test_a_script_without_a_first_line_is_one_for_the_shell(tmp_path: Path) -> None:
    """As it always was."""
    (tmp_path / "script").write_text("echo $1\n")
    (tmp_path / "script").chmod(0o755)
    async with open_some() as run:
        output = Collected()
        assert await run(output, f"{tmp_path}/script", "x") == 0
        assert output_of(output) == b"x\n"


async def test_a_program_that_moves_is_found_again(tmp_path: Path) -> None:
    """Where it was is remembered only while it is there."""
    script = "#!/bin/sh\nexit 3\n"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "program").write_text(script)
        (tmp_path / name / "program").chmod(0o755)
    environment = {b"PATH": os.fsencode(f"{tmp_path}/a:{tmp_path}/b")}
    async with open_some() as run:
        assert await run(Collected(), "program", environment=environment) == 3
        (tmp_path / "a" / "program").unlink()
        assert await run(Collected(), "program", environment=environment) == 3


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["/nonexistent/x"], 127, "command not found"),
        (["nonexistent-command"], 127, "command not found"),
        ([""], 127, "command not found"),
        (["/dev"], 126, "cannot be started: Is a directory"),
        (["/dev/null"], 126, "cannot be started: Permission denied"),
        (["/dev/null/x"], 126, "cannot be started: Not a directory"),
        (["SCRIPT"], 126, "cannot be started: its interpreter is missing"),
        (["echo", "a" * 200_000], 126, "cannot be started: Argument list too long"),
        (["echo", "a\0b"], 126, "cannot be started: embedded null byte"),
    ],
)
async def test_what_cannot_be_started_has_the_status_of_a_shell(
    tmp_path: Path, arguments: list[str], status: int, why: str
) -> None:
    """127 if there is no such program, 126 if there is."""
    script = tmp_path / "script"
    script.write_text("#!/nonexistent/interpreter\n")
    script.chmod(0o755)
    arguments = [str(script) if each == "SCRIPT" else each for each in arguments]
    before = len(os.listdir("/dev/fd"))
    async with open_some() as run:
        with pytest.raises(ChildError) as error:
            await run(Collected(), *arguments)
    assert (error.value.status, str(error.value)) == (status, why)
    assert len(os.listdir("/dev/fd")) == before


async def test_a_folder_on_the_path_is_no_program(tmp_path: Path) -> None:
    """It is passed over; a file that may not be executed is at least named."""
    (tmp_path / "one" / "tool").mkdir(parents=True)
    (tmp_path / "tool").touch()
    async with open_some() as run:
        for path, status in ((f"{tmp_path}/one", 127), (f"{tmp_path}/one:{tmp_path}", 126)):
            with pytest.raises(ChildError) as error:
                await run(Collected(), "tool", environment={b"PATH": os.fsencode(path)})
            assert error.value.status == status


async def test_too_many_open_files_are_an_error_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it stays open."""

    def fail() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    async with open_some() as run:
        there = os.listdir("/proc/self/fd")
        for pipes in ([], [_child.open_pipe()]):
            monkeypatch.setattr(
                _child, "open_pipe", lambda some=pipes: some.pop() if some else fail()
            )
            with pytest.raises(ChildError, match="cannot be started: Too many open files"):
                await run(Collected(), "true", stdin=b"x")
            monkeypatch.undo()
        assert os.listdir("/proc/self/fd") == there
        # To be told of its end needs a file, too; without one, a thread waits.
        monkeypatch.setattr(os, "pidfd_open", lambda process: fail())
        assert await run(Collected(), "sh", "-c", "exit 4") == 4


@pytest.mark.parametrize("system", ["Linux", "another", "without sessions"])
async def test_other_systems_do_the_same(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """With a task for each file, and a thread for each process."""
    if system == "another":
        monkeypatch.delattr(os, "pidfd_open")
    if system == "without sessions":

        def refuse(*arguments: Any, **options: Any) -> int:
            raise NotImplementedError

        monkeypatch.setattr(os, "posix_spawn", refuse)
    async with open_some() as run:
        for _ in range(2):
            output = Collected()
            script = "head -c 200000 /dev/zero; echo err >&2; exit 3"
            assert await run(output, "sh", "-c", script) == 3
            assert output.size(STDOUT) == 200_000
            assert b"".join(output.chunks(STDERR)) == b"err\n"


async def test_a_file_that_is_readable_may_be_watched_no_more() -> None:
    """As the call for another one, that was readable at the same moment, has had it removed."""
    called = []
    pipes = [os.pipe() for _ in range(2)]
    async with trio.open_nursery() as nursery:
        watcher = TaskWatcher(nursery)
        for (mine, _), (other, _) in (pipes, pipes[::-1]):

            def call(mine: int = mine, other: int = other) -> None:
                called.append(mine)
                watcher.remove(other)
                watcher.remove(mine)

            watcher.add(mine, call)
        await trio.testing.wait_all_tasks_blocked()
        for _, write in pipes:
            os.write(write, b"x")
    assert len(called) == 1
    for descriptor in (one for pipe in pipes for one in pipe):
        os.close(descriptor)


async def test_a_new_file_is_not_taken_for_one_that_was_readable_and_is_closed() -> None:
    """It has the number of the other, which was closed by the call for a third."""
    called = []
    first, second, new = (os.pipe() for _ in range(3))
    async with trio.open_nursery() as nursery:
        watcher = KernelWatcher(nursery)

        def replace(mine: int, other: int) -> None:
            called.append(b"readable")
            watcher.remove(mine)
            watcher.remove(other)
            os.set_blocking(new[0], False)
            os.dup2(new[0], other)  # as a thread may get it
            watcher.add(other, lambda: called.append(os.read(other, 1)))

        with closing(watcher):
            for (mine, _), (other, _) in ((first, second), (second, first)):
                watcher.add(mine, partial(replace, mine, other))
            for _, write in (first, second):
                os.write(write, b"x")
            await trio.testing.wait_all_tasks_blocked()
            assert called == [b"readable"]
            os.write(new[1], b"x")
            await trio.testing.wait_all_tasks_blocked()
            assert called == [b"readable", b"x"]
    for descriptor in (*first, *second, *new):
        os.close(descriptor)


def test_a_pipe_that_is_full_is_waited_for() -> None:
    """Although another program that shares it has made it so that writes do not wait."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    data = bytes(range(256)) * 4096
    with ThreadPoolExecutor(1) as pool, open(read, "rb") as file:
        written = pool.submit(write_all, write, data)
        while select.select([], [write], [], 0)[1]:
            time.sleep(0.001)
        assert file.read(len(data)) == data
        written.result()
    os.close(write)


EPOLL = select.epoll


class Full:
    """An epoll of a kernel that watches no more."""

    def __init__(self) -> None:
        self._epoll = EPOLL()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)

    def register(self, descriptor: int, events: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_kernel_that_watches_no_more_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All programs of a user together may have only so many files and processes watched."""
    monkeypatch.setattr(_watcher.select, "epoll", Full)
    with trio.fail_after(PATIENCE):
        for script in ("exit 3", "sleep 0.05; head -c 200000 /dev/zero; echo x >&2; exit 3"):
            output = Collected()
            assert (await run("sh", "-c", script, output=output)).value == 3
        assert output.size(STDOUT) == 200_000


async def test_what_is_looked_at_now_and_then_may_be_removed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the call for another one, where the kernel watches no more."""
    monkeypatch.setattr(_watcher.select, "epoll", Full)
    called = []
    async with trio.open_nursery() as nursery:
        watcher = KernelWatcher(nursery)

        def call(mine: int, other: int) -> None:
            called.append(mine)
            watcher.remove(mine)
            watcher.remove(other)

        with closing(watcher):
            watcher.add_later(1000, partial(call, 1000, 1001))
            watcher.add_later(1001, partial(call, 1001, 1000))
            while not called:  # noqa: ASYNC110  # it looks in a moment
                await trio.sleep(0.01)
    assert called == [1000]


@pytest.mark.parametrize("shift", [0, 1], ids=["of a process", "of a pipe"])
async def test_a_closed_file_that_a_child_still_has_is_not_taken_for_a_new_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shift: int
) -> None:
    """A child has all our files until it becomes its program, which is after its start."""
    copies: list[int] = []
    close = os.close

    def close_later(descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY:
            copies.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100))
        close(descriptor)

    until = b'n=0; until [ -e "$0" ]; do n=$((n + 1)); [ $n -lt 300 ] || exit 7; sleep 0.01; done'
    first, second = tmp_path / "first", tmp_path / "second"
    statuses: list[int] = []
    async with open_children() as children, trio.open_nursery() as nursery:

        async def run(end: Path) -> None:
            program = Program([b"sh", b"-c", until, os.fsencode(end)])
            statuses.append(await children.run(program, Collected()))

        monkeypatch.setattr(os, "close", close_later)
        nursery.start_soon(run, first)
        await trio.sleep(0.05)  # so that its pipes are watched
        first.touch()
        while not statuses:  # noqa: ASYNC110  # it ends in another process
            await trio.sleep(0.01)
        # The file by which the end of the second is heard gets the number of one of the first.
        fillers = [os.open(os.devnull, os.O_RDONLY) for _ in range(shift)]
        nursery.start_soon(run, second)
        await trio.sleep(0.05)
        second.touch()
    monkeypatch.undo()
    for each in copies + fillers:
        os.close(each)
    assert statuses == [0, 0]


async def test_a_command_that_never_ends_is_let_go_at_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that the kernel cannot kill must not hold up the end of the run."""
    monkeypatch.setattr(_child, "_REAPING", 0.1)
    monkeypatch.setattr(Session, "signal", lambda *arguments, **options: True)
    for fails in (False, True):
        if fails:
            monkeypatch.delattr(os, "pidfd_open")
        async with open_commands(grace=0.1) as queue:
            job = await queue.submit(["sleep", "0.6"], timeout=0.05)
            assert (await job.wait()).kind == "timed_out"
    await trio.sleep(1)


async def test_output_can_be_passed_on_as_it_comes(tmp_path: Path) -> None:
    """Piece by piece, while the command goes on."""
    got: list[tuple[int, bytes]] = []

    async def note(descriptor: int, chunk: bytes) -> bool:
        got.append((descriptor, chunk))
        (tmp_path / f"go{len(got)}").touch()
        return True

    script = f"""
        cd {tmp_path}
        echo a; until [ -e go1 ]; do :; done
        echo b >&2; until [ -e go2 ]; do :; done; echo c
    """
    async with open_some() as run:
        assert await run(note, "sh", "-c", script) == 0
    assert got == [(STDOUT, b"a\n"), (STDERR, b"b\n"), (STDOUT, b"c\n")]


async def test_a_slow_reader_holds_up_the_command_and_gets_everything() -> None:
    """Not more than a pipe holds is on its way."""
    got = 0

    async def take(descriptor: int, chunk: bytes) -> bool:
        nonlocal got
        await trio.sleep(0.01)
        got += len(chunk)
        return True

    async with open_some() as run:
        assert await run(take, "head", "-c", "1000000", "/dev/zero") == 0
    assert got == 1_000_000


@pytest.mark.parametrize("can_be_enlarged", [True, False])
async def test_much_output_comes_in_large_pieces(
    monkeypatch: pytest.MonkeyPatch, can_be_enlarged: bool
) -> None:
    """Where the system lets a pipe hold more than at first."""
    if not can_be_enlarged:
        monkeypatch.delattr(fcntl, "F_SETPIPE_SZ")
    sizes: list[int] = []

    async def take(descriptor: int, chunk: bytes) -> bool:
        await trio.sleep(0.01)  # meanwhile the pipe fills
        sizes.append(len(chunk))
        return True

    async with open_some() as run:
        assert await run(take, "head", "-c", "2000000", "/dev/zero") == 0
    assert sum(sizes) == 2_000_000
    assert (max(sizes) > 1 << 16) == can_be_enlarged


async def test_output_that_a_daemon_may_still_write_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, marker: str
) -> None:
    """What was written until then is passed on."""
    monkeypatch.setattr(_child, "_REAPING", 0.1)
    got: list[bytes] = []

    async def take(descriptor: int, chunk: bytes) -> bool:
        got.append(chunk)
        return True

    script = f"setsid sh -c 'echo x; exec sleep {marker}' & sleep 0.3"
    async with open_some() as run:
        assert await run(take, "sh", "-c", script) == 0
    assert got == [b"x\n"]
    for process in sleepers(marker):
        os.kill(process, signal.SIGKILL)


async def test_a_reader_that_takes_for_ever_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the command is cancelled."""
    monkeypatch.setattr(_child, "_REAPING", 0.1)

    async def block(descriptor: int, chunk: bytes) -> bool:
        await trio.sleep_forever()

    async with open_commands(block, grace=0.1) as queue:
        job = await queue.submit(["sh", "-c", "echo x; sleep 1000"], timeout=0.2)
        assert (await job.wait()).kind == "timed_out"


async def test_a_program_may_write_to_where_we_do(capfdbinary: Any) -> None:
    """Without a pipe in between."""
    async with open_some() as run:
        assert await run(None, "sh", "-c", "echo out; echo err >&2") == 0
    assert capfdbinary.readouterr() == (b"out\n", b"err\n")
