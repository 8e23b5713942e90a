"""``gochan top`` of a server, on a terminal: what an agent runs, and a cancel by a key."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time

import pytest

from .places import GOCHAN, Place, until

pytestmark = pytest.mark.slow


class Screen:
    """A terminal of 100 columns, and all that was written to it."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (24, 100))
        self.seen = b""

    def text(self) -> str:
        """Return the frame that was written last, without colours."""
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 1 << 16)
        frame = self.seen.rpartition(b"\x1b[H\x1b[?7l")[2]
        return re.sub(rb"\x1b.[0-9;?]*[A-Za-z]", b"", frame).decode()

    def expect(self, words: str) -> None:
        until(lambda: words in self.text(), words)

    def press(self, keys: bytes) -> None:
        for key in keys:
            os.write(self.ours, bytes([key]))
            time.sleep(0.1)

    def close(self) -> None:
        os.close(self.ours)
        os.close(self.theirs)


def test_a_job_of_an_agent_is_cancelled_by_a_key(place: Place) -> None:
    """The lane of the agent has its capacity and its jobs; the process of the job ends."""
    place.agent("--capacity", "2", "--", "sh", "-c", "echo began; sleep 1000")
    place.submit("first")
    until(lambda: "began" in place.get("jobs/1/log").text, "the log")
    screen = Screen()
    process = subprocess.Popen(
        [*GOCHAN, "top", "--interval", "0.1"], cwd=place.folder, stdin=screen.theirs,
        stdout=screen.theirs, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        env={**os.environ, "TERM": "xterm", "GOCHAN_URL": place.url, **place.secrets},
    )  # fmt: skip
    try:
        screen.expect("1 job running")
        screen.expect("1/2")
        screen.press(b"jjc")
        screen.expect("cancel job 1?")
        screen.press(b"\r")
        screen.expect("0 jobs running")
        screen.expect("cancelled in gochan top")
        assert place.state(1) == "cancelled"
        screen.press(b"q")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
        screen.close()
