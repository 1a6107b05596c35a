"""Verdicts as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from judge import Verdict
from work import Case

Row = tuple[Case, Verdict]
OUTCOMES = ("exact", "wrong", "partial", "refused")


def record(case: Case, verdict: Verdict) -> dict[str, Any]:
    """A row for the JSON file."""
    about = {
        "repository": case.repository,
        "commit": case.commit,
        "kind": case.kind,
        "group": case.group,
        "format": case.format,
        "expect": case.expect,
    }
    return about | asdict(verdict)


def report(rows: list[Row], held: set[str], by_kind: bool) -> str:
    """All tables."""
    parts: list[str] = []
    seen = [row for row in rows if row[0].repository not in held]
    aside = [row for row in rows if row[0].repository in held]
    for title, some in (("Seen repositories", seen), ("Held-out repositories", aside)):
        if not some:
            continue
        names = ", ".join(sorted({case.repository for case, _ in some}))
        cases = {id(case) for case, _ in some}
        parts.append(f"### {title}: {names} ({len(cases)} edits)\n")
        parts.append(_compared(some))
        own = [row for row in some if row[1].program == "repoctx"]
        for name, key in (
            ("group", _group),
            ("format", _format),
            ("repository", _repository),
            *((("kind", _kind),) if by_kind else ()),
        ):
            if own:
                parts.append(_own(own, name, key))
    return "\n".join(parts)


def _group(case: Case) -> str:
    return case.group


def _format(case: Case) -> str:
    return case.format


def _repository(case: Case) -> str:
    return case.repository


def _kind(case: Case) -> str:
    return f"{case.group}: {case.kind}"


def _programs(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(verdict.program for _, verdict in rows))


def _compared(rows: list[Row]) -> str:
    """Programs side by side: exact / wrong / partial in percent, by group."""
    programs = _programs(rows)
    order = sorted(programs, key=lambda name: name != "repoctx")
    lines = ["| exact / wrong / partial % | " + " | ".join(order) + " |"]
    lines.append("|---" * (len(order) + 1) + "|")
    every = lambda case: True  # noqa: E731
    lines.append(_line("**all**", rows, order, every))
    for group in dict.fromkeys(case.group for case, _ in rows):
        lines.append(_line(group, rows, order, lambda case, g=group: case.group == g))
    cells = []
    for name in order:
        own = [verdict for _, verdict in rows if verdict.program == name]
        cells.append(f"{_percent(sum(v.meets for v in own), len(own))}")
    lines.append("| **meets expectation** | " + " | ".join(cells) + " |")
    cells = []
    for name in order:
        own = [verdict for _, verdict in rows if verdict.program == name]
        cells.append(str(sum(v.escaped for v in own)))
    lines.append("| changed outside the tree | " + " | ".join(cells) + " |")
    cells = [str(sum(v.program == name for _, v in rows)) for name in order]
    lines.append("| edits | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _line(
    title: str, rows: list[Row], order: list[str], belongs: Callable[[Case], bool]
) -> str:
    cells = []
    for name in order:
        own = [v for case, v in rows if v.program == name and belongs(case)]
        shares = [
            _percent(sum(v.outcome == o for v in own), len(own)) for o in OUTCOMES[:3]
        ]
        cells.append("/".join(shares) if own else "")
    return f"| {title} | " + " | ".join(cells) + " |"


def _percent(part: int, whole: int) -> str:
    if not whole:
        return ""
    share = 100 * part / whole
    return f"{share:.1f}" if 0 < share < 1 or 99 <= share < 100 else f"{share:.0f}"


def _own(rows: list[Row], name: str, key: Callable[[Case], str]) -> str:
    """repoctx alone: counts by some key."""
    head = "edits | exact | wrong | partial | refused | must be exact: exact"
    lines = [f"| repoctx by {name} | {head} | meets expectation |"]
    lines.append("|---" * 8 + "|")
    for value in dict.fromkeys(key(case) for case, _ in rows):
        some = [(case, v) for case, v in rows if key(case) == value]
        lines.append(f"| {value} | {_counts(some)} |")
    lines.append(f"| **all** | {_counts(rows)} |")
    return "\n".join(lines) + "\n"


def _counts(rows: Iterable[Row]) -> str:
    some = list(rows)
    cells = [str(len(some))]
    cells += [str(sum(v.outcome == o for _, v in some)) for o in OUTCOMES]
    must = [v for case, v in some if case.expect == "exact"]
    exact = _percent(sum(v.outcome == "exact" for v in must), len(must))
    cells.append(f"{exact}%" if must else "")
    cells.append(f"{_percent(sum(v.meets for _, v in some), len(some))}%")
    return " | ".join(cells)
