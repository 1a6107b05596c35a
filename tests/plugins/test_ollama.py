"""Ollama's native wire, on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from repoctx_plugins.ollama import MODEST, UNTOLD, provider

from repoctx.errors import (
    AuthError,
    ContextOverflow,
    ProviderError,
    RepoctxError,
    UnknownModel,
)
from repoctx.protocols import Learns, Prewarms, Provider
from repoctx.values import Count, Endpoint, Stop, Turn
from servers.ollama import Behaviour, Fault, serving
from servers.prompts import request as simple

BASE = (
    b'<file path="a.py">\n' + b"def retry(delay): return delay\n" * 1500 + b"</file>\n"
)
"""Some 18,000 of the server's tokens, 11,600 of ours."""


def request(base=BASE, question="Where is it?\n", **fields):
    made = simple(base, question, **fields)
    parts = made.prefix.segments
    parts = tuple(replace(p, count=Count(p.size // 4)) for p in parts)
    return replace(made, prefix=replace(made.prefix, segments=parts))


def endpoint(server, **fields) -> Endpoint:
    return Endpoint(server.url, **({"timeout": 5.0} | fields))


def collected(deltas):
    deltas = list(deltas)
    return "".join(d.text for d in deltas), deltas[-1]


def test_streams_text_and_counts_usage():
    with serving() as server:
        made = provider(endpoint(server))
        for kind in (Provider, Learns, Prewarms):
            assert isinstance(made, kind)
        text, last = collected(made.stream(request(max_output=300)))
        [sent] = server.chats
    assert text == "The answer is `pkg/a.py:3`."
    assert last.stop is Stop.END
    assert last.usage.input > 18_000
    assert (last.usage.output, last.usage.cost) == (4, 0.0)
    assert (last.usage.cached, last.miss) == (0, UNTOLD)
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["messages"][1]["content"] == "Where is it?\n"
    assert sent["options"] == {"num_ctx": MODEST, "num_predict": 300}
    assert (sent["truncate"], sent["shift"]) == (False, False)
    assert "keep_alive" not in sent


def test_turns_and_lifetime():
    turns = (Turn("assistant", "In a.py."), Turn("user", "Sure?"))
    with serving() as server:
        collected(provider(endpoint(server)).stream(request(turns=turns, ttl=900)))
        [sent] = server.chats
    roles = [m["role"] for m in sent["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert sent["keep_alive"] == "900s"


def test_prewarm_reads_the_prefix():
    with serving() as server:
        usage = provider(endpoint(server)).prewarm(request(question="Why?\n"))
        [sent] = server.chats
    assert usage.input > 18_000
    assert sent["options"]["num_predict"] == 1
    assert sent["messages"][0]["content"].endswith("</file>\n")


@pytest.mark.parametrize(
    ("reason", "most", "stop"),
    [("stop", 99, Stop.END), ("length", 99, Stop.LENGTH), ("stop", 2, Stop.LENGTH)],
)
def test_reason_of_the_end(reason, most, stop):
    with serving(Behaviour(done_reason=reason)) as server:
        made = provider(endpoint(server))
        _, last = collected(made.stream(request(max_output=most)))
    assert last.stop is stop


@pytest.mark.parametrize(
    ("fields", "window"),
    [
        ({}, MODEST),
        ({"trained": 8192}, 8192),
        ({"parameters": "stop    x\nnum_ctx        65536\n"}, 65_536),
        ({"parameters": "num_ctx 65536", "trained": 16_384}, 16_384),
        ({"loaded": [{"name": "tiny:latest", "context_length": 65_536}]}, 65_536),
        ({"loaded": [{"name": "tiny:latest", "context_length": 4096}]}, MODEST),
        ({"loaded": [{"name": "other", "context_length": 65_536}]}, MODEST),
        ({"loaded": [5, {"name": "tiny:latest", "context_length": "x"}]}, MODEST),
    ],
)
def test_learns_the_window_and_asks_for_it(fields, window):
    with serving(Behaviour(**fields)) as server:
        made = provider(endpoint(server))
        assert made.capabilities("tiny").window == MODEST
        assert made.learn("tiny").window == window
        collected(made.stream(request(b"x = 1\n")))
        assert server.chats[0]["options"]["num_ctx"] == window
    assert made.capabilities("tiny").window == window


def test_the_users_window_is_asked_for():
    with serving() as server:
        made = provider(endpoint(server, window=50_000))
        assert made.learn("tiny").window == 50_000
        collected(made.stream(request()))
        assert [path for path, _ in server.requests] == ["/api/chat"]
        assert server.chats[0]["options"]["num_ctx"] == 50_000


def test_overflow_is_refused():
    with (
        serving(Behaviour(trained=8192)) as server,
        pytest.raises(ContextOverflow, match="available context size"),
    ):
        collected(provider(endpoint(server)).stream(request()))


@pytest.mark.parametrize(
    ("asked", "context"), [(0, 4096), (0, 8192), (0, 16_384), (17_500, 17_500)]
)
def test_a_silently_dropped_prompt_is_noticed(asked, context):
    """A server of before ``truncate``, or one that has another size than asked for."""
    with serving(Behaviour(context=context, obeys=False)) as server:
        stream = provider(endpoint(server, window=asked)).stream(request())
        assert next(stream).text == "The "
        with pytest.raises(ContextOverflow, match="dropped a part of the prompt"):
            collected(stream)


def test_a_prompt_that_fills_the_window_is_no_whole_prompt():
    with serving(Behaviour(context=2 * 4096, obeys=False)) as server:
        stream = provider(endpoint(server, window=4097)).stream(request())
        with pytest.raises(ContextOverflow, match="dropped"):
            collected(stream)


def test_models_and_the_servers_own():
    with serving(Behaviour(models=("a:1", "b:2"))) as server:
        made = provider(endpoint(server))
        assert made.models() == ("a:1", "b:2")
        collected(made.stream(request(model="")))
        server.behaviour.loaded = [{"name": "b:2", "context_length": 4096}]
        collected(made.stream(request(model="")))
    assert [body["model"] for body in server.chats] == ["a:1", "b:2"]
    with (
        serving(Behaviour(models=())) as server,
        pytest.raises(UnknownModel, match="ollama pull"),
    ):
        collected(provider(endpoint(server)).stream(request(model="")))


KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize(
    ("fault", "kind", "retryable", "says"),
    [
        (Fault(401, {"error": f"unauthorized {KEY}"}), AuthError, False, "key"),
        (Fault(500, {"error": "llama runner died"}), ProviderError, True, "runner"),
        (
            Fault(500, {"error": "model requires more system memory (9 GiB)"}),
            ProviderError,
            False,
            "REPOCTX_WINDOW",
        ),
        (Fault(503, "<html>"), ProviderError, True, "503"),
        (Fault(400, {"error": "a\nb\x1b[31m"}), ProviderError, False, "a b"),
        (
            Fault(400, {"error": "the prompt is longer than the context length"}),
            ContextOverflow,
            False,
            "--budget",
        ),
        (Fault(how="error", body={"error": "boom"}), ProviderError, True, "boom"),
        (Fault(how="garbage"), ProviderError, False, "not understood"),
        (Fault(how="stall"), ProviderError, True, "in time"),
    ],
)
def test_failures(fault, kind, retryable, says):
    with serving(faults=[fault]) as server, pytest.raises(RepoctxError) as caught:
        made = provider(endpoint(server, key=KEY, timeout=0.5, window=90_000))
        collected(made.stream(request()))
    assert len(server.chats) == 1
    assert type(caught.value) is kind
    assert getattr(caught.value, "retryable", False) is retryable
    assert says in str(caught.value)
    for never in (KEY, "\n", "\x1b"):
        assert never not in str(caught.value)


def test_an_unknown_model():
    with serving() as server, pytest.raises(UnknownModel, match="'huge' not found"):
        collected(provider(endpoint(server)).stream(request(model="huge")))


@pytest.mark.parametrize("fault", [Fault(how="quiet", after=99), Fault(how="cut")])
def test_an_end_without_a_reason_is_no_end(fault):
    with serving(faults=[fault]) as server:
        _, last = collected(provider(endpoint(server)).stream(request()))
    assert last.stop is None


def test_nothing_listens():
    with serving() as server:
        url = server.url
    made = provider(Endpoint(url))
    assert made.learn("tiny").window == MODEST
    with pytest.raises(ProviderError, match="ollama serve") as caught:
        collected(made.stream(request()))
    assert not caught.value.retryable


def test_closing_the_stream_hangs_up():
    with serving(faults=[Fault(how="endless")]) as server:
        stream = provider(endpoint(server)).stream(request())
        with closing(stream):
            assert next(stream).text
        assert server.dropped.wait(10)


def test_the_compatible_url_will_do_too():
    with serving() as server:
        made = provider(Endpoint(f"{server.url}/v1"))
        assert made.models() == ("tiny:latest",)


def test_importing_is_light():
    code = (
        "import sys, repoctx_plugins.ollama as o\n"
        "from repoctx.values import Endpoint\n"
        "o.provider(Endpoint()).capabilities('x')\n"
        "assert not {'openai', 'httpx2', 'httpx', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ)
