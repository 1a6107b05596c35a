"""Verdicts as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from judge import Verdict
from work import Case

Row = dict[str, Any]
OUTCOMES = ("exact", "wrong", "partial", "refused")


def record(case: Case, verdict: Verdict, held_out: bool) -> Row:
    """One program's verdict on one case, as it stands in the JSON file."""
    about = {
        "repository": case.repository,
        "held_out": held_out,
        "commit": case.commit,
        "kind": case.kind,
        "group": case.group,
        "format": case.format,
        "expect": case.expect,
    }
    return about | asdict(verdict)


def report(rows: Sequence[Row], by_kind: bool) -> str:
    """All tables: seen and held-out repositories apart."""
    parts: list[str] = []
    for title, held in (("Seen repositories", False), ("Held-out repositories", True)):
        some = [row for row in rows if row["held_out"] == held]
        if not some:
            continue
        names = ", ".join(sorted({row["repository"] for row in some}))
        about = ("repository", "commit", "kind", "format")
        count = len({tuple(row[key] for key in about) for row in some})
        parts += [f"### {title}: {names} ({count:,} edits)\n", _compared(some)]
        own = [row for row in some if row["program"] == "repoctx"]
        for key in ("group", "format", "repository", *(["kind"] if by_kind else [])):
            if own:
                parts.append(_own(own, key))
    return "\n".join(parts)


def _compared(rows: Sequence[Row]) -> str:
    """Programs side by side: exact / wrong / partial in percent, by group."""
    programs = dict.fromkeys(row["program"] for row in rows)
    order = sorted(programs, key=lambda name: name != "repoctx")
    by = {name: [row for row in rows if row["program"] == name] for name in order}

    def line(title: str, cell: Callable[[Sequence[Row]], str]) -> str:
        return f"| {title} | " + " | ".join(cell(by[name]) for name in order) + " |"

    lines = ["| exact / wrong / partial % | " + " | ".join(order) + " |"]
    lines += ["|---" * (len(order) + 1) + "|", line("**all**", _shares)]
    for group in dict.fromkeys(row["group"] for row in rows):

        def of_group(some: Sequence[Row], group: str = group) -> str:
            return _shares([row for row in some if row["group"] == group])

        lines.append(line(group, of_group))
    lines.append(line("**meets expectation**", _meets))
    lines.append(line("changed outside the tree", _escaped))
    lines.append(line("edits", lambda some: f"{len(some):,}"))
    return "\n".join(lines) + "\n"


def _shares(rows: Sequence[Row]) -> str:
    counts = [sum(row["outcome"] == name for row in rows) for name in OUTCOMES[:3]]
    return "/".join(_percent(count, len(rows)) for count in counts) if rows else ""


def _meets(rows: Sequence[Row]) -> str:
    return _percent(sum(row["meets"] for row in rows), len(rows))


def _escaped(rows: Sequence[Row]) -> str:
    return str(sum(row["escaped"] for row in rows))


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    share = 100 * part / whole
    return f"{share:.1f}" if 0 < share < 1 or 98 <= share < 100 else f"{share:.0f}"


def _own(rows: Sequence[Row], key: str) -> str:
    """repoctx alone: counts by group, format, repository or kind."""
    head = "edits | exact | wrong | partial | refused | must be exact: exact"
    lines = [f"| repoctx by {key} | {head} | meets expectation |", "|---" * 8 + "|"]
    for value in dict.fromkeys(row[key] for row in rows):
        some = [row for row in rows if row[key] == value]
        lines.append(f"| {value} | {_counts(some)} |")
    lines.append(f"| **all** | {_counts(rows)} |")
    return "\n".join(lines) + "\n"


def _counts(rows: Sequence[Row]) -> str:
    cells = [f"{len(rows):,}"]
    cells += [f"{sum(row['outcome'] == name for row in rows):,}" for name in OUTCOMES]
    must = [row for row in rows if row["expect"] == "exact"]
    exact = _percent(sum(row["outcome"] == "exact" for row in must), len(must))
    return " | ".join([*cells, f"{exact}%" if must else "", f"{_meets(rows)}%"])
