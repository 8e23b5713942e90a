"""Orders and the jobs that mail about them, in the same transactions, with SQLAlchemy.

python orders_sqlalchemy.py sqlite:///shop.db
python orders_sqlalchemy.py postgresql+psycopg://user@host/shop
"""

from __future__ import annotations

import sys
from typing import Any

import trio
from sqlalchemy import URL, Engine, create_engine, event, func, make_url, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from gochan.durable import DurableJob, DurableQueue, current_job, open_durable_queue, open_store


class Base(DeclarativeBase):
    """The tables of the shop."""


class Order(Base):
    """What somebody has ordered."""

    __tablename__ = "orders"
    number: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str]
    mailed: Mapped[bool] = mapped_column(default=False)


def store_address(url: URL) -> str:
    """Return the address of the store in the database of an engine."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:{url.database}"
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def connect(url: URL) -> Engine:
    """Return an engine; on SQLite, its transactions begin as those do that will write."""
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine, "connect")
        def leave_transactions_to_us(connection: Any, _: object) -> None:
            connection.isolation_level = None

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def raw(session: Session) -> Any:
    """Return the connection of the driver, in which the transaction of a session is."""
    return session.connection().connection.driver_connection


class Shop:
    """Takes orders in transactions, each in a thread."""

    def __init__(self, engine: Engine, store: Any) -> None:
        self.engine = engine
        self.store = store

    def order(self, queue: DurableQueue[Any, str], customer: str) -> DurableJob[str]:
        """Store an order and the job for its mail: both, or neither."""
        with Session(self.engine) as session, session.begin():
            order = Order(customer=customer)
            session.add(order)
            session.flush()  # so that it has a number
            job = self.store.submit_in(raw(session), queue, {"order": order.number})
            if customer == "nobody":
                raise ValueError("an order needs a customer")
        return job

    async def mail(self, payload: dict[str, int]) -> str:
        """Send the mail for an order: the handler."""
        await trio.sleep(0.01)  # here, the mail is sent
        await trio.to_thread.run_sync(self.note_mailed, payload["order"])
        return "ignored, since the job has ended"

    def note_mailed(self, number: int) -> None:
        """Note that the mail is sent and that its job is done: both, or neither."""
        with Session(self.engine) as session, session.begin():
            order = session.get_one(Order, number)
            order.mailed = True
            self.store.finish_in(raw(session), current_job(), f"mailed {order.customer}")

    def count(self) -> int:
        """Return how many orders have got their mail."""
        with Session(self.engine) as session:
            return session.scalar(select(func.count()).where(Order.mailed)) or 0


async def main(address: str) -> None:
    """Take two orders, one of which fails, and send the mails."""
    url = make_url(address)
    engine = connect(url)
    async with open_store(store_address(url)) as store:
        await trio.to_thread.run_sync(Base.metadata.create_all, engine)
        shop = Shop(engine, store)
        async with open_durable_queue(store, "mails", shop.mail) as queue:
            job = await trio.to_thread.run_sync(shop.order, queue, "ann")
            try:
                await trio.to_thread.run_sync(shop.order, queue, "nobody")
            except ValueError as error:
                print("rolled back:", error)
            print((await job.wait()).value)
            print((await queue.statistics()).stored, "job was stored")
            print(await trio.to_thread.run_sync(shop.count), "order is mailed")
    engine.dispose()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
