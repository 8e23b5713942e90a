"""The pictures of the documentation: drawn from what really happens, and up to date."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest
from gochan_trace._drawing import measure

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
PICTURES = sorted(FIGURES.glob("*.svg"))

every_picture = pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.stem)


def draw(*arguments: str, figures: Path = FIGURES) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(figures / "draw.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_they_are_what_the_programs_draw_today() -> None:
    """``python docs/figures/draw.py`` makes them so."""
    checked = draw("--check")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.slow
def test_a_picture_that_is_stale_or_missing_is_named(tmp_path: Path) -> None:
    """Drawing mends both, and the same pictures come out wherever that is done."""
    page = "how-to/record-a-timeline.md"
    figures = tmp_path / "figures"
    shutil.copytree(FIGURES, figures)
    (tmp_path / "how-to").mkdir()
    shutil.copy(FIGURES.parent / page, tmp_path / page)
    (figures / "buffer.svg").write_text("<svg/>", encoding="utf-8")
    (figures / "select.svg").unlink()
    checked = draw("--check", figures=figures)
    assert checked.returncode == 1
    assert checked.stderr.strip().endswith(": buffer.svg, select.svg")
    drawn = draw(figures=figures)
    assert drawn.returncode == 0, drawn.stderr
    for path in PICTURES:
        assert (figures / path.name).read_bytes() == path.read_bytes()


def test_there_are_pictures() -> None:
    """A rule about all of them that finds none would never be broken."""
    assert {"rendezvous", "select", "job-states"} <= {path.stem for path in PICTURES}


@every_picture
def test_a_picture_can_be_read(path: Path) -> None:
    """No text is upon another one, or outside; and there is a description to listen to."""
    root = ET.parse(path).getroot()
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width <= 760
    texts = []
    for node in root.iter("{*}text"):
        text, x, y = str(node.text), float(node.attrib["x"]), float(node.attrib["y"])
        left = {"end": 1.0, "middle": 0.5}.get(node.attrib.get("text-anchor", ""), 0.0)
        start = x - measure(text) * left
        texts.append((start, start + measure(text), y, text))
        assert start > 0, text
        assert start + measure(text) < width + 4, text
        assert 10 < y < height, text
    for one, other in combinations(texts, 2):
        apart = one[1] <= other[0] or other[1] <= one[0] or abs(one[2] - other[2]) >= 10
        assert apart, (one, other)
    for name in ("title", "desc"):
        assert re.search(r"\w{3}", str(root.find(f"{{*}}{name}").text))
