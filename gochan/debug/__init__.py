"""Seeing what is stuck, and what has happened; ``import gochan.debug``."""

from __future__ import annotations

__all__: list[str] = []
