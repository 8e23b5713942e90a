"""The selector: the same cases, waited for again and again."""

from __future__ import annotations

from ._selector import Selector
from ._standing import Standing, abandoned

__all__ = ["Selector", "Standing", "abandoned"]
