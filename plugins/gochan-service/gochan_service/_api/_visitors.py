"""Visitors: who asks, and what answers they get."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial, wraps
from typing import Any, Final, TypeAlias, final

import trio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gochan.durable import Store, StoreClosed, StoreUnavailable

from .._door import presented
from .._people import NotAllowed, Person, PersonalStore, Register, RegisterError

COOKIE: Final = "gochan_session"
AGAIN: Final = 5.0  # seconds after which a stream asks again whether its reader is let in


class Problem(Exception):
    """A request that cannot be done: its status, why, and further headers."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@final
class Visitors:
    """Knows who asks.

    Args:
        store: where the jobs are.
        register: who may come in.
        tokens: further tokens, and who has them.
    """

    def __init__(self, store: Store, register: Register, tokens: Mapping[str, Person]) -> None:
        self._store = store
        self.register = register
        self._tokens = tokens

    async def person(self, request: Request, *, by_cookie: bool = False) -> Person:
        """Return who asks.

        Args:
            request: with a token in its head, or with the cookie of a session. A cookie is good
                for looking only: a browser sends it without its user's will.
            by_cookie: whether it is good for everything, as the caller has looked at the form.

        Raises:
            Problem: nobody knows.
        """
        token = presented(request)
        if token is None and (by_cookie or request.method in ("GET", "HEAD")):
            token = request.cookies.get(COOKIE)
        person = await self.who(token or "")
        if person is None:
            raise Problem(401, "a token is needed", www_authenticate="Bearer")
        return person

    async def who(self, token: str) -> Person | None:
        """Return whose a token is; ``None`` if it opens nothing."""
        if token in self._tokens:
            return self._tokens[token]
        if not token:
            return None
        return await trio.to_thread.run_sync(
            partial(self.register.who, token, at=self._store.now())
        )

    async def begin_session(self, person: Person, lasts: float, request: Request) -> str:
        """Begin a session of a browser, and return its token."""
        begin = partial(
            self.register.begin_session,
            person,
            lasts=lasts,
            at=self._store.now(),
            source=source_of(request),
        )
        return await trio.to_thread.run_sync(begin)

    def store_of(self, person: Person, request: Request) -> PersonalStore:
        """Return the store as somebody has it."""
        source = source_of(request)

        async def note(what: str, details: str) -> None:
            register = partial(
                self.register.note, by=person.login, at=self._store.now(), source=source
            )
            await trio.to_thread.run_sync(register, what, details)

        return PersonalStore(self._store, person, note)

    async def ask(self, request: Request) -> PersonalStore:
        """Return the store as the one has it who asks.

        Raises:
            Problem: nobody knows who that is.
        """
        return self.store_of(await self.person(request), request)


@final
class Welcome:
    """Whether somebody is still let in: asked now and then, while a stream goes on.

    Args:
        visitors: knows who is let in.
        request: of whom.
    """

    def __init__(self, visitors: Visitors, request: Request) -> None:
        self._visitors = visitors
        self._request = request
        self._next = trio.current_time() + AGAIN
        self._lasts = True

    async def __call__(self) -> bool:
        """Return whether they are, as far as it was known a few seconds ago."""
        if trio.current_time() >= self._next:
            self._next = trio.current_time() + AGAIN
            try:
                await self._visitors.person(self._request)
            except Problem:
                self._lasts = False
            except (StoreUnavailable, StoreClosed):
                pass  # nobody knows, for now
        return self._lasts


Handler: TypeAlias = Callable[[Any, Request], Coroutine[Any, Any, Response]]


# What can go wrong for reasons of whoever asks, or of the store.
WRONG: Final = (
    Problem,
    NotAllowed,
    ValueError,
    OverflowError,
    RegisterError,
    StoreUnavailable,
    StoreClosed,
)


def problem_of(error: Exception) -> Problem:
    """Return what is said of an error, which is one of those that can be expected."""
    match error:
        case Problem():
            return error
        case NotAllowed():
            return Problem(403, str(error))
        case StoreUnavailable() | StoreClosed():
            return Problem(503, str(error), retry_after="1")
    return Problem(400, str(error))


def answering(handler: Handler) -> Handler:
    """Make what can go wrong in a handler an answer."""

    @wraps(handler)
    async def answer(self: Any, request: Request) -> Response:
        try:
            return await handler(self, request)
        except (*WRONG, TypeError) as error:
            problem = problem_of(error)
            return JSONResponse({"error": str(problem)}, problem.status, problem.headers)

    return answer


def source_of(request: Request) -> str:
    """Return where a request comes from."""
    return "" if request.client is None else request.client.host


def check_questions(request: Request, *known: str) -> None:
    """Look at what is asked: a misspelt filter must not find everything.

    Raises:
        ValueError: there is a question that nobody here knows.
    """
    for name in request.query_params:
        if name not in known:
            raise ValueError(f"{name!r} cannot be asked here; what can be: {', '.join(known)}")


def number(text: object, least: int, most: int) -> int:
    """Return a whole number of a question.

    Raises:
        ValueError: it is none, or out of range.
    """
    try:
        found = int(str(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None
    if not least <= found <= most:
        raise ValueError(f"{found} is not from {least} to {most}")
    return found
