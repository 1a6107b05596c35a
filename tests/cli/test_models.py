"""``repoctx models``: keys that are set, servers that answer, and what they cost."""

from __future__ import annotations

import pytest

from servers import chat, gemini, ollama

KEY = gemini.KEY


def rows(machine, repo, *args, **env):
    done = machine.run("models", *args, "--output-format", "json", cwd=repo, env=env)
    assert done.code == 0, done.err
    assert KEY not in done.text + done.err
    return {row["name"]: row for row in done.result["models"]}


def test_with_nothing_configured(machine, shared):
    found = rows(machine, shared)
    assert [name for name, row in found.items() if row["asked"]] == ["offline"]
    google = found["google/gemini-3.8-flash"]
    assert (google["ready"], google["how"]) == (False, "set GEMINI_API_KEY")
    assert (google["window"], google["output"]) == (1_000_000, 65_536)
    assert google["cache"] == "explicit"
    prices = google["usd_per_mtok"]
    assert 0 < prices["cache_read"] < prices["input"] < prices["output"]
    assert found["openai/gpt-6.1-terra"]["cliff"] == 272_000
    assert found["clipboard"]["how"] == "by hand"
    assert "scripted" not in found


def test_a_key_makes_a_vendor_ready_and_auto_takes_it(machine, shared):
    found = rows(machine, shared, GOOGLE_API_KEY=KEY)
    assert found["google/gemini-3.8-flash"]["how"] == "key: GOOGLE_API_KEY"
    assert found["google/gemini-3.8-flash"]["auto"]
    assert not found["anthropic/claude-sonnet-5-5"]["ready"]
    assert found["offline"]["asked"]
    found = rows(machine, shared, REPOCTX_API_KEY=KEY)
    assert found["google/gemini-3.8-flash"]["how"] == "key: REPOCTX_API_KEY"
    assert not found["google/gemini-3.8-flash"]["auto"]


def test_a_key_in_the_users_file(machine, shared):
    file = machine.home / "config.toml"
    file.write_text(f'model = "google/gemini-4-argon"\n[keys]\ngoogle = "{KEY}"\n')
    file.chmod(0o600)
    found = rows(machine, shared)
    assert found["google/gemini-4-argon"]["asked"]
    assert found["google/gemini-4-argon"]["how"] == "key: your settings"
    assert found["google/gemini-4-argon"]["cache"] == "automatic"
    assert found["google/gemini-3.8-flash"]["auto"]


def test_local_servers_with_their_windows(machine, shared):
    models = [{"id": "coder", "max_model_len": 65_536}]
    with (
        chat.serving(chat.Behaviour(models=models)) as one,
        ollama.serving(ollama.Behaviour(trained=16_384)) as other,
    ):
        env = {"REPOCTX_BASE_URL": one.url, "OLLAMA_HOST": other.url}
        found = rows(machine, shared, **env)
        del env["REPOCTX_BASE_URL"]
        alone = rows(machine, shared, **env)
    coder = found["compatible/coder"]
    assert (coder["ready"], coder["window"]) == (True, 65_536)
    assert coder["usd_per_mtok"] == {"input": 0.0, "output": 0.0}
    assert coder["asked"]
    assert coder["auto"]
    tiny = found["ollama/tiny:latest"]
    assert (tiny["window"], tiny["base_url"]) == (16_384, other.url)
    assert not tiny["auto"]
    assert alone["ollama/tiny:latest"]["auto"]
    assert alone["offline"]["asked"]


def test_what_a_vendor_offers_when_it_is_asked(machine, shared):
    with gemini.serving() as server:
        env = {"REPOCTX_BASE_URL": server.url, "REPOCTX_API_KEY": KEY}
        found = rows(machine, shared, "google", **env)
        assert [*found] == ["google/gemini-3.8-flash", "google/gemini-4-argon"]
        wrong = machine.run("models", "google", cwd=shared, env=env | {"X": "1"})
        assert wrong.code == 0
        env["REPOCTX_API_KEY"] = "wrong-key-000"
        wrong = machine.run("models", "google", cwd=shared, env=env)
    assert wrong.code == 4
    assert "wrong-key-000" not in wrong.err + wrong.text


@pytest.mark.parametrize(
    ("provider", "says"),
    [("gogle", "did you mean google?"), ("clipboard", "takes any name")],
)
def test_what_cannot_be_listed(machine, shared, provider, says):
    done = machine.run("models", provider, cwd=shared)
    assert done.code == 2
    assert says in done.err


def test_the_table_for_people(machine, shared):
    done = machine.run("models", cwd=shared, env={"ANTHROPIC_API_KEY": KEY})
    assert done.code == 0
    head, *lines, _, last = done.text.splitlines()
    assert head.split() == [
        "model",
        "window",
        "output",
        "cache",
        "in",
        "cached",
        "written",
        "out",
    ]
    [sonnet] = [line for line in lines if line.startswith("anthropic/")]
    assert sonnet.endswith("key: ANTHROPIC_API_KEY")
    assert last == "ask takes offline; -m auto, anthropic/claude-sonnet-5-5"
    assert KEY not in done.text
