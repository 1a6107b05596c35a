"""What is known of a vendor's model without asking its server: limits, cache, prices.

Prices and windows come from genai-prices (extra ``prices``), at the time of the
request, because they change on dates. What it lacks (output, cache kind, smallest
cached prefix, lifetimes, storage) is in ``limits.json`` beside this module, by provider
and a pattern of model names; the first that matches counts. Nothing here touches the
network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from repoctx.values import Capabilities, Usage

OUTPUT = 8192
"""Tokens of an answer where nobody says a limit."""

HOUR = 3600


class Ref(NamedTuple):
    """A model as it is spelled: its vendor (genai-prices' id), its own name, and where
    it is reached, which tells the vendor when ``provider`` is none."""

    provider: str
    model: str
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """``able`` is what a model can do; ``factor`` its tokens for one of o200k_base;
    ``writes`` the price of a cache write in input prices, by lifetime in seconds, where
    genai-prices does not know it; ``storage`` USD per million tokens and hour."""

    able: Capabilities
    factor: float = 1.0
    writes: Mapping[int, float] = field(default_factory=dict)
    storage: float = 0.0


class Listed(NamedTuple):
    """What genai-prices says of a model's limits: whether it knows it at all, the
    window, and the tokens from which every token costs more (0: never)."""

    known: bool
    window: int = 0
    cliff: int = 0


def listed(of: Ref, when: float) -> Listed:
    """What genai-prices says of ``of`` at ``when`` (seconds since 1970). To ask it
    takes 0.2 s."""
    found = _found(of)
    if found is None:
        return Listed(False)
    return Listed(True, found[1].context_window or 0, _cliff(found, when))


def facts(of: Ref, when: float, said: Listed | None = None) -> Facts | None:
    """What is known of ``of`` at ``when`` (seconds since 1970); None: nothing.
    ``said`` is what genai-prices says, where that was asked before."""
    row = _row(of)
    if said is None:
        said = listed(of, when)
    if not row and not said.known:
        return None
    window = said.window or row.get("window", 0)
    able = Capabilities(
        window=window,
        output=row.get("output", OUTPUT),
        cache=row.get("cache", "none"),
        marks=row.get("marks", 0),
        look_back=row.get("look_back", 0),
        minimum=row.get("minimum", 0),
        ttls=tuple(row.get("ttls", ())),
        cliff=said.cliff,
        tokenizer=row.get("tokenizer", ""),
    )
    writes = {int(ttl): n for ttl, n in row.get("write_times_input", {}).items()}
    return Facts(able, row.get("tokens", 1.0), writes, row.get("storage", 0.0))


def storage(of: Ref, tokens: int, seconds: float) -> float:
    """USD of keeping ``tokens`` in an explicit cache for so long."""
    return float(_row(of).get("storage", 0.0)) * tokens / 1e6 * seconds / HOUR


def cost(of: Ref, usage: Usage, when: float, ttl: int = 0) -> float | None:
    """USD of ``usage`` at the prices of ``when``; None when they are not known.

    ``ttl`` is the lifetime in seconds that cache writes are made for (0: the usual).
    """
    found = _found(of)
    if found is None:
        return None
    from genai_prices.types import Usage as Priced

    hours = usage.cache_write if ttl == HOUR else 0
    # Hour-long writes are a part of the writes: they must stand in both.
    priced = Priced(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=hours,
        output_tokens=usage.output,
    )
    provider, model = found
    try:
        total = model.calc_price(
            priced, provider, genai_request_timestamp=_moment(when)
        ).total_price
    except (LookupError, ValueError, ArithmeticError):
        return None
    known = facts(of, when) or Facts(Capabilities(0, 0))
    extra = _dearer(found, usage, when, known.writes.get(ttl, 0.0))
    kept = known.storage * usage.cache_write / 1e6 * (ttl / HOUR)
    if known.storage:
        # The request that made an explicit cache has also read it.
        rate = getattr(model.get_prices(_moment(when)), "cache_read_mtok", None)
        kept += _rate(rate, usage.input) * usage.cache_write / 1e6
    return float(total) + extra + kept


def rates(of: Ref, when: float) -> dict[str, float] | None:
    """USD per million tokens of a small request at ``when``, by kind (``input``,
    ``cache_read``, ``cache_write``, ``output``); None when they are not known."""
    found = _found(of)
    if found is None:
        return None
    prices = found[1].get_prices(_moment(when))
    kinds = {
        "input": "input_mtok",
        "cache_read": "cache_read_mtok",
        "cache_write": "cache_write_mtok",
        "output": "output_mtok",
    }
    told = {kind: getattr(prices, name, None) for kind, name in kinds.items()}
    return {kind: _rate(price, 0) for kind, price in told.items() if price is not None}


def at_rates(usage: Usage, prices: Mapping[str, float], ttl: int = 0) -> float | None:
    """USD of ``usage`` by a provider's own prices (USD per million tokens: ``input``,
    ``cache_read``, ``cache_write``, or ``cache_write_3600`` for writes that live so
    many seconds, ``output``); None without the first."""
    if "input" not in prices:
        return None
    plain = prices["input"]
    write = prices.get(f"cache_write_{ttl}", prices.get("cache_write", plain))
    rest = usage.input - usage.cached - usage.cache_write
    return (
        rest * plain
        + usage.cached * prices.get("cache_read", plain)
        + usage.cache_write * write
        + usage.output * prices.get("output", 0.0)
    ) / 1e6


def _dearer(found: Any, usage: Usage, when: float, times: float) -> float:
    """What long-lived writes cost beyond the usual ones."""
    if not times:
        return 0.0
    prices = found[1].get_prices(_moment(when))
    plain = _rate(getattr(prices, "input_mtok", None), usage.input)
    usual = _rate(getattr(prices, "cache_write_mtok", None), usage.input) or plain
    return max(0.0, plain * times - usual) * usage.cache_write / 1e6


def _rate(price: Any, tokens: int) -> float:
    """USD per million tokens in a request of ``tokens``: tiers count for all of it."""
    rate = getattr(price, "base", price)
    for tier in getattr(price, "tiers", ()):
        if tokens > tier.start:
            rate = tier.price
    return float(rate or 0)


def _cliff(found: Any, when: float) -> int:
    """Tokens from which every token of a request costs more; 0: never."""
    price = getattr(found[1].get_prices(_moment(when)), "input_mtok", None)
    return min((int(tier.start) for tier in getattr(price, "tiers", ())), default=0)


def _found(of: Ref) -> Any:
    """genai-prices' provider and model; None when it is not installed or knows none."""
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    try:
        found = get_snapshot().find_provider_model(
            of.model, None, of.provider or None, of.base_url or None
        )
    except LookupError:
        return None
    # Its search is lenient: a name that only contains a vendor's is not that vendor.
    return None if of.provider and found[0].id != of.provider else found


def _row(of: Ref) -> dict[str, Any]:
    """The first row of our limits that fits; empty when there is none."""
    for provider, models, row in _limits():
        if provider == of.provider and models.fullmatch(of.model.lower()):
            return row
    return {}


@cache
def _limits() -> tuple[tuple[str, re.Pattern[str], dict[str, Any]], ...]:
    from importlib import resources  # 8 ms, and `offline` has no price.

    text = resources.files(__package__).joinpath("limits.json").read_text("utf-8")
    rows = json.loads(text)["rows"]
    return tuple((row["provider"], re.compile(row["models"]), row) for row in rows)


def _moment(when: float) -> datetime:
    return datetime.fromtimestamp(when, UTC)
