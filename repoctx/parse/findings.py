"""A model's review to plain findings: what JSON there is in its answer.

Nothing is believed here: rules, places and quotes are checked where the change is
known. An answer that was cut gives the findings that are whole.
"""

from __future__ import annotations

from typing import Any

from repoctx.parse.objects import objects
from repoctx.values import Remark

MOST = 50
"""Findings that are read of one answer."""

LONGEST = 4000
"""Characters of a text field that are kept."""


def findings(text: str) -> tuple[Remark, ...]:
    """Every whole finding in ``text``, in its order, each once; never raises."""
    found: list[Remark] = []
    for value in objects(text):
        rows = value.get("findings", [value])
        for row in rows if isinstance(rows, list) else []:
            remark = _remark(row)
            if remark is not None and remark not in found:
                found.append(remark)
            if len(found) >= MOST:
                return tuple(found)
    return tuple(found)


def is_review(text: str) -> bool:
    """Whether ``text`` says what was found, and be it nothing."""
    return bool(findings(text)) or any(
        isinstance(value.get("findings"), list) for value in objects(text)
    )


def _remark(row: object) -> Remark | None:
    if not isinstance(row, dict) or not row.get("message") or not row.get("path"):
        return None
    related = row.get("related")
    rows = related if isinstance(related, list) else []
    pairs = [r for r in rows if isinstance(r, dict)]
    return Remark(
        _text(row, "rule"),
        _text(row, "severity"),
        _text(row, "path"),
        _number(row.get("line")),
        _text(row, "quote"),
        " ".join(_text(row, "message").split()),
        _share(row.get("confidence")),
        _text(row, "fix"),
        tuple((_text(r, "path"), _text(r, "quote")) for r in pairs[:5]),
    )


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    clean = value if isinstance(value, str) else ""
    return clean.encode("utf-8", "replace").decode()[:LONGEST]


def _number(value: object) -> int:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**9
    return int(value) if fits and isinstance(value, int) else 0


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.5
    return float(value) if 0 <= value <= 1 else 0.5
