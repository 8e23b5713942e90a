"""Opening a durable queue: what it is made of, and what is wrong with that."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal, TypeVar

from .._queue import Opening, awaited, check_handler, check_hook
from ..strategies import check_bool, check_count, check_seconds
from ._arguments import check_kind_of, check_span, check_text, check_texts
from ._block import open_block
from ._codec import Codec, Codecs, json_codec
from ._durable_queue import DurableQueue
from ._feeder import Feeder
from ._leases import RunningJob
from ._limits import Limits
from ._queue_records import Keep
from ._records import Worker
from ._retry import Retry
from ._store import Store
from ._telling import EndedRun, Telling
from ._tracing import Tracing

P = TypeVar("P")
R = TypeVar("R")


def open_durable_queue(
    store: Store,
    name: str,
    handler: Callable[[P], Awaitable[R]] | None = None,
    *,
    workers: int = 4,
    lease: float = 30.0,
    retry: Retry = Retry(),  # noqa: B008  # immutable
    timeout: float | None = 3600.0,
    capacity: int | float | None = None,
    when_full: Literal["wait", "refuse", "drop-oldest"] | None = None,
    strategy: str = "block",
    group_limit: int | None = None,
    keep: Keep | None = None,
    update: bool = False,
    machine: str | None = None,
    labels: Mapping[str, str] | None = None,
    codec: Codec = json_codec,
    failures: Literal["raise", "collect"] = "collect",
    grace: float = 5.0,
    payload_limit: int = 1 << 20,
    on_start: Callable[[RunningJob], object] | None = None,
    on_end: Callable[[EndedRun], object] | None = None,
    tracing: Tracing | None = None,
) -> AbstractAsyncContextManager[DurableQueue[P, R], None]:
    """Open a queue of a store, and on the way out let its running jobs end.

    ::

        async with open_store("sqlite:jobs.db") as store:
            async with open_durable_queue(store, "thumbnails", resize) as queue:
                job = await queue.submit({"image": 7})
                outcome = await job.wait()

    Without a handler it only submits and looks, as a web process does. With one, it also runs
    jobs, those that other processes have submitted included. Leaving the block normally is a
    stop: running jobs end, and what waits stays in the store. If the block raises or is
    cancelled, running jobs are cancelled and given back.

    Args:
        store: where the jobs are.
        name: of the queue in the store.
        handler: async, called with the payload of each job; what it returns is the value of the
            job's outcome, and is stored.
        workers: how many jobs run here at the same time.
        lease: after how many seconds another process may run a job if this one is not heard of any
            more.
        retry: whether and when a job that failed or timed out is tried again.
        timeout: how many seconds an attempt may take, unless the job says otherwise; ``None`` for
            any time.
        capacity: how many jobs may be scheduled or waiting in the whole fleet.
        when_full: what a submit does if there is no room: wait, be refused, or drop another job.
        strategy: orders or sheds jobs that are leased here; see `gochan.strategy`.
        group_limit: how many jobs of one group may run at the same time in the whole fleet.
        keep: how long jobs are kept that have ended.
        update: whether the four that hold for the whole fleet (``capacity``, ``group_limit``,
            ``keep``, and dropping) replace others that the store has; the newest hold then.
        machine: the name of this machine, for jobs that are pinned to one.
        labels: what this worker has, for jobs that need it.
        codec: makes bytes of payloads and results. Jobs in JSON are understood in any case.
        failures: ``"raise"``: the first handler that raises, be it `RetryLater`, ends the queue and
            the block.
        grace: how many seconds `gochan.cleanup` allows a cancelled job, outside a stop, and how
            many the last outcomes have to be written if the block is left by an error.
        payload_limit: how many bytes a payload or a result may have, encoded.
        on_start: a plain function, called with each run that starts here, before its handler.
        on_end: a plain function, called with each run that has ended here, before that is written;
            also with a job that was leased and never started.
        tracing: carries traces from submits to runs.

    The hooks tell of runs in this process alone, and work as those of `gochan.open_job_queue`: if
    one raises, the queue ends as if the block had raised, and the error is raised from the block.
    So it is if the store raises anything but `StoreUnavailable`.

    Raises:
        StoreError: the store has other settings for the queue, and ``update`` is False; or the
            queue has a handler already in this process.
        StoreUnavailable: the store cannot be reached now. A queue that is open waits for it.
        TypeError, ValueError: an argument is of the wrong type, or out of range.
        RuntimeError: entered outside `trio.run`.
    """
    if not hasattr(store, "configure"):
        raise TypeError(
            "store must be an open one, as `async with open_store(address) as store` gives it, "
            f"not {type(store).__name__}"
        )
    if handler is not None:
        check_handler(handler)
    check_hook("on_start", on_start)
    check_hook("on_end", on_end)
    limits = Limits(name, capacity, when_full, group_limit, keep)
    check_count("workers", workers, least=1)
    check_span("lease", lease, more_than=0)
    check_kind_of("retry", retry, Retry, "Retry(max_attempts=3)")
    check_bool("update", update)
    check_seconds("grace", grace)
    check_count("payload_limit", payload_limit, least=1)
    if timeout is not None:
        check_seconds("timeout", timeout, more_than=0, otherwise="None")
    if not isinstance(strategy, str):
        raise TypeError(f"strategy must be a str, as other processes have it too, not {strategy!r}")
    if failures not in ("raise", "collect"):
        raise ValueError(f'failures must be "raise" or "collect", not {failures!r}')
    if not isinstance(getattr(codec, "name", None), str):
        raise TypeError(f"codec must be a Codec, such as json_codec, not {codec!r}")
    machine = check_text("machine", machine)
    worker = Worker(
        f"{machine or socket.gethostname()}:{os.getpid()}", machine, check_texts("labels", labels)
    )
    codecs = Codecs(name, codec, payload_limit)

    def make() -> tuple[DurableQueue[P, R], Feeder[P, R] | None]:
        telling = Telling(name, worker.name, on_start, on_end)
        queue: DurableQueue[P, R] = DurableQueue(
            store,
            name,
            codecs=codecs,
            max_attempts=retry.max_attempts,
            waits_for_room=when_full in (None, "wait"),
            grace=grace,
            tracing=tracing,
            telling=telling,
        )
        if handler is None:
            return queue, None
        return queue, Feeder(
            store,
            name,
            awaited(handler),
            worker=worker,
            workers=workers,
            lease=lease,
            retry=retry,
            timeout=timeout,
            codecs=codecs,
            outages=queue._outages,
            telling=telling,
            tracing=tracing,
            on_written=queue._note_written,
            owner=queue,
        )

    return Opening(
        "open_durable_queue",
        "queue",
        DurableQueue,
        lambda: open_block(
            make,
            limits.keep_in(store, update=update),
            workers=workers,
            strategy=strategy,
            failures=failures,
            grace=grace,
        ),
    )
