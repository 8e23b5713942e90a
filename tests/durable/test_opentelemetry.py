"""Traces: the run of a job is in the trace of its submit."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import trio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from trio.testing import MockClock, wait_all_tasks_blocked

from gochan.durable import (
    Retry,
    RetryLater,
    Store,
    open_durable_queue,
    open_telemetry_tracing,
)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def facts_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_a_run_is_in_the_trace_of_its_submit(
    store: Store,
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
    autojump_clock: MockClock,
) -> None:
    """In another process, too: the trace goes along with the job. Labels have nothing to do
    with it, so any worker may have it.
    """
    tracing = open_telemetry_tracing(provider)
    tracer = provider.get_tracer("test")

    async def work(_: object) -> None:
        with tracer.start_as_current_span("inside"):
            await trio.sleep(1)

    async with open_durable_queue(store, "q", tracing=tracing) as web:
        with tracer.start_as_current_span("request") as request:
            job = await web.submit(1, headers={"mine": "too"})
        record = await job.record()
    trace = format(request.get_span_context().trace_id, "032x")
    assert record.headers["traceparent"].split("-")[1] == trace
    assert record.headers["mine"] == "too"
    assert record.labels == {}
    with tracer.start_as_current_span("somebody else's"):
        async with open_durable_queue(store, "q", work, tracing=tracing) as queue:
            await queue.job(job.id).wait()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    run, inside = spans["process q"], spans["inside"]
    assert run.parent is not None
    assert run.parent.span_id == request.get_span_context().span_id
    assert inside.parent is not None
    assert inside.parent.span_id == run.context.span_id
    assert run.kind is SpanKind.CONSUMER
    assert facts_of(run) == {
        "messaging.system": "gochan",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "q",
        "messaging.message.id": "1",
        "gochan.attempt": 1,
    }
    assert run.status.status_code is StatusCode.UNSET


async def test_a_job_without_a_trace_begins_one(
    store: Store,
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
    autojump_clock: MockClock,
) -> None:
    """It does not belong to whoever opened the queue."""

    async def work(_: object) -> None:
        pass

    with provider.get_tracer("test").start_as_current_span("opener"):
        async with open_durable_queue(store, "q") as web:
            await web.submit(1)
        tracing = open_telemetry_tracing(provider)
        async with open_durable_queue(store, "q", work, tracing=tracing) as queue:
            await queue.join()
    (run, _) = exporter.get_finished_spans()
    assert run.name == "process q"
    assert run.parent is None


async def test_each_attempt_is_a_span(
    store: Store,
    provider: TracerProvider,
    exporter: InMemorySpanExporter,
    autojump_clock: MockClock,
) -> None:
    """One that raises is an error; one that puts its job off is not; one that is cancelled says
    why.
    """
    starts: list[object] = []

    async def work(payload: object) -> None:
        starts.append(payload)
        if len(starts) == 1:
            raise ValueError("no picture")
        if len(starts) == 2:
            raise ExceptionGroup("of a nursery", [RetryLater(5.0)])
        await trio.sleep(1000)

    async with open_durable_queue(
        store, "q", work, retry=Retry(jitter=0), tracing=open_telemetry_tracing(provider)
    ) as queue:
        job = await queue.submit(1)
        await trio.sleep(10)
        await job.cancel("enough")
        await job.wait()
        await queue.submit(2)
        await wait_all_tasks_blocked()
        await queue.stop(drain=0, grace=0)
    failed, later, cancelled, interrupted = exporter.get_finished_spans()
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description == "ValueError: no picture"
    assert facts_of(failed)["error.type"] == "ValueError"
    assert [event.name for event in failed.events] == ["exception"]
    assert later.status.status_code is StatusCode.UNSET
    assert [(event.name, dict(event.attributes or {})) for event in later.events] == [
        ("put off", {"seconds": 5.0})
    ]
    assert facts_of(later)["gochan.attempt"] == 2
    assert facts_of(cancelled)["gochan.cause"] == "cancelled"
    assert facts_of(interrupted)["gochan.cause"] == "interrupted"


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(ImportError, match="install gochan with its extra otel"):
        open_telemetry_tracing()
