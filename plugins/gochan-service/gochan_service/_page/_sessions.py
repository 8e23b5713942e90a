"""Sessions: who has logged in, and whether a form is one of ours."""

# Theory of operation
# -------------------
# A session is a token in a cookie that scripts cannot read, and that no other site's request
# carries. Forms have a word that only a page of ours can know, since it is made from the session;
# so a request that another site has a browser send changes nothing.

from __future__ import annotations

import hashlib
import hmac
from typing import Final, final

import trio
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from .._api import COOKIE, Problem, Visitors
from .._people import Person

LASTS: Final = 12 * 3600.0  # seconds
_LONGEST: Final = 64 * 2**10  # bytes of a field


@final
class Sessions:
    """Lets people in, and out."""

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors

    async def person(self, request: Request) -> Person | None:
        """Return who has logged in, if anybody."""
        try:
            return await self._visitors.person(request, by_cookie=True)
        except Problem:
            return None

    async def log_in(self, token: str, request: Request, response: Response) -> Person | None:
        """Begin a session for whom a token belongs to; return them, or ``None`` for nobody."""
        person = await self._visitors.who(token)
        if person is None:
            return None
        session = await self._visitors.begin_session(person, LASTS, request)
        response.set_cookie(
            COOKIE,
            session,
            max_age=int(LASTS),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return person

    async def log_out(self, request: Request, response: Response) -> None:
        """End a session."""
        session = request.cookies.get(COOKIE, "")
        await trio.to_thread.run_sync(self._visitors.register.end_session, session)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")

    async def form(self, request: Request) -> FormData:
        """Return a form that a page of ours has sent.

        Raises:
            Problem: it is none.
        """
        check_site(request)
        form = await fields_of(request)
        given = form.get("csrf")
        wanted = csrf_of(request)
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Problem(403, "this form is too old, or not from here; go back, and try again")
        return form


async def fields_of(request: Request) -> FormData:
    """Return the fields of a form, which are few.

    Raises:
        Problem: it is none, or there are many, or very long ones.
    """
    try:
        return await request.form(max_files=0, max_fields=20, max_part_size=_LONGEST)
    except MultiPartException as error:
        raise Problem(400, f"this is not a form from here: {error.message}") from None


def check_site(request: Request) -> None:
    """Look where a form comes from, as far as the browser says that.

    Raises:
        Problem: it comes from another site. There is no session yet when somebody logs in, so no
            word in the form can tell.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "this form is not from here")


def csrf_of(request: Request) -> str:
    """Return the word that forms of this session have."""
    session = request.cookies.get(COOKIE, "")
    return hashlib.sha256(f"form of {session}".encode(errors="surrogateescape")).hexdigest()
