"""The job of reviewing: what is wrong with a change, by rules and by a model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from repoctx.errors import RepoctxError, UsageError
from repoctx.flow.model import Model, choose_model
from repoctx.flow.sent import last_sent
from repoctx.flow.session import Session
from repoctx.flow.sides import IndexedTree, Sides, Subject, opened, sides
from repoctx.review.change import Delta, Side
from repoctx.review.rules import OFF, STRUCTURAL, Rule
from repoctx.review.structural import Means, order, structural
from repoctx.review.suppress import (
    BASELINE,
    fingerprinted,
    read_baseline,
    sift,
)
from repoctx.values import Finding, Usage

USUAL = frozenset(STRUCTURAL - OFF)
"""The structural rules that run unless others are asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is looked for: structural ``rules``; ``baseline`` counts known findings;
    ``model``: the chosen model is asked too, where it reads a context."""

    rules: Collection[Rule] = USUAL
    baseline: bool = True
    model: bool = False


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The findings that count, the worst first; how many files the change touches, and
    how many findings were ignored by a comment or known to the baseline. ``model`` is
    who was asked (empty: nobody), ``dropped`` how many of its findings did not hold,
    ``unfit`` how many lost a fix that cannot be applied, ``failed`` why it gave no
    answer."""

    findings: tuple[Finding, ...]
    files: int
    ignored: int = 0
    known: int = 0
    model: str = ""
    dropped: int = 0
    unfit: int = 0
    usage: Usage = field(default_factory=Usage)
    failed: RepoctxError | None = None


def review(
    session: Session, subject: Subject, options: Options = Options()
) -> Reviewed:
    """What the structural rules find in ``subject``, and a model where one is wanted.

    That the model failed is told in ``failed``.

    Comments and the baseline are read from the tree that results, never from the
    work tree's copy of it. Raises what `sides` raises, SettingsError for a baseline
    that cannot be read.
    """
    both = sides(session, subject)
    with opened(session, both) as (deltas, tree):
        found = structural(deltas, tree, Means(_error_line), options.rules)
        done = sifted(found, deltas, tree, options)
        if not (options.model and deltas):
            return done
        return _with_model(session, done, (deltas, tree), options)


def _with_model(
    session: Session,
    done: Reviewed,
    change: tuple[list[Delta], IndexedTree],
    options: Options,
) -> Reviewed:
    """What a model finds beside what is ``done``, which no failure takes away."""
    from repoctx.flow.judging import opinion  # It loads what asking needs.

    try:
        model = _model(session)
        if not model.able.reads_context:
            return done
        said = opinion(session, model, *change, done.findings)
    except RepoctxError as exc:
        return replace(done, failed=exc)
    more = sifted([*done.findings, *said.judged.findings], *change, options)
    return replace(
        more,
        ignored=more.ignored + done.ignored,
        known=more.known + done.known,
        model=model.name,
        dropped=said.judged.unquoted + said.judged.unknown + said.judged.repeated,
        unfit=said.judged.unfit,
        usage=said.usage,
    )


def _model(session: Session) -> Model:
    """The chosen model; its server is asked what it can do only the first time, so that
    the same change reviewed twice touches no network."""
    model = choose_model(session)
    if last_sent(session.state, model.name) is None:
        model = choose_model(session, learn=True)
    return model


def sifted(
    found: Collection[Finding],
    deltas: Collection[Delta],
    tree: IndexedTree,
    options: Options,
) -> Reviewed:
    """The findings with fingerprints, without those that are known or ignored."""
    named = fingerprinted(sorted(found, key=order))
    baseline = tree.side(BASELINE) if options.baseline else None
    known = read_baseline(baseline.text) if baseline else frozenset()
    kept = sift(named, tree, known)
    return Reviewed(kept.findings, len(deltas), kept.ignored, kept.known)


def rules_named(names: Collection[str]) -> frozenset[Rule]:
    """The structural rules that are named; ``all`` is every one. Raises UsageError."""
    if not names:
        return USUAL
    found: set[Rule] = set()
    for name in names:
        if name == "all":
            found |= STRUCTURAL
        elif name in set(STRUCTURAL):
            found.add(Rule(name))
        else:
            near = ", ".join(sorted(STRUCTURAL))
            raise UsageError(f"unknown rule {name[:60]!r}: there are {near}")
    return frozenset(found)


def _error_line(side: Side) -> int:
    from repoctx.index.outline import error_line

    return error_line(side.text, side.lang)


__all__ = ["Options", "Reviewed", "Sides", "review", "rules_named", "sifted"]
