"""Parameters: amounts as people write them, such as ``50%``, ``10/s``, ``2m`` and ``1G``."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from typing import Any, Final, Generic, TypeVar, final

import click

from ..._children import count_processors
from ..run import Halt, TimeLimit

T = TypeVar("T")

# Seconds, as GNU parallel writes them, and bytes: as there, a capital letter means powers of 1024.
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES: Final = {
    "": 1,
    **{letter: 1000**power for power, letter in enumerate("kmgtp", 1)},
    **{letter: 1024**power for power, letter in enumerate("KMGTP", 1)},
}

_NUMBER: Final = r"\d+(?:\.\d*)?|\.\d+"

# What -j 0 means: so many that something else is the limit.
_MANY: Final = 1000


class _Amount(click.ParamType, Generic[T]):  # type: ignore[type-arg]  # older ones have none
    """An amount in a form of its own."""

    form = ""  # in words, for errors

    @abstractmethod
    def parse(self, text: str) -> T | None:
        """Return the amount; ``None`` if the text has another form, or is out of range."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> T:
        """Return the amount."""
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # the default
        amount = self.parse(value)
        if amount is None:
            self.fail(f"{value!r} is not {self.form}.", param, context)
        return amount


@final
class Workers(_Amount[int]):
    """How many commands may run."""

    name = "n"
    form = "a number, such as 4, 50%, +1 or -1 (of the processors), or 0 for as many as possible"

    def parse(self, text: str) -> int | None:
        found = re.fullmatch(r"([+-]?)(\d{1,9})(%?)", text)
        if found is None:
            return None
        sign, number, percent = found[1], int(found[2]), found[3]
        if percent:
            number = math.ceil(count_processors() * number / 100)
        if sign:
            number = count_processors() + (number if sign == "+" else -number)
        elif not (number or percent):
            return _MANY
        return max(1, number)


@final
class Load(_Amount[float]):
    """A load average."""

    name = "n"
    form = "a load average, such as 3.5, or 100% (of the processors)"

    def parse(self, text: str) -> float | None:
        found = re.fullmatch(rf"({_NUMBER})(%?)", text)
        if found is None:
            return None
        load = float(found[1]) * (count_processors() / 100 if found[2] else 1)
        return load if 0 < load < math.inf else None


@final
class Rate(_Amount[float]):
    """So many per time; the value is how many seconds there are between two."""

    name = "n/time"
    form = "a rate, such as 10/s, 100/m, 5/h or 1/10s"

    def parse(self, text: str) -> float | None:
        found = re.fullmatch(rf"({_NUMBER})/({_NUMBER}|)([smhd])", text)
        if found is None:
            return None
        count, span = float(found[1]), float(found[2] or 1) * _UNITS[found[3]]
        return span / count if count > 0 and span > 0 and span / count < math.inf else None


@final
class Size(_Amount[int]):
    """A number of bytes."""

    name = "size"
    form = "a size, such as 500M or 1.5G"

    def parse(self, text: str) -> int | None:
        found = re.fullmatch(rf"({_NUMBER})([kmgtpKMGTP]?)", text)
        return None if found is None else math.ceil(float(found[1]) * _BYTES[found[2]])


@final
class Span(_Amount[float]):
    """A span of time in seconds."""

    name = "time"
    form = "a time, such as 2.5, 10s, 5m or 1h30m"

    def parse(self, text: str) -> float | None:
        if text == "inf":
            return math.inf
        if re.fullmatch(rf"(?:{_NUMBER})[smhd]?|(?:(?:{_NUMBER})[smhd])+", text) is None:
            return None
        parts = re.findall(rf"({_NUMBER})([smhd]?)", text)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


@final
class Limit(_Amount[TimeLimit]):
    """A time limit."""

    name = "time"
    form = "a time, such as 2.5, 5m or 1h30m, or a percentage of the median, such as 300%"

    def parse(self, text: str) -> TimeLimit | None:
        percent = re.fullmatch(rf"({_NUMBER})%", text)
        if percent is not None:
            number = float(percent[1])
            return TimeLimit(percent=number) if number > 0 else None
        seconds = Span().parse(text)
        return TimeLimit(seconds) if seconds else None


@final
class HaltRule(_Amount[Halt | None]):
    """When a run ends early; ``None`` for never."""

    name = "rule"
    form = "never, or like soon,fail=1 or now,success=10%"

    # The old forms of GNU parallel.
    _SHORT: Final = {
        "1": "soon,fail=1", "2": "now,fail=1", "-1": "soon,success=1", "-2": "now,success=1"
    }  # fmt: skip

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Halt | None:
        return None if value in ("never", "0") else super().convert(value, param, context)

    def parse(self, text: str) -> Halt | None:
        if re.fullmatch(r"\d+%", text):
            text = f"soon,fail={text}"
        text = self._SHORT.get(text, text)
        found = re.fullmatch(r"(now|soon),(fail|success|done)=(\d{1,18})(%?)", text)
        if found is None or not int(found[3]):
            return None
        when: Any
        what: Any
        when, what, number, percent = found.groups()
        return Halt(when, what, int(number), percent=bool(percent))
