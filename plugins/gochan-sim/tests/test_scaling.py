"""``gochan sim --scaling``: a day of jobs, and as many agents as it needs."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from gochan_sim._scaling import a_day, draw_scaling, try_settings

from . import calls
from .calls import Ended

gochan = calls.gochan

Gochan = Callable[..., Ended]


@pytest.fixture
def load(tmp_path: Path) -> Path:
    """A minute of jobs, so that a test is quick."""
    path = tmp_path / "load.jsonl"
    path.write_text("".join(f'{{"arrival": {n}, "service": 30}}\n' for n in range(60)))
    return path


def test_settings_are_compared(gochan: Gochan, load: Path) -> None:
    """A row for each; the defaults have no name of their own."""
    words = ["--scaling", "--scaling", "max=2", "--load", str(load)]
    ended = gochan("sim", *words)
    assert (ended.status, ended.err) == (0, "")
    title, _, head, _, *rows = ended.out.decode().splitlines()
    assert title == "60 jobs; agents start in 30 s"
    assert head.split() == ["SETTINGS", "COST", "MEAN", "P50", "P99", "MOST", "CREATED"]
    assert [row.split()[0] for row in rows] == ["the", "max=2"]
    assert rows[1].split()[-2:] == ["2", "2"]


def test_json_has_the_same_figures(gochan: Gochan, load: Path) -> None:
    """Times are in seconds."""
    ended = gochan(
        "sim", "--scaling", "max=60, min-age=1, capacity=2", "--load", str(load), "--json"
    )
    (row,) = json.loads(ended.out)
    assert row["settings"] == "max=60, min-age=1, capacity=2"
    assert row["jobs"] == 60
    assert 0 < row["p50_wait"] <= row["p99_wait"]
    assert row["cost"] >= 0.5


def test_a_day_is_drawn(tmp_path: Path) -> None:
    """Agents beside jobs; with text that can be searched."""
    (one,) = tried = try_settings(["max=20"], None)
    assert one.figures["jobs"] == len(a_day())
    picture = draw_scaling(tried).decode()
    words = {"".join(one.itertext()).strip() for one in ET.fromstring(picture).iter()}
    assert words >= {"agents", "jobs that run", "jobs that wait", "hours", "max=20"}
    assert len(re.findall("stroke: #d55e00", picture)) == 3  # two lines, and the legend
    assert picture == draw_scaling(tried).decode()


def test_a_picture_is_written(gochan: Gochan, load: Path, tmp_path: Path) -> None:
    """To the file that was named."""
    ended = gochan("sim", "--scaling", "--load", str(load), "--plot", str(tmp_path / "a.svg"))
    assert ended.status == 0
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--scaling", "max"], "'max' is not like NAME=NUMBER; names are min, max, target"),
        (["--scaling", "moon=1"], "'moon=1' is not like NAME=NUMBER"),
        (["--scaling", "max=many"], "'many' is no number"),
        (["--scaling", "min=3,max=2"], "min, 3, is more than max, 2"),
        (["--scaling", "--strategy", "block(1)"], "go only --load, --json and --plot"),
    ],
)
def test_what_is_wrong_is_said(gochan: Gochan, words: list[str], why: str) -> None:
    """In one line."""
    ended = gochan("sim", *words)
    assert ended.status == 2
    assert why in ended.err


def test_a_broken_load_is_named(gochan: Gochan, tmp_path: Path) -> None:
    """As without --scaling."""
    (tmp_path / "x").write_text("x")
    ended = gochan("sim", "--scaling", "--load", str(tmp_path / "x"))
    assert ended.status == 2
    assert "line 1" in ended.err


def test_an_empty_load_costs_nothing(gochan: Gochan, tmp_path: Path) -> None:
    """One job of no length."""
    (tmp_path / "x").write_text('{"arrival": 0, "service": 0}')
    ended = gochan("sim", "--scaling", "--load", str(tmp_path / "x"), "--json")
    assert json.loads(ended.out)[0]["cost"] == 0


def test_without_the_service_it_is_said_what_to_install(
    gochan: Gochan, load: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decisions are its own."""
    monkeypatch.setitem(sys.modules, "gochan_service", None)
    ended = gochan("sim", "--scaling", "--load", str(load))
    assert ended.status == 2
    assert "it needs gochan-service" in ended.err
