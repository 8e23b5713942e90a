"""A zygote: a process that has imported everything, and forks others in a moment."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import trio

from gochan.durable._sqlite import _by_apsw

from .clocks import Host, SetByFile, follow
from .roles import ROLES

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork a process for each line of the input, and print its number.

    The input ends when whoever writes it does, killed or not, and the processes end with this one.
    """
    assert _by_apsw
    with suppress(ImportError):
        import gochan_postgres
        import psycopg

        assert gochan_postgres.PostgresStore
        assert psycopg
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    gc.freeze()
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        pid = os.fork()
        if not pid:
            be(order)
        print(pid, flush=True)


def be(order: dict[str, Any]) -> None:
    """Be a process of a fleet, up to its end."""
    status = 1
    try:
        os.setpgid(0, 0)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with open(Path(order["folder"]) / "said", "ab", buffering=0) as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
        os.close(0)
        more = order["more"]
        if "set_by" in more:
            follow(SetByFile(more.pop("set_by")))
        if "clock" in more:
            host = Host()
            host.set = more.pop("clock")
            follow(host)

        async def role() -> None:
            await ROLES[order["role"]](
                Path(order["folder"]), order["address"], options=order["options"], **more
            )

        trio.run(role)
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
