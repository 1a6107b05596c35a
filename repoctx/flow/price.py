"""What requests to a model cost, by its provider's own prices or the known ones.

``genai_prices`` takes 0.2 s to load, so a price is asked for only where it counts, and
never of a server on this machine.
"""

from __future__ import annotations

from dataclasses import replace

from repoctx.ask import prices
from repoctx.flow.model import Model
from repoctx.values import Endpoint, Usage


def price(model: Model, usage: Usage, when: float, ttl: int = 0) -> float | None:
    """USD of ``usage`` at ``when`` (seconds since 1970); None when it is not known.

    Cache writes are made for ``ttl`` seconds (0: the provider's usual). What is kept
    in an explicit cache costs storage for so long too.
    """
    able = model.able
    if able.prices is not None:
        return prices.at_rates(usage, able.prices, ttl)
    if is_free(model):
        return 0.0
    return prices.cost(model.ref, usage, when, ttl or next(iter(able.ttls), 0))


def without_cache(model: Model, usage: Usage, when: float) -> float | None:
    """USD of the same tokens had there been no cache; None when it is not known."""
    return price(model, replace(usage, cached=0, cache_write=0), when)


def storage(model: Model, tokens: int, seconds: float) -> float:
    """USD of keeping ``tokens`` in the provider's cache; 0 where that is free."""
    if model.able.cache != "explicit" or is_free(model):
        return 0.0
    return prices.storage(model.ref, tokens, seconds)


def is_free(model: Model) -> bool:
    """Whether the model runs on this machine."""
    return model.known is None and Endpoint(model.choice.base_url).local
