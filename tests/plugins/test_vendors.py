"""Anthropic's and OpenAI's providers: their SDKs against servers on loopback."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import pytest
from repoctx_plugins import anthropic, openai

from repoctx.ask.prices import Ref, facts
from repoctx.errors import (
    AuthError,
    ContextOverflow,
    ProviderError,
    RepoctxError,
    UnknownModel,
)
from repoctx.protocols import Counts, Prewarms, Provider
from repoctx.values import Delta, Endpoint, Prefix, Request, Stop, Turn
from repos import make_repo
from servers import anthropic as anthropic_server
from servers import openai as openai_server
from servers.chat import Fault
from servers.prompts import request
from servers.wire import KEY, Says, Server

pytest.importorskip("anthropic")
pytest.importorskip("openai")

BASE = (
    b'<file path="a.py">\n' + b"def retry(delay): return delay\n" * 400 + b"</file>\n"
)


@dataclass(frozen=True)
class Wire:
    """A provider, its server, a model of it, and its words for ends of answers."""

    plugin: ModuleType
    server: ModuleType
    model: str
    variable: str
    stops: dict[str, Stop]


WIRES = {
    "anthropic": Wire(
        anthropic,
        anthropic_server,
        anthropic_server.MODEL,
        "ANTHROPIC_API_KEY",
        {
            "end_turn": Stop.END,
            "stop_sequence": Stop.END,
            "max_tokens": Stop.LENGTH,
            "model_context_window_exceeded": Stop.LENGTH,
            "pause_turn": Stop.CONTINUE,
        },
    ),
    "responses": Wire(
        openai,
        openai_server,
        openai_server.MODEL,
        "OPENAI_API_KEY",
        {
            "": Stop.END,
            "max_output_tokens": Stop.LENGTH,
            "content_filter": Stop.FILTER,
        },
    ),
    "chat": Wire(
        openai,
        openai_server,
        openai_server.OLDER,
        "OPENAI_API_KEY",
        {
            "stop": Stop.END,
            "length": Stop.LENGTH,
            "content_filter": Stop.FILTER,
        },
    ),
}
MARKED = ("anthropic", "responses")
"""Those with explicit breakpoints."""


@pytest.fixture(params=WIRES)
def wire(request) -> Wire:
    return WIRES[request.param]


@pytest.fixture(params=MARKED)
def marked(request) -> Wire:
    return WIRES[request.param]


def made(wire: Wire, server: Server, **fields: Any) -> Any:
    endpoint = Endpoint(server.url, KEY, **({"timeout": 5.0} | fields))
    return wire.plugin.provider(endpoint)


def asking(wire: Wire, question: str = "Where?\n", **fields: Any) -> Request:
    return request(BASE, question, wire.model, **fields)


def collected(deltas) -> tuple[str, Delta]:
    found = list(deltas)
    return "".join(delta.text for delta in found), found[-1]


def with_marks(asked: Request, *marks: int) -> Request:
    return replace(asked, prefix=replace(asked.prefix, marks=marks))


# --- what is sent and what comes back ---------------------------------------------


def test_text_usage_and_the_reason_of_the_end(wire: Wire):
    with wire.server.serving() as server:
        provider = made(wire, server)
        assert isinstance(provider, Provider)
        text, last = collected(provider.stream(asking(wire)))
        [found] = server.found
    assert text == "The answer is `pkg/a.py:3`."
    assert last.stop is Stop.END
    assert last.usage is not None
    assert last.usage.input == found.total > 2000
    assert last.usage.cache_write == sum(found.written.values())
    assert last.usage.output > 5
    assert last.usage.cost is None


@pytest.mark.parametrize(
    ("name", "word"), [(name, word) for name in WIRES for word in WIRES[name].stops]
)
def test_every_reason_of_the_end(name: str, word: str):
    wire = WIRES[name]
    with wire.server.serving(Says(stop=word)) as server:
        _, last = collected(made(wire, server).stream(asking(wire)))
    assert last.stop is wire.stops[word]


def test_a_refusal(marked: Wire):
    with marked.server.serving(Says(refusal="I cannot help with that.")) as server:
        text, last = collected(made(marked, server).stream(asking(marked)))
    assert (text, last.stop) == ("I cannot help with that.", Stop.REFUSAL)


def test_a_second_question_reads_the_prefix_from_the_cache(wire: Wire):
    with wire.server.serving() as server:
        provider = made(wire, server)
        _, first = collected(provider.stream(asking(wire)))
        _, second = collected(provider.stream(asking(wire, "Who calls it?\n")))
        other = replace(asking(wire), prefix=Prefix((), ""))
        odd = request(b"x" + BASE, "Where?\n", wire.model)
        _, third = collected(provider.stream(odd))
        assert collected(provider.stream(other))[1].stop is Stop.END
    assert first.usage.cached == 0
    assert second.usage.cached / second.usage.input > 0.98
    assert third.usage.cached == 0
    if wire is not WIRES["chat"]:
        assert 0.98 < first.usage.cache_write / first.usage.input < 1
        assert second.usage.cache_write == 0


def test_breakpoints_stand_at_the_best_marks_and_never_on_the_question(marked: Wire):
    asked = asking(marked)
    size, first = asked.prefix.size, asked.prefix.segments[0].size
    # Documents end after "Read this.\n" and at each of these offsets.
    marks = (size, first, first + 19, first + 19 + 31, first + 19 + 62)
    with marked.server.serving() as server:
        collected(made(marked, server).stream(with_marks(asked, *marks)))
        [sent] = server.requests
    parts = sent["system"] if "system" in sent else sent["input"][0]["content"]
    ends, at = {}, 0
    for part in parts:
        at += len(part["text"])
        ends[at] = "cache_control" in part or "prompt_cache_breakpoint" in part
    assert at == size
    assert {end for end, mark in ends.items() if mark} == set(marks[:4])
    assert "cache_control" not in str(sent.get("messages"))
    assert "breakpoint" not in str(sent.get("input", [0])[1:])


def test_what_was_sent_in_fewer_blocks_is_found_by_its_marks(marked: Wire):
    asked = asking(marked)
    size, first = asked.prefix.size, asked.prefix.segments[0].size
    with marked.server.serving() as server:
        provider = made(marked, server)
        collected(provider.stream(with_marks(asked, size - 8, size)))
        _, last = collected(provider.stream(with_marks(asked, size - 8)))
        _, lost = collected(provider.stream(with_marks(asked, first)))
    assert last.usage.cached / last.usage.input > 0.97
    assert lost.usage.cached == 0


@pytest.mark.parametrize("ttl", [0, 300, 1800, 3600, 43_200])
def test_lifetimes(marked: Wire, ttl: int):
    with marked.server.serving() as server:
        collected(made(marked, server).stream(asking(marked, ttl=ttl)))
        [found] = server.found
    if marked is WIRES["anthropic"]:
        assert [*found.written] == [3600.0 if ttl >= 3600 else 300.0]
    else:
        assert [*found.written] == [43_200.0 if ttl >= 43_200 else 1800.0]


def test_prewarming_fills_the_cache(marked: Wire):
    with marked.server.serving() as server:
        provider = made(marked, server)
        assert isinstance(provider, Prewarms)
        usage = provider.prewarm(asking(marked))
        assert usage.cache_write > 2000
        assert usage.output == 0
        _, last = collected(provider.stream(asking(marked, "And now?\n")))
        assert last.usage.cached == usage.cache_write
        assert provider.prewarm(asking(marked)).cached == usage.cache_write
        assert server.requests[0].get("stream") is not True


def test_counting_is_the_servers(wire: Wire):
    with wire.server.serving() as server:
        provider = made(wire, server)
        assert isinstance(provider, Counts)
        counted = provider.count(asking(wire))
        assert not server.found
        _, last = collected(provider.stream(asking(wire)))
    assert counted == last.usage.input


def test_a_conversation_gives_back_what_came_unchanged(marked: Wire):
    with marked.server.serving(Says(thinking="Let me look. ")) as server:
        provider = made(marked, server)
        first = asking(marked)
        text, last = collected(provider.stream(first))
        assert "Let me look" not in text
        turns = [Turn("assistant", text, last.raw), Turn("user", "Go on.\n")]
        _, second = collected(provider.stream(replace(first, turns=tuple(turns))))
        turns += [Turn("assistant", "no raw"), Turn("user", "And then?\n")]
        _, third = collected(provider.stream(replace(first, turns=tuple(turns))))
        sent = server.requests[-1]
        marks = str(sent).count("cache_control") + str(sent).count("breakpoint'")
    assert last.raw
    assert second.usage.cached > 2000
    # What the second turn wrote before its answer is read by the third.
    assert third.usage.cached > second.usage.cached
    assert marks <= 4


def test_an_altered_thought_is_refused(marked: Wire):
    with marked.server.serving(Says(thinking="Let me look. ")) as server:
        provider = made(marked, server)
        text, last = collected(provider.stream(asking(marked)))
        raw = [dict(block) for block in last.raw]
        raw[0] |= {"thinking": "Something else", "encrypted_content": "else"}
        turns = (Turn("assistant", text, raw), Turn("user", "Go on.\n"))
        with pytest.raises(ProviderError):
            collected(provider.stream(asking(marked, turns=turns)))


def test_effort_and_verbosity_go_with_every_request_and_part_caches(wire: Wire):
    with wire.server.serving() as server:
        calm = made(wire, server, effort="low", verbosity="low")
        collected(calm.stream(asking(wire)))
        collected(calm.stream(asking(wire, "Who?\n")))
        _, same = collected(calm.stream(asking(wire, "What?\n")))
        _, other = collected(made(wire, server).stream(asking(wire, "What?\n")))
        sent = server.requests
    assert "low" in str(sent[0]) and "'low'" not in str(sent[-1])
    assert same.usage.cached > 2000
    if wire is not WIRES["anthropic"]:  # There the repository's text is not lost.
        assert other.usage.cached == 0


def test_nothing_is_kept_at_openai_and_the_key_of_its_cache_is_the_bases():
    wire = WIRES["responses"]
    with wire.server.serving() as server:
        provider = made(wire, server)
        for asked in (asking(wire), asking(wire, "Who?\n"), request(b"other\n" * 9)):
            collected(provider.stream(replace(asked, model=wire.model)))
        one, two, three = server.requests
    assert one["store"] is False
    assert one["prompt_cache_key"] == two["prompt_cache_key"]
    assert one["prompt_cache_key"] != three["prompt_cache_key"]
    assert len(one["prompt_cache_key"]) <= 64
    assert one["prompt_cache_options"] == {"mode": "explicit", "ttl": "30m"}


def test_a_miss_is_explained_in_one_line():
    wire = WIRES["anthropic"]
    with wire.server.serving() as server:
        provider = made(wire, server)
        _, first = collected(provider.stream(asking(wire)))
        assert first.id
        assert first.miss == ""
        again = asking(wire, "Who?\n", previous=first.id)
        assert collected(provider.stream(again))[1].miss == ""
        odd = request(b"x" + BASE, "Who?\n", wire.model, previous=first.id)
        _, last = collected(provider.stream(odd))
        unknown = asking(wire, previous="msg_gone")
        assert collected(provider.stream(unknown))[1].miss == ""
    assert last.miss.startswith("Anthropic's cache: the repository's text changed (~")


def test_models_are_listed(wire: Wire):
    with wire.server.serving(Says(models=("gpt-b", "gpt-a"))) as server:
        assert made(wire, server).models() == ("gpt-a", "gpt-b")


@pytest.mark.parametrize("name", ["gpt-5.4", "gpt-5.6-sol", "gpt-6-astra", "gpt-5-6"])
def test_the_plugin_and_the_table_agree_on_who_wants_breakpoints(name: str):
    known = facts(Ref("openai", name), 0)
    assert known is not None
    assert known.able.cache == openai.provider(Endpoint()).capabilities(name).cache


BESIDE = """
import sys, time
from pathlib import Path
from repoctx.flow.model import choose_model
from repoctx.flow.session import open_session
flags = {"model": sys.argv[2]}
with open_session(Path(sys.argv[1]), flags) as session:
    choose_model(session)
    assert sys.argv[3] not in sys.modules
    choose_model(session, learn=True)
    end = time.monotonic() + 60
    while sys.argv[3] not in sys.modules and time.monotonic() < end:
        time.sleep(0.05)
    assert sys.argv[3] in sys.modules
"""


def test_the_sdk_comes_while_the_prompt_is_made(marked: Wire, tmp_path):
    root = make_repo(tmp_path / "repo", {"a.py": "x = 1\n"})
    name = marked.plugin.__name__.rpartition(".")[2]
    argv = [sys.executable, "-c", BESIDE, str(root), f"{name}/{marked.model}", name]
    subprocess.run(argv, check=True, timeout=120)


# --- what goes wrong ----------------------------------------------------------------


def error(kind: str, message: str) -> Any:
    """A failure's body with what both vendors put there."""
    return {
        "type": "error",
        "error": {"type": kind, "code": kind, "message": message},
    }


FAULTS: dict[str, tuple[Fault, type[RepoctxError], bool, str]] = {
    "a bad key": (
        Fault(401, error("authentication_error", f"invalid {KEY}")),
        AuthError,
        False,
        "refuses the key (401)",
    ),
    "no permission": (Fault(403, "<html>no</html>"), AuthError, False, "(403)"),
    "too many": (
        Fault(429, error("rate_limit_error", "slow down")),
        ProviderError,
        True,
        "answered 429: slow down",
    ),
    "the quota": (
        Fault(429, error("insufficient_quota", "You exceeded your current quota")),
        ProviderError,
        False,
        "the quota is used up",
    ),
    "the credit": (
        Fault(400, error("invalid_request_error", "Your credit balance is too low")),
        ProviderError,
        False,
        "the quota is used up",
    ),
    "overloaded": (
        Fault(529, error("overloaded_error", "Overloaded")),
        ProviderError,
        True,
        "answered 529: Overloaded",
    ),
    "broken": (Fault(500, error("api_error", "oh")), ProviderError, True, "500"),
    "a bad gateway": (Fault(502, "<html>"), ProviderError, True, "502"),
    "a redirect": (
        Fault(307, "", {"location": "http://127.0.0.1:9/else"}),
        ProviderError,
        False,
        "307",
    ),
    "a huge body": (
        Fault(413, error("request_too_large", "Request exceeds the maximum size")),
        ContextOverflow,
        False,
        "lower --budget",
    ),
    "an error in the stream": (
        Fault(how="error", body=error("overloaded_error", "Overloaded")),
        ProviderError,
        True,
        "529: Overloaded",
    ),
    "a limit in the stream": (
        Fault(how="error", body=error("rate_limit_exceeded", "slow down")),
        ProviderError,
        True,
        "429: slow down",
    ),
    "an overflow in the stream": (
        Fault(how="error", body=error("context_length_exceeded", "too long")),
        ContextOverflow,
        False,
        "longer than the model's window",
    ),
    "nonsense": (Fault(how="garbage"), ProviderError, False, "not understood"),
    "a cut": (Fault(how="cut"), ProviderError, True, "was cut"),
    "a stall": (Fault(how="stall"), ProviderError, True, "nothing came in time"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_failures(wire: Wire, what: str):
    fault, kind, retryable, says = FAULTS[what]
    with wire.server.serving(faults=[fault]) as server:
        provider = made(wire, server, timeout=0.5 if what == "a stall" else 5.0)
        with pytest.raises(RepoctxError) as caught:
            collected(provider.stream(asking(wire)))
        assert len(server.requests) == 1  # The SDK itself never tries again.
    found = caught.value
    assert type(found) is kind
    assert found.retryable is retryable
    assert says in str(found)
    assert KEY not in str(found)
    assert "\n" not in str(found)
    if kind is AuthError:
        assert f"set {wire.variable}" in str(found)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("900", 900.0), ("soon", None), ("", None)]
)
def test_retry_after(wire: Wire, header: str, seconds: float | None):
    headers = {"retry-after": header} if header else {}
    for status in (429, 529):
        fault = Fault(status, error("x", "wait"), headers)
        with (
            wire.server.serving(faults=[fault]) as server,
            pytest.raises(ProviderError) as caught,
        ):
            collected(made(wire, server).stream(asking(wire)))
        assert caught.value.retry_after == seconds
        assert caught.value.retryable


def test_a_failed_response():
    wire = WIRES["responses"]
    told = {"status": "failed", "error": {"code": "server_error", "message": "oh"}}
    with (
        wire.server.serving(faults=[Fault(how="failed", body=told)]) as server,
        pytest.raises(ProviderError, match="500: oh") as caught,
    ):
        collected(made(wire, server).stream(asking(wire)))
    assert caught.value.retryable


def test_an_overlong_prompt(wire: Wire):
    with (
        wire.server.serving(Says(window=1000)) as server,
        pytest.raises(ContextOverflow, match="lower --budget"),
    ):
        collected(made(wire, server).stream(asking(wire)))


def test_a_model_that_is_not_there(wire: Wire):
    with wire.server.serving() as server:
        asked = asking(replace(wire, model="nonesuch"))
        with pytest.raises(UnknownModel, match="has no model 'nonesuch'"):
            collected(made(wire, server).stream(asked))


def test_a_body_that_is_not_even_read(wire: Wire):
    asked = request(BASE * 2000, "Where?\n", wire.model)
    fault = Fault(413, error("request_too_large", "too large"), how="unread")
    with (
        wire.server.serving(faults=[fault]) as server,
        pytest.raises(ProviderError) as caught,
    ):
        collected(made(wire, server).stream(asked))
    assert isinstance(caught.value, ContextOverflow) or caught.value.retryable


def test_an_end_without_a_reason_is_no_end(wire: Wire):
    with wire.server.serving(faults=[Fault(how="end", after=2)]) as server:
        found = list(made(wire, server).stream(asking(wire)))
    assert "".join(delta.text for delta in found) == "The answer "
    assert not found or found[-1].stop is None


def test_closing_the_stream_hangs_up(wire: Wire):
    with wire.server.serving(faults=[Fault(how="endless")]) as server:
        stream = made(wire, server).stream(asking(wire))
        with closing(stream):
            assert any(delta.text for delta in stream)
        assert server.dropped.wait(10)


def test_without_a_key_nothing_is_sent(wire: Wire):
    provider = wire.plugin.provider(Endpoint())
    with pytest.raises(AuthError, match=f"needs a key: set {wire.variable}"):
        next(provider.stream(asking(wire)))


def test_nobody_listens_and_a_proxy_refuses(wire: Wire, monkeypatch):
    with wire.server.serving() as server:
        url = server.url
    with pytest.raises(ProviderError, match="nothing answers at"):
        collected(wire.plugin.provider(Endpoint(url, KEY)).stream(asking(wire)))
    with openai_server.serving() as server:  # It knows no CONNECT.
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, server.url)
        provider = wire.plugin.provider(Endpoint("https://example.invalid", KEY))
        with pytest.raises(ProviderError, match="proxy") as caught:
            collected(provider.stream(asking(wire)))
    assert KEY not in str(caught.value)


def test_keys_of_the_environment_are_not_looked_at(wire: Wire, monkeypatch):
    for name in ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "sk-other")
    with wire.server.serving() as server:
        collected(made(wire, server).stream(asking(wire)))
        [seen] = server.headers_seen
    assert "sk-other" not in str(seen)
