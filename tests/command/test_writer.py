"""Writing to descriptors of all kinds, with readers of all kinds."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext

import pytest
import trio

from gochan._command.terminal._writer import Writer

BIG = bytes(range(256)) * 5000


@contextmanager
def open_ends(kind: str) -> Iterator[tuple[int, int]]:
    """Return a descriptor to read from and one to write to."""
    if kind == "socket":
        one, other = socket.socketpair()
        ends = one.detach(), other.detach()
    elif kind == "terminal":
        ends = pty.openpty()
        os.system(f"stty raw <{os.ttyname(ends[1])}")
    else:
        ends = os.pipe()
        os.set_blocking(ends[1], kind == "pipe")
    yield ends
    for end in ends:
        os.close(end)


KINDS = ["pipe", "non-blocking pipe", "socket", "terminal"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slow_reader_gets_everything_and_holds_up_nobody(kind: str) -> None:
    """Until it reads, other tasks run on."""
    got = bytearray()

    def read() -> None:
        while len(got) < len(BIG):
            got.extend(os.read(read_end, 1 << 16))

    with open_ends(kind) as (read_end, write_end), closing(Writer(write_end)) as writer:
        state = os.get_blocking(write_end)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.write, BIG)
            await trio.testing.wait_all_tasks_blocked()
            await trio.to_thread.run_sync(read)
        assert got == BIG
        assert os.get_blocking(write_end) == state


async def test_a_pipe_that_was_full_holds_more() -> None:
    """So a flood does not go in small pieces."""
    with open_ends("pipe") as (read_end, write_end), closing(Writer(write_end)) as writer:
        size = fcntl.fcntl(read_end, fcntl.F_GETPIPE_SZ)
        await writer.write(bytes(size - 1))
        assert fcntl.fcntl(read_end, fcntl.F_GETPIPE_SZ) == size
        with trio.move_on_after(0.01):
            await writer.write(bytes(1 << 16))
        assert fcntl.fcntl(read_end, fcntl.F_GETPIPE_SZ) > size


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("early", [True, False])
async def test_a_reader_that_goes_away_is_an_error(kind: str, early: bool) -> None:
    """Before the writer was made, or afterwards."""
    with open_ends(kind) as (read_end, write_end):
        spare = os.dup(write_end)
        if early:
            os.dup2(spare, read_end)  # nobody reads any more
        with closing(Writer(write_end)) as writer:
            os.dup2(spare, read_end)
            with pytest.raises(BrokenPipeError):
                await writer.write(b"x")
        os.close(spare)


@pytest.mark.parametrize(
    ("path", "problem"), [("/dev/null", nullcontext()), ("/dev/full", pytest.raises(OSError))]
)
async def test_a_file_takes_everything_at_once_or_says_why_not(
    path: str, problem: AbstractContextManager[object]
) -> None:
    """No other task runs meanwhile."""
    descriptor = os.open(path, os.O_WRONLY)
    with closing(Writer(descriptor)) as writer, problem, trio.testing.assert_no_checkpoints():
        await writer.write(BIG)
    os.close(descriptor)
