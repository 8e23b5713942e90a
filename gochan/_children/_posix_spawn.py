"""`posix_spawn` of the system's library: as Python calls it, and while our other threads go on."""

# Theory of operation
# -------------------
# The thread that starts a child waits until the child has become its program, since both use
# the same memory until then. `os.posix_spawn` keeps the interpreter to itself meanwhile; a call
# by `ctypes` does not, but needs more Python around it. All its other calls are so short that
# they keep the interpreter.

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

# Where the standard input, output and error of a child come from.
Files: TypeAlias = tuple[int, int, int]

# Starts the program at a path, with its arguments and its environment; returns its number.
Start: TypeAlias = Callable[[bytes, Sequence[bytes], Mapping[bytes, bytes], Files], int]

# Python ignores these, and programs do not expect that.
_RESTORED: Final = (signal.SIGPIPE, signal.SIGXFSZ)

# Flags of Linux: which signals are restored, and that the child leads a session.
_SETSIGDEF: Final = 0x04
_SETSID: Final = 0x80

# Enough words for the structures of any library.
_ROOM: Final = ctypes.c_long * 64


def spawn_holding(
    path: bytes, arguments: Sequence[bytes], environment: Mapping[bytes, bytes], files: Files
) -> int:
    """Start a program as the leader of a session, and return its number.

    Raises:
        OSError: the program cannot be started.
        NotImplementedError: there are no sessions.
        ValueError: there is a NUL in a string.
    """
    return os.posix_spawn(
        path,
        [*arguments],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(files)
        ],
        setsid=True,
        setsigdef=_RESTORED,
    )


def find_releasing() -> Start:
    """Return what does as `spawn_holding` does while other threads go on, if that is possible."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # a library without such a function
            return _from_library()
    return spawn_holding


def _from_library() -> Start:
    brief = ctypes.PyDLL(None)
    spawn = ctypes.CDLL(None).posix_spawn
    begin, add, end = (
        getattr(brief, f"posix_spawn_file_actions_{name}")
        for name in ("init", "adddup2", "destroy")
    )
    attributes = _ROOM()
    restored = _ROOM()
    brief.posix_spawnattr_init(attributes)
    brief.posix_spawnattr_setflags(attributes, ctypes.c_short(_SETSIGDEF | _SETSID))
    brief.sigemptyset(restored)
    for number in _RESTORED:
        brief.sigaddset(restored, int(number))
    brief.posix_spawnattr_setsigdefault(attributes, restored)

    def by_library(
        path: bytes, arguments: Sequence[bytes], environment: Mapping[bytes, bytes], files: Files
    ) -> int:
        variables = [b"%b=%b" % variable for variable in environment.items()]
        _refuse_nul(path, *arguments, *variables)
        process = ctypes.c_int()
        actions = _ROOM()
        begin(actions)
        try:
            for number, descriptor in enumerate(files):
                add(actions, descriptor, number)
            error = spawn(
                ctypes.byref(process),
                path,
                actions,
                attributes,
                _strings(arguments),
                _strings(variables),
            )
        finally:
            end(actions)
        if error:
            raise OSError(error, os.strerror(error))
        return process.value

    return by_library


def _strings(them: Sequence[bytes]) -> ctypes.Array[Any]:
    """Return an array of C's strings, with a null at its end."""
    return (ctypes.c_char_p * (len(them) + 1))(*them)


def _refuse_nul(*them: bytes) -> None:
    """Refuse what C would take for a shorter string."""
    if b"\0" in b"".join(them):
        raise ValueError("embedded null byte")
