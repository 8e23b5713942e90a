"""Logging in and out."""

from __future__ import annotations

from typing import Final, final

import trio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .._api import WRONG, Problem
from .._people import Person
from ._sessions import Sessions, check_site, fields_of
from ._shell import HEADERS, Shell, for_people

_PAUSE: Final = 1.0  # seconds after a token that opens nothing


@final
class Login:
    """Answers who has not logged in, or wants out."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self._sessions: Sessions = shell.sessions

    async def show(self, request: Request) -> Response:
        """Ask for a token."""
        return self.shell.page(request, "login", None, why="")

    async def log_in(self, request: Request) -> Response:
        """Take a token, and begin a session."""
        try:
            check_site(request)
            form = await fields_of(request)
        except Problem as problem:
            return self.shell.page(request, "login", None, problem.status, why=str(problem))
        token = form.get("token")
        response = RedirectResponse("/", 303, HEADERS)
        word = token.strip() if isinstance(token, str) else ""
        try:
            if await self._sessions.log_in(word, request, response):
                return response
        except WRONG as error:  # the register is away, for one
            return self.shell.wrong(request, None, error)
        await trio.sleep(_PAUSE)
        why = "This token opens nothing. It may have expired, or its owner is blocked."
        return self.shell.page(request, "login", None, 403, why=why)

    @for_people
    async def log_out(self, request: Request, person: Person) -> Response:
        """End the session."""
        await self._sessions.form(request)
        response = RedirectResponse("/login", 303, HEADERS)
        await self._sessions.log_out(request, response)
        return response
