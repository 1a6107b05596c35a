"""Warming, prices and lifetimes on the vendors' own wires, with the official SDKs."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from flow.conversation import repository
from repoctx.ask.ledger import Entry, record, since
from repoctx.ask.prices import Ref, cost
from repoctx.flow.ask import Question, ask
from repoctx.flow.check import check
from repoctx.flow.session import open_session
from repoctx.flow.warm import Bounds, keep, warm
from repoctx.values import Usage
from servers import anthropic, gemini, openai, wire

MODELS = {
    "anthropic/claude-opus-5-5": anthropic.serving,
    "openai/gpt-5.6": openai.serving,
    "google/gemini-3.8-flash": gemini.serving,
}
SDKS = {"anthropic": "anthropic", "openai": "openai", "google": "google.genai"}


def installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def server_of(model: str, monkeypatch: pytest.MonkeyPatch) -> AbstractContextManager:
    vendor = model.partition("/")[0]
    for name in (SDKS[vendor], "genai_prices"):
        if not installed(name):
            pytest.skip(f"{name} is not installed")
    key = gemini.KEY if vendor == "google" else wire.KEY
    monkeypatch.setenv("REPOCTX_API_KEY", key)
    return MODELS[model]()


def asked(root: Path, flags: dict[str, Any]) -> Usage:
    with open_session(root, flags) as session:
        usage = ask(session, Question("Is it?"), lambda _: None).answer.usage
        assert [note for note in session.notes if "cache" in note] == []
        return usage


@pytest.mark.parametrize("model", MODELS)
def test_a_question_after_warming_is_served_as_foreseen(tmp_path, monkeypatch, model):
    root = repository(tmp_path / "r")
    with server_of(model, monkeypatch) as server:
        flags = {"model": model, "base_url": server.url}
        with open_session(root, flags) as session:
            done = warm(session)
        assert done.fresh and done.usage.cache_write > 0
        assert done.usage.cost is not None and done.usage.cost > 0
        with open_session(root, flags) as session:
            seen = check(session)
        usage = asked(root, flags)
        share = seen.cached.tokens / seen.count.tokens
        assert usage.cached / usage.input == pytest.approx(share, abs=0.01)
        with open_session(root, flags) as session:
            rows = since(session.state.ledger, 0)
            again = warm(session)
        assert not again.fresh
        assert again.usage.cost is not None and again.usage.cost < done.usage.cost / 3
    assert [row.door for row in rows] == ["warm", "ask"]
    last = rows[-1]
    vendor, _, name = model.partition("/")
    priced = cost(Ref(vendor, name), last.usage, last.time, last.ttl)
    # Storage of an explicit cache is counted by the second: here none has passed.
    assert last.usage.cost == pytest.approx(priced, rel=0.001)
    assert last.without is not None and last.usage.cost is not None
    assert last.without > 3 * last.usage.cost


@pytest.mark.parametrize(
    ("gap", "ttl"),
    [(60.0, "5m"), (1500.0, "1h")],
)
def test_the_lifetime_on_the_wire_follows_the_gaps(tmp_path, monkeypatch, gap, ttl):
    model = "anthropic/claude-opus-5-5"
    root = repository(tmp_path / "r")
    with server_of(model, monkeypatch) as server:
        flags = {"model": model, "base_url": server.url}
        with open_session(root, flags) as session:
            for number in range(20):
                when = time.time() - (30 - number) * gap
                entry = Entry(when, "ask", model, "", Usage(1000, 0, 0, 1))
                record(session.state.ledger, entry)
        asked(root, flags)
        sent = server.requests[-1]
    marks = [p["cache_control"]["ttl"] for p in sent["system"] if "cache_control" in p]
    assert marks and set(marks) == {ttl}


def test_storage_of_what_is_kept_is_counted(tmp_path, monkeypatch):
    """An explicit cache that is renewed costs its storage, and nothing else."""
    model = "google/gemini-3.8-flash"
    root = repository(tmp_path / "r")
    real, slept = time.time, [0.0]
    with server_of(model, monkeypatch) as server:
        flags = {"model": model, "base_url": server.url}
        with open_session(root, flags) as session:
            first = warm(session)
        monkeypatch.setattr(time, "time", lambda: real() + slept[0])
        told = []

        def sleep(seconds: float) -> None:
            slept[0] += seconds

        def opened():
            return open_session(root, flags)

        ended = keep(opened, first, Bounds(first.lasts * 1.5), told.append, sleep)
    (only,) = told
    hours = (first.lasts - 30) / 3600
    stored = 0.5 * first.held / 1e6 * hours
    # Held is what the server counted, stored what was estimated before it did.
    assert only.usage.cost == pytest.approx(stored, rel=0.2)
    assert ended.cost == pytest.approx((first.usage.cost or 0) + stored, rel=0.05)
