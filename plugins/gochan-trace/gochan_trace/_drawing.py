"""Drawing: the shapes that pictures are made of, as SVG that is legible on any page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, final
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

Anchor: TypeAlias = Literal["start", "middle", "end"]

SIZE: Final = 13.0  # of text, in pixels
LINE: Final = 17.0  # from one line of text to the next

# By name: the colour on a light page, and on a dark one.
_COLOURS: Final = {
    "panel": ("#ffffff", "#15181d"),
    "edge": ("#d0d4da", "#3b424c"),
    "ink": ("#1c2024", "#eceef1"),
    "soft": ("#59616b", "#a8b1bc"),
    "faint": ("#e3e6ea", "#2c323a"),
    "band": ("#e4ebf7", "#273449"),
    "wait": ("#f3cf86", "#86621c"),
    "blue": ("#0a5cbd", "#7cb8ff"),
    "green": ("#17723a", "#6fd492"),
    "violet": ("#7634bd", "#cda6ff"),
    "red": ("#c0271f", "#ff938a"),
    "orange": ("#a34d00", "#ffb066"),
}

# Characters that XML cannot hold, not even escaped.
_UNSPEAKABLE: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FONT: Final = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"


def _style() -> str:
    def colours(mode: int) -> str:
        return (
            "".join(
                f".{name}{{fill:{pair[mode]}}}.{name}-line{{stroke:{pair[mode]}}}"
                for name, pair in _COLOURS.items()
            )
            + f".halo{{stroke:{_COLOURS['panel'][mode]}}}"
        )

    return (
        f"text{{{_FONT};font-size:{SIZE:g}px}}"
        ".halo{stroke-width:4px;stroke-linejoin:round;paint-order:stroke}"
        ".line{fill:none;stroke-width:1.5}.thin{fill:none;stroke-width:1}"
        ".thick{fill:none;stroke-width:2.25}.dashed{stroke-dasharray:3 4}"
        ".dots{stroke-dasharray:1.5 4}.bold{font-weight:600}"
        + colours(0)
        + "@media (prefers-color-scheme:dark){"
        + colours(1)
        + "}"
    )


def measure(text: str) -> float:
    """Estimate the width of a text in pixels; too wide rather than too narrow."""
    return SIZE * math.fsum(_widths(character) for character in text)


def _widths(character: str) -> float:
    if character in "iIjl.,:;'|![]()":
        return 0.36
    if character in 'frt-" ':
        return 0.42
    if character in "mwMW@%—":
        return 0.95
    if east_asian_width(character) in "WF":
        return 1.05
    return 0.72 if character.isupper() else 0.61


@final
class Drawing:
    """A picture with a title, on a panel of its own."""

    def __init__(self, title: str, description: str) -> None:
        self._title = title
        self._description = description
        self._shapes: list[str] = []
        self._on_top: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = "ink",
        anchor: Anchor = "start",
        *,
        bold: bool = False,
    ) -> None:
        """Write one line of text with its base line at ``y``."""
        kind = f"halo {colour}" + (" bold" if bold else "")
        at = f'x="{_number(x)}" y="{_number(y)}"'
        end = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._shapes.append(f'<text class="{kind}" {at}{end}>{_escape(text)}</text>')

    def line(self, points: Iterable[tuple[float, float]], kind: str) -> None:
        """Draw a line through points; ``kind`` is a list of classes."""
        path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._shapes.append(f'<polyline class="{kind}" points="{path}"/>')

    def area(self, points: list[tuple[float, float]], base: float, colour: str) -> None:
        """Fill the area between a line and ``base``."""
        corners = [*points, (points[-1][0], base), (points[0][0], base)]
        path = " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)
        self._shapes.append(f'<polygon class="{colour}" points="{path}"/>')

    def curve(
        self,
        start: tuple[float, float],
        towards: tuple[float, float],
        end: tuple[float, float],
        kind: str,
    ) -> None:
        """Draw a line that bends towards a point."""
        points = [f"{_number(x)},{_number(y)}" for x, y in (start, towards, end)]
        path = f"M{points[0]} Q{points[1]} {points[2]}"
        self._shapes.append(f'<path class="{kind}" d="{path}"/>')

    def box(
        self, x: float, y: float, width: float, height: float, kind: str, corner: float = 3
    ) -> None:
        """Draw a rectangle with round corners."""
        size = f'width="{_number(width)}" height="{_number(height)}" rx="{_number(corner)}"'
        self._shapes.append(f'<rect class="{kind}" x="{_number(x)}" y="{_number(y)}" {size}/>')

    def dot(self, x: float, y: float, colour: str, radius: float = 4.5) -> None:
        """Draw a dot."""
        at = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
        self._shapes.append(f'<circle class="{colour}" {at}/>')

    def cross(self, x: float, y: float, colour: str) -> None:
        """Draw a cross."""
        for slope in (-1, 1):
            ends = [(x - 4.5, y - 4.5 * slope), (x + 4.5, y + 4.5 * slope)]
            self.line(ends, f"thick {colour}-line")

    def head(self, x: float, y: float, dx: float, dy: float, colour: str) -> None:
        """Draw the head of an arrow that comes from a direction and ends at ``(x, y)``."""
        length = (dx * dx + dy * dy) ** 0.5
        ux, uy = dx / length, dy / length
        corners = [(x, y)]
        corners += [(x - 9 * ux - side * uy, y - 9 * uy + side * ux) for side in (4, -4)]
        path = " ".join(f"{_number(a)},{_number(b)}" for a, b in corners)
        self._shapes.append(f'<polygon class="{colour}" points="{path}"/>')

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        """Draw a straight arrow, with its head above all text."""
        self.line([start, end], f"line {colour}-line")
        shapes, self._shapes = self._shapes, self._on_top
        self.head(*end, end[0] - start[0], end[1] - start[1], colour)
        self._shapes = shapes

    def render(self, width: float, height: float) -> str:
        """Return the picture."""
        panel = (
            f'<rect class="panel edge-line" x="0.5" y="0.5" width="{_number(width - 1)}" '
            f'height="{_number(height - 1)}" rx="6"/>'
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_number(width)} '
                f'{_number(height)}" width="{_number(width)}" height="{_number(height)}" '
                f'role="img" aria-labelledby="title description">',
                f'<title id="title">{_escape(self._title)}</title>',
                f'<desc id="description">{_escape(self._description)}</desc>',
                f"<style>{_style()}</style>",
                panel,
                *self._shapes,
                *self._on_top,
                "</svg>\n",
            ]
        )


def _escape(text: str) -> str:
    """Escape text for XML, and replace the characters that XML cannot hold."""
    return escape(_UNSPEAKABLE.sub("\ufffd", text))


def _number(number: float) -> str:
    """Format a coordinate, in the same way on every machine."""
    return f"{number:.1f}".removesuffix(".0")
