"""What systemd is told: that a service is ready, or stops."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def tell_systemd(state: str) -> None:
    """Send ``READY=1`` or ``STOPPING=1``, if systemd has started this; see sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            # An @ stands for the NUL of an abstract name.
            ours.sendto(state.encode(), address.replace("@", "\0", 1))
