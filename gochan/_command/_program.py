"""Whether there is the program that a command begins with, and what to type if there is not."""

from __future__ import annotations

import os
import re
import shutil
from typing import Final

from ._standard_files import complain

# Words that a shell knows, and that are no programs, or not always.
_OF_SHELLS: Final = """
    . : ! { ( [[ alias bg break builtin case cd command continue declare eval exec exit export
    fg for function getopts hash if jobs let local mapfile popd pushd read readonly return select
    set shift shopt source times trap type typeset ulimit umask unalias unset until wait while
"""

_ASSIGNMENT: Final = re.compile(r"\w+=")


def check_program(name: str, place: str) -> int:
    """Complain if there is no such program, or it cannot be executed; return the status.

    Args:
        name: the first word of a command.
        place: what stands for the line in it.
    """
    if shutil.which(name) is not None:
        return 0
    if _is_text(name, place):
        complain(f"{name}: command not found; it is a text for a shell: say --shell, or --bash")
        return 127
    if "{" in name or place in name:
        return 0  # it is another for each line
    folders = [""] if os.sep in name else os.get_exec_path()
    paths = [os.path.join(folder, name) for folder in folders]
    found = [path for path in paths if name and os.path.exists(path)]
    if not found:
        complain(f"{name}: command not found{_hint(name)}")
        return 127
    why = "it is a folder" if os.path.isdir(found[0]) else "permission denied"
    complain(f"{found[0]}: cannot be executed: {why}")
    return 126


def _is_text(name: str, place: str) -> bool:
    """Whether a word looks like a command line, as GNU parallel takes it, and not like a path."""
    first, *others = name.split(maxsplit=1)[:2] or [""]
    return bool(others) and (first == place or shutil.which(first) is not None or _is_shell(first))


def _is_shell(word: str) -> bool:
    """Whether only a shell understands a word."""
    return word in _OF_SHELLS.split() or word.startswith("(") or _ASSIGNMENT.match(word) is not None


def _hint(name: str) -> str:
    """Return what to type in place of a word that is no program, if that is known."""
    if f"BASH_FUNC_{name}%%" in os.environ:
        return "; it is a function: say --bash"
    if _ASSIGNMENT.match(name):
        return f"; --env {name} sets a variable"
    return "; it is a word of shells: say --shell, or --bash" if _is_shell(name) else ""
