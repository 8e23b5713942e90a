"""Logging in and out."""

from __future__ import annotations

import re
from typing import Final, final

import trio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .._api import WRONG, Problem
from .._people import Person
from .._token import SECRET, TOKEN
from ._sessions import Sessions, check_site, fields_of
from ._shell import HEADERS, Shell, for_people

# A page of this server: a browser takes //host, and some take /\host, for another one.
_HERE: Final = re.compile(r"/(?!/)[!-\[\]-~]*")
_PAUSE: Final = 1.0  # seconds after a token that opens nothing


@final
class Login:
    """Answers who has not logged in, or wants out."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self._sessions: Sessions = shell.sessions

    async def show(self, request: Request) -> Response:
        """Ask for a token."""
        return self._ask(request, request.query_params.get("to"))

    async def log_in(self, request: Request) -> Response:
        """Take a token, and begin a session."""
        try:
            check_site(request)
            form = await fields_of(request)
        except Problem as problem:
            return self._ask(request, None, problem.status, str(problem))
        token, to = form.get("token"), form.get("to")
        response = RedirectResponse(_page_here(to), 303, HEADERS)
        word = token.strip() if isinstance(token, str) else ""
        try:
            if await self._sessions.log_in(word, request, response):
                return response
        except WRONG as error:  # the register is away, for one
            return self.shell.wrong(request, None, error)
        await trio.sleep(_PAUSE)
        why = "This token opens nothing. It may have expired, or its owner is blocked."
        if word.startswith(SECRET):
            why = f"This is the secret of agents. A token of people begins with {TOKEN}."
        return self._ask(request, to, 403, why)

    def _ask(self, request: Request, to: object, status: int = 200, why: str = "") -> Response:
        return self.shell.page(request, "login", None, status, why=why, to=_page_here(to))

    @for_people
    async def log_out(self, request: Request, person: Person) -> Response:
        """End the session."""
        await self._sessions.form(request)
        response = RedirectResponse("/login", 303, HEADERS)
        await self._sessions.log_out(request, response)
        return response


def _page_here(wanted: object) -> str:
    """Return the page that somebody wants to see, or the first one."""
    return wanted if isinstance(wanted, str) and _HERE.fullmatch(wanted) else "/"
