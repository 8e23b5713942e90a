"""A trace as JSON, in the Trace Event Format that Perfetto and others read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from ._events import TraceEvent, Transfer

_PROCESS: Final = 1


def to_json(events: Sequence[TraceEvent], transfers: Sequence[Transfer], dropped: int) -> str:
    """Return a trace as JSON, with one part per line."""
    moments = _moments(events)
    threads = {task: n for n, task in enumerate(dict.fromkeys(e.task for e in events), 1)}
    parts = [_part("M", "process_name", args={"name": "gochan"})]
    for task, thread in threads.items():
        parts.append(_part("M", "thread_name", thread, args={"name": task}))
        parts.append(_part("M", "thread_sort_index", thread, args={"sort_index": thread}))
    for event in events:
        thread, start = threads[event.task], moments[event.first]
        if event.waited:
            length = moments[event.last] - start
        elif event.outcome == "done" and event.value is not None:
            length = 1  # so that arrows have a slice to begin and end at
        else:
            parts.append(_part("i", event.words, thread, start, s="t", args=_details(event)))
            continue
        parts.append(_part("X", event.words, thread, start, dur=length, args=_details(event)))
    for event in sorted(events, key=lambda event: event.last):
        if event.buffered is not None:
            held = {"values": event.buffered}
            parts.append(_part("C", f"in {event.channel}", 0, moments[event.last], args=held))
    for number, transfer in enumerate(transfers, 1):
        sent, received = transfer.sent, transfer.received
        arrival = received.first if received.verb == "job" else received.last
        departure = min(arrival, sent.last)
        flow = {"cat": "value", "id": number, "args": {"value": transfer.value}}
        name = f"{transfer.value} through {transfer.channel}"
        parts.append(_part("s", name, threads[sent.task], moments[departure], **flow))
        there = {**flow, "bp": "e"}
        parts.append(_part("f", name, threads[received.task], moments[arrival], **there))
    lines = ",\n".join(json.dumps(part) for part in parts)
    about = json.dumps({"recorded by": "gochan_trace.trace", "older events dropped": dropped})
    return f'{{"displayTimeUnit": "ms", "otherData": {about}, "traceEvents": [\n{lines}\n]}}\n'


def _moments(events: Sequence[TraceEvent]) -> dict[int, int]:
    """Return a microsecond for each step, no two the same."""
    known: dict[int, float] = {}
    for event in events:
        known[event.first] = event.start
        known[event.last] = event.end
    moments: dict[int, int] = {}
    before = -1
    for step in sorted(known):
        before = moments[step] = max(round(known[step] * 1e6), before + 1)
    return moments


def _part(kind: str, name: str, thread: int = 0, moment: int = 0, **more: Any) -> dict[str, Any]:
    part = {"ph": kind, "name": name, "pid": _PROCESS, "tid": thread, "ts": moment}
    if kind in "Xi":
        part["cat"] = "gochan"
    return part | more


def _details(event: TraceEvent) -> dict[str, Any]:
    details = {
        "outcome": event.outcome,
        "channel": event.channel,
        "value": event.value,
        "cases": [*event.cases],
        "case": event.case,
        "job": event.job,
        "reason": event.reason,
    }
    return {name: value for name, value in details.items() if value not in (None, [], "")}
