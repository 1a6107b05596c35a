"""Why a cache did not serve what it could have, in one line."""

from __future__ import annotations

from collections.abc import Sequence

from repoctx.ask.ledger import Entry
from repoctx.flow.bill import Bill
from repoctx.flow.check import Check
from repoctx.values import Usage

SHORT = 0.05
"""Of the input: a cache that served less than foreseen by more than this has missed."""

UNHEARD = 2
"""Requests after which a provider that never told of a hit tells of none."""


def missed(bill: Bill, used: Usage, said: str, past: Sequence[Entry]) -> str:
    """One line on why the cache served less than was foreseen, or nothing, as was;
    empty when all is well, or nothing can be known.

    ``said`` is the provider's own reason; ``past`` are the model's earlier requests.
    """
    check, foreseen = bill.check, bill.usage
    short = foreseen.cached / foreseen.input - used.cached / used.input
    if short <= SHORT:
        return "" if bill.is_warm else _why_cold(check)
    told = [row for row in past if row.predicted]
    if len(told) >= UNHEARD and not any(row.usage.cached for row in told):
        return ""
    why = said or (
        f"it was sent {_span(check.age)} ago and should have been kept: the provider "
        "dropped it early, or does not tell of hits"
    )
    served = f"~{foreseen.cached:,} tokens were foreseen from the cache"
    return f"{served}, {used.cached:,} came: {why}"


def _why_cold(check: Check) -> str:
    """Why nothing was foreseen from a cache that had been sent something."""
    if check.sent is None or check.model.able.cache == "none":
        return ""
    if check.parted:
        return "the cache was cold: the effort or verbosity was changed"
    if not check.warm:
        return f"the cache was cold: what it held was sent {_span(check.age)} ago"
    if check.difference is None:
        return ""
    at = check.difference
    place = at.now.path or at.now.kind or "its end"
    return f"the cache was cold: the prefix differs from byte {at.offset:,} on, {place}"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
