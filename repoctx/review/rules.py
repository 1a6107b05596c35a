"""The closed list of what a review can find, with how bad each is."""

from __future__ import annotations

from enum import StrEnum

from repoctx.values import Severity


class Rule(StrEnum):
    """A structural rule, which needs no model, or a kind of what a model finds."""

    REMOVED = "removed-but-used"
    SIGNATURE = "call-does-not-fit"
    IMPORT = "missing-import"
    SYNTAX = "syntax-error"
    CONFLICT = "conflict-marker"
    SECRET = "secret-added"  # noqa: S105 - a rule's name
    IGNORED = "ignored-file"
    PATH = "dangling-path"
    DUPLICATE = "duplicate-definition"

    BUG = "bug"
    SECURITY = "security"
    CONCURRENCY = "concurrency"
    CONTRACT = "broken-contract"
    ERRORS = "error-handling"
    RESOURCES = "resource-leak"
    PERFORMANCE = "performance"
    TESTS = "missing-test"
    DOCS = "wrong-documentation"


STRUCTURAL = frozenset(list(Rule)[:9])
"""The rules that run without a model."""

SEVERITIES = {
    Rule.REMOVED: Severity.ERROR,
    Rule.SIGNATURE: Severity.ERROR,
    Rule.IMPORT: Severity.ERROR,
    Rule.SYNTAX: Severity.ERROR,
    Rule.CONFLICT: Severity.CRITICAL,
    Rule.SECRET: Severity.CRITICAL,
    Rule.IGNORED: Severity.INFO,
    Rule.PATH: Severity.WARNING,
    Rule.DUPLICATE: Severity.INFO,
}

OFF: frozenset[Rule] = frozenset()
"""Structural rules that run only when they are asked for: on real history they cried
wolf more than once in 50 commits (tests/bench/README.md has the figures)."""

WHAT = {
    Rule.REMOVED: "A definition was removed or renamed and is still used.",
    Rule.SIGNATURE: "A call does not fit the changed parameters or results.",
    Rule.IMPORT: "Something is imported that does not exist (any more).",
    Rule.SYNTAX: "The change brings a syntax error.",
    Rule.CONFLICT: "A conflict marker was committed.",
    Rule.SECRET: "A secret was added.",
    Rule.IGNORED: "A new file is ignored by git, or generated.",
    Rule.PATH: "A deleted file is still named by path.",
    Rule.DUPLICATE: "A new definition repeats another.",
    Rule.BUG: "The code does not do what it is meant to.",
    Rule.SECURITY: "The change opens a way for an attacker.",
    Rule.CONCURRENCY: "A race, a deadlock, or a lost update.",
    Rule.CONTRACT: "Callers or data elsewhere rely on what has changed.",
    Rule.ERRORS: "A failure is swallowed, or handled wrongly.",
    Rule.RESOURCES: "Something that was opened is not closed.",
    Rule.PERFORMANCE: "Work grows far more than it must.",
    Rule.TESTS: "Changed behaviour that no test would notice.",
    Rule.DOCS: "Words that the change made untrue.",
}
"""What each rule means, in one sentence; shown by SARIF viewers and `--help`."""
