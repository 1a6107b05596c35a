"""One true engine: its prefix cache, its window, its overflow; questions of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
from repoctx_plugins.compatible import provider

from repoctx.errors import ContextOverflow
from repoctx.flow.ask import Question, prompt_for
from repoctx.flow.model import choose_model
from repoctx.flow.sending import send
from repoctx.flow.session import open_session
from repoctx.values import Endpoint, Stop
from repos import make_repo, write
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


def test_it_counts_what_it_reads(url):
    made = provider(Endpoint(url, timeout=60))
    asked = request(BASE, "Who?\n", max_output=1)
    *_, last = made.stream(asked)
    assert made.count(asked) == last.usage.input


def test_overflow_is_named(url):
    with pytest.raises(ContextOverflow, match="--budget"):
        asked(url, b"another " * engine.WINDOW, "Why?\n")


def source(name: int, body: str = "delay") -> str:
    return "".join(
        f"def retry_{name}_{n}(delay):\n    return {body}\n" for n in range(6)
    )


def question(root, url: str, text: str):
    """Ask with all rooms: what the engine used, and its tokens of each segment."""
    # It never ends by itself: its answer is cut, and not asked on.
    flags = {"model": "compatible", "base_url": url, "rounds": 1}
    with open_session(root, flags) as session:
        model = choose_model(session, learn=True)
        prompt = prompt_for(session, model, Question(text))
        # It would talk on to its limit.
        request = replace(prompt.request, max_output=8)
        got = send(session, model, request, prompt.packed, lambda _: None)
    texts = [s.text or b"" for s in request.prefix.segments]
    # One byte is a token, but for the one pair that its vocabulary joins.
    return got.usage, [len(text) - text.count(b"er") for text in texts]


def test_questions_about_a_repository_stay_cached(url, tmp_path, monkeypatch):
    """The engine's own report: the second question reads all of the prefix, and the
    first one after an edit all that stands before the change."""
    monkeypatch.setenv("REPOCTX_CONFIG", str(tmp_path / "config.toml"))
    files = {f"src/part_{n:02}.py": source(n) for n in range(12)}
    root = make_repo(tmp_path / "repo", files)
    first, _ = question(root, url, "Where is the delay?")
    second, parts = question(root, url, "Who calls it?")
    prefix = sum(parts)
    assert prefix > 3000
    assert first.cached < 0.1 * prefix
    assert second.cached >= 0.99 * prefix
    write(root, {"src/part_03.py": source(3, "delay * 2")})
    third, parts = question(root, url, "And now?")
    assert len(parts) == 3
    assert sum(parts) > prefix
    assert third.cached >= 0.99 * prefix
    fourth, parts = question(root, url, "Why?")
    assert fourth.cached >= 0.99 * sum(parts)
