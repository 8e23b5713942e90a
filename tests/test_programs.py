"""Whole programs made of channels: the classics of communicating processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from fractions import Fraction
from functools import partial
from itertools import chain, count, repeat
from math import comb, factorial, inf
from typing import Any, TypeAlias

import pytest
import trio
from trio.testing import MockClock

from gochan import Chan, WaitGroup, default, select, select_nowait

pytestmark = pytest.mark.usefixtures("both_modes")

# The sieve: a daisy chain of filters, one for each prime found so far.


async def count_up(limit: int, out: Chan[int]) -> None:
    with out:
        for number in range(2, limit):
            await out.send(number)


async def keep_indivisible(prime: int, numbers: Chan[int], out: Chan[int]) -> None:
    with out:
        async for number in numbers:
            if number % prime:
                await out.send(number)


async def primes_below(limit: int, capacity: float) -> list[int]:
    primes = []
    numbers = Chan[int](capacity)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_up, limit, numbers)
        while True:
            prime, found = await numbers.receive_ok()
            if not found:
                return primes
            primes.append(prime)
            sifted, numbers = numbers, Chan(capacity)
            nursery.start_soon(keep_indivisible, prime, sifted, numbers)


@pytest.mark.parametrize("capacity", [0, 1, 7, inf])
async def test_a_daisy_chain_of_filters_sieves_primes(
    capacity: float, autojump_clock: MockClock
) -> None:
    """Go's prime sieve; it ends when its numbers do, as the close travels down the chain."""
    with trio.fail_after(1):
        primes = await primes_below(200, capacity)

    assert primes == [n for n in range(2, 200) if all(n % divisor for divisor in range(2, n))]


# Power series, as in Newsqueak and Go: a series is a channel of coefficients without end.
# Its task works out a coefficient ahead, and waits until somebody asks for it.

Series: TypeAlias = Chan[Fraction]
Start: TypeAlias = Callable[..., Series]


def start(nursery: trio.Nursery, process: Callable[..., Awaitable[None]], *inputs: Any) -> Series:
    out = Series()
    nursery.start_soon(process, *inputs, out)
    return out


async def literal(coefficients: Iterable[int | Fraction], out: Series) -> None:
    for coefficient in chain(coefficients, repeat(0)):
        await out.send(Fraction(coefficient))


async def add(f: Series, g: Series, out: Series) -> None:
    while True:
        await out.send(await f.receive() + await g.receive())


async def scale(factor: Fraction, f: Series, out: Series) -> None:
    async for coefficient in f:
        await out.send(factor * coefficient)


async def split(f: Series, left: Series, right: Series) -> None:
    """Give every coefficient to both; the faster one does not wait for the slower."""
    for_left, for_right = deque[Fraction](), deque[Fraction]()
    while True:
        match await select(
            left.on_send(for_left[0]) if for_left else None,
            right.on_send(for_right[0]) if for_right else None,
            f.on_receive() if not (for_left and for_right) else None,
        ):
            case 0, _:
                for_left.popleft()
            case 1, _:
                for_right.popleft()
            case 2, coefficient:
                for_left.append(coefficient)
                for_right.append(coefficient)


async def multiply(f: Series, g: Series, out: Series) -> None:
    """(a + x F) (b + x G) = a b + x (a G + b F + x F G)."""
    a, b = await f.receive(), await g.receive()
    await out.send(a * b)
    f1, f2, g1, g2 = Series(), Series(), Series(), Series()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(split, f, f1, f2)
        nursery.start_soon(split, g, g1, g2)
        new = partial(start, nursery)
        scaled = new(add, new(scale, a, g1), new(scale, b, f1))
        await out.send(await scaled.receive())
        await add(scaled, new(multiply, f2, g2), out)


async def derive(f: Series, out: Series) -> None:
    await f.receive()
    for n in count(1):
        await out.send(n * await f.receive())


async def integrate(constant: int, f: Series, out: Series) -> None:
    await out.send(Fraction(constant))
    for n in count(1):
        await out.send(await f.receive() / n)


async def exponentiate(f: Series, out: Series) -> None:
    """E = exp f, where f begins with 0, is 1 + the integral of f' E: made out of itself."""
    async with trio.open_nursery() as nursery:
        new, feedback = partial(start, nursery), Series()
        product = new(multiply, new(derive, f), feedback)
        await split(new(integrate, 1, product), out, feedback)


def exp(new: Start, *coefficients: int | Fraction) -> Series:
    return new(exponentiate, new(literal, coefficients))


def alternating_harmonic() -> Iterable[Fraction]:
    """The logarithm of 1 + x."""
    return (Fraction((-1) ** (n + 1), n) if n else Fraction(0) for n in count())


@pytest.mark.parametrize(
    ("program", "coefficient"),
    [
        pytest.param(
            lambda new: new(add, new(literal, [1, 2]), new(literal, count())),
            lambda n: n + (1, 2, 0)[min(n, 2)],
            id="sum",
        ),
        pytest.param(
            lambda new: new(scale, Fraction(2, 3), new(literal, count())),
            lambda n: Fraction(2 * n, 3),
            id="scaled",
        ),
        pytest.param(
            lambda new: new(multiply, new(literal, repeat(1)), new(literal, repeat(1))),
            lambda n: n + 1,
            id="1/(1-x) squared",
        ),
        pytest.param(
            lambda new: new(multiply, new(literal, [1, 3, 3, 1]), new(literal, [1, 2, 1])),
            lambda n: comb(5, n),
            id="(1+x)**3 times (1+x)**2",
        ),
        pytest.param(lambda new: exp(new, 0, 1), lambda n: Fraction(1, factorial(n)), id="exp x"),
        pytest.param(
            lambda new: new(derive, exp(new, 0, 2)),
            lambda n: Fraction(2 ** (n + 1), factorial(n)),
            id="derivative of exp 2x",
        ),
        pytest.param(
            lambda new: new(multiply, exp(new, 0, 1), exp(new, 0, -1)),
            lambda n: n == 0,
            id="exp x times exp -x",
        ),
        pytest.param(
            lambda new: new(exponentiate, new(literal, alternating_harmonic())),
            lambda n: n <= 1,
            id="exp of the logarithm of 1+x",
        ),
    ],
)
async def test_power_series_are_computed_by_tasks_that_ask_each_other(
    program: Callable[[Start], Series],
    coefficient: Callable[[int], int | Fraction],
    autojump_clock: MockClock,
) -> None:
    """Selects with cases that come and go, tasks that start tasks, and a loop of channels."""
    async with trio.open_nursery() as nursery:
        series = program(partial(start, nursery))
        with trio.fail_after(1):
            computed = [await series.receive() for _ in range(12)]
        nursery.cancel_scope.cancel()

    assert computed == [coefficient(n) for n in range(12)]


# Many tasks


async def test_a_chain_of_five_thousand_tasks_passes_one_token(autojump_clock: MockClock) -> None:
    """Every task adds one and passes it on; all of them end."""

    async def pass_on(right: Chan[int], left: Chan[int]) -> None:
        await left.send(await right.receive() + 1)

    leftmost = right = Chan[int]()
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            for _ in range(5000):
                left, right = right, Chan()
                nursery.start_soon(pass_on, right, left)
            await right.send(0)
            assert await leftmost.receive() == 5000


@pytest.mark.parametrize("capacity", [0, 1, 100])
async def test_many_consumers_share_a_queue_and_lose_nothing(
    capacity: int, autojump_clock: MockClock
) -> None:
    """Go's test with 23 consumers: each item goes to one, and a wait group ends the results."""
    queue, results = Chan[int](capacity), Chan[int](capacity)
    working = WaitGroup()
    items = [n * n % 1009 for n in range(1, 1500)]

    async def consume(name: int) -> None:
        async for item in queue:
            if item % 7 == name % 7:
                await trio.lowlevel.checkpoint()
            await results.send(item)
        working.done()

    async def produce() -> None:
        with queue:
            for item in items:
                await queue.send(item)
        await working.wait()
        results.close()

    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            working.add(23)
            for name in range(23):
                nursery.start_soon(consume, name)
            nursery.start_soon(produce)
            consumed = [item async for item in results]

    assert sorted(consumed) == sorted(items)


async def test_a_server_answers_through_the_channel_that_came_with_the_question(
    autojump_clock: MockClock,
) -> None:
    """Channels are values: each client sends the one on which it waits for its answer."""
    questions = Chan[tuple[int, Chan[int]]]()
    answers = {}

    async def serve() -> None:
        async for number, answer in questions:
            await answer.send(number * number)

    async def ask(number: int) -> None:
        answer = Chan[int]()
        await questions.send((number, answer))
        answers[number] = await answer.receive()

    with trio.fail_after(1):
        async with trio.open_nursery() as servers:
            servers.start_soon(serve)
            servers.start_soon(serve)
            async with trio.open_nursery() as clients:
                for number in range(50):
                    clients.start_soon(ask, number)
            questions.close()

    assert answers == {number: number * number for number in range(50)}


# Select under stress


async def test_a_task_is_an_elastic_buffer_between_two_channels(autojump_clock: MockClock) -> None:
    """Cases that come and go: it receives while there is more, sends while it has some."""
    source, out = Chan[int](), Chan[int]()

    async def stretch() -> None:
        held = deque[int]()
        more = True
        while more or held:
            match await select(
                source.on_receive_ok() if more else None,
                out.on_send(held[0]) if held else None,
            ):
                case 0, (number, True):
                    held.append(number)
                case 0, _:
                    more = False
                case 1, _:
                    held.popleft()
        out.close()

    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stretch)
            with source:
                for number in range(300):
                    await source.send(number)
            assert [number async for number in out] == [*range(300)]


@pytest.mark.parametrize("philosophers", [2, 5, 31])
async def test_philosophers_dine_and_none_starves(
    philosophers: int, autojump_clock: MockClock
) -> None:
    """A fork is a channel that holds it; two neighbours never eat at the same time."""
    forks = [Chan[None](1) for _ in range(philosophers)]
    eating: set[int] = set()
    meals = dict.fromkeys(range(philosophers), 0)

    async def take_both(left: Chan[None], right: Chan[None]) -> None:
        """Wait for either; without the other put it back, so nobody waits holding a fork."""
        while True:
            which, _ = await select(left.on_receive(), right.on_receive())
            one, other = (left, right) if which == 0 else (right, left)
            if select_nowait(other.on_receive(), default()) == (0, None):
                return
            one.send_nowait(None)
            await trio.lowlevel.checkpoint()

    async def dine(seat: int) -> None:
        left, right = forks[seat], forks[(seat + 1) % philosophers]
        for _ in range(20):
            await take_both(left, right)
            assert not eating & {(seat - 1) % philosophers, (seat + 1) % philosophers}
            eating.add(seat)
            await trio.lowlevel.checkpoint()
            eating.remove(seat)
            meals[seat] += 1
            left.send_nowait(None)
            right.send_nowait(None)

    for fork in forks:
        fork.send_nowait(None)
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            for seat in range(philosophers):
                nursery.start_soon(dine, seat)

    assert set(meals.values()) == {20}
    assert all(len(fork) == 1 for fork in forks)
