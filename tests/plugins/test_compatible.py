"""The real SDK against a real server on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import pytest
from repoctx_plugins.compatible import DEFAULT_WINDOW, provider, usage_of

from repoctx.errors import (
    AuthError,
    ContextOverflow,
    ProviderError,
    RepoctxError,
    StorageError,
    UnknownModel,
)
from repoctx.protocols import Learns, Prewarms, Provider
from repoctx.values import Delta, Endpoint, Stop, Usage
from servers.chat import Behaviour, Fault, serving
from servers.prompts import request

pytest.importorskip("openai")

KEY = "sk-very-secret-0123456789"
BASE = (
    b'<file path="a.py">\n' + b"def retry(delay): return delay\n" * 400 + b"</file>\n"
)


def collected(deltas):
    deltas = list(deltas)
    return "".join(d.text for d in deltas), deltas[-1]


def endpoint(server, **fields) -> Endpoint:
    return Endpoint(server.url, KEY, **({"timeout": 5.0} | fields))


def test_streams_text_and_counts_usage():
    with serving() as server:
        made = provider(endpoint(server))
        assert isinstance(made, Provider)
        assert isinstance(made, Learns)
        text, last = collected(made.stream(request()))
    assert text == "The answer is `pkg/a.py:3`."
    assert last.stop is Stop.END
    assert last.usage is not None
    assert last.usage.input > 20
    assert last.usage.cost == 0.0


def test_prefix_stands_first_and_alone():
    with serving() as server:
        list(provider(endpoint(server)).stream(request(b"BASE\n", "Why?\n")))
        [sent] = server.requests
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["messages"][0]["content"] == "Read this.\nBASE\n"
    assert sent["messages"][1]["content"] == "Why?\n"
    assert sent["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("timings", [False, True])
def test_second_question_is_cached(timings):
    with serving(Behaviour(timings=timings)) as server:
        made = provider(endpoint(server))
        _, first = collected(made.stream(request(BASE, "Where?\n")))
        _, second = collected(made.stream(request(BASE, "Who calls it?\n")))
        _, other = collected(made.stream(request(b"x" + BASE, "Where?\n")))
    assert first.usage.cached == 0
    assert second.usage.cached / second.usage.input > 0.99
    assert other.usage.cached / other.usage.input < 0.01


def test_a_question_after_a_prewarm_is_cached():
    with serving() as server:
        made = provider(endpoint(server))
        assert isinstance(made, Prewarms)
        assert made.prewarm(request(BASE)).cached == 0
        assert server.requests[0]["max_tokens"] == 1
        *_, last = made.stream(request(BASE, "Why?\n"))
    assert last.usage is not None
    assert last.usage.cached / last.usage.input > 0.95


def test_base_from_a_file_and_a_changed_one(tmp_path):
    from dataclasses import replace

    from repoctx.values import SegmentKind
    from servers.prompts import segment

    file = tmp_path / "base"
    asked = request()
    parts = (segment(SegmentKind.BASE, b"in a file\n", file),)
    asked = replace(asked, prefix=replace(asked.prefix, segments=parts))
    with serving() as server:
        made = provider(endpoint(server))
        collected(made.stream(asked))
        assert server.requests[0]["messages"][0]["content"] == "in a file\n"
        file.write_bytes(b"shorter\n")
        with pytest.raises(StorageError, match="not what was packed"):
            collected(made.stream(asked))
        file.unlink()
        with pytest.raises(StorageError, match="No such file"):
            collected(made.stream(asked))


@pytest.mark.parametrize(
    ("finish", "stop"),
    [("stop", Stop.END), ("length", Stop.LENGTH), ("content_filter", Stop.FILTER)],
)
def test_reason_of_the_end(finish, stop):
    with serving(Behaviour(finish=finish)) as server:
        _, last = collected(provider(endpoint(server)).stream(request()))
    assert last.stop is stop


@pytest.mark.parametrize(
    ("more", "cached", "cost"),
    [
        ({"cost": 0.0125}, 0, 0.0125),
        ({"cost": "free"}, 0, 0.0),
        ({"cost": float("inf")}, 0, 0.0),
        ({"prompt_cache_hit_tokens": 7}, 7, 0.0),
        ({"prompt_tokens_details": None}, 0, 0.0),
        ({"prompt_tokens_details": {"cached_tokens": 9}}, 9, 0.0),
        ({"prompt_tokens_details": {"cached_tokens": 9**9}}, 20, 0.0),
    ],
)
def test_usage_in_every_spelling(more, cached, cost):
    from types import SimpleNamespace

    from openai.types.completion_usage import CompletionUsage

    fields = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
    usage = CompletionUsage.model_validate(fields | more)
    got = usage_of(SimpleNamespace(usage=usage), local=True)
    assert got == Usage(20, cached, 0, 3, cost)


def test_no_usage_is_no_error():
    with serving(Behaviour(usage=False)) as server:
        _, last = collected(provider(endpoint(server)).stream(request()))
    assert last == Delta(usage=Usage(), stop=Stop.END)


OVERFLOWS = [
    {"error": "The decoder prompt (9 tokens) is longer than the maximum model length"},
    {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000"},
    {"error": {"message": "This endpoint's maximum context length is 8 tokens."}},
    {"error": "the model is loaded with context length of only 4096 tokens"},
    {"error": {"code": "context_length_exceeded", "message": "too long"}},
    {
        "error": {
            "code": 400,
            "type": "exceed_context_size_error",
            "message": "the request exceeds the available context size",
            "n_prompt_tokens": 9000,
            "n_ctx": 4096,
        }
    },
    {
        "object": "error",
        "message": "This model's maximum context length is 4096 tokens.",
    },
]


@pytest.mark.parametrize("body", OVERFLOWS)
def test_overflow_in_every_spelling(body):
    with serving(faults=[Fault(400, body), Fault(how="error", body=body)]) as server:
        made = provider(endpoint(server))
        with pytest.raises(ContextOverflow):
            collected(made.stream(request()))
        if "error" in body:
            with pytest.raises(ContextOverflow):
                collected(made.stream(request()))


@pytest.mark.parametrize(
    ("fault", "kind", "retryable", "says"),
    [
        (Fault(401, {"error": {"message": f"bad {KEY}"}}), AuthError, False, "key"),
        (Fault(403, "<html>no</html>"), AuthError, False, "403"),
        (
            Fault(404, {"error": {"message": "model 'tiny' not found"}}),
            UnknownModel,
            False,
            "tiny",
        ),
        (Fault(404, "not here"), ProviderError, False, "/v1"),
        (Fault(429, {"error": "slow down"}), ProviderError, True, "slow down"),
        (
            Fault(429, {"error": {"code": "insufficient_quota", "message": "pay"}}),
            ProviderError,
            False,
            "quota",
        ),
        (Fault(500, ""), ProviderError, True, "500"),
        (Fault(529, {"error": {"message": "overloaded"}}), ProviderError, True, "529"),
        (
            Fault(400, {"error": {"message": "a\nb\x1b[31m"}}),
            ProviderError,
            False,
            "a b",
        ),
        (
            Fault(307, "", {"location": "http://127.0.0.1:9/elsewhere"}),
            ProviderError,
            False,
            "307",
        ),
        (
            Fault(how="error", body={"error": {"message": "boom", "code": 500}}),
            ProviderError,
            True,
            "boom",
        ),
        (Fault(how="garbage"), ProviderError, False, "not understood"),
    ],
)
def test_failures(fault, kind, retryable, says):
    with serving(faults=[fault]) as server, pytest.raises(RepoctxError) as caught:
        collected(provider(endpoint(server)).stream(request()))
        assert len(server.requests) == 1
    error = caught.value
    assert type(error) is kind
    assert error.retryable is retryable
    assert says in str(error)
    assert KEY not in str(error)
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("nan", None), ("-1", None), ("Wed, 21", None)]
)
def test_retry_after(header, seconds):
    with (
        serving(faults=[Fault(429, {}, {"retry-after": header})]) as server,
        pytest.raises(ProviderError) as caught,
    ):
        collected(provider(endpoint(server)).stream(request()))
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize("how", ["cut", "stall"])
def test_cut_and_stalled_streams(how):
    with serving(faults=[Fault(how=how, after=2)]) as server:
        stream = provider(endpoint(server, timeout=0.5)).stream(request())
        assert next(stream).text == "The "
        assert next(stream).text == "answer "
        with pytest.raises(ProviderError) as caught:
            next(stream)
    assert caught.value.retryable


def test_done_without_a_reason_is_no_end():
    with serving(faults=[Fault(how="done", after=1)]) as server:
        _, last = collected(provider(endpoint(server)).stream(request()))
    assert last.stop is None


def test_odd_shapes_do_not_crash():
    with serving(faults=[Fault(how="shapes")]) as server, pytest.raises(ProviderError):
        collected(provider(endpoint(server)).stream(request()))


def test_closing_the_stream_hangs_up():
    with serving(faults=[Fault(how="endless")]) as server:
        stream = provider(endpoint(server)).stream(request())
        with closing(stream):
            assert next(stream).text
        assert server.dropped.wait(10)


def test_nothing_listens():
    with serving() as server:
        url = server.url
    with pytest.raises(ProviderError, match="nothing answers at") as caught:
        collected(provider(Endpoint(url)).stream(request()))
    assert url in str(caught.value)
    assert not caught.value.retryable


def test_a_dropped_prompt_is_noticed():
    with (
        serving(Behaviour(reported=512)) as server,
        pytest.raises(ContextOverflow, match="read only 512 tokens"),
    ):
        collected(provider(endpoint(server)).stream(request(BASE * 8)))


def test_models_and_the_servers_own():
    with serving() as server:
        made = provider(endpoint(server))
        assert made.models() == ("tiny",)
        collected(made.stream(request(model="")))
    assert server.requests[0]["model"] == "tiny"


@pytest.mark.parametrize(
    ("models", "props", "window"),
    [
        ([{"id": "tiny", "max_model_len": 8192}], None, 8192),
        ([{"id": "tiny", "context_length": 4000}], None, 4000),
        ([{"id": "tiny"}], {"default_generation_settings": {"n_ctx": 2048}}, 2048),
        ([{"id": "tiny"}], {"default_generation_settings": []}, DEFAULT_WINDOW),
        ([{"id": "tiny", "max_model_len": "x"}, 3], None, DEFAULT_WINDOW),
    ],
)
def test_learns_the_window(models, props, window):
    with serving(Behaviour(models=models, props=props)) as server:
        made = provider(endpoint(server))
        assert made.capabilities("tiny").window == DEFAULT_WINDOW
        assert made.learn("tiny").window == window
    assert made.capabilities("tiny").window == window


def test_the_users_window_needs_no_server():
    made = provider(Endpoint("http://127.0.0.1:9/v1", window=5000))
    assert made.learn("tiny").window == 5000


def test_no_proxy_for_loopback_and_no_foreign_account(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    with serving() as server:
        collected(provider(Endpoint(server.url)).stream(request()))
        [seen] = server.headers_seen
    assert seen["authorization"] == "Bearer none"
    assert "other" not in str(seen)


def test_importing_is_light():
    code = (
        "import sys, repoctx_plugins.compatible as c\n"
        "from repoctx.values import Endpoint\n"
        "c.provider(Endpoint('http://127.0.0.1:9/v1')).capabilities('x')\n"
        "assert not {'openai', 'httpx2', 'httpx', 'rich', 'typer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ)


def test_a_server_without_a_counter():
    with serving() as server, pytest.raises(ProviderError):
        provider(endpoint(server)).count(request())
