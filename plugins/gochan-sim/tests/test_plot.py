"""The picture: what is in it, and that it can be seen on any page."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from gochan_sim._loads import SCENARIOS, Arrival, Load
from gochan_sim._plot import COLOURS, INK, check_picture, draw
from gochan_sim._sim import Result, Series, compare, invented

import gochan

STRATEGIES = ("block(inf)", "drop-on-full(20)", "drop-on-full(200)")


@pytest.fixture(scope="module")
def tried() -> list[tuple[Series, list[Result]]]:
    series = [invented(scenario, 1, 4) for scenario in SCENARIOS]
    return [(one, compare(one, STRATEGIES, gochan.strategy, 4)) for one in series]


@pytest.fixture(scope="module")
def picture(tried: list[tuple[Series, list[Result]]]) -> str:
    return draw(tried).decode()


def test_it_is_a_picture_with_all_names_in_it(picture: str) -> None:
    """As text, so that it can be searched."""
    words = {"".join(one.itertext()).strip() for one in ET.fromstring(picture).iter()}
    assert words >= {*STRATEGIES, "overload", "slow-workers", "seconds"}


def test_each_strategy_has_a_line_of_its_own(picture: str) -> None:
    """In each of the four fields, and in the legend."""
    for colour in COLOURS[: len(STRATEGIES)]:
        assert len(re.findall(rf"fill: none; stroke: {colour}", picture)) == 5


def test_many_strategies_can_be_told_apart(tried: list[tuple[Series, list[Result]]]) -> None:
    """By colour and dashes; as many as anybody can look at."""
    (series, (result, *_)), *_ = tried
    many = [Result(f"s{n}", result.figures, result.course) for n in range(18)]
    text = draw([(series, many)]).decode()
    found = re.findall(r"fill: none; (?:stroke-dasharray: ([\d.,]+);.*? )?stroke: (#\w+)", text)
    assert len({(dashes, colour) for dashes, colour in found if colour in COLOURS}) == 18


def test_the_same_comparison_is_the_same_file(
    tried: list[tuple[Series, list[Result]]], picture: str
) -> None:
    """So it can be kept beside a page, and changes only when something has."""
    assert draw(tried).decode() == picture


def test_a_load_without_a_bad_period_can_be_drawn() -> None:
    """Even of a single job."""
    series = Series("one", "", [Load((Arrival(0, 1),))])
    text = draw([(series, compare(series, ["block(9)"], gochan.strategy, 1))]).decode()
    assert "one" in text


# On light pages and on dark ones


def luminance(colour: str) -> float:
    """Return how light a colour is, as the Web Content Accessibility Guidelines say."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [INK, *COLOURS])
@pytest.mark.parametrize("page", ["#ffffff", "#131416"])
def test_every_colour_stands_out(colour: str, page: str) -> None:
    """At least 3 to 1, as graphics must, from white and from the page of a dark theme."""
    assert contrast(colour, page) >= 3


def test_nothing_has_another_colour_or_a_background(picture: str) -> None:
    """What is black by default would not be seen on a dark page, nor white on a light one."""
    coloured = {*re.findall(r"(?:fill|stroke): (#\w+)", picture)}
    assert coloured - {*COLOURS, INK} == set()
    assert INK in coloured


# Before anything is drawn


@pytest.mark.parametrize("name", ["x.png", "svg", "x", "x.svg.gz"])
def test_only_svg_is_drawn(name: str) -> None:
    """The name says so."""
    with pytest.raises(ValueError, match=r"must end in \.svg"):
        check_picture(name)


def test_the_library_is_asked_for_only_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match="needs matplotlib: pip install matplotlib"):
        check_picture("x.svg")


def test_there_must_be_a_folder_for_it(tmp_path: Path) -> None:
    """Rather than find that out after all the work."""
    check_picture(str(tmp_path / "x.SVG"))
    check_picture("x.svg")
    with pytest.raises(FileNotFoundError):
        check_picture(str(tmp_path / "nowhere" / "x.svg"))
