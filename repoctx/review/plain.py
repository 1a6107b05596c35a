"""Rules that look at the changed file alone: syntax, conflict markers, secrets, and
files that should not be there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from repoctx.review.change import Delta, Side, is_test
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Finding, Spot

ErrorLine = Callable[[Side], int]
"""The line of a text's first syntax error, or 0."""

_MACROS = frozenset({"c", "cpp"})
_OPEN = re.compile(r"<{7}(?: |\Z)")
_MIDDLE = re.compile(r"={7}\Z")
_CLOSE = re.compile(r">{7}(?: |\Z)")


def syntax(deltas: Sequence[Delta], error_line: ErrorLine) -> Iterator[Finding]:
    """A file that parsed without errors, or is new, and does not now."""
    for delta in deltas:
        new, old = delta.new, delta.old
        if new is None or new.outline.errors <= 0:
            continue
        known = old.outline.errors if old is not None else 0
        if not 0 <= known < new.outline.errors or (
            known and new.lang in _MACROS | {"rust"}
        ):
            continue
        if old is None and (is_test(new.path) or new.lang in _MACROS):
            continue  # Broken on purpose, or by macros that no parser can know.
        line = error_line(new)
        if line and delta.added:
            # Where the parser stumbles is mostly behind what was written wrongly.
            before = [n for n in delta.added if n <= line]
            at = line if line in delta.added else max(before, default=min(delta.added))
            yield _one(Rule.SYNTAX, delta, at, f"syntax error (seen at line {line})")


def conflicts(deltas: Sequence[Delta]) -> Iterator[Finding]:
    """A whole set of conflict markers among the lines that the change wrote."""
    for delta in deltas:
        begun = middle = 0
        for line in sorted(delta.added):
            text = delta.new.line(line).rstrip("\r") if delta.new else ""
            if _OPEN.match(text):
                begun, middle = line, 0
            elif begun and _MIDDLE.match(text):
                middle = line
            elif begun and middle and _CLOSE.match(text):
                message = f"conflict markers on lines {begun} to {line}"
                yield _one(Rule.CONFLICT, delta, begun, message)
                begun = middle = 0


def secrets(deltas: Sequence[Delta]) -> Iterator[Finding]:
    """A secret on a line that the change wrote."""
    for delta in deltas:
        for secret in delta.secrets:
            if secret.line in delta.added:
                message = f"a secret ({secret.rule}) was added: take it out, renew it"
                yield _one(Rule.SECRET, delta, secret.line, message)


def ignored(deltas: Sequence[Delta]) -> Iterator[Finding]:
    """A new file that git ignores, or that is generated or minified, tests aside."""
    for delta in deltas:
        if delta.old is not None or delta.new is None:
            continue
        if delta.ignored:
            message = f"a new file that git ignores ({delta.ignored})"
            yield _one(Rule.IGNORED, delta, 1, message)
        elif delta.odd and not is_test(delta.path):
            yield _one(Rule.IGNORED, delta, 1, f"a new file that is {delta.odd}")


def _one(rule: Rule, delta: Delta, line: int, message: str) -> Finding:
    side = delta.new
    assert side is not None  # noqa: S101 - every caller looked
    text = side.line(line).strip()[:200]
    spot = Spot(side.path, line, line)
    return Finding(rule, SEVERITIES[rule], spot, message, text)
