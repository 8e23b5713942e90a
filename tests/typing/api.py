"""What type checkers make of the public interface. Checked by them, and never run."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Literal, assert_type

import gochan_trace
import trio

import gochan
import gochan.debug
from gochan import (
    Batches,
    Cancelled,
    Case,
    Chan,
    ChanClosedError,
    ChanStatistics,
    Done,
    Dropped,
    Failed,
    HandedBack,
    Interrupted,
    Job,
    JobCancelled,
    JobError,
    JobFailed,
    JobQueue,
    JobTimedOut,
    MemoryReceiveChannel,
    MemorySendChannel,
    MergedChan,
    Outcome,
    Progress,
    ReceiveChan,
    Refused,
    Rejected,
    Selector,
    SendChan,
    SignalStop,
    StopReport,
    StuckJob,
    TimedOut,
    Unsent,
    WaitGroup,
    after,
    as_safe_channel,
    at,
    default,
    every,
    merge,
    open_job_queue,
    open_memory_channel,
    open_signal_chan,
    select,
    select_nowait,
    stop_all,
    stop_on_signals,
)
from gochan.strategies import ADMIT, WAIT, Block, Refuse, Strategy, Verdict


async def channels(numbers: Chan[int]) -> None:
    assert_type(Chan[str](), Chan[str])
    assert_type(Chan[str](3, name="words"), Chan[str])
    assert_type(Chan(strategy=Block[int](3)), Chan[int])
    assert_type(await numbers.receive(), int)
    assert_type(numbers.receive_nowait(), int)
    assert_type(numbers.drain(), list[int])
    assert_type(numbers.capacity, int | float)
    assert_type(numbers.statistics(), ChanStatistics)
    await numbers.send(1)
    numbers.send_nowait(True)
    await numbers.send("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async for number in numbers:
        assert_type(number, int)
    with numbers as same:
        assert_type(same, Chan[int])


async def a_received_pair_narrows(numbers: Chan[int]) -> None:
    match await numbers.receive_ok():
        case value, True:
            assert_type(value, int)
        case nothing, False:
            assert_type(nothing, None)


async def ends(numbers: Chan[int]) -> None:
    sender, receiver = numbers.sender, numbers.receiver
    assert_type(sender, SendChan[int])
    assert_type(receiver, ReceiveChan[int])
    of_trio_1: trio.abc.SendChannel[int] = sender
    of_trio_2: trio.abc.ReceiveChannel[int] = receiver
    assert_type(await receiver.receive(), int)
    async for number in receiver:
        assert_type(number, int)
    await trio.aclose_forcefully(of_trio_1)
    await trio.aclose_forcefully(of_trio_2)


@as_safe_channel
async def count(start: int, *, stop: int = 9) -> AsyncGenerator[int, None]:
    for number in range(start, stop):
        yield number


async def ends_as_of_trio() -> None:
    sender, receiver = open_memory_channel[int](1)
    assert_type(sender, MemorySendChannel[int])
    assert_type(receiver.clone(), MemoryReceiveChannel[int])
    async with count(3, stop=5) as numbers:
        assert_type(numbers, MemoryReceiveChannel[int])
    count("three")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def many(numbers: Chan[int]) -> None:
    await numbers.send_many([1, 2])
    await numbers.sender.send_many(n for n in (True, False))
    await numbers.send_many(["one"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    unsent = Unsent([1, 2])
    assert_type(unsent, Unsent[int])
    assert_type(next(unsent), int)
    await numbers.send_many(unsent)
    assert_type(await numbers.receive_many(math.inf), list[int])
    assert_type(await numbers.receiver.receive_many(2), list[int])
    assert_type(numbers.receive_many_nowait(2), list[int])
    batches = numbers.batches(2, linger=0.5)
    assert_type(batches, Batches[int])
    assert_type(batches.pending, list[int])
    async for batch in batches:
        assert_type(batch, list[int])
    wider: Batches[object] = numbers.receiver.batches(2)
    assert wider
    try:
        await numbers.send_many([1])
    except (ChanClosedError, Refused) as error:
        await numbers.send_many(error.unsent)


def cases(numbers: Chan[int]) -> None:
    assert_type(numbers.on_receive(), Case[int])
    assert_type(numbers.on_send(1, priority=2), Case[None])
    assert_type(numbers.on_close(), Case[None])
    assert_type(default(), Case[None])
    assert_type(default("x"), Case[str])
    assert_type(after(1), Case[float])
    assert_type(at(1), Case[float])
    assert_type(every(1).on_tick(), Case[float])
    numbers.on_send("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_select_narrows(numbers: Chan[int], words: Chan[str]) -> None:
    match await select(numbers.on_receive(), words.on_receive(), words.on_send("x")):
        case 0, number:
            assert_type(number, int)
        case 1, word:
            assert_type(word, str)
        case 2, nothing:
            assert_type(nothing, None)

    chosen = await select(numbers.on_receive(), words.on_receive())
    assert_type(chosen, tuple[Literal[0], int] | tuple[Literal[1], str])
    if chosen[0] == 0:
        assert_type(chosen[1], int)
    else:
        assert_type(chosen[1], str)


async def a_select_takes_missing_cases(numbers: Chan[int], words: Chan[str] | None) -> None:
    case = words.on_receive() if words else None
    assert_type(
        await select(numbers.on_receive(), case), tuple[Literal[0], int] | tuple[Literal[1], str]
    )


async def a_select_by_name(numbers: Chan[int]) -> None:
    assert_type(await select(a=numbers.on_receive(), b=numbers.on_receive()), tuple[str, int])
    match select_nowait(numbers.on_receive(), default("nothing")):
        case 0, number:
            assert_type(number, int)
        case 1, word:
            assert_type(word, str)
    await select(numbers)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


async def a_select_of_any_number(numbers: Chan[int], words: Chan[str]) -> None:
    many = [numbers.on_receive() for _ in range(9)]
    assert_type(await select(*many), tuple[int, int])
    assert_type(select_nowait(*many), tuple[int, int])
    assert_type(await select(numbers.on_receive(), *many), tuple[int, int])
    named = {"a": words.on_receive()}
    assert_type(await select(**named), tuple[str, str])
    assert_type(await select(words.on_receive(), b=words.on_receive()), tuple[int | str, str])
    a, b = numbers.on_receive(), words.on_receive()
    # Of different types mypy knows no more than that they are objects.
    _, value = await select(a, a, a, a, a, a, a, a, b)
    value.nothing()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def a_select_receives_until_the_end(numbers: Chan[int]) -> None:
    assert_type(
        numbers.on_receive_ok(), Case[tuple[int, Literal[True]] | tuple[None, Literal[False]]]
    )
    match await select(numbers.on_receive_ok(), numbers.receiver.on_receive_ok()):
        case 0, (number, True):
            assert_type(number, int)
        case 1, (nothing, False):
            assert_type(nothing, None)
        case _:
            pass
    _, received = await select(numbers.on_receive_ok())
    if received[1] is True:
        assert_type(received, tuple[int, Literal[True]])
    else:
        assert_type(received, tuple[None, Literal[False]])


async def a_select_among_merged_channels(numbers: Chan[int], words: Chan[str]) -> None:
    merged = merge(numbers, numbers.receiver)
    assert_type(merged.on_receive(), Case[int])
    assert_type(merged.on_close(), Case[None])
    assert_type(
        await select(merged.on_receive(), words.on_receive()),
        tuple[Literal[0], int] | tuple[Literal[1], str],
    )


async def wait_groups(group: WaitGroup, nursery: trio.Nursery, numbers: Chan[int]) -> None:
    group.start_soon(nursery, numbers.send, 1)
    group.start_soon(nursery, numbers.receive, name="one")
    group.start_soon(nursery, numbers.send, "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def selectors(numbers: Chan[int], words: Chan[str], group: WaitGroup) -> None:
    with Selector[str, int]() as selector:
        assert_type(selector, Selector[str, int])
        selector.add(numbers.on_receive(), "number")
        selector.add(words.on_receive(), "word")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        selector.add(numbers.on_receive(), 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        assert_type(selector.remove("number"), bool)
        assert_type(await selector.select(), tuple[str, int])
        assert_type(selector.select_nowait(), tuple[str, int])
        async for label, value in selector:
            assert_type(label, str)
            assert_type(value, int)
    several = Selector[Chan[int], int | str | None](name="several")
    several.add(numbers.on_receive(), numbers)
    several.add(words.receiver.on_receive(), numbers)
    several.add(group.on_done(), numbers)
    async for client, something in several:
        assert_type(client, Chan[int])
        assert_type(something, int | str | None)
    Selector[list[int], int]()  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeArguments]


async def merging(numbers: Chan[int], words: ReceiveChan[str]) -> None:
    merged = merge(numbers, numbers.receiver)
    assert_type(merged, MergedChan[int])
    assert_type(await merged.receive(), int)
    assert_type(merged.receive_nowait(), int)
    async for number in merged:
        assert_type(number, int)
    of_trio: trio.abc.ReceiveChannel[int] = merged
    await of_trio.aclose()
    both: MergedChan[int | str] = merge(numbers, words)
    async with both:
        assert_type(await both.receive(), int | str)
    merge(numbers.sender)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def others(group: WaitGroup) -> None:
    await group.wait()
    group.add()
    async for moment in every(1):
        assert_type(moment, float)
    async with open_signal_chan(2) as signals:
        assert_type(signals, Chan[int])


async def length(text: str) -> int:
    return len(text)


async def queues() -> None:
    async with open_job_queue(length, workers=3, strategy="block", capacity=3) as queue:
        assert_type(queue, JobQueue[str, int])
        job = await queue.submit("text", timeout=1, priority=2, key="k")
        assert_type(job, Job[str, int])
        assert_type(job.payload, str)
        outcome = await job.wait()
        assert_type(outcome, Outcome[int])
        assert_type(outcome.value, int | None)
        assert_type(outcome.waited, float)
        assert_type(await job.result(), int)
        assert_type(job.reason, str)
        async for length_of in queue.map(["text"], ordered=True):
            assert_type(length_of, int)
        assert_type(queue.try_submit("text"), bool)
        results = queue.results()
        assert_type(results, AsyncIterator[Job[str, int]])
        async for ended in results:
            assert_type(ended, Job[str, int])
        async with stop_on_signals(queue, queue) as stop:
            assert_type(stop, SignalStop)
            assert_type(await stop.wait(), tuple[StopReport, ...])
            report = await queue.stop(finish="queued")
            assert_type(report, StopReport)
            assert_type(report.stuck, tuple[StuckJob, ...])
            assert_type(queue.report, StopReport | None)
        assert_type(await stop_all(queue, drain=1), tuple[StopReport, ...])
        queue.stop_soon(grace=0)
        assert_type(queue.running(), tuple[Job[str, int], ...])
        assert_type(job.progressed, Progress | None)
        job.progress("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await queue.submit(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def an_outcome_narrows(outcome: Outcome[int]) -> None:
    match outcome:
        case Done(value):
            assert_type(value, int)
        case Failed(error):
            assert_type(error, BaseException)
        case other:
            assert_type(other, TimedOut | Cancelled | Interrupted | Rejected | Dropped | HandedBack)
            assert_type(other.reason, str)
    if outcome.kind == "done":
        assert_type(outcome, Done[int])
        assert_type(outcome.value, int)
    elif outcome.kind == "failed":
        assert_type(outcome.error, BaseException)
    else:
        assert_type(outcome.value, None)
        assert_type(outcome.error, None)


def job_errors(error: JobFailed | JobTimedOut | JobCancelled) -> None:
    base: JobError = error
    raise base


async def queues_with_hooks() -> None:
    def see(job: Job[str, int]) -> None: ...

    def see_other(job: Job[int, int]) -> None: ...

    async with open_job_queue(length, on_start=see, on_end=print) as queue:
        assert_type(queue, JobQueue[str, int])
    open_job_queue(length, on_end=see_other)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]


async def queues_with_an_instance() -> None:
    strategy = Block[Job[str, int]](3)
    async with open_job_queue(length, strategy=strategy) as queue:
        assert_type(queue, JobQueue[str, int])


class Newest(Strategy[int]):
    def offer(self, item: int, now: float) -> Verdict:
        if item < 0:
            return Refuse("negative")
        self.items.append(item)
        return ADMIT if len(self) <= self.capacity else WAIT


def strategies() -> None:
    assert_type(Chan(strategy=Newest(3)), Chan[int])
    assert_type(gochan.strategy("block", capacity=3), Strategy[Any])


def traces() -> None:
    with gochan_trace.trace(limit=5) as seen:
        assert_type(seen, gochan_trace.Trace)
    assert_type(seen.events, tuple[gochan_trace.TraceEvent, ...])
    assert_type(seen.transfers[0].sent, gochan_trace.TraceEvent)
    assert_type(seen.svg(), str)


def errors(error: ChanClosedError) -> None:
    of_trio: trio.ClosedResourceError = error
    assert_type(gochan.EndOfChannel("over"), gochan.EndOfChannel)
    of_trio_too: trio.EndOfChannel = gochan.EndOfChannel("over")
    raise of_trio from of_trio_too
