"""Which model answers, and who gets which key."""

from __future__ import annotations

import socket

import pytest

from repoctx.ask.choose import (
    USUAL,
    Choice,
    Keys,
    answering,
    base_url_of,
    choose,
    key_for,
    keyed,
)
from repoctx.errors import AuthError, UnknownModel
from servers.chat import Behaviour, serving

HERE = ("compatible", "offline", "scripted")
LOCAL = "http://127.0.0.1:8080/v1"
FAR = "https://models.example.org/v1"
ROUTER = "https://openrouter.ai/api/v1"


def unasked(urls):
    raise AssertionError(f"the network was touched: {urls}")


def test_nothing_configured_is_offline_and_silent():
    got = choose("", "", HERE, unasked)
    assert (got.provider, got.why) == ("offline", "no model is configured")


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("offline", "offline", ""),
        ("compatible", "compatible", ""),
        ("compatible/meta-llama/Llama-3", "compatible", "meta-llama/Llama-3"),
    ],
)
def test_spelled_out(model, provider, name):
    got = choose(model, "", HERE, unasked)
    assert (got.provider, got.model, got.name) == (provider, name, model)


def test_a_far_base_url_is_used_without_a_probe():
    got = choose("", FAR, HERE, unasked)
    assert (got.provider, got.base_url) == ("compatible", FAR)


@pytest.mark.parametrize("model", ["", "auto"])
def test_a_local_base_url_is_used_when_it_answers(model):
    assert choose(model, LOCAL, HERE, lambda urls: urls[0]).base_url == LOCAL
    got = choose(model, LOCAL, HERE, lambda urls: "")
    assert got.provider == "offline"
    assert LOCAL in got.why


def test_auto_tries_the_usual_ports():
    got = choose("auto", "", HERE, lambda urls: urls[1])
    assert got == Choice("compatible", "", USUAL[1], f"{USUAL[1]} answers")


def test_auto_speaks_ollamas_own_language():
    here = (*HERE, "ollama")
    got = choose("auto", "", here, lambda urls: urls[1])
    assert got == Choice("ollama", "", "http://127.0.0.1:11434", f"{USUAL[1]} answers")
    environ = {"OLLAMA_HOST": "127.0.0.1:4000"}
    got = choose("auto", "", here, lambda urls: urls[0], environ)
    assert (got.provider, got.base_url) == ("ollama", "http://127.0.0.1:4000")
    # Who names the compatible URL gets it.
    got = choose("auto", USUAL[1], here, lambda urls: urls[0])
    assert (got.provider, got.base_url) == ("compatible", USUAL[1])


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", ""),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":4000", "http://127.0.0.1:4000"),
        ("box:4000", "http://box:4000"),
        ("[::1]:4000", "http://[::1]:4000"),
        ("http://box:4000/", "http://box:4000"),
        ("https://box", "https://box"),
        ("box:nothing", ""),
    ],
)
def test_ollamas_own_variable(host, url):
    environ = {"OLLAMA_HOST": host}
    assert base_url_of("", environ, "ollama") == url
    assert base_url_of(LOCAL, environ, "ollama") == LOCAL
    assert base_url_of("", environ) == ""


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("ofline", "did you mean offline?"),
        ("compatable/x", "did you mean compatible?"),
        ("gpt-x", "compatible/gpt-x"),
        ("\x1b[31m", "\\x1b"),
    ],
)
def test_unknown_models_name_the_nearest(model, says):
    with pytest.raises(UnknownModel) as caught:
        choose(model, "", HERE, unasked)
    assert says in str(caught.value)
    assert "compatible, offline, scripted" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_only_a_model_server_is_found():
    with serving() as server, serving(Behaviour(models=())) as second:
        wrong = server.url.removesuffix("/v1")
        assert answering([wrong, second.url, server.url]) == second.url
    assert answering([]) == ""


def test_a_silent_port_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        assert answering([url] * 5) == ""


def test_keys_by_precedence():
    choice = Choice("compatible", "", FAR)
    environ = {"MINE": "a", "REPOCTX_API_KEY": "c", "OPENAI_API_KEY": "d"}
    by_file = {"compatible": "b", "other": "x"}
    assert key_for(choice, Keys("MINE", by_file), environ) == "a"
    assert key_for(choice, Keys("", by_file), environ) == "b"
    assert key_for(choice, Keys(), environ) == "c"
    with pytest.raises(AuthError, match="GONE"):
        key_for(choice, Keys("GONE"), environ)


@pytest.mark.parametrize(
    ("url", "environ", "key"),
    [
        (FAR, {}, ""),
        (FAR, {"OPENAI_BASE_URL": FAR + "/"}, "sk-1"),
        ("https://api.openai.com/v1", {}, "sk-1"),
        ("https://api.openai.com.example.org/v1", {}, ""),
        (LOCAL, {}, ""),
    ],
)
def test_the_openai_key_goes_only_to_its_server(url, environ, key):
    environ = {"OPENAI_API_KEY": "sk-1", **environ}
    assert key_for(Choice("compatible", "", url), Keys(), environ) == key


@pytest.mark.parametrize(
    ("provider", "url", "environ", "key"),
    [
        ("anthropic", "", {"ANTHROPIC_API_KEY": "a"}, "a"),
        ("anthropic", "", {"OPENAI_API_KEY": "o"}, ""),
        ("anthropic", "", {"REPOCTX_API_KEY": "r"}, "r"),
        ("anthropic", "", {"ANTHROPIC_API_KEY": "a", "REPOCTX_API_KEY": "r"}, "a"),
        ("anthropic", FAR, {"ANTHROPIC_API_KEY": "a"}, ""),
        ("anthropic", FAR, {"ANTHROPIC_API_KEY": "a", "ANTHROPIC_BASE_URL": FAR}, "a"),
        ("anthropic", FAR, {"ANTHROPIC_API_KEY": "a", "OPENAI_BASE_URL": FAR}, ""),
        ("openai", "", {"OPENAI_API_KEY": "o"}, "o"),
        ("google", "", {"GOOGLE_API_KEY": "1", "GEMINI_API_KEY": "2"}, "2"),
        ("google", "", {"GOOGLE_API_KEY": "1"}, "1"),
        ("google", LOCAL, {"GOOGLE_API_KEY": "1"}, ""),
        ("compatible", "", {"OPENAI_API_KEY": "o"}, ""),
        (
            "compatible",
            "https://openrouter.ai/api/v1",
            {"OPENROUTER_API_KEY": "x"},
            "x",
        ),
        ("compatible", FAR, {"OPENROUTER_API_KEY": "x"}, ""),
        ("ollama", "", {"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a"}, ""),
    ],
)
def test_a_vendors_key_goes_only_to_the_vendor(provider, url, environ, key):
    assert key_for(Choice(provider, "m", url), Keys(), environ) == key


def test_auto_takes_the_first_vendor_with_a_key():
    environ = {"GEMINI_API_KEY": "g", "OPENAI_API_KEY": ""}
    having = keyed(Keys("", {"anthropic": "a"}), environ)
    assert having == {"anthropic": "your settings", "google": "GEMINI_API_KEY"}
    here = (*HERE, "google")
    got = choose("auto", "", here, unasked, environ, [*having])
    assert (got.provider, got.model) == ("google", "gemini-3.8-flash")
    assert choose("", "", here, unasked, environ, [*having]).provider == "offline"
    got = choose("auto", FAR, here, unasked, environ, [*having])
    assert got.base_url == FAR


def test_a_base_url_of_one_sdk_is_no_other_providers():
    environ = {"OPENAI_BASE_URL": FAR, "GOOGLE_GEMINI_BASE_URL": LOCAL + "/"}
    here = ("compatible", "openai", "google", "anthropic")
    urls = {name: choose(name, "", here, unasked, environ).base_url for name in here}
    assert urls == {"compatible": FAR, "openai": FAR, "google": LOCAL, "anthropic": ""}


def test_base_url_of_the_sdk():
    assert base_url_of("", {"OPENAI_BASE_URL": FAR + "/"}) == FAR
    assert base_url_of(LOCAL, {"OPENAI_BASE_URL": FAR}) == LOCAL
    assert base_url_of("", {}) == ""


def test_a_vendors_key_never_goes_out_in_the_clear():
    for scheme, expected in (("https", "sk-1"), ("http", "")):
        url = f"{scheme}://api.openai.com/v1"
        choice = Choice("openai", "gpt-6", url)
        assert key_for(choice, Keys(), {"OPENAI_API_KEY": "sk-1"}) == expected
