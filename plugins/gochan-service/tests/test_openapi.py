"""The description of all routes is complete, and true."""

from __future__ import annotations

import json
from pathlib import Path

from gochan_service._door._steps import STEPS

from .services import open_service

STRUCTS = ("Request", "Offered", "Accepted", "StatusOf", "Exchange", "JobSaid")


async def test_all_routes_are_described(tmp_path: Path) -> None:
    """With what they take and answer, and what opens them; every reference leads somewhere."""
    async with open_service(tmp_path) as service:
        answer = await service.ask("GET", "/openapi.json", who=None)
        assert answer.headers["content-type"] == "application/json"
        document = answer.json()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                # Without a secret: the route is there, or wants one.
                real = path.replace("{id}", "1").replace("{version}", "1").replace("{name}", "x")
                (status,) = {
                    (await service.ask(method.upper(), real, who=None)).status_code
                    for _ in range(1)
                }
                assert status == (401 if "security" in operation else 200), (method, path)
    assert document["openapi"] == "3.1.0"
    for name in STEPS:
        operation = document["paths"][f"/rpc/v1/{name}"]["post"]
        assert operation["summary"].endswith(".")
        assert "\n" not in operation["summary"]
        assert operation["description"].endswith(".")
        assert f"`{name}`" in document["info"]["description"]
        assert operation["security"] == [{"agents": []}]
        assert ("409" in operation["responses"]) == STEPS[name].conflicts
    schemas = document["components"]["schemas"]
    assert {*STRUCTS} <= {*schemas}
    text = json.dumps(document)
    for reference in set(text.split('"$ref": "')[1:]):
        assert reference.partition('"')[0].removeprefix("#/components/schemas/") in schemas
    names = [one["operationId"] for some in document["paths"].values() for one in some.values()]
    assert len({*names}) == len(names)


async def test_what_an_agent_in_another_language_has_to_know_is_said(tmp_path: Path) -> None:
    """Of each field whose name does not say all; and when to come again."""
    async with open_service(tmp_path) as service:
        document = (await service.ask("GET", "/openapi.json", who=None)).json()
    schemas = document["components"]["schemas"]
    for name, fields in {
        "Run": ["id", "version"],
        "Part": ["name", "offset"],
        "Heard": ["held", "lease", "draining"],
        "Watched": ["cancelled", "lost"],
        "StatusOf": ["status", "retry", "delay"],
    }.items():
        for field in fields:
            assert f"\n    {field}: " in schemas[name]["description"], (name, field)
    assert "``log``" in schemas["Part"]["description"]
    for status in ("429", "503"):
        answer = document["paths"]["/rpc/v1/request"]["post"]["responses"][status]
        assert "Retry-After" in answer["headers"]


async def test_every_route_is_in_the_description(tmp_path: Path) -> None:
    """The server itself is asked which there are."""
    async with open_service(tmp_path) as service:
        routes = service.server.application._application.routes  # type: ignore[attr-defined]
        paths = {route.path_format for route in routes}
        document = (await service.ask("GET", "/openapi.json", who=None)).json()
    for_programs = {path for path in paths if path.startswith(("/rpc/", "/api/"))}
    assert for_programs <= {*document["paths"]} <= paths
    assert "/rpc/v1/watch" in paths
