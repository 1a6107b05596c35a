"""A model's plan of a large change: which files, and what is done in each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MOST = 5000
"""Files of a plan."""
LONGEST = 2000
"""Characters of what is said of a file."""

_TRIES = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What all parts agree on, and (path, what is done there), each path once."""

    agreed: str
    files: tuple[tuple[str, str], ...]


def plan(text: str) -> Plan | None:
    """The first plan in ``text``; None when there is none, or not one file in it."""
    for value in _objects(text):
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


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(strict=False)
    at = tries = 0
    while tries < _TRIES and (at := text.find("{", at)) >= 0:
        tries += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(value, dict):
            yield value


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
