"""The depth x length map as text, readable without colour, and the scale of colours."""

from __future__ import annotations

from collections.abc import Callable

from repoctx.probe.report import Report
from repoctx.probe.statistics import Interval

SHADES = " ░▒▓█"
PLAIN_SHADES = " .:*#"
MARGIN = 11
"""Columns of the names of rows."""

CIVIDIS = (
    (0, 34, 78),
    (18, 53, 112),
    (59, 73, 108),
    (87, 93, 109),
    (112, 113, 115),
    (138, 134, 120),
    (165, 156, 116),
    (195, 179, 105),
    (225, 204, 85),
    (254, 232, 56),
)
"""Nunez, Anderton and Renslow 2018: even in brightness, the same with and without red
and green."""

Paint = Callable[[str, float], str]


def colour(value: float) -> tuple[int, int, int]:
    """The colour of a score between 0 (dark blue) and 1 (yellow)."""
    at = min(max(value, 0.0), 1.0) * (len(CIVIDIS) - 1)
    low = int(at)
    high = min(low + 1, len(CIVIDIS) - 1)
    share = at - low
    red, green, blue = (
        round(a + (b - a) * share)
        for a, b in zip(CIVIDIS[low], CIVIDIS[high], strict=True)
    )
    return red, green, blue


def is_dark(rgb: tuple[int, int, int]) -> bool:
    """Whether white reads better on it than black."""
    red, green, blue = rgb
    return 0.299 * red + 0.587 * green + 0.114 * blue < 140


def heat(
    report: Report, *, drawn: bool = True, paint: Paint | None = None, columns: int = 0
) -> str:
    """The map: a row a depth, a column a length; in a cell the score of a hundred and
    the number of probes. ``paint`` colours a cell by its score. Where it is wider than
    ``columns`` (0: any number), the lengths come in several maps, one below another."""
    run = report.run
    number = max(row.score.n for row in report.lengths)
    width = max(8 + len(str(number)), *(len(tokens(n)) + 1 for n in run.lengths))
    most = max(1, (columns - MARGIN) // width) if columns else len(run.lengths)
    maps = []
    for at in range(0, len(run.lengths), most):
        some = run.lengths[at : at + most]
        heads = "".join(f"{tokens(n):>{width}}" for n in some)
        lines = [f"{'depth':<{MARGIN}}{heads}"]
        rows = [
            (depth_name(depth), [report.cells[depth, n] for n in some])
            for depth in run.depths
        ]
        whole = [row.score for row in report.lengths[at : at + most]]
        for name, found in (*rows, ("all probes", whole)):
            cells = (_cell(one, width, drawn, paint) for one in found)
            lines.append(f"{name:<{MARGIN}}" + "".join(cells))
        maps.append("\n".join(lines))
    return "\n\n".join(maps)


def _cell(found: Interval, width: int, drawn: bool, paint: Paint | None) -> str:
    if not found.known:
        return f"{'-':>{width}}"
    shades = SHADES if drawn else PLAIN_SHADES
    shade = shades[min(int(found.mean * len(shades)), len(shades) - 1)]
    text = f"{shade}{100 * found.mean:>4.0f} /{found.n}"
    body = f"{text:>{width - 1}}"
    return " " + (paint(body, found.mean) if paint else body)


def depth_name(depth: float) -> str:
    """``0% (top)``, ``25%``, ``100% (end)``."""
    return {0.0: "0% (top)", 1.0: "100% (end)"}.get(depth, f"{depth:.0%}")


def tokens(number: int) -> str:
    """``64k``, ``1.5M``."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
