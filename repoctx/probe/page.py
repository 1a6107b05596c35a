"""A report as one HTML page: inline SVG, no script, no network, no reference elsewhere.

Names of models and repositories are untrusted: every text is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from string import Template

from repoctx.probe.compare import Line, rows_of
from repoctx.probe.heat import depth_name, tokens
from repoctx.probe.plots import Dot, bars, dots, heat_map, scale_bar, score_lines
from repoctx.probe.report import Report
from repoctx.probe.runs import Run
from repoctx.probe.tables import percent, points

ARM_NAMES = {
    "anchor": '"Based on the code above"',
    "question": "Question before or after",
    "overlay": "Changes shown as",
    "distractors": "Look-alikes",
    "context": "Full text or skeleton + search",
    "effort": "Effort",
}


def page(report: Report) -> str:
    """The report as a page, encodable as UTF-8."""
    run = report.run
    when = datetime.fromtimestamp(run.when, UTC).strftime("%Y-%m-%d")
    parts = [
        f"<h1>Does the long context work? {escape(run.model)}</h1>",
        f'<p class="soft">{escape(run.repository)}, {when}; '
        f"{len(run.scored):,} answers of {run.wanted:,} to "
        f"{sum(run.families.values())} probes of {len(run.families)} families, seed "
        f"{run.seed}. Intervals hold in 95 of 100 cases.</p>",
        _section("What it says", f'<ul class="said">{_items(report.sentences)}</ul>'),
        _lengths(report),
        _depths(report),
    ]
    if report.arms:
        parts.append(_arms(report))
    parts += [_families(report), _use(report), _verdicts(report)]
    return _page(run.model, "\n".join(parts))


def _items(lines: Sequence[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _figure(svg: str, caption: str = "") -> str:
    told = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{svg}{told}</figure>"


def _lengths(report: Report) -> str:
    run, fall = report.run, report.fall
    found = fall is not None and fall.drop.known and fall.drop.low > 0
    broken = (fall.at - 1, fall.at) if fall is not None and found else None
    rows = [
        (n, row.score, row.chance)
        for n, row in zip(run.lengths, report.lengths, strict=True)
    ]
    caption = "Bars: 95% intervals over probes. Dashed: what answers at random score."
    return _section("Score by length", _figure(score_lines(rows, broken), caption))


def _depths(report: Report) -> str:
    run = report.run
    rows = [
        (depth_name(depth), [report.cells[depth, n] for n in run.lengths])
        for depth in run.depths
    ]
    svg = heat_map(rows, run.lengths, "Score by depth and length")
    caption = (
        "Down: where the evidence stands. Across: tokens of context. In a cell: the "
        "score of 100 and the number of probes."
    )
    return _section("Depth and length", _figure(svg + scale_bar(), caption))


def _families(report: Report) -> str:
    run = report.run
    rows = [
        (row.name, [report.kinds[row.name, n] for n in run.lengths])
        for row in report.families
    ]
    svg = heat_map(rows, run.lengths, "Score by kind of probe and length")
    return _section("Kinds of probes", _figure(svg + scale_bar()))


def _arms(report: Report) -> str:
    groups = {}
    for arm, rows in report.arms.items():
        groups[ARM_NAMES.get(arm, arm)] = [
            Dot(
                row.name or "usual",
                row.score,
                points(row.gain) if row.gain else f"usual, {percent(row.score)}",
            )
            for row in rows
        ]
    caption = (
        f"At {report.run.arm_length:,} tokens, on the same probes at the same places. "
        "At the end of a line: points more or less than the usual, with the interval."
    )
    return _section("Arms", _figure(dots(groups, "Score by arm"), caption))


def _use(report: Report) -> str:
    uses = [use for use in report.uses if use.requests]
    if not uses:
        return ""
    names = [tokens(use.length) for use in uses]
    plots = [
        (
            "Seconds to the first word (median)",
            [
                (name, use.first, f"{use.first:.2f} s")
                for name, use in zip(names, uses, strict=True)
            ],
            None,
        ),
        (
            "Served by the cache",
            [
                (name, use.cached, f"{use.cached:.0%}")
                for name, use in zip(names, uses, strict=True)
            ],
            1.0,
        ),
    ]
    if all(use.cost is not None for use in uses) and any(use.cost for use in uses):
        costs = [
            (name, use.cost or 0.0, f"${use.cost:.4f}")
            for name, use in zip(names, uses, strict=True)
        ]
        plots.append(("USD a question (mean)", costs, None))
    figures = "".join(
        f"<figure><figcaption>{escape(title)}</figcaption>{bars(rows, title, most)}"
        "</figure>"
        for title, rows, most in plots
    )
    return _section("Latency and cost", f'<div class="pair">{figures}</div>')


def _verdicts(report: Report) -> str:
    order = ("right", "partly", "stale", "misled", "wrong", "failed")
    told = ", ".join(f"{report.verdicts[v]} {v}" for v in order if v in report.verdicts)
    lines = [f"<p>{escape(told)}.</p>"]
    for found, what in (
        (report.stale, "a superseded copy, of the probes with one"),
        (report.misled, "a look-alike, of the probes with some"),
    ):
        if found.known:
            lines.append(
                f'<p class="soft">{escape(percent(found))} answered {what}.</p>'
            )
    return _section("Answers", "".join(lines))


# --- two runs -------------------------------------------------------------------------


def compare_page(one: Report, other: Report, lines: Sequence[Line]) -> str:
    """Two runs as a page."""
    a, b = names_of(one.run, other.run)
    heads = ("", a, b, f"{b} against {a}", "")
    table = "".join(f"<th>{escape(head)}</th>" for head in heads)
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows_of(lines, a, b)
    )
    groups = {
        line.name: [Dot(a, line.one), Dot(b, line.other, points(line.gain))]
        for line in lines
        if line.gain.known
    }
    body = (
        f"<h1>{escape(a)} and {escape(b)}</h1>"
        + _section(
            "Difference",
            f'<div class="scroll"><table><tr>{table}</tr>{cells}</table></div>',
        )
        + _section("Scores", _figure(dots(groups, "Scores of both runs")))
    )
    return _page(f"{a} and {b}", body)


def names_of(one: Run, other: Run) -> tuple[str, str]:
    """What tells two runs apart: their models, else their ids."""
    if one.model != other.model:
        return one.model, other.model
    return one.id, other.id


def _page(title: str, body: str) -> str:
    style = _part("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return Template(_part("page.html")).substitute(
        title=escape(title.encode("utf-8", "replace").decode()),
        style=style,
        style_hash=f"'sha256-{digest}'",
        body=body.encode("utf-8", "replace").decode(),
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")
