"""A fuzzer that reads the description of all routes finds nothing: requests that it allows, and
requests that it forbids, are answered as it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core import NotSet
from schemathesis.core.failures import FailureGroup

from .places import Place

pytestmark = pytest.mark.slow

CASES = 30  # for each operation

# It never ends; how it does so, other tests say.
ENDLESS = {"/api/v1/events"}
MOMENTS = {"run_at", "expires"}
# They wait so long if nobody says how long; otherwise, as long as is said.
WAITS = {"/rpc/v1/request": 30, "/rpc/v1/watch": 60}
LONGEST = {**WAITS, "/rpc/v1/exchange": 60, "/api/v1/exchange": 60}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("service"))
    for number in range(3):
        place.submit({"number": number})
    yield place
    place.close()


def headers_of(place: Place, path: str) -> dict[str, str]:
    name = "GOCHAN_SECRET" if path.startswith("/rpc/") else "GOCHAN_TOKEN"
    return {"authorization": f"Bearer {place.secrets[name]}"}


def test_a_fuzzer_finds_nothing(service: Place) -> None:
    """On any route, for agents or for people; and the server lives on."""
    document = httpx.get(f"{service.url}/openapi.json", trust_env=False).json()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.generation.update(allow_x00=False)  # as the description says
    found: list[str] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in ENDLESS:
            found += findings(service, operation)
    assert found == [], "\n\n".join(found)
    assert service.get("jobs").status_code == 200
    assert service.server.process.poll() is None
    assert "Traceback" not in service.server.said


def findings(service: Place, operation: Any) -> list[str]:
    """Return what the fuzzer has to say about an operation."""
    found: dict[str, str] = {}
    allowed = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    forbidden = operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    session = requests.Session()
    session.trust_env = False
    headers = headers_of(service, operation.path)

    @settings(
        max_examples=CASES, deadline=None, database=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(allowed | forbidden)
    def check(case: Any) -> None:
        shorten(case)
        if not isinstance(case.body, NotSet):
            case.body = whole(case.body)
        response = case.call(base_url=service.url, headers=headers, session=session, timeout=20)
        try:
            case.validate_response(response, headers=headers)
        except FailureGroup as failures:
            for one in failures.exceptions:
                what = f"{operation.method.upper()} {operation.path}: {one.title}: {one}"
                found.setdefault(one.title, f"{what}\n{response.text}\n{case.as_curl_command()}")

    with session:
        check()
    return [*found.values()]


def shorten(case: Any) -> None:
    """Have a poll wait for a moment only, if it asks for more and may."""
    path, body = case.operation.path, case.body
    if path not in LONGEST or not isinstance(body, dict):
        return
    wait = body.get("wait", WAITS.get(path, 0))
    if isinstance(wait, (int, float)) and not isinstance(wait, bool) and 0 < wait <= LONGEST[path]:
        body["wait"] = 0.01


def whole(body: Any) -> Any:
    """Write whole numbers as such, and leave moments out.

    For a schema, 54.0 is a whole number, and any text may be a moment: its format is a hint.
    """
    if isinstance(body, float) and body.is_integer() and abs(body) < 2**63:
        return int(body)
    if isinstance(body, list):
        return [whole(part) for part in body]
    if isinstance(body, dict):
        return {name: whole(part) for name, part in body.items() if name not in MOMENTS}
    return body
