"""The description of all routes, as OpenAPI has it: made from the routes, and what they take."""

# Theory of operation
# -------------------
# The routes themselves are asked, so none is forgotten. What agents send and get is described
# by the same classes that read and write it. What people get is described as far as it is said
# there: the names are those of the records, which the reference of gochan explains.

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gochan.durable import END_KINDS, STATES

from ._api._jobs import JobSaid, JobsSaid, Reason
from ._door._steps import STEPS
from ._wire import FILE_NAME, Exchange, Exchanged

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
    409: "Nothing of it was won or taken: others were faster, or the runs or jobs are over.",
    413: "The body is too long.",
    429: "There are too many polls or clients; come again later.",
    503: "The store cannot be used now, the queue is full, or the server stops; come again later.",
}
_LATER: Final = {
    "Retry-After": {
        "description": "After how many seconds.",
        "schema": {"type": "integer", "minimum": 0},
    }
}

# What is not said by any route alone.
_OVERVIEW: Final = """\
Agents ask for jobs, run them, and report; people submit and cancel. Write a whole number as one, \
54 and not 54.0. No text has the character NUL.

**What an agent does**, with the RPC secret:

1. `request` tickets, again and again;
2. `accept` some, and get the `details` of those that it has won;
3. for each, `updateStatus` with `running`, and run it;
4. meanwhile `healthz` at least three times in a lease, `watch` for cancels, and `upload` what it \
prints, as the file `log`;
5. `updateStatus` with how it has ended.

To stop, it accepts nothing more, says so with the `phase` `drain`, and goes on with 4 and 5 until \
the last run has ended, or does `reset` what has to go on elsewhere. If an answer does not come, \
it sends the same again. Each route takes several jobs at once; if only some are won or taken, the \
status is 200, and each element of the answer says how it went. `exchange` is how gochan's own \
agents do all of that in one request.
"""

# What people may send, by the end of the path.
_TAKES: Final[dict[str, tuple[Any, ...]]] = {
    "/api/v1/exchange": (Exchange,),
    "/api/v1/jobs": (JobSaid, JobsSaid),
    "/api/v1/jobs/{id}/cancel": (Reason,),
}
# What the places in paths are.
_LARGEST: Final = 2**63 - 1
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": _LARGEST}
_ID: Final = {**_NUMBER, "minimum": 1}
_PLACES: Final[dict[str, dict[str, Any]]] = {
    "id": _ID,
    "version": _NUMBER,
    "name": {"type": "string", "minLength": 1},
    "file": {"type": "string", "pattern": FILE_NAME},
}

# What may be asked, by the method and the path.
_SEVERAL: Final = {"type": "array", "items": {"type": "string", "minLength": 1}}
_ASKED: Final[dict[tuple[str, str], dict[str, dict[str, Any]]]] = {
    ("GET", "/api/v1/jobs"): {
        "queue": _SEVERAL,
        "state": {"type": "array", "items": {"enum": [*STATES]}},
        "kind": {"type": "array", "items": {"enum": [*END_KINDS]}},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        "before": _ID,
    },
    ("GET", "/api/v1/jobs/{id}/log"): {
        "version": _NUMBER,
        "offset": {**_NUMBER, "default": 0},
        "follow": {"enum": ["0", "1", "false", "true"], "default": "0"},
    },
    ("GET", "/api/v1/events"): {"queue": _SEVERAL},
}

# What is answered in another form than JSON, and by which routes.
_SENT: Final[dict[str, dict[str, Any]]] = {
    "/api/v1/metrics": {"text/plain": {}, "application/openmetrics-text": {}},
    "/api/v1/jobs/{id}/files/{version}/{name}": {"application/octet-stream": {}},
    "/api/v1/jobs/{id}/log": {"text/plain": {}, "text/event-stream": {}},
    "/api/v1/events": {"text/event-stream": {}},
}
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


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
    _say_more(components)
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
            "description": _OVERVIEW,
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
        operation = {
            "description": step.description,
            **_of_agents(step.summary, schema_of[step.takes], schema_of[step.answers], statuses),
        }
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
        "parameters": [*_parameters(path, method)],
        "responses": {
            **_answers([200, 201], _SENT.get(path, _ANY)),
            **_answers([400, 409], _TEXT if path == "/api/v1/exchange" else _ANY),
            **_answers([401, 403, 404, 413, 503], _ANY),
            **_answers([408, 429], _TEXT),
        },
    }
    schemas = [schema_of[kind] for kind in _TAKES.get(path, ())]
    if schemas and method == "POST":
        operation["requestBody"] = _body({"anyOf": schemas} if len(schemas) > 1 else schemas[0])
    return operation


def _parameters(path: str, method: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        schema = _PLACES["file" if path.endswith("{version}/{name}") and name == "name" else name]
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, schema in _ASKED.get((method, path), {}).items():
        yield {"name": name, "in": "query", "schema": schema}


def _say_more(schema: Any) -> None:
    """Say what no class says: of what bytes are made, and how large a whole number can be."""
    if isinstance(schema, dict):
        if schema.get("contentEncoding") == "base64":
            schema["pattern"] = _BASE64
        if schema.get("type") == "integer" and "exclusiveMaximum" not in schema:
            schema.setdefault("minimum", -_LARGEST)
            schema.setdefault("maximum", _LARGEST)
        schema = [*schema.values()]
    if isinstance(schema, list):
        for part in schema:
            _say_more(part)


def _body(schema: Any) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answers(statuses: list[int], content: Any) -> dict[str, Any]:
    return {
        str(status): {
            "description": _WORDS[status],
            **({} if content is None else {"content": content}),
            **({"headers": _LATER} if status in (429, 503) else {}),
        }
        for status in statuses
    }
