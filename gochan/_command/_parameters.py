"""Parameters: the types of arguments that several commands have."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final, NoReturn

import click


class Seconds(click.FloatRange):
    """A number of seconds; NaN is none."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number."""
        seconds: float = super().convert(value, param, context)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds.", param, context)
        return seconds


class Pair(click.ParamType):  # type: ignore[type-arg]  # older ones have none
    """A name and a value, with an equals sign between them."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> tuple[str, str]:
        """Return the two."""
        name, equals, text = value.partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not like NAME=VALUE.", param, context)
        return name, text


class Moment(click.ParamType):  # type: ignore[type-arg]  # as above
    """A date and a time, with its offset from UTC; or seconds from now."""

    name = "time"

    def __init__(self, *, seconds: bool) -> None:
        self._seconds = seconds

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> datetime | float:
        """Return the moment, or the seconds."""
        if self._seconds:
            try:
                return Seconds(min=0).convert(value, param, context)
            except click.BadParameter:
                pass  # then it should be a moment
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self._refuse(value, param, context)
        if moment.tzinfo is None:
            self._refuse(value, param, context)
        return moment

    def _refuse(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> NoReturn:
        seconds = ", nor a number of seconds" if self._seconds else ""
        self.fail(
            f"{value!r} is not a date and time with an offset, such as "
            f"2030-01-31T12:00+00:00{seconds}.",
            param,
            context,
        )


class Whole(click.ParamType):  # type: ignore[type-arg]  # as above
    """A whole number, within limits that are so wide that help need not name them."""

    name = "number"

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        """Return the number."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number.", param, context)
        if not self._least <= number <= self._most:
            self.fail(f"{number} is not from {self._least} to {self._most}.", param, context)
        return number


ID: Final = Whole(1, 2**63 - 1)
"""The number of a job."""
