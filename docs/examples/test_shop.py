"""Tests of the example for testing jobs: a shop whose payments are durable jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gochan.durable import periodic
from gochan.testing import OpenTestQueue, outcome_of, run_until_idle, submitted

from .shop import RETRY, BankClosed, Cashier, order


async def test_an_order_is_to_be_paid_once(durable_queue: OpenTestQueue) -> None:
    async with durable_queue() as payments:
        await order(payments, 7, cents=995)
        await order(payments, 7, cents=995)  # an impatient customer
        await submitted(payments, payload={"order": 7, "cents": 995}, count=1)


# -- running


class Bank:
    """A bank that is closed for a while."""

    def __init__(self, opens: float) -> None:
        self.opens = opens
        self.asked: list[float] = []

    async def charge(self, order: int, cents: int) -> str:
        self.asked.append(trio.current_time())
        if trio.current_time() < self.opens:
            raise BankClosed
        return f"receipt {order}"


async def send(mail: dict[str, str]) -> None:
    pass


async def test_a_bank_that_is_closed_is_asked_again(
    durable_queue: OpenTestQueue, autojump_clock: MockClock
) -> None:
    async with durable_queue(send, "mails") as mails:
        bank = Bank(opens=8 * 3600)
        cashier = Cashier(bank, mails)
        async with durable_queue(
            cashier.charge, "payments", store=mails.store, retry=RETRY
        ) as payments:
            await order(payments, 7, cents=995)
            await run_until_idle(payments, mails)
            assert bank.asked == pytest.approx([0, 3600, 7 * 3600, 31 * 3600])
            (mail,) = await submitted(mails, payload={"receipt": "receipt 7"}, kind="done")
            assert mail.run_at is not None
            assert mail.run_at - mail.submitted == timedelta(minutes=10)


async def test_a_bank_that_never_opens_is_not_asked_for_ever(
    durable_queue: OpenTestQueue, autojump_clock: MockClock
) -> None:
    async with durable_queue() as mails:
        cashier = Cashier(Bank(opens=float("inf")), mails)
        async with durable_queue(cashier.charge, retry=RETRY) as payments:
            job = await payments.submit({"order": 7, "cents": 995})
            outcome = await outcome_of(payments, job)
            assert outcome.kind == "failed"
            assert str(outcome.error) == "BankClosed: "
        await submitted(mails, count=0)


# -- months


async def test_the_books_are_closed_every_month(
    durable_queue: OpenTestQueue, autojump_clock: MockClock
) -> None:
    months: list[Any] = []

    async def close_books(_: None) -> None:
        months.append(trio.current_time())

    async with durable_queue(close_books) as queue, periodic(queue, "0 2 1 * *", None):
        await trio.sleep(365 * 86_400)
        await run_until_idle(queue)
        assert len(months) == 12
