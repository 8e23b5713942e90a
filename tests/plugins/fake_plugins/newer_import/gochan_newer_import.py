"""A plugin that needs what gochan does not have yet."""

from __future__ import annotations

from gochan.strategies import OfNextYear  # noqa: F401
