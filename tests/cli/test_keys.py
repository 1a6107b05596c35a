"""No key in any output, log, ledger or file, whatever fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.program import Machine
from servers import chat, gemini, ollama

KEY = "sk-live-9f8e7d6c5b4a39281706"
ECHO = {"error": {"message": f"no such key: {KEY} (Bearer {KEY})", "code": 401}}
FAULTS = [(401, 4), (403, 4), (400, 3), (500, 3), (429, 3), (404, 3)]


def leaks(*places: Path) -> list[str]:
    """Files below ``places`` that hold the key."""
    found = []
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and KEY.encode() in path.read_bytes():
                found.append(str(path))
    return found


def asked(machine: Machine, repo: Path, env: dict[str, str], *args: str):
    done = machine.run("ask", *args, "where is the delay?", cwd=repo, env=env)
    assert KEY not in done.text + done.err
    return done


@pytest.mark.parametrize(("status", "code"), FAULTS)
@pytest.mark.parametrize("form", ["text", "stream-json"])
def test_of_a_compatible_server(machine, repo, status, code, form):
    with chat.serving(faults=[chat.Fault(status, ECHO)] * 9) as server:
        env = {
            "REPOCTX_BASE_URL": server.url,
            "REPOCTX_API_KEY": KEY,
            "REPOCTX_OUTPUT_FORMAT": form,
        }
        done = asked(machine, repo, env, "-m", "compatible/tiny")
        assert any(KEY in h.get("authorization", "") for h in server.headers_seen)
    assert done.code == code
    assert leaks(repo, machine.home) == []
    log = machine.run("log", "--output-format", "json", cwd=repo)
    assert KEY not in log.text
    assert json.loads(log.text)


@pytest.mark.parametrize(("status", "code"), FAULTS)
def test_of_gemini(machine, repo, status, code):
    body = gemini.error(status, "X", f"no such key: {KEY}", {"key": KEY})
    faults = [gemini.Fault("", status, body)] * 9
    with gemini.serving(faults=faults) as server:
        env = {
            "GOOGLE_GEMINI_BASE_URL": server.url,
            "GEMINI_API_KEY": KEY,
        }
        done = asked(machine, repo, env, "-m", "google/gemini-4-argon")
        assert [h["x-goog-api-key"] for h in server.headers_seen][:1] == [KEY]
    assert done.code == code
    assert leaks(repo, machine.home) == []


def test_of_ollama_and_the_users_file(machine, repo):
    config = machine.home / "config.toml"
    config.write_text(f'[keys]\nollama = "{KEY}"\n')
    config.chmod(0o600)
    fault = ollama.Fault(401, {"error": f"unauthorized: {KEY}"})
    with ollama.serving(faults=[fault]) as server:
        env = {"REPOCTX_BASE_URL": server.url}
        assert asked(machine, repo, env, "-m", "ollama/tiny").code == 4
    assert leaks(repo, machine.home) == [str(config)]
    shown = machine.run("config", "show", cwd=repo)
    assert KEY not in shown.text + shown.err


def test_a_repository_cannot_hold_one(machine, repo):
    (repo / ".repoctx.toml").write_text(f'[keys]\ngoogle = "{KEY}"\n')
    done = asked(machine, repo, {}, "-m", "google")
    assert done.code == 2
    assert "never belong in a repository" in done.err


def test_a_cut_answer_that_quotes_the_key(machine, repo):
    """What a model says is kept as it came; the error beside it is not."""
    fault = chat.Fault(how="error", body=ECHO, after=2)
    with chat.serving(faults=[fault] * 9) as server:
        env = {"REPOCTX_BASE_URL": server.url, "REPOCTX_API_KEY": KEY}
        done = asked(machine, repo, env, "-m", "compatible/tiny")
    assert done.code == 4
    assert leaks(repo, machine.home) == []
    assert os.listdir(repo / ".git/repoctx/answers")
