"""The labels beside the marks of a timeline."""

from __future__ import annotations

import re
from typing import Final

from ._events import TraceEvent

# The channel in the words for a case of a select.
_PLACES: Final = re.compile(r"(?<=^send) to .*|(?<=^receive) from .*")


def before_words(event: TraceEvent, *, several: bool) -> str:
    """Say what a task waits for, or which job begins; with ``several``, name the channel, too."""
    verb = event.verb.partition("_")[0]
    if verb == "job":
        return f"job {event.job} ({event.value})"
    if verb == "send":
        # The value that ``send_many`` waits with is known only once it is sent.
        value = "" if event.verb == "send_many" else f" {event.value}"
        return f"waits to send{value}" + _place(event, " to", several)
    if verb == "receive":
        return "waits to receive" + _place(event, " from", several)
    if verb == "submit":
        return f"waits to submit {event.value}"
    if verb == "wait":
        return f"waits for {event.cases[0]}"
    if verb == "tick":
        return f"waits for the {event.cases[0]}"
    cases = [case if several else _PLACES.sub("", case) for case in event.cases]
    return "waits: " + (", ".join(cases) or "for ever")


def after_words(event: TraceEvent, *, several: bool) -> str:
    """Say how a wait or a job ended."""
    if event.verb == "job":
        return event.outcome.replace("_", " ")
    if event.outcome != "done":
        return event.outcome
    verb = event.verb.partition("_")[0]
    if verb == "send":
        return f"sent {event.value}" if event.verb == "send_many" else "sent"
    if verb == "receive":
        return f"gets {event.value}"
    if verb == "submit":
        return f"submitted job {event.job}"
    return _select_words(event, several=several)


def at_once_words(event: TraceEvent, *, several: bool) -> str:
    """Say what a task did without waiting."""
    verb = event.verb.partition("_")[0]
    value = "" if event.value is None else f" {event.value}"
    if verb == "phase":
        return str(event.value)
    if verb == "job":
        return f"job {event.job} {event.outcome.replace('_', ' ')}"
    if verb == "drop":
        return f"drops{value} ({event.reason})"
    if event.outcome != "done":
        return f"{event.verb.replace('_', ' ')}: {event.outcome}"
    if verb == "send":
        return f"sends{value}" + _place(event, " to", several)
    if verb == "receive":
        return f"gets{value}" + _place(event, " from", several)
    if verb == "submit":
        return f"submits job {event.job}"
    if verb == "drain":
        return f"drains{value}" + _place(event, " from", several)
    if verb == "close":
        return "closes" + _place(event, "", several)
    if verb == "add":
        return f"adds{value}"
    if verb == "done":
        return "is done"
    return _select_words(event, several=several)


def _select_words(event: TraceEvent, *, several: bool) -> str:
    """Say which case of a select was done."""
    if event.verb == "wait":
        return "goes on"
    if event.verb == "tick":
        return "tick"
    if event.value is None:
        return event.chosen
    if event.chosen.startswith("receive"):
        return f"gets {event.value}" + _place(event, " from", several)
    return f"sends {event.value}" + _place(event, " to", several)


def _place(event: TraceEvent, preposition: str, several: bool) -> str:
    return f"{preposition} {event.channel}" if several else ""
