"""Plots as SVG texts: strings out of numbers, every label escaped, no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from repoctx.probe.heat import colour, is_dark, tokens
from repoctx.probe.statistics import Interval

WIDTH = 640
NARROW = 440


def _svg(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>'
        f"{escape(text)}</text>"
    )


def _line(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    return (
        f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" '
        f'class="{kind}"/>'
    )


def heat_map(
    rows: Sequence[tuple[str, Sequence[Interval]]],
    lengths: Sequence[int],
    label: str,
    left: int = 110,
) -> str:
    """Cells of scores: a row for each of ``rows`` (name, an interval a length). In each
    cell stand the score of a hundred and the number of probes."""
    cell_w, cell_h, top = (WIDTH - left) / max(len(lengths), 1), 40, 26
    parts = [
        _text(left + (n + 0.5) * cell_w, 16, tokens(length), "middle", "soft")
        for n, length in enumerate(lengths)
    ]
    for at, (name, cells) in enumerate(rows):
        y = top + at * cell_h
        parts.append(_text(left - 10, y + cell_h / 2 + 5, name, "end"))
        for n, found in enumerate(cells):
            parts.append(_cell(left + n * cell_w, y, cell_w, cell_h, found))
    return _svg(WIDTH, top + cell_h * len(rows) + 4, label, parts)


def _cell(x: float, y: float, width: float, height: float, found: Interval) -> str:
    box = (
        f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{width - 2:.1f}" height="{height - 2}"'
    )
    middle, base = x + width / 2, y + height / 2 + 5
    if not found.known:
        empty = f'<rect {box} rx="3" fill="none" class="grid"/>'
        return empty + _text(middle, base, "not asked", "middle", "soft")
    rgb = colour(found.mean)
    ink = "on-dark" if is_dark(rgb) else "on-light"
    told = f"{found.mean:.0%} (95%: {found.low:.0%} to {found.high:.0%})"
    return (
        f"<g><title>{escape(told)}, {found.n} probes</title>"
        f'<rect {box} rx="3" fill="rgb({rgb[0]},{rgb[1]},{rgb[2]})"/>'
        f'<text x="{middle:.1f}" y="{base:.1f}" text-anchor="middle" '
        f'class="{ink}">{100 * found.mean:.0f}'
        f'<tspan class="small" dx="5">n {found.n}</tspan>'
        "</text></g>"
    )


def scale_bar() -> str:
    """What the colours mean."""
    left, width = 110, WIDTH - 110
    step, parts = width / 50, []
    for n in range(50):
        red, green, blue = colour(n / 49)
        parts.append(
            f'<rect x="{left + n * step:.1f}" y="2" width="{step + 0.5:.1f}" '
            f'height="9" fill="rgb({red},{green},{blue})"/>'
        )
    for share in (0.0, 0.5, 1.0):
        anchor = {0.0: "start", 0.5: "middle", 1.0: "end"}[share]
        parts.append(
            _text(left + share * width, 26, f"{100 * share:.0f}", anchor, "soft")
        )
    parts.append(_text(left - 10, 12, "score", "end", "soft"))
    return _svg(WIDTH, 30, "Scale of colours, dark blue 0 to yellow 100", parts)


def score_lines(
    points: Sequence[tuple[int, Interval, float]], broken: tuple[int, int] | None
) -> str:
    """Score by length with intervals, the level of chance, and where it breaks."""
    left, right, top, height = 46, 20, 14, 230
    width = WIDTH - left - right

    def x(n: int) -> float:
        return left + (n + 0.5) * width / max(len(points), 1)

    def y(score: float) -> float:
        return top + (1 - score) * height

    parts = []
    if broken is not None:
        a, b = x(broken[0]), x(broken[1])
        parts.append(
            f'<rect x="{a:.1f}" y="{top}" width="{b - a:.1f}" height="{height}" '
            'class="band"/>'
        )
        parts.append(_text((a + b) / 2, top + 16, "breaks", "middle", "soft"))
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_line(left, y(share), WIDTH - right, y(share), "grid"))
        parts.append(_text(left - 8, y(share) + 4, f"{100 * share:.0f}", "end", "soft"))
    known = [(x(n), found, chance) for n, (_, found, chance) in enumerate(points)]
    known = [(at, found, chance) for at, found, chance in known if found.known]
    levels = [f"{at:.1f},{y(chance):.1f}" for at, _, chance in known]
    means = [f"{at:.1f},{y(found.mean):.1f}" for at, found, _ in known]
    parts.append(f'<polyline points="{" ".join(levels)}" class="chance"/>')
    parts.append(f'<polyline points="{" ".join(means)}" class="mark"/>')
    for at, found, _ in known:
        parts += _whisker_up(at, y, found)
    for n, (length, found, _) in enumerate(points):
        parts.append(_text(x(n), top + height + 20, tokens(length), "middle", "soft"))
        if found.known:
            shown = f"{100 * found.mean:.0f}"
            side = -9 if found.mean > 0.08 else -12
            parts.append(_text(x(n) + 8, y(found.mean) + side, shown))
    parts.append(
        _text(
            left + width / 2, top + height + 40, "tokens of context", "middle", "soft"
        )
    )
    return _svg(WIDTH, top + height + 46, "Score by length of the context", parts)


def _whisker_up(at: float, y: Callable[[float], float], found: Interval) -> list[str]:
    return [
        _line(at, y(found.low), at, y(found.high), "mark"),
        _line(at - 5, y(found.low), at + 5, y(found.low), "mark"),
        _line(at - 5, y(found.high), at + 5, y(found.high), "mark"),
        _dot(at, y(found.mean)),
    ]


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" class="dot"/>'


class Dot(NamedTuple):
    """A line of `dots`: its name, the score, and what stands at its end."""

    name: str
    found: Interval
    note: str = ""


def dots(groups: Mapping[str, Sequence[Dot]], label: str) -> str:
    """A dot with its interval a line, under the name of its group."""
    left, right, row = 150, 190, 26
    width = WIDTH - left - right

    def x(score: float) -> float:
        return left + score * width

    parts, at = [], 20.0
    lines = sum(len(rows) + 1 for rows in groups.values())
    bottom = 14 + lines * row + 4
    for share in (0, 0.5, 1):
        parts.append(_line(x(share), 8, x(share), bottom, "grid"))
        parts.append(
            _text(x(share), bottom + 17, f"{100 * share:.0f}", "middle", "soft")
        )
    for group, rows in groups.items():
        parts.append(_text(4, at + 6, group))
        at += row
        for name, found, note in rows:
            parts.append(_text(left - 10, at + 5, name, "end", "soft"))
            if found.known:
                parts.append(_line(x(found.low), at, x(found.high), at, "mark"))
                parts.append(_dot(x(found.mean), at))
            parts.append(_text(WIDTH - right + 12, at + 5, note))
            at += row
    return _svg(WIDTH, bottom + 24, label, parts)


def bars(
    rows: Sequence[tuple[str, float, str]], label: str, most: float | None = None
) -> str:
    """A bar a line: (name, value, what is written at its end)."""
    left, right, row = 64, 120, 28
    top = max((value for _, value, _ in rows), default=0.0) if most is None else most
    parts = []
    for at, (name, value, told) in enumerate(rows):
        y = 6 + at * row
        wide = (NARROW - left - right) * value / top if top else 0.0
        parts.append(_text(left - 8, y + 15, name, "end", "soft"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{max(wide, 1):.1f}" height="20" rx="2" '
            'class="bar"/>'
        )
        parts.append(_text(left + max(wide, 1) + 8, y + 15, told))
    return _svg(NARROW, 10 + row * len(rows), label, parts)
