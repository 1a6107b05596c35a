"""The real SDK against a loopback server that speaks Gemini's wire."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from repoctx_plugins.google import TOKEN, provider

from repoctx.errors import (
    AuthError,
    ContextOverflow,
    ProviderError,
    RepoctxError,
    UnknownModel,
)
from repoctx.protocols import Counts, Prewarms, Provider
from repoctx.values import Count, Delta, Endpoint, SegmentKind, Stop, Turn
from servers.cache import Rules
from servers.gemini import KEY, Behaviour, Fault, error, serving, text_of
from servers.prompts import request as simple
from servers.prompts import segment

pytest.importorskip("google.genai")

FLASH, ARGON = "gemini-3.8-flash", "gemini-4-argon"
BASE = (
    b'<file path="a.py">\n' + b"def retry(delay): return delay\n" * 900 + b"</file>\n"
)
OFF = Rules("none")
STREAM = ":streamGenerateContent"


class Clock:
    """The server's time."""

    def __init__(self) -> None:
        import time

        self.late = 0.0
        self.time = time.time

    def __call__(self) -> float:
        return self.time() + self.late


def request(base=BASE, question="Where is it?\n", model=FLASH, overlay=b"", **fields):
    made = simple(base, question, model, **fields)
    parts = made.prefix.segments
    parts = tuple(replace(p, count=Count(p.size // 4)) for p in parts)
    if overlay:
        parts = (*parts, segment(SegmentKind.OVERLAY, overlay))
    return replace(made, prefix=replace(made.prefix, segments=parts))


def endpoint(server, **fields) -> Endpoint:
    return Endpoint(server.url, KEY, **({"timeout": 5.0} | fields))


def collected(deltas):
    deltas = list(deltas)
    return "".join(d.text for d in deltas), deltas[-1]


# --- the answer -------------------------------------------------------------------


def test_streams_text_and_counts_thoughts_as_output():
    with serving() as server:
        made = provider(endpoint(server))
        for kind in (Provider, Prewarms, Counts):
            assert isinstance(made, kind)
        text, last = collected(made.stream(request(model=ARGON, max_output=300)))
    assert text == "The answer is `pkg/a.py:3`."
    assert last.stop is Stop.END
    assert last.usage.output == 4 + 7
    assert last.usage.input > 9000
    [(_, _, body)] = server.calls(STREAM)
    assert body["generationConfig"]["maxOutputTokens"] == 300
    assert text_of(body["contents"]).endswith("</file>\nWhere is it?\n")
    assert text_of(body["contents"]).startswith("Read this.\n<file")


def test_the_servers_time_is_not_limited():
    with serving() as server:
        collected(provider(endpoint(server)).stream(request()))
    assert not [h for h in server.headers_seen if "x-server-timeout" in h]


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("STOP", Stop.END),
        ("MAX_TOKENS", Stop.LENGTH),
        ("SAFETY", Stop.FILTER),
        ("RECITATION", Stop.FILTER),
        ("PROHIBITED_CONTENT", Stop.FILTER),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_reason_of_the_end(finish, stop):
    with serving(Behaviour(finish=finish)) as server:
        _, last = collected(provider(endpoint(server)).stream(request(model=ARGON)))
    assert last.stop is stop


@pytest.mark.parametrize("finish", ["OTHER", "MALFORMED_RESPONSE", "A_NEW_ONE"])
def test_an_end_that_is_a_failure(finish):
    with serving(Behaviour(finish=finish)) as server:
        stream = provider(endpoint(server)).stream(request())
        assert next(stream).text == "The "
        with pytest.raises(ProviderError, match=finish):
            collected(stream)


def test_a_blocked_prompt():
    with (
        serving(Behaviour(blocked="PROHIBITED_CONTENT")) as server,
        pytest.raises(ProviderError, match="blocked the prompt: PROHIBITED") as caught,
    ):
        collected(provider(endpoint(server)).stream(request()))
    assert not caught.value.retryable


def test_later_turns():
    turns = (Turn("assistant", "In a.py."), Turn("user", "Sure?"))
    with serving() as server:
        collected(provider(endpoint(server)).stream(request(model=ARGON, turns=turns)))
    contents = server.calls(STREAM)[0][2]["contents"]
    assert [c["role"] for c in contents] == ["user", "model", "user"]
    assert text_of(contents).endswith("Where is it?\nIn a.py.Sure?")


def test_argon_goes_on_by_its_token_and_only_when_asked():
    whole = "".join(f"word{n} " for n in range(10))
    with serving(Behaviour(text=whole, per_request=4)) as server:
        made = provider(endpoint(server))
        asked = request(model=ARGON)
        first, last = collected(made.stream(asked))
        assert len(server.calls(STREAM)) == 1
        assert last.stop is Stop.CONTINUE
        assert set(last.raw) == {TOKEN}
        said, turns = first, ()
        while last.stop is Stop.CONTINUE:
            turns += (Turn("assistant", first, last.raw), Turn("user", "Go on."))
            text, last = collected(made.stream(replace(asked, turns=turns)))
            said += text
    assert said == whole
    bodies = [body for _, _, body in server.calls(STREAM)]
    assert len(bodies) == 3
    # The same request each time: what it says is cached and counted once.
    assert len({text_of(body["contents"]) for body in bodies}) == 1
    assert last.usage.cached == last.usage.input


def test_a_long_answer_comes_whole(tmp_path):
    from repoctx.ask.receive import Limits
    from repoctx.ask.save import AnswerFile
    from repoctx.ask.seam import Rounds
    from repoctx.ask.send import answer

    whole = "".join(f"word{n} " for n in range(50))
    with serving(Behaviour(text=whole, per_request=9)) as server:
        made = provider(endpoint(server))
        save = AnswerFile(tmp_path, 0)
        limits = Limits(rounds=Rounds(8, "Go on.\n"))
        got = answer(made, request(model=ARGON), lambda _: None, save, limits)
    assert (got.text, got.stop) == (whole, Stop.END)
    assert len(server.calls(STREAM)) == 6


# --- the implicit cache -----------------------------------------------------------


def test_implicit_hits_are_counted():
    with serving() as server:
        made = provider(endpoint(server))
        _, first = collected(made.stream(request(model=ARGON)))
        asked = request(question="Who calls it?\n", model=ARGON)
        _, second = collected(made.stream(asked))
    assert first.usage.cached == 0
    assert second.usage.cached / second.usage.input > 0.99
    assert not server.calls("cachedContents")


def test_prewarming_argon_reads_the_prefix():
    with serving() as server:
        made = provider(endpoint(server))
        made.prewarm(request(model=ARGON))
        _, last = collected(made.stream(request(model=ARGON)))
    assert server.calls(STREAM)[0][2]["generationConfig"]["maxOutputTokens"] == 1
    assert last.usage.cached / last.usage.input > 0.99


# --- the explicit cache -----------------------------------------------------------


def test_an_explicit_cache_is_made_once_and_found_again():
    with serving(Behaviour(implicit=OFF)) as server:
        made = provider(endpoint(server))
        _, first = collected(made.stream(request()))
        _, second = collected(made.stream(request(question="Who?\n", overlay=b"+x\n")))
        # Another process, with nothing but the key.
        _, third = collected(provider(endpoint(server)).stream(request()))
    assert first.usage.cached == 0
    assert first.usage.cache_write / first.usage.input > 0.99
    for last in (second, third):
        assert last.usage.cache_write == 0
        assert last.usage.cached == first.usage.cache_write
    assert len(server.calls("POST /cachedContents")) == 1
    [created] = [b for _, _, b in server.calls("POST /cachedContents")]
    assert created["ttl"] == "900s"
    asked = [body for _, _, body in server.calls(STREAM)]
    assert {body["cachedContent"] for body in asked} == {"cachedContents/c0001"}
    assert text_of(asked[1]["contents"]) == "+x\nWho?\n"


def test_argon_never_gets_one():
    with serving() as server:
        made = provider(endpoint(server))
        assert made.capabilities(ARGON).cache == "automatic"
        assert made.capabilities(FLASH).cache == "explicit"
        collected(made.stream(request(model=ARGON)))
    assert not server.calls("cachedContents")


def test_it_is_found_behind_many_others():
    with serving(Behaviour(implicit=OFF)) as server:
        made = provider(endpoint(server))
        for n in range(120):
            made.prewarm(request(BASE + b"%d\n" % n))
        server.requests.clear()
        _, last = collected(provider(endpoint(server)).stream(request(BASE + b"119\n")))
    assert last.usage.cached
    assert not server.calls("POST /cachedContents")


@pytest.mark.parametrize("code", [403, 404])
def test_a_stale_one_is_made_anew_once(code):
    gone = error(code, "PERMISSION_DENIED", "CachedContent not found")
    with serving(Behaviour(implicit=OFF)) as server:
        made = provider(endpoint(server))
        collected(made.stream(request()))
        server.held.clear()
        server.faults.append(Fault(status=code, body=gone))
        text, last = collected(made.stream(request(question="Who?\n")))
        assert text.startswith("The answer")
        assert "written anew" in last.miss
        assert last.usage.cache_write
        assert len(server.calls("POST /cachedContents")) == 2
        # And again and again: then without one.
        server.faults += [Fault(status=code, body=gone)] * 2
        _, last = collected(made.stream(request(question="Why?\n")))
        assert last.usage.cached == last.usage.cache_write == 0
        assert "cachedContent" not in server.calls(STREAM)[-1][2]


def test_its_life_is_prolonged_while_it_is_used():
    clock = Clock()
    with serving(Behaviour(implicit=OFF), clock=clock) as server:
        made = provider(endpoint(server))
        asked = request(ttl=40)
        collected(made.stream(asked))
        assert not server.calls("PATCH")
        [held] = server.held.values()
        # Nearly over when another process comes.
        held.expires -= 5
        _, last = collected(provider(endpoint(server)).stream(replace(asked, ttl=100)))
        assert [b for _, _, b in server.calls("PATCH")] == [{"ttl": "100s"}]
        assert held.expires > clock() + 90
        assert last.usage.cached
        # Prewarming it costs nothing but its life.
        assert made.prewarm(replace(asked, ttl=1000)).input == 0
        assert held.expires > clock() + 900


def test_the_one_before_is_deleted():
    with serving(Behaviour(implicit=OFF)) as server:
        made = provider(endpoint(server))
        other = provider(endpoint(server))
        collected(other.stream(request(b"other\n" + BASE)))
        collected(made.stream(request()))
        collected(made.stream(request(b"new\n" + BASE)))
    gone = [path for _, path, _ in server.calls("DELETE")]
    assert gone == ["/cachedContents/c0002"]
    assert set(server.held) == {"cachedContents/c0001", "cachedContents/c0003"}


def test_too_small_is_learnt_and_told_to_nobody():
    small = request(b"def f(): pass\n" * 400)
    small = replace(small, prefix=_counted(small.prefix, 5000))
    with serving(Behaviour(smallest=50_000)) as server:
        made = provider(endpoint(server))
        for _ in range(2):
            _, last = collected(made.stream(small))
            assert (last.stop, last.miss) == (Stop.END, "")
        assert len(server.calls("POST /cachedContents")) == 1
        collected(made.stream(request(b"x = 1\n")))
        assert len(server.calls("POST /cachedContents")) == 1


def _counted(prefix, tokens):
    parts = tuple(replace(p, count=Count(tokens)) for p in prefix.segments)
    return replace(prefix, segments=parts)


def test_refused_caches_do_not_stop_the_answer():
    full = error(429, "RESOURCE_EXHAUSTED", "TotalCachedContentStorage limit exceeded")
    fault = Fault("POST /cachedContents", 429, full)
    with serving(faults=[fault]) as server:
        text, last = collected(provider(endpoint(server)).stream(request()))
    assert text.startswith("The answer")
    assert "made no explicit cache (429): TotalCached" in last.miss


# --- failures ---------------------------------------------------------------------

QUOTA = error(
    429,
    "RESOURCE_EXHAUSTED",
    "Quota exceeded",
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"},
)
DAY = error(
    429,
    "RESOURCE_EXHAUSTED",
    "Quota exceeded",
    {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]},
)


@pytest.mark.parametrize(
    ("fault", "kind", "retryable", "says"),
    [
        (
            Fault(status=401, body=error(401, "U", f"bad {KEY}")),
            AuthError,
            False,
            "key",
        ),
        (Fault(status=403, body="<html>no</html>"), AuthError, False, "GEMINI_API_KEY"),
        (Fault(status=429, body=QUOTA), ProviderError, True, "429"),
        (Fault(status=429, body=DAY), ProviderError, False, "quota"),
        (Fault(status=500, body=""), ProviderError, True, "500"),
        (
            Fault(status=503, body=error(503, "UNAVAILABLE", "It is overloaded")),
            ProviderError,
            True,
            "overloaded",
        ),
        (
            Fault(status=400, body=error(400, "INVALID_ARGUMENT", "a\nb\x1b[31m")),
            ProviderError,
            False,
            "a b",
        ),
        (
            Fault(status=307, headers={"location": "http://127.0.0.1:9/"}, body=""),
            ProviderError,
            False,
            "307",
        ),
        (
            Fault(how="error", body=error(500, "INTERNAL", "boom")),
            ProviderError,
            True,
            "boom",
        ),
        (Fault(how="garbage"), ProviderError, False, "not understood"),
        (Fault(how="shapes"), ProviderError, False, "not understood"),
        (Fault(how="cut"), ProviderError, True, "cut"),
        (Fault(how="stall"), ProviderError, True, "in time"),
    ],
)
def test_failures(fault, kind, retryable, says):
    with serving(faults=[fault]) as server, pytest.raises(RepoctxError) as caught:
        made = provider(endpoint(server, timeout=1.0))
        collected(made.stream(request(model=ARGON)))
    assert len(server.requests) == 1
    caught_error = caught.value
    assert type(caught_error) is kind
    assert caught_error.retryable is retryable
    assert says in str(caught_error)
    for never in (KEY, "\n", "\x1b"):
        assert never not in str(caught_error)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (Fault(status=429, body=QUOTA), 37.0),
        (Fault(status=429, body={}, headers={"retry-after": "7"}), 7.0),
        (Fault(status=503, body={}), None),
    ],
)
def test_how_long_to_wait(fault, seconds):
    with serving(faults=[fault]) as server, pytest.raises(ProviderError) as caught:
        collected(provider(endpoint(server)).stream(request(model=ARGON)))
    assert caught.value.retry_after == seconds


def test_a_wrong_key_and_none():
    with serving() as server:
        made = provider(Endpoint(server.url, "wrong", timeout=5))
        with pytest.raises(AuthError, match="refuses the key"):
            collected(made.stream(request()))
    with pytest.raises(AuthError, match="set GEMINI_API_KEY"):
        collected(provider(Endpoint()).stream(request()))


def test_an_unknown_model():
    with serving() as server, pytest.raises(UnknownModel, match="gamini"):
        collected(provider(endpoint(server)).stream(request(model="gamini")))


def test_overflow():
    with (
        serving(Behaviour(window=100)) as server,
        pytest.raises(ContextOverflow, match="exceeds the maximum"),
    ):
        collected(provider(endpoint(server)).stream(request(model=ARGON)))


def test_nothing_listens():
    with serving() as server:
        url = server.url
    with pytest.raises(ProviderError, match="nothing answers at"):
        collected(provider(Endpoint(url, KEY)).stream(request()))


def test_an_end_without_a_reason_is_no_end():
    with serving(faults=[Fault(how="quiet", after=99)]) as server:
        _, last = collected(provider(endpoint(server)).stream(request(model=ARGON)))
    assert last == Delta(usage=last.usage, stop=None)


def test_closing_the_stream_hangs_up():
    with serving(faults=[Fault(how="endless")]) as server:
        stream = provider(endpoint(server)).stream(request())
        with closing(stream):
            assert next(stream).text
        assert server.dropped.wait(10)


# --- the rest ---------------------------------------------------------------------


def test_counts_the_whole_request():
    with serving() as server:
        made = provider(endpoint(server))
        counted = made.count(request(model=ARGON))
        _, last = collected(made.stream(request(model=ARGON)))
    assert counted == last.usage.input


def test_models_that_can_be_asked():
    with serving() as server:
        assert provider(endpoint(server)).models() == (FLASH, ARGON)


def test_no_proxy_for_loopback_and_no_other_cloud(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("GOOGLE_API_KEY", "another")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9")
    with serving() as server:
        collected(provider(endpoint(server)).stream(request()))
    assert {h["x-goog-api-key"] for h in server.headers_seen} == {KEY}


def test_importing_is_light():
    code = (
        "import sys, repoctx_plugins.google as g\n"
        "from repoctx.values import Endpoint\n"
        "g.provider(Endpoint()).capabilities('gemini-3.8-flash')\n"
        "assert not {'google', 'httpx2', 'httpx', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=os.environ)
