"""Tracing by OpenTelemetry: a trace goes on from the submit of a job to its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, final

from ._errors import RetryLater, unwrapped
from ._leases import RunningJob
from ._tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider


def open_telemetry_tracing(tracer_provider: TracerProvider | None = None) -> Tracing:
    """Return what has OpenTelemetry trace the jobs of a queue.

    ::

        open_durable_queue(store, "thumbnails", resize, tracing=open_telemetry_tracing())

    A job takes the context of its submit along, in its ``headers``, by the propagators that are set
    up: as ``traceparent``, usually. Each run is a span of the kind ``CONSUMER``, called
    ``process thumbnails``, in the trace of the submit; what the handler does is inside it. A run
    that raises is an error, unless it raises `RetryLater`; one that is cancelled says why.

    Args:
        tracer_provider: whose tracer makes the spans; by default, that of the program.

    Raises:
        ImportError: OpenTelemetry is not installed.
    """
    try:
        import opentelemetry.trace  # noqa: F401
    except ImportError:
        raise ImportError(
            "open_telemetry_tracing needs the package opentelemetry-api; install gochan with its "
            "extra otel"
        ) from None
    return _OpenTelemetry(tracer_provider)


@final
class _OpenTelemetry:
    """Makes spans, and writes and reads the headers of jobs."""

    def __init__(self, tracer_provider: TracerProvider | None) -> None:
        from opentelemetry import context, propagate, trace

        self._tracer = trace.get_tracer("gochan.durable", tracer_provider=tracer_provider)
        self._trace = trace
        self._propagate = propagate
        self._new_context = context.Context

    def headers(self) -> Mapping[str, str]:
        """Return the present context as headers."""
        headers: dict[str, str] = {}
        self._propagate.inject(headers)
        return headers

    def running(self, queue: str, job: RunningJob) -> AbstractContextManager[None, bool | None]:
        """Return a span around a run."""
        return self._span(queue, job)

    @contextmanager
    def _span(self, queue: str, job: RunningJob) -> Iterator[None]:
        # Not the context of this task, which is that of whoever opened the queue.
        parent = self._propagate.extract(job.record.headers, context=self._new_context())
        attributes: dict[str, Any] = {
            "messaging.system": "gochan",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": queue,
            "messaging.message.id": str(job.id),
            "gochan.attempt": job.attempt,
        }
        with self._tracer.start_as_current_span(
            f"process {queue}",
            context=parent,
            kind=self._trace.SpanKind.CONSUMER,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except Exception as raised:
                error = unwrapped(raised)
                if isinstance(error, RetryLater):
                    span.add_event("put off", {"seconds": error.seconds})
                    raise
                span.record_exception(raised)
                kind = type(error).__qualname__
                span.set_attribute("error.type", kind)
                span.set_status(self._trace.StatusCode.ERROR, f"{kind}: {error}")
                raise
            except BaseException:
                span.set_attribute("gochan.cause", job.cause or "cancelled")
                raise
