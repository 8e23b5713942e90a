"""The keyboard: keys one by one, from the terminal that shows the view."""

# Theory of operation
# -------------------
# Keys are read from the terminal that shows the view, which need not be our standard input.
# It gives them one by one, and does not show them, as long as we are in the foreground; each
# time somebody else gets the terminal (when we are stopped, at the end), it is as it was.
# Ctrl-C and Ctrl-Z stay signals.
#
# A program in the background that reads from its terminal, or changes it, is stopped by the
# system. So before each step we look whether we are in the foreground, and those signals
# are held back in case that changes meanwhile: then the step fails instead.

from __future__ import annotations

import os
import re
import signal
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, final

import trio

# How often somebody in the background looks whether that has changed, in seconds.
_LOOK: Final = 0.5

_KEY: Final = re.compile(rb"\x1b[\[O][0-9;]*([A-Za-z~])|(.)", re.DOTALL)

# What remains of the flags of a terminal that gives keys one by one, and does not show them.
_ONE_BY_ONE: Final = ~(termios.ICANON | termios.ECHO)

_ARROWS: Final = {b"A": "up", b"B": "down"}


@final
class Keyboard:
    """The terminal as what keys are read from.

    Args:
        terminal: its descriptor, which may be open for writing only.
    """

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._descriptor: int | None = None  # for reading
        self._before: list[Any] | None = None  # how the terminal was, while we have changed it
        with suppress(OSError):
            if self._group is not None:
                self._descriptor = _open(terminal)

    @property
    def works(self) -> bool:
        """Whether keys can be read, now or later."""
        return self._descriptor is not None

    @property
    def in_background(self) -> bool:
        """Whether the terminal controls us, and another program has it now."""
        return self._group not in {None, os.getpgrp()}

    @property
    def _group(self) -> int | None:
        """The process group that has the terminal; None if it does not control us."""
        try:
            return os.tcgetpgrp(self._terminal)
        except OSError:
            return None

    def take(self) -> bool:
        """Have keys given one by one; return whether that is so."""
        if self._descriptor is None or self.in_background:
            return False
        if self._before is None:
            with _held_back(), suppress(termios.error):
                before = termios.tcgetattr(self._terminal)
                self._set(before, _ONE_BY_ONE)
                self._before = before
        return self._before is not None

    def take_again(self) -> None:
        """Do so again: a shell may have changed that while we were stopped."""
        if self._before is not None and not self.in_background:
            with _held_back(), suppress(termios.error):
                self._set(self._before, _ONE_BY_ONE)

    def give_back(self) -> None:
        """Let the terminal be as it was, unless somebody else has it already."""
        if self._before is not None and not self.in_background:
            with _held_back(), suppress(termios.error):
                self._set(self._before, ~0)
        self._before = None

    def _set(self, attributes: list[Any], mask: int) -> None:
        changed = [*attributes]
        changed[3] &= mask
        termios.tcsetattr(self._terminal, termios.TCSANOW, changed)

    async def read(self) -> Sequence[str]:
        """Wait for keys, and return them; nothing if it is time to look again.

        A key is its character, or "up" or "down".

        Raises:
            OSError: the terminal has gone.
        """
        assert self._descriptor is not None
        with trio.move_on_after(_LOOK) as timeout:
            await trio.lowlevel.wait_readable(self._descriptor)
        if timeout.cancelled_caught or self.in_background:
            return ()
        try:
            with _held_back():
                pressed = os.read(self._descriptor, 64)
        except BlockingIOError:  # pragma: no cover  # another program was faster
            return ()
        if not pressed:  # pragma: no cover  # SIGHUP is about to end us
            raise OSError("the terminal has gone")
        return [*_names(pressed)]

    def close(self) -> None:
        """Let the terminal be as it was, and read no more."""
        self.give_back()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _open(descriptor: int) -> int:
    """Open our terminal for reading; by its name, since not every system can wait for /dev/tty."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(os.ttyname(descriptor), flags)
    except OSError:  # pragma: no cover  # it belongs to another user, as after su
        return os.open("/dev/tty", flags)


def _names(pressed: bytes) -> Iterator[str]:
    for key in _KEY.finditer(pressed):
        if key[2]:
            yield key[2].decode(errors="replace")
        elif key[1] in _ARROWS:
            yield _ARROWS[key[1]]


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold back the signals that stop a program in the background."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN, signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
