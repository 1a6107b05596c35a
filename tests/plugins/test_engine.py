"""One true engine: its prefix cache, its window, its overflow."""

from __future__ import annotations

import pytest
from repoctx_plugins.compatible import provider

from repoctx.errors import ContextOverflow
from repoctx.values import Endpoint, Stop
from servers import engine
from servers.prompts import request

pytest.importorskip("openai")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(engine.available()), reason=engine.available()),
]

BASE = b'<file path="a.py">\n' + b"def retry(delay): pass\n" * 250 + b"</file>\n"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with engine.running(tmp_path_factory.mktemp("engine")) as url:
        yield url


def asked(url: str, base: bytes, question: str):
    made = provider(Endpoint(url, timeout=60))
    *_, last = made.stream(request(base, question, max_output=8))
    return last


def test_same_prefix_new_question_is_cached(url):
    first = asked(url, BASE, "Where is the delay computed?\n")
    second = asked(url, BASE, "Who calls retry?\n")
    assert first.stop in (Stop.END, Stop.LENGTH)
    assert first.usage.input > 5000
    assert first.usage.cached < 100
    assert second.usage.cached / second.usage.input >= 0.99


def test_window_is_learnt(url):
    assert provider(Endpoint(url)).learn("").window == engine.WINDOW


def test_overflow_is_named(url):
    with pytest.raises(ContextOverflow, match="--budget"):
        asked(url, b"another " * engine.WINDOW, "Why?\n")
