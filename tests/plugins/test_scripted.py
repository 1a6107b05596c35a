"""The provider that the other tests stand on."""

from __future__ import annotations

import json

import pytest
from repoctx_plugins.scripted import provider

from repoctx.errors import AuthError, ContextOverflow, ProviderError, UsageError
from repoctx.values import Endpoint, Stop
from servers.prompts import request

SCRIPT = """
record = "requests.jsonl"
[[replies]]
text = "one two three"
chunk = 4
[[replies]]
text = "more"
stop = "length"
cost = 0.5
"""


@pytest.fixture
def script(tmp_path):
    def write(text: str, name: str = "script.toml"):
        path = tmp_path / name
        path.write_text(text)
        return provider(Endpoint(f"file:{path}"))

    return write


def test_replies_in_turn(script):
    made = script(SCRIPT)
    assert [d.text for d in made.stream(request())] == ["one ", "two ", "thre", "e", ""]
    *_, last = made.stream(request())
    assert last.stop is Stop.LENGTH
    assert last.usage.cost == 0.5
    *_, again = made.stream(request())
    assert again.stop is Stop.LENGTH


def test_turns_and_cache_outlive_the_provider(script, tmp_path):
    text = 'cache = "seen"\n' + SCRIPT
    *_, first = script(text).stream(request(b"x" * 4000))
    *_, second = script(text).stream(request(b"x" * 4000, "another?"))
    assert second.stop is Stop.LENGTH
    assert first.usage.cached == 0
    assert second.usage.cached == (len(b"Read this.\n") + 4000) // 4
    rows = [json.loads(r) for r in (tmp_path / "requests.jsonl").open()]
    assert [r["question"] for r in rows] == ["Where is it?\n", "another?"]


def test_cache_is_an_exact_prefix(script):
    made = script('bytes_per_token = 1\n[[replies]]\ntext = "a"')
    *_, _ = made.stream(request(b"abcdef", "?"))
    *_, same = made.stream(request(b"abcXef", "?"))
    assert same.usage.cached == len(b"Read this.\nabc")
    *_, other = made.stream(request(b"Xbcdef", "?"))
    assert other.usage.cached == len(b"Read this.\n")


@pytest.mark.parametrize(
    ("kind", "error"),
    [("auth", AuthError), ("overflow", ContextOverflow), ("provider", ProviderError)],
)
def test_errors_after_some_text(script, kind, error):
    made = script(
        '[[replies]]\ntext = "abcdef"\nchunk = 2\n[replies.error]\n'
        f'kind = "{kind}"\nat = 3\nretryable = true\nretry_after = 2\n'
    )
    got = []
    with pytest.raises(error) as caught:
        for delta in made.stream(request()):
            got.append(delta.text)
    assert got == ["ab", "c"]
    assert caught.value.retryable
    assert caught.value.retry_after == 2


def test_json_and_the_variable(script, tmp_path, monkeypatch):
    script(json.dumps({"replies": [{"text": "hi"}]}), "s.json")
    monkeypatch.setenv("REPOCTX_SCRIPT", str(tmp_path / "s.json"))
    assert next(provider(Endpoint()).stream(request())).text == "hi"


@pytest.mark.parametrize("text", ["", "replies = [", "replies = []"])
def test_unusable_scripts(script, text):
    with pytest.raises(UsageError, match="scripted: "):
        list(script(text).stream(request()))
