"""A picture of the comparison: how many jobs wait, and how many are done, over time."""

# Theory of operation
# -------------------
# matplotlib is big and nothing else needs it, so it is imported only to draw. The picture has no
# background, and its colours are visible on white and on black.

from __future__ import annotations

import importlib.util
import io
import logging
import os
from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ._sim import Result, Series

INK: Final = "#808080"
COLOURS: Final = ("#d55e00", "#0080c0", "#009e73", "#b060c0", "#a08000", "#e0406a")
DASHES: Final = ("-", "--", ":")

_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "gochan",  # the same picture is the same file
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
}


def check_picture(path: str) -> None:
    """Raise an error unless a picture can be drawn, and probably written to ``path``.

    Raises:
        ValueError: the name is not that of an SVG file.
        ModuleNotFoundError: matplotlib is not installed.
        OSError: there is no such folder.
    """
    if not path.lower().endswith(".svg"):
        raise ValueError(f"{path}: the picture is an SVG file, so its name must end in .svg")
    if importlib.util.find_spec("matplotlib") is None:
        raise ModuleNotFoundError("needs matplotlib: pip install matplotlib")
    os.stat(os.path.dirname(path) or ".")


def picture_of(
    paint: Callable[[Any, Sequence[str], str], None], size: tuple[float, float]
) -> bytes:
    """Return what ``paint`` draws on a figure of this size, in inches, as SVG."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it logs the caches that it makes
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure, COLOURS, INK)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return file.getvalue()


def draw(tried: Sequence[tuple[Series, Sequence[Result]]]) -> bytes:
    """Return an SVG picture: a column for each series, a line for each strategy."""

    def paint(figure: Any, colours: Sequence[str], ink: str) -> None:
        axes = figure.subplots(2, len(tried), squeeze=False, sharex="col", sharey="row")
        for column, (series, results) in enumerate(tried):
            waiting, answered = axes[0][column], axes[1][column]
            waiting.set_title(series.name)
            waiting.set_yscale("symlog", linthresh=10)
            waiting.yaxis.set_major_formatter("{x:g}")
            bad = series.loads[0].bad
            if bad is not None:
                for each in (waiting, answered):
                    each.axvspan(bad.start, bad.end, color=ink, alpha=0.1)
            answered.set_xlabel("seconds")
            if not column:
                waiting.set_ylabel("jobs that wait (logarithmic)")
                answered.set_ylabel("jobs done in time, per second")
            styles = product(DASHES, colours)
            for result, (dashes, colour) in zip(results, styles, strict=False):
                course = result.course
                style = {"color": colour, "linestyle": dashes, "label": result.strategy}
                waiting.plot(course.moments, course.waiting, **style)
                answered.plot(course.moments, course.answered, **style)
            for each in (waiting, answered):
                each.set_ylim(bottom=0)
                each.grid(color=ink, alpha=0.25)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)

    return picture_of(paint, (5.5 * len(tried) + 0.5, 7))
