"""The job of accounting: what was used and spent, and what the caches saved."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from repoctx.ask.ledger import Entry, since
from repoctx.errors import StorageError, UsageError
from repoctx.flow.ledgers import known_ledgers, repository_of
from repoctx.flow.session import Session

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_SPAN = re.compile(r"(\d{1,6})\s*(s|min|h|d|w)")


@dataclass(frozen=True, slots=True)
class Spent:
    """Sums over requests. ``cached`` and ``written`` are parts of the ``input`` tokens,
    ``predicted`` those that were believed to be cached. ``cost`` and ``saved`` are USD
    of the requests whose prices are known (None: of no request); ``saved`` is what the
    same would have cost without a cache, less the cost: negative where more was written
    than read. ``unpriced`` is how many have no known price."""

    requests: int = 0
    input: int = 0
    cached: int = 0
    written: int = 0
    predicted: int = 0
    output: int = 0
    cost: float | None = None
    saved: float | None = None
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """What was spent on one day, model or repository."""

    name: str
    spent: Spent


@dataclass(frozen=True, slots=True)
class Account:
    """Rows (days in their order, others the dearest first), and the sum of them all
    from ``start`` on (seconds since 1970; 0: ever)."""

    by: str
    start: float
    rows: tuple[Row, ...]
    total: Spent


def account(session: Session, by: str, start: float, here: bool = False) -> Account:
    """What was spent from ``start`` on, by ``day``, ``model`` or ``repo``.

    In every repository of this user, or only in this one. A ledger that cannot be read
    is noted and left out. Raises UsageError for another ``by``.
    """
    if by not in _NAMES:
        raise UsageError(f"--by must be one of {', '.join(_NAMES)}, not {by[:40]!r}")
    groups: dict[str, list[Entry]] = {}
    for entry in _entries(session, start, here):
        groups.setdefault(_NAMES[by](entry), []).append(entry)
    rows = [Row(name, spent_on(group)) for name, group in groups.items()]
    if by == "day":
        rows.sort(key=lambda row: row.name)
    else:
        rows.sort(key=lambda row: (-(row.spent.cost or 0), -row.spent.input, row.name))
    everything = [entry for group in groups.values() for entry in group]
    return Account(by, start, tuple(rows), spent_on(everything))


def spent_on(entries: Iterable[Entry]) -> Spent:
    """The sums over ``entries``."""
    found = list(entries)
    used = [entry.usage for entry in found]
    costs = [u.cost for u in used if u.cost is not None]
    saved = [
        e.without - e.usage.cost
        for e in found
        if e.without is not None and e.usage.cost is not None
    ]
    return Spent(
        requests=len(found),
        input=sum(u.input for u in used),
        cached=sum(u.cached for u in used),
        written=sum(u.cache_write for u in used),
        predicted=sum(e.predicted or 0 for e in found),
        output=sum(u.output for u in used),
        cost=sum(costs) if costs else None,
        saved=sum(saved) if saved else None,
        unpriced=len(found) - len(costs),
    )


def _entries(session: Session, start: float, here: bool) -> Iterable[Entry]:
    """Every request that used tokens; those of a ledger without a repository's name
    are this repository's when they are in its ledger."""
    own = session.state.ledger.absolute()
    for path in [own] if here else known_ledgers(session):
        name = repository_of(session) if path == own else str(path.parent)
        try:
            entries = since(path, start)
        except StorageError as exc:
            session.notes.append(str(exc))
            continue
        for entry in entries:
            if entry.usage.input or entry.usage.output or entry.usage.cost:
                yield entry if entry.repository else _named(entry, name)


def _named(entry: Entry, name: str) -> Entry:
    from dataclasses import replace

    return replace(entry, repository=name)


def _day(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.time).date().isoformat()


_NAMES: dict[str, Callable[[Entry], str]] = {
    "day": _day,
    "model": lambda entry: entry.model,
    "repo": lambda entry: entry.repository,
}


def seconds_of(text: str) -> float | None:
    """The length of a span such as ``90s``, ``30min``, ``8h``, ``7d``, ``4w``."""
    span = _SPAN.fullmatch(text.strip().lower())
    return float(int(span[1]) * UNITS[span[2]]) if span else None


def moment(text: str) -> float:
    """Seconds since 1970 of ``7d`` ago, or of a date. Raises UsageError."""
    if (span := seconds_of(text)) is not None:
        return time.time() - span
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--since {text[:40]!r}: expected a span such as 90min, 24h, 7d or 4w, or "
            "a date such as 2026-11-01"
        ) from None
