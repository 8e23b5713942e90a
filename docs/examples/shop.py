"""A shop whose payments are durable jobs."""

from __future__ import annotations

from typing import Any

from gochan.durable import DurableQueue, Retry

RETRY = Retry(max_attempts=4, first=3600, factor=6, most=86_400, jitter=0)


class BankClosed(Exception):
    """The bank cannot be reached now."""


async def order(payments: DurableQueue[Any, str], number: int, cents: int) -> None:
    """Take an order; the web server calls this."""
    await payments.submit({"order": number, "cents": cents}, key=f"order-{number}")


class Cashier:
    """Charges what was ordered; its method is the handler of the queue."""

    def __init__(self, bank: Any, mails: DurableQueue[Any, None]) -> None:
        self._bank = bank
        self._mails = mails

    async def charge(self, payment: dict[str, int]) -> str:
        receipt: str = await self._bank.charge(payment["order"], payment["cents"])
        await self._mails.submit({"receipt": receipt}, delay=600)
        return receipt
