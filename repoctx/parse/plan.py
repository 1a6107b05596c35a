"""A model's plan of a large change: which files, and what is done in each."""

from __future__ import annotations

from dataclasses import dataclass

from repoctx.parse.objects import objects

MOST = 5000
"""Files of a plan."""
LONGEST = 2000
"""Characters of what is said of a file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What all parts agree on, and (path, what is done there), each path once."""

    agreed: str
    files: tuple[tuple[str, str], ...]


def plan(text: str) -> Plan | None:
    """The first plan in ``text``; None when there is none, or not one file in it."""
    for value in objects(text):
        rows = value.get("files")
        if not isinstance(rows, list):
            continue
        found: dict[str, str] = {}
        for row in rows[:MOST]:
            path, what = _row(row)
            if path:
                found.setdefault(path, what)
        if found:
            return Plan(_line(value.get("agreed")), tuple(found.items()))
    return None


def _row(row: object) -> tuple[str, str]:
    if isinstance(row, str):
        return row.strip(), ""
    if not isinstance(row, dict):
        return "", ""
    path = row.get("path")
    return (path.strip() if isinstance(path, str) else ""), _line(row.get("what"))


def _line(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return " ".join(text.encode("utf-8", "replace").decode().split())[:LONGEST]
