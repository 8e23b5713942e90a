"""Answers that are pages, and the headers of all of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, TypeAlias, final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from gochan.durable import Store, StoreClosed, StoreUnavailable

from .._api import WRONG, problem_of
from .._people import Person, allows
from . import _words
from ._sessions import Sessions, csrf_of

# Nothing from other hosts, nothing inline, and in no frame.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@final
class Shell:
    """Makes pages, for who has logged in."""

    def __init__(self, store: Store, sessions: Sessions) -> None:
        self._store = store
        self.sessions = sessions
        self._templates = Environment(
            loader=PackageLoader("gochan_service._page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for name in ("ago", "data", "short", "span", "state", "took", "utc"):
            self._templates.filters[name] = getattr(_words, name)

    def page(
        self, request: Request, name: str, person: Person | None, status: int = 200, **values: Any
    ) -> Response:
        """Return a page."""
        text = self._templates.get_template(f"{name}.html").render(
            person=person,
            operator=person is not None and allows(person.role, "operator"),
            csrf=csrf_of(request),
            path=request.url.path,
            status=status,
            site=str(request.base_url).rstrip("/"),
            now=self._store.now(),
            **values,
        )
        return HTMLResponse(text, status, HEADERS)

    def problem(self, request: Request, person: Person | None, status: int, why: str) -> Response:
        """Return a page that says what is wrong."""
        return self.page(request, "problem", person, status, why=why)

    def wrong(self, request: Request, person: Person | None, error: Exception) -> Response:
        """Return a page about an error that can be expected."""
        problem = problem_of(error)
        away = isinstance(error, (StoreUnavailable, StoreClosed))
        why = f"the store cannot be reached: {problem}" if away else str(problem)
        return self.problem(request, person, problem.status, why)

    async def missing(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for what is not there: a browser gets a page, a program a line."""
        request = Request(scope, receive)
        answer: Response = PlainTextResponse("Not Found", 404)
        if "text/html" in request.headers.get("accept", ""):
            try:
                person = await self.sessions.person(request)
                answer = self.problem(request, person, 404, "There is no such page.")
            except WRONG as error:
                answer = self.wrong(request, None, error)
        await answer(scope, receive, send)


def _login_for(request: Request) -> str:
    """Return where to log in; after that, the page comes that was asked for."""
    path, question = request.url.path, request.url.query
    if request.method not in ("GET", "HEAD") or (path == "/" and not question):
        return "/login"
    return "/login?" + urlencode({"to": f"{path}?{question}" if question else path})


View: TypeAlias = Callable[[Any, Request, Person], Coroutine[Any, Any, Response]]
Answer: TypeAlias = Callable[[Any, Request], Coroutine[Any, Any, Response]]


def for_people(view: View) -> Answer:
    """Make a view an answer: for those who have logged in, and with a page for what goes wrong.

    The view's object has a ``shell``.
    """

    @wraps(view)
    async def answer(self: Any, request: Request) -> Response:
        shell: Shell = self.shell
        person = None
        try:
            person = await shell.sessions.person(request)
            if person is None:
                return RedirectResponse(_login_for(request), 303, HEADERS)
            return await view(self, request, person)
        except WRONG as error:
            return shell.wrong(request, person, error)

    return answer
