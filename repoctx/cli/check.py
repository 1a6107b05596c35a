"""How a check of the prefix is told: ``repoctx pack --check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from repoctx.cli.terminal import ago, plain, quoted

if TYPE_CHECKING:
    from repoctx.flow.check import Check
    from repoctx.flow.differs import Difference, Spot


def text(found: Check) -> str:
    """The check for people, a line a fact."""
    prefix = found.packed.prefix
    lines = [
        f"prefix    {prefix.digest[:16]}, {prefix.size:,} bytes, "
        f"{found.count}{off(found)} tokens",
        f"model     {found.model.name}{_standing(found)}",
    ]
    lines += _foreseen(found) if found.sends else _nothing_sent(found)
    return "".join(plain(line) + "\n" for line in lines)


def off(found: Check) -> str:
    """By how much the model's last counts were off; empty where it is not known."""
    if found.error is None:
        return ""
    return f" (±{max(found.error, 0.01):.0%})"


def _standing(found: Check) -> str:
    if not found.sends:
        return " answers from the index: nothing is sent"
    if not found.served:
        return " (no provider here serves it: foreseen from what is known of it)"
    return ""


def _nothing_sent(found: Check) -> list[str]:
    lines = ["          -m PROVIDER/MODEL checks for a model"]
    if found.others:
        lines.append(f"          sent to before: {', '.join(found.others[:3])}")
    return lines


def _foreseen(found: Check) -> list[str]:
    lines = [*_before(found), *_differs(found)]
    share = f"{found.cached.tokens / (found.count.tokens or 1):.1%}"
    notes = "".join(f"; {note}" for note in _cache_notes(found))
    lines += [
        f"cached    {found.cached} tokens ({share}{notes})",
        f"written   {found.written} tokens",
        f"uncached  {found.plain} tokens",
    ]
    if found.cost is None or found.cold_cost is None:
        lines.append("cost      the price is not known")
    else:
        lines.append(
            f"cost      ${found.cost:.4f} for the prefix (${found.cold_cost:.4f} with "
            "a cold cache), without question and answer"
        )
    return lines


def _cache_notes(found: Check) -> Iterator[str]:
    kind = found.model.able.cache
    if kind == "none":
        yield "no cache is known"
    elif kind == "explicit":
        yield "the base alone"
    if found.difference and found.cached_bytes > found.difference.offset:
        yield "sent earlier, over this base"


def _before(found: Check) -> list[str]:
    if found.sent is None:
        return ["last sent never: all of it is new to the model"]
    if found.age < 0:
        return ["last sent in the future: a clock has jumped, so nothing is known"]
    warm = "believed to be cached" if found.warm else "its cache has ended"
    return [f"last sent {ago(found.age)} ago, {warm}"]


def _differs(found: Check) -> list[str]:
    if found.sent is None:
        return []
    if found.difference is None:
        return ["differs   nowhere: the same bytes"]
    at = found.difference
    sure = "" if at.exact else " or later: what was sent is not kept any more"
    return [
        f"differs   at byte {at.offset:,}{sure}",
        f"          now     {_where(at.now)}",
        f"          before  {_where(at.before)}",
    ]


def _where(spot: Spot) -> str:
    if not spot.kind:
        return "the prefix has ended"
    part = f"the {spot.kind}"
    return f"{quoted(spot.path)}, in {part}" if spot.path else part


def fields(found: Check) -> Mapping[str, object]:
    """The check for programs."""
    return {
        "model": found.model.name,
        "served": found.served,
        "sends": found.sends,
        "cache": found.model.able.cache,
        "same": found.sent is not None and found.difference is None,
        "last_sent": _sent_fields(found),
        "first_difference": _difference_fields(found.difference),
        "tokens": {
            "total": found.count.tokens,
            "cached": found.cached.tokens,
            "written": found.written.tokens,
            "uncached": found.plain.tokens,
            "exact": found.count.exact,
            "error": found.error,
            "factor": found.model.scale.factor,
        },
        "cached_bytes": found.cached_bytes,
        "cost_usd": found.cost,
        "cold_cost_usd": found.cold_cost,
    }


def _sent_fields(found: Check) -> Mapping[str, object] | None:
    if found.sent is None:
        return None
    return {
        "digest": found.sent.digest,
        "age_seconds": round(found.age, 1),
        "warm": found.warm,
    }


def _difference_fields(found: Difference | None) -> Mapping[str, object] | None:
    if found is None:
        return None
    return {
        "offset": found.offset,
        "exact": found.exact,
        "now": {"segment": found.now.kind, "path": found.now.path},
        "before": {"segment": found.before.kind, "path": found.before.path},
    }
