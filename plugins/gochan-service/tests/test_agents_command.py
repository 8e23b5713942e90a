"""The command ``gochan agents``, and a server in this process that it asks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result
from gochan_service._commands._agents_command import agents_command

from .services import SECRET, Service, open_service

Call = Callable[..., Awaitable[Result]]


def caller(service: Service, role: str = "operator") -> Call:
    """Return what runs the command in a thread, as somebody with a role."""

    async def call(*words: str) -> Result:
        variables = {"GOCHAN_URL": service.url, "GOCHAN_TOKEN": f"gochan_token_of_{role}"}
        return await trio.to_thread.run_sync(
            lambda: CliRunner().invoke(agents_command, words, env=variables)
        )

    return call


async def introduce(service: Service, name: str) -> None:
    said = {"name": name, "capacity": 3, "labels": {"os": "li\nnux", "gpu": "yes"}}
    async with service.client(SECRET) as agent:
        for queue in ("q", "p"):
            ask = {"agent": said, "queue": queue, "wait": 0}
            assert (await agent.post("/rpc/v1/request", json=ask)).is_success


async def test_agents_are_listed_and_drained(tmp_path: Path) -> None:
    """Several at a time, whatever they call themselves."""
    async with open_service(tmp_path) as service:
        agents = caller(service)
        assert (await agents("list")).output == ""
        for name in ("host:7", "a/b c"):
            await introduce(service, name)
        assert (await agents("drain", "a/b c", "host:7")).exit_code == 0
        assert (await agents("undrain", "host:7")).exit_code == 0
        lines = [line.split("\t") for line in (await agents("list")).output.splitlines()]
        assert [
            (name, capacity, queues, labels, *state)
            for name, capacity, queues, labels, _, *state in lines
        ] == [
            ("host:7", "3", "p,q", "gpu=yes,os=li\\nnux"),
            ("a/b c", "3", "p,q", "gpu=yes,os=li\\nnux", "drain"),
        ]
        assert all(line[4].endswith(" s") for line in lines)
        objects = [
            json.loads(line) for line in (await agents("list", "--json")).output.splitlines()
        ]
        assert {one["name"]: one["draining"] for one in objects} == {"a/b c": True, "host:7": False}
        assert (await agents()).output.splitlines()[0].startswith("host:7\t3\tp,q")


async def test_what_is_refused_is_said(tmp_path: Path) -> None:
    """By the server's own words."""
    async with open_service(tmp_path) as service:
        unknown = await caller(service)("drain", "nobody")
        assert (unknown.exit_code, "no agent 'nobody'" in unknown.output) == (2, True)
        await introduce(service, "a")
        refused = await caller(service, "viewer")("drain", "a")
        assert (refused.exit_code, "viewer" in refused.output) == (2, True)
        unknown = await caller(service, "stranger")("list")
        assert f"{service.url} does not accept the token in GOCHAN_TOKEN" in unknown.output
        elsewhere = await caller(service)("list", "--at", f"{service.url}/elsewhere")
        assert "the server answers 404" in elsewhere.output


@pytest.mark.parametrize(
    ("variables", "words", "why"),
    [
        ({"GOCHAN_TOKEN": "x"}, ["list", "--at", "http://127.0.0.1:1"], "http://127.0.0.1:1: "),
        ({"GOCHAN_TOKEN": "x"}, ["list", "--at", "nothing"], "is like http://"),
        ({"GOCHAN_TOKEN": "x"}, ["--at", "nothing"], "is like http://"),
        ({}, ["list", "--at", "http://host"], "set GOCHAN_TOKEN"),
        ({"GOCHAN_TOKEN": "x", "GOCHAN_URL": "nothing"}, [], "is like http://"),
        ({}, ["drain"], "Missing argument 'NAME...'"),
    ],
)
def test_what_is_wrong_is_said(variables: dict[str, str], words: list[str], why: str) -> None:
    """With status 2."""
    done = CliRunner().invoke(agents_command, words, env={"GOCHAN_TOKEN": None} | variables)
    assert done.exit_code == 2
    assert why in done.output
