"""Starting a process: in a session of its own, in as few steps as the system allows."""

# Theory of operation
# -------------------
# `posix_spawn` does in one call of the system's library what `subprocess` does in many lines
# of Python. It cannot change the folder, and on some systems it cannot make a session; for
# these cases there is `subprocess`.
#
# Where a program lies is found out here, once for each name, and not by the library, which
# would try every folder of the path again for each child. This also tells apart "there is no
# such command" and "there is, but it cannot be run", as a shell does.

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Final, final

from ._posix_spawn import Files, Start, find_releasing, spawn_holding
from ._program import ChildError, Program

NOT_FOUND: Final = 127
NOT_STARTED: Final = 126

_SHELL: Final = b"/bin/sh"


@final
class Spawner:
    """Starts programs.

    Attributes:
        environment: what they are given unless they ask for another one.
    """

    def __init__(self) -> None:
        self.environment = dict(os.environb)
        self._holding: Start = spawn_holding
        self._releasing: Start = find_releasing()

    def spawn(self, program: Program, files: Files, *, aside: bool = False) -> int:
        """Start a program as the leader of a session, and return its number.

        Args:
            program: what to start.
            files: its standard files.
            aside: whether other threads shall go on meanwhile, which costs more.

        Raises:
            ChildError: it cannot be started.
        """
        given = self.environment if program.environment is None else program.environment
        folder = program.folder
        arguments = [*program.arguments]
        start = self._releasing if aside else self._holding
        if folder:
            start = partial(_by_subprocess, folder=folder)
        try:
            path = find_program(arguments[0], given.get(b"PATH"), folder)
            try:
                return start(path, arguments, given, files)
            except NotImplementedError:  # no sessions
                self._holding = self._releasing = _by_subprocess
                return _by_subprocess(path, arguments, given, files)
            except FileNotFoundError:
                find_program.cache_clear()
                path = find_program(arguments[0], given.get(b"PATH"), folder)  # if it was moved
                return start(path, arguments, given, files)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                # A file that does not say what runs it is a script for the shell, as ever.
                return start(_SHELL, [_SHELL, path, *arguments[1:]], given, files)
        except FileNotFoundError:
            # It was found, so it is something else that is missing.
            raise ChildError(f"cannot be started: {_missing(folder)}", NOT_STARTED) from None
        except OSError as error:
            raise ChildError(f"cannot be started: {error.strerror}", NOT_STARTED) from None
        except ValueError as error:
            raise ChildError(f"cannot be started: {error}", NOT_STARTED) from None


@lru_cache(maxsize=256)
def find_program(name: bytes, path: bytes | None, folder: bytes | None = None) -> bytes:
    """Return the path of a program, as a shell finds it.

    Raises:
        ChildError: there is none, or it cannot be executed.
    """
    if b"/" in name:
        places = [name]
    else:
        places = [os.path.join(each, name) for each in _folders(path)] if name else []
    why = None
    for place in places:
        found = os.path.join(folder, place) if folder else place
        try:
            mode = os.stat(found).st_mode
        except NotADirectoryError as error:
            why = error.strerror if b"/" in name else why
            continue
        except (OSError, ValueError):
            continue
        if stat.S_ISDIR(mode):
            why = "Is a directory" if b"/" in name else why
        elif not os.access(found, os.X_OK):
            why = "Permission denied"
        else:
            return place
    if why is None:
        raise ChildError("command not found", NOT_FOUND)
    raise ChildError(f"cannot be started: {why}", NOT_STARTED)


def _missing(folder: bytes | None) -> str:
    """Say what is missing beside the program: the folder that it is to start in, or another."""
    if folder and not os.path.exists(folder):
        return f"there is no folder {os.fsdecode(folder)}"
    return "its interpreter is missing"


def _folders(path: bytes | None) -> list[bytes]:
    """Return the folders to look in; an empty one is where we are."""
    if path is None:
        path = os.fsencode(os.defpath)
    return [each or b"." for each in path.split(b":")]


def _by_subprocess(
    path: bytes,
    arguments: Sequence[bytes],
    environment: Mapping[bytes, bytes],
    files: Files,
    folder: bytes | None = None,
) -> int:
    import subprocess  # few runs need it

    stdin, stdout, stderr = files
    process = subprocess.Popen(
        arguments,
        executable=path,
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        close_fds=False,  # as posix_spawn does: what we have opened closes by itself
    )
    process.returncode = 0  # so that nobody else waits for it
    return process.pid
