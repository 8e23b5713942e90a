"""The description of all routes, as OpenAPI has it: made from the routes, and what they take."""

# Theory of operation
# -------------------
# The routes themselves are asked, so none is forgotten. What agents send and get is described
# by the same classes that read and write it. What people get is described as far as it is said
# there: the names are those of the records, which the reference of gochan explains.

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ._api._jobs import JobSaid, JobsSaid, Reason
from ._door._steps import STEPS
from ._wire import Exchange, Exchanged

PATH: Final = "/openapi.json"

_TEXT: Final = {"text/plain": {"schema": {"type": "string"}}}
_ANY: Final[dict[str, Any]] = {"application/json": {"schema": {}}}
_WORDS: Final = {
    200: "Done.",
    201: "The jobs are stored.",
    400: "It is not what this takes; the answer says what is wrong.",
    401: "The secret, or the token, is missing or wrong.",
    403: "This person may not do that.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "Somebody else was faster, or the run or the job is over.",
    413: "The body is too long.",
    429: "There are too many polls or clients; come again later.",
    503: "The store cannot be used now, the queue is full, or the server stops; come again later.",
}

# What people may send, by the end of the path.
_TAKES: Final[dict[str, tuple[Any, ...]]] = {
    "/api/v1/exchange": (Exchange,),
    "/api/v1/jobs": (JobSaid, JobsSaid),
    "/api/v1/jobs/{id}/cancel": (Reason,),
}
_STREAMS: Final = {"/api/v1/jobs/{id}/log", "/api/v1/events"}


def description_route(routes: Iterable[BaseRoute]) -> Route:
    """Return the route that describes these, and itself."""
    own = Route(PATH, lambda request: Response(), methods=["GET"])
    text = msgspec.json.encode(describe([*routes, own]))

    async def tell(request: Request) -> Response:
        """Describe all routes."""
        return Response(text, media_type="application/json")

    return Route(PATH, tell, methods=["GET"])


def describe(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """Return the document."""
    kinds: list[Any] = [Exchange, Exchanged, JobSaid, JobsSaid, Reason]
    for step in STEPS.values():
        kinds += [step.takes, step.answers]
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    schema_of = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        assert isinstance(route, Route)
        path = route.path_format
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(path, {})[method.lower()] = _operation(path, method, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gochan job server",
            "version": version("gochan-service"),
            "description": "Agents ask for jobs, run them, and report; people submit and cancel.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "agents": {"type": "http", "scheme": "bearer", "description": "The RPC secret."},
                "people": {"type": "http", "scheme": "bearer", "description": "A token."},
            },
        },
    }


def _operation(path: str, method: str, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    name = path.removeprefix("/rpc/v1/")
    if name in STEPS:
        step = STEPS[name]
        statuses = [200, 409] if step.conflicts else [200]
        operation = _of_agents(
            step.summary, schema_of[step.takes], schema_of[step.answers], statuses
        )
    elif path == "/rpc/v1/exchange":
        summary = "Make many calls of the store at once, and hear its bells."
        operation = _of_agents(summary, schema_of[Exchange], schema_of[Exchanged], [200])
    elif path.startswith("/api/v1/") and not path.endswith("z"):
        operation = _of_people(path, method, schema_of)
    else:
        is_text = path != PATH
        operation = {"responses": _answers([200, 503], _TEXT if is_text else _ANY)}
    return {"operationId": f"{method.lower()}{re.sub(r'[^a-zA-Z0-9]+', '_', path)}", **operation}


def _of_agents(summary: str, takes: Any, gives: Any, statuses: list[int]) -> dict[str, Any]:
    content = {"application/json": {"schema": gives}}
    return {
        "summary": summary,
        "security": [{"agents": []}],
        "requestBody": _body(takes),
        "responses": {
            **_answers(statuses, content),
            **_answers([400, 408, 413, 429, 503], _TEXT),
            **_answers([401], None),
        },
    }


def _of_people(path: str, method: str, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "security": [{"people": []}],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", path)
        ],
        "responses": {
            **_answers([200, 201], None if path in _STREAMS else _ANY),
            **_answers([400, 401, 403, 404, 409, 413, 503], _ANY),
            **_answers([408, 429], _TEXT),
        },
    }
    schemas = [schema_of[kind] for kind in _TAKES.get(path, ())]
    if schemas and method == "POST":
        operation["requestBody"] = _body({"anyOf": schemas} if len(schemas) > 1 else schemas[0])
    return operation


def _body(schema: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answers(statuses: list[int], content: Any) -> dict[str, Any]:
    return {
        str(status): {
            "description": _WORDS[status],
            **({} if content is None else {"content": content}),
        }
        for status in statuses
    }
