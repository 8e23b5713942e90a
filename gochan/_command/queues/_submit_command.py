"""``gochan submit``: jobs from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import click
import trio

from ...durable import (
    DurableJob,
    DurableQueue,
    JobGone,
    Store,
    StoreUnavailable,
    open_durable_queue,
)
from .._parameters import ID, Moment, Pair, Seconds, Whole
from .._standard_files import complain
from ..terminal import printable
from ._as_json import text_of
from ._completing import suggest_queues
from ._payloads import read_payloads
from ._place import Place, StoreCommand, at_store, json_option
from ._words import data_of, state_of

# How many lines of text are stored at a time.
_PART: Final = 1000

# For how many seconds jobs are sent again to a store that may have them although it did not say so.
_INSISTS: Final = 30.0

# The exit status of --wait, by how a job ended.
_STATUS: Final = {"done": 0, "failed": 1, "timed_out": 3, "cancelled": 4, "dropped": 5}


@click.command(
    name="submit",
    cls=StoreCommand,
    context_settings={"show_default": True},
    short_help="Store jobs for workers to run.",
)
@at_store("create")
@click.argument("first", required=False, metavar="[QUEUE]", shell_complete=suggest_queues)
@click.argument("second", required=False, metavar="[PAYLOAD]")
@click.option(
    "--queue",
    shell_complete=suggest_queues,
    metavar="NAME",
    help="The queue, instead of the word QUEUE.",
)
@click.option("--lines", is_flag=True, help="Lines of standard input are JSON, not text.")
@click.option("-0", "--null", is_flag=True, help="They end with a NUL, as of find -print0.")
@click.option("--key", metavar="TEXT", help="Store nothing if a job with this key has not ended.")
@click.option(
    "--once-for",
    type=Seconds(min=0),
    default=0.0,
    help="How long the key stays taken after the end.",
)
@click.option(
    "--priority",
    type=Whole(-(2**63), 2**63 - 1),
    default=0,
    metavar="N",
    help="The higher goes first.",
)
@click.option("--delay", type=Seconds(min=0), help="Start no sooner than after that.")
@click.option("--run-at", type=Moment(seconds=False), help="Start no sooner than then.")
@click.option(
    "--expires", type=Moment(seconds=True), help="Start no later than then, or seconds from now."
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    show_default="what the worker says",
    help="How long an attempt may take.",
)
@click.option(
    "--max-attempts",
    type=Whole(1, 2**31 - 1),
    default=5,
    metavar="N",
    help="How often it may be started.",
)
@click.option("--group", metavar="TEXT", help="At most as many of a group run as the queue says.")
@click.option("--machine", metavar="NAME", help="Only on this machine.")
@click.option("--label", "labels", type=Pair(), multiple=True, help="Only on workers that have it.")
@click.option("--header", "headers", type=Pair(), multiple=True, help="What travels with the job.")
@click.option(
    "--after",
    type=ID,
    multiple=True,
    metavar="ID",
    help="Start when this job is done; may be repeated.",
)
@click.option(
    "--after-all",
    type=click.Choice(["done", "ended"]),
    default="done",
    help="Whether it has to be done, or just to end.",
)
@click.option("--wait", "waits", is_flag=True, help="Wait for the outcome, and print it.")
@json_option
def submit_command(
    place: Place,
    first: str | None,
    second: str | None,
    queue: str | None,
    lines: bool,
    null: bool,
    waits: bool,
    as_json: bool,
    labels: Sequence[tuple[str, str]],
    headers: Sequence[tuple[str, str]],
    **options: Any,
) -> int:
    """Store jobs in QUEUE, and print their ids.

    PAYLOAD is JSON; if it is -, it is read from standard input. Without it, each line of
    standard input is a job, whose payload is the line as a text, or with --lines, as JSON.

    \b
      gochan submit mails '{"to": "ada@example.com"}' --key ada --wait
      find . -name '*.png' | gochan submit --queue shrink

    Lines of JSON are stored together, or none of them; lines of text, a thousand at a time. A
    store is made if it is not there.

    With --wait, a line is printed when a job has ended, wherever it runs, instead of the id: the
    id, the outcome, and the result or the reason. After Ctrl-C the jobs go on. With --json: a
    line for each job, an object with "id" and "created", whether it is new; with --wait, the
    record.

    If a connection breaks, jobs are sent again for 30 seconds, and stored once.

    Exit status: 0, or 2 if not all were stored, or nobody knows. With --wait, that of the first
    job that was not done: 1 failed, 3 timed out, 4 cancelled, 5 dropped.
    """  # noqa: D301  # click wants the character
    queue, payload = _words(queue, first, second)
    if options["key"] is None and options["once_for"]:
        raise click.UsageError("--once-for says how long a key stays taken; give --key, too")
    payloads = read_payloads(payload, lines=lines, null=null)
    if options["key"] is not None and len(payloads) > 1:
        raise click.UsageError("with --key, all lines would be the same job; leave --key out")
    options |= {"labels": dict(labels), "headers": dict(headers)}
    most = _PART if payload is None and not lines else max(1, len(payloads))
    parts = [payloads[start : start + most] for start in range(0, len(payloads), most)]
    submission = _Submission(queue, parts, options, waits, as_json)
    return place.ask(submission.submit)


def _words(queue: str | None, first: str | None, second: str | None) -> tuple[str, str | None]:
    """Return the queue and the payload: words, or one of them is an option."""
    if queue is None:
        queue, payload = first, second
    elif second is not None:
        raise click.UsageError(f"--queue says {queue!r}, so {second!r} is one word too many")
    else:
        payload = first
    if queue is None:
        raise click.UsageError("Missing argument 'QUEUE'.")
    if not queue:
        raise click.BadParameter("it is empty.", param_hint="'QUEUE'")
    return queue, payload


@final
@dataclass(frozen=True)
class _Submission:
    """What is to be stored, part by part, and what is printed then."""

    queue: str
    parts: Sequence[Sequence[Any]]
    options: dict[str, Any]
    waits: bool
    as_json: bool

    async def submit(self, store: Store) -> int:
        """Store the jobs; print their ids, or wait for them and print their outcomes."""
        queue: DurableQueue[Any, Any]
        async with open_durable_queue(store, self.queue, when_full="refuse") as queue:
            jobs: list[DurableJob[Any]] = []
            for part in self.parts:
                stored = await self._store(queue, part)
                jobs += stored
                if not self.waits:
                    self._print_ids(stored)
            return await self._wait_for_all(jobs) if self.waits else 0

    async def _store(
        self, queue: DurableQueue[Any, Any], part: Sequence[Any]
    ) -> list[DurableJob[Any]]:
        try:
            if queue.store.loses_answers:
                jobs = await self._send_until_answered(queue, part)
            else:
                jobs = await queue.submit_many(part, wait_for_store=False, **self.options)
        except (TypeError, ValueError) as error:
            raise click.UsageError(str(error)) from None
        for job in jobs:
            if not job.created:
                complain(f"nothing was stored: job {job.id} has the key {self.options['key']!r}")
        return jobs

    async def _send_until_answered(
        self, queue: DurableQueue[Any, Any], part: Sequence[Any]
    ) -> list[DurableJob[Any]]:
        """Store jobs; what is sent again because an answer was lost is stored once."""
        with trio.move_on_after(_INSISTS):
            return await queue.submit_many(part, **self.options)
        raise StoreUnavailable(
            f"{queue.store.address} has not answered for {_INSISTS:g} s, so nobody knows whether "
            "the jobs that have no id here are stored; 'gochan jobs' shows it"
        )

    def _print_ids(self, jobs: Sequence[DurableJob[Any]]) -> None:
        for job in jobs:
            self._print({"id": job.id, "created": job.created}, str(job.id))

    async def _wait_for_all(self, jobs: Sequence[DurableJob[Any]]) -> int:
        statuses = [await self._wait(job) for job in jobs]
        return next((status for status in statuses if status), 0)

    async def _wait(self, job: DurableJob[Any]) -> int:
        """Wait for the end of a job, print it, and return an exit status."""
        try:
            await job.wait()
            record = await job.record()
        except JobGone as error:
            complain(str(error))
            return 1
        assert record.kind is not None
        why = record.error or data_of(record.result, record.codec)
        self._print(record, f"{record.id}  {state_of(record)}  {printable(why)}".rstrip())
        return _STATUS[record.kind]

    def _print(self, thing: object, line: str) -> None:
        print(text_of(thing, indent=None) if self.as_json else line, flush=True)
