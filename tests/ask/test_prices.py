"""What is known of models: limits from our file, prices from genai-prices."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

from repoctx.ask.prices import Ref, at_rates, cost, facts
from repoctx.values import Usage

NOW = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
MILLION = Usage(input=1_000_000)


@pytest.fixture
def priced():
    return pytest.importorskip("genai_prices", reason="the extra prices is missing")


@pytest.fixture
def unpriced(monkeypatch):
    # As if it were not installed: the import system itself refuses the name.
    for name in ("genai_prices", "genai_prices.data_snapshot"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize(
    ("provider", "model", "cache", "minimum"),
    [
        ("anthropic", "claude-opus-5-5", "marks", 512),
        ("anthropic", "Claude-Sonnet-5-5-20261021", "marks", 512),
        ("anthropic", "claude-fable-5-1", "marks", 4096),
        ("openai", "gpt-6.1-sol", "marks", 1024),
        ("openai", "gpt-5.6", "marks", 1024),
        ("openai", "gpt-5.4", "automatic", 1024),
        ("google", "gemini-4-argon", "automatic", 4096),
        ("google", "gemini-3.8-flash", "explicit", 4096),
    ],
)
def test_limits_of_models(unpriced, provider, model, cache, minimum):
    known = facts(Ref(provider, model), NOW)
    assert known is not None
    able = known.able
    assert (able.cache, able.minimum) == (cache, minimum)
    assert able.window >= 900_000
    assert able.output >= 65_536
    assert (able.marks == 4) == (cache == "marks")


@pytest.mark.parametrize("ref", [Ref("nobody", "gpt-5.4"), Ref("openai", "no-such")])
def test_unknown_models_are_unknown(ref):
    assert facts(ref, NOW) is None
    assert cost(ref, MILLION, NOW) is None


def test_without_prices_there_are_limits_and_no_cost(unpriced):
    assert facts(Ref("openai", "gpt-5.4"), NOW) is not None
    assert cost(Ref("openai", "gpt-5.4"), MILLION, NOW) is None


def test_reading_the_cache_is_cheap_and_long_writes_are_dear(priced):
    ref = Ref("anthropic", "claude-sonnet-5-5")

    def usd(cached: int = 0, written: int = 0, ttl: int = 0) -> float:
        found = cost(ref, Usage(1_000_000, cached, written), NOW, ttl)
        assert found is not None
        return found

    plain = usd()
    assert usd(cached=1_000_000) == pytest.approx(plain * 0.05)
    assert usd(written=1_000_000, ttl=300) == pytest.approx(plain * 1.25)
    assert usd(written=1_000_000, ttl=3600) == pytest.approx(plain * 2)


def test_half_day_writes_that_genai_prices_does_not_know(priced):
    ref = Ref("openai", "gpt-5.6")
    small = Usage(100_000, 0, 100_000)
    plain = cost(ref, Usage(100_000), NOW)
    assert plain is not None
    assert cost(ref, small, NOW, 1800) == pytest.approx(plain * 1.25)
    assert cost(ref, small, NOW, 43200) == pytest.approx(plain * 2.5)


def test_storage_of_an_explicit_cache(priced):
    ref = Ref("google", "gemini-3.8-flash")
    plain, kept = (cost(ref, Usage(1_000_000, 0, n), NOW, 3600) for n in (0, 1_000_000))
    assert plain is not None
    # It is written at the price of input, kept for an hour, and read by its maker.
    assert kept == pytest.approx(plain + 0.5 + 0.075)


def test_prices_change_on_their_day(priced):
    ref = Ref("google", "gemini-4-argon")
    before, after = (
        cost(ref, MILLION, datetime(2026, *day, tzinfo=UTC).timestamp())
        for day in ((11, 30), (12, 2))
    )
    assert before is not None
    assert after == pytest.approx(before * 2)


def test_a_cliff_is_the_first_tier(priced):
    known = facts(Ref("anthropic", "claude-haiku-5-5"), NOW)
    assert known is not None
    assert known.able.cliff == 100_000
    flat = facts(Ref("anthropic", "claude-opus-5-5"), NOW)
    assert flat is not None
    assert flat.able.cliff == 0


def test_a_vendor_is_told_by_its_address(priced):
    ours = cost(Ref("", "gpt-5.4", "https://api.openai.com/v1"), MILLION, NOW)
    assert ours == cost(Ref("openai", "gpt-5.4"), MILLION, NOW)
    assert cost(Ref("", "gpt-5.4", "https://llm.example.org/v1"), MILLION, NOW) is None
    assert cost(Ref("my-openai", "gpt-5.4"), MILLION, NOW) is None


def test_own_rates():
    usage = Usage(1_000_000, 600_000, 300_000, 1000)
    rates = {"input": 2.0, "cache_read": 0.2, "cache_write": 2.5, "output": 10.0}
    assert at_rates(usage, rates) == pytest.approx(0.2 + 0.12 + 0.75 + 0.01)
    assert at_rates(usage, {"input": 2.0}) == pytest.approx(2.0)
    assert at_rates(usage, {}) is None
