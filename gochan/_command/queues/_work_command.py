"""``gochan work``: a worker process, with handlers by their names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from ...durable import Retry
from .._parameters import Pair, Seconds
from .._standard_files import complain
from ._handlers import load_handler
from ._place import Place, StoreCommand, at_store
from ._reloading import INTERVAL, Sources, start_again
from ._shares import shares
from ._warnings import told_warnings
from ._work import Line, Work


@click.command(
    name="work",
    cls=StoreCommand,
    context_settings={"show_default": True},
    short_help="Run the jobs of queues by handlers in Python.",
)
@at_store("create")
@click.argument("targets", nargs=-1, required=True, metavar="QUEUE HANDLER | QUEUE=HANDLER...")
@click.option(
    "-w",
    "--workers",
    type=click.IntRange(min=1),
    show_default="4, or one for each queue",
    metavar="N",
    help="How many jobs run at the same time, in all queues together.",
)
@click.option(
    "--weight",
    "weights",
    type=Pair(),
    multiple=True,
    help="QUEUE=N: its share of the workers is N parts; others have 1.",
)
@click.option(
    "--lease",
    type=Seconds(min=0, min_open=True, max=86400),
    default=30.0,
    help="Others get a job that gave no sign of life for so long.",
)
@click.option(
    "--timeout",
    type=Seconds(min=0, min_open=True),
    default=3600.0,
    help="How long an attempt may take, if the job does not say; inf for ever.",
)
@click.option(
    "--retry-first",
    type=Seconds(min=0, max=86400 * 365),
    default=1.0,
    help="How long after a failed attempt the second one starts.",
)
@click.option(
    "--retry-factor",
    type=click.FloatRange(1, 1000),
    default=2.0,
    metavar="X",
    help="How many times longer each further wait is.",
)
@click.option(
    "--retry-most",
    type=Seconds(min=0, max=86400 * 365),
    default=3600.0,
    help="The longest wait.",
)
@click.option("--machine", metavar="NAME", help="Also take jobs for this machine.")
@click.option("--label", "labels", type=Pair(), multiple=True, help="Also take jobs that need it.")
@click.option(
    "--drain",
    type=Seconds(min=0),
    default=20.0,
    help="How long running jobs may go on after SIGTERM or Ctrl-C.",
)
@click.option(
    "--grace",
    type=Seconds(min=0),
    default=5.0,
    help="How long they have then to clean up.",
)
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False),
    default=".",
    help="Where modules are looked for first.",
)
@click.option(
    "--reload", "reloads", is_flag=True, help="Start again when a Python file there changes."
)
@click.option("--until-empty", is_flag=True, help="End when every job of these queues has ended.")
def work_command(
    place: Place,
    targets: Sequence[str],
    workers: int | None,
    weights: Sequence[tuple[str, str]],
    retry_first: float,
    retry_factor: float,
    retry_most: float,
    labels: Sequence[tuple[str, str]],
    folder: str,
    reloads: bool,
    **others: Any,
) -> int:
    """Run the jobs of queues of a store. HANDLER is like module:function.

    \b
      gochan work sqlite:jobs.db mails shop.jobs:send --workers 8
      gochan work sqlite:jobs.db mails=shop.jobs:send images=shop.jobs:resize --weight mails=3

    The handler is an async function of the payload. Several processes, on one machine or,
    with PostgreSQL, on many, share the work. The store is made if it is not there.

    After SIGTERM or Ctrl-C no further job starts, and those that run may finish within
    --drain. Then, or after the next Ctrl-C, they are cancelled; after --grace, or one more
    Ctrl-C, those that ignore this are named with their stacks. Jobs that were not finished
    are given back, and the attempt does not count.

    Why an attempt failed is a line on standard error, unless the modules of the handlers set
    up logging.

    With --reload, a change of a Python file below --folder does the same, and then the
    command starts again: for development.

    Exit status: 0 after a stop in good order, 1 if a job was stuck, 2 if an argument is wrong
    or the store cannot be used.
    """  # noqa: D301  # click wants the character
    sources = Sources(folder) if reloads else None
    handlers = _targets(targets)
    counts = _counts(workers, [*handlers], weights)
    try:
        lines = [
            Line(
                queue=queue,
                name=name,
                handler=load_handler(name, folder),
                workers=counts[queue],
            )
            for queue, name in handlers.items()
        ]
    except click.UsageError as error:
        if sources is None:
            raise
        _wait_for_change(error, sources)
    retry = Retry(first=retry_first, factor=retry_factor, most=retry_most)
    work = Work(lines=lines, retry=retry, labels=dict(labels), sources=sources, **others)
    with told_warnings():
        status = place.ask(work.run)
    if work.changed:
        start_again()
    return status


def _targets(words: Sequence[str]) -> dict[str, str]:
    """Return the names of the handlers, by queue."""
    if len(words) == 2 and "=" not in words[1]:
        words = ["=".join(words)]
    handlers: dict[str, str] = {}
    for word in words:
        queue, equals, handler = word.rpartition("=")
        if not (queue and equals):
            raise click.UsageError(
                f"which handler is for which queue? Write QUEUE=module:function, not {word!r}"
            )
        if queue in handlers:
            raise click.UsageError(f"queue {queue!r} has two handlers; name each queue once")
        handlers[queue] = handler
    return handlers


def _counts(
    workers: int | None, queues: Sequence[str], given: Sequence[tuple[str, str]]
) -> dict[str, int]:
    """Return how many workers each queue has."""
    weights = dict.fromkeys(queues, 1)
    for queue, text in given:
        if queue not in weights:
            raise click.UsageError(f"--weight is for a queue that is worked on, not {queue!r}")
        if not text.isdecimal() or not 0 < int(text) < 10**6:
            raise click.UsageError(f"the weight of queue {queue!r} must be 1 or more, not {text!r}")
        weights[queue] = int(text)
    if workers is None:
        workers = max(4, len(queues))
    if workers < len(queues):
        raise click.UsageError(f"{len(queues)} queues need at least as many --workers")
    return shares(workers, weights)


def _wait_for_change(error: click.UsageError, sources: Sources) -> NoReturn:
    """Say why there is no handler, and start again as soon as that may have changed."""
    complain(f"{error.format_message()}; waiting for a change")
    while sources.changed() is None:
        time.sleep(INTERVAL)
    start_again()
