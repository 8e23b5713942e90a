"""Where commands look for a server, unless they are told."""

from __future__ import annotations

from typing import Final

SERVER: Final = "http://127.0.0.1:8000"
