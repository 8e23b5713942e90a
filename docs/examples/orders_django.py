"""A Django site whose views store jobs in their own transactions, and a worker for these jobs.

python orders_django.py serve sqlite:shop.db
python orders_django.py work postgresql://user@host/shop
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import cache
from typing import Any

import django
import trio
from anyio.from_thread import start_blocking_portal
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections, connection, models, transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from psycopg.conninfo import conninfo_to_dict

from gochan import stop_on_signals
from gochan.durable import current_job, current_queue, open_durable_queue, open_store

COMMAND, ADDRESS = sys.argv[1:3]
OPTIONS = {"shared": True} if ADDRESS.startswith("sqlite:") else {}  # before SQLite 3.51.3


def database_of(address: str) -> dict[str, Any]:
    """Return Django's settings for the database that a store is in."""
    if address.startswith("sqlite:"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": address.removeprefix("sqlite:"),
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    said = conninfo_to_dict(address)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **{theirs: said.get(ours, "") for theirs, ours in names.items()},
        "PORT": said.get("port", ""),
    }


settings.configure(
    ALLOWED_HOSTS=["*"], DATABASES={"default": database_of(ADDRESS)}, ROOT_URLCONF=__name__
)
django.setup()


class Order(models.Model):
    """What somebody has ordered."""

    customer = models.TextField()
    mailed = models.BooleanField(default=False)

    class Meta:
        """In an app that is this file."""

        app_label = "shop"


def make_table() -> None:
    """Do what a migration does in earnest."""
    if Order._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Order)


# The site


@cache
def mails() -> Any:
    """Return the queue; trio runs beside the site, in one thread of the process."""
    stack = ExitStack()
    portal = stack.enter_context(start_blocking_portal("trio"))
    store = stack.enter_context(portal.wrap_async_context_manager(open_store(ADDRESS, **OPTIONS)))
    opened = open_durable_queue(store, "mails")
    return stack.enter_context(portal.wrap_async_context_manager(opened))


def place_order(request: HttpRequest) -> JsonResponse:
    """Store an order and the job for its mail: both, or neither."""
    with transaction.atomic():
        order = Order.objects.create(customer=request.GET["customer"])
        queue = mails()
        job = queue.store.submit_in(connection.connection, queue, {"order": order.pk})
        if order.customer == "nobody":
            transaction.set_rollback(True)
            return JsonResponse({"error": "an order needs a customer"}, status=400)
    return JsonResponse({"order": order.pk, "job": job.id}, status=201)


def show_order(request: HttpRequest, number: int) -> JsonResponse:
    """Say whether its mail is sent."""
    return JsonResponse({"mailed": get_object_or_404(Order, pk=number).mailed})


urlpatterns = [path("order", place_order), path("order/<int:number>", show_order)]
application = WSGIHandler()


def serve() -> None:
    """Serve, for a try; in earnest, let a real server run `application`."""
    from wsgiref.simple_server import make_server

    mails()  # on SQLite, the first to open the file
    make_table()
    with make_server("127.0.0.1", 0, application) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


# The worker


async def mail(payload: dict[str, int]) -> None:
    """Send the mail for an order: the handler."""
    await trio.sleep(0.01)  # here, the mail is sent
    await trio.to_thread.run_sync(note_mailed, payload["order"])


def note_mailed(number: int) -> None:
    """Note that the mail is sent and that its job is done: both, or neither."""
    close_old_connections()
    store: Any = current_queue().store
    with transaction.atomic():
        Order.objects.filter(pk=number).update(mailed=True)
        store.finish_in(connection.connection, current_job(), None)


async def work() -> None:
    """Run jobs until SIGTERM."""
    async with (
        open_store(ADDRESS, **OPTIONS) as store,
        open_durable_queue(store, "mails", mail) as queue,
        stop_on_signals(queue) as stop,
    ):
        print("ready", flush=True)
        await stop.wait()


if __name__ == "__main__":
    serve() if COMMAND == "serve" else trio.run(work)
