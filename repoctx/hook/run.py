"""Run a review inside a git hook: in bounded time, in a few lines, harmless.

Whatever fails here is one warning and exit status 0, because a commit must never wait
for our bugs; ``--strict`` turns it into a failure.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repoctx.errors import BudgetExceeded, Interrupted, RepoctxError
from repoctx.values import Finding, Severity

if TYPE_CHECKING:
    from repoctx.flow.review import Reviewed

SKIP = "REPOCTX_SKIP"
"""The variable that skips the review."""

SHOWN = 20
"""Findings that a hook prints."""


@dataclass(frozen=True, slots=True)
class Terms:
    """From which severity on the commit stops, the seconds it may wait, and whether a
    review that fails stops it too; the model that is asked as well (empty: none), and
    the USD that it may cost (0: the settings decide)."""

    fail_on: str = "never"
    seconds: float = 10.0
    strict: bool = False
    model: str = ""
    max_cost: float = 0.0


def run(hook: str, start: Path, terms: Terms) -> int:
    """Review what ``hook`` is about; the exit status of the hook."""
    if os.environ.get(SKIP, "") not in ("", "0"):
        return 0
    try:
        with timed(terms.seconds):
            done = _review(hook, start, terms)
    except (KeyboardInterrupt, BrokenPipeError):
        return Interrupted.code
    except RepoctxError as exc:
        return failed(str(exc), exc.code, terms)
    # A hook is the last place for a traceback.
    except Exception as exc:  # noqa: BLE001
        return failed(f"{type(exc).__name__}: {exc}", 2, terms)
    found = done.findings
    _say(found)
    failure = 0
    if done.failed is not None:
        failure = failed(str(done.failed), done.failed.code, terms)
    blocking = [f for f in found if _counts(f, terms.fail_on)]
    if blocking:
        sys.stderr.write(
            f"repoctx: {len(blocking)} of these stop the commit (--fail-on "
            f"{terms.fail_on}); {SKIP}=1 or --no-verify goes on without\n"
        )
    return 1 if blocking else failure


def _review(hook: str, start: Path, terms: Terms) -> Reviewed:
    from repoctx.flow.hooks import subject_of
    from repoctx.flow.review import Options, review
    from repoctx.flow.session import open_session

    flags = {"model": terms.model or None, "max_cost": terms.max_cost or None}
    with open_session(start, flags) as session:
        subject = subject_of(hook, session.place, os.environ)
        return review(session, subject, Options(model=bool(terms.model)))


def _say(found: tuple[Finding, ...]) -> None:
    from repoctx.review.render import text

    if not found:
        return
    shown = text(found[:SHOWN])
    more = len(found) - SHOWN
    if more > 0:
        shown += f"and {more} more: repoctx review\n"
    sys.stderr.write(shown)


def _counts(finding: Finding, fail_on: str) -> bool:
    return fail_on != "never" and finding.severity.rank <= Severity(fail_on).rank


def failed(why: str, code: int, terms: Terms, what: str = "not reviewed") -> int:
    """One line on what went wrong; the exit status."""
    line = " ".join(why.split())[:300]
    sys.stderr.write(f"repoctx: {what}: {line}\n")
    return code if terms.strict else 0


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    """End the block with BudgetExceeded when it takes longer."""
    if not hasattr(signal, "setitimer"):
        yield  # Windows: nothing can interrupt the work from outside.
        return

    def late(number: int, frame: object) -> None:
        raise BudgetExceeded(
            f"it took more than {seconds:g} s (the first time reads all files: run "
            "`repoctx review` once)"
        )

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
