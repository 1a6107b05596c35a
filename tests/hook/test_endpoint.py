"""A hook whose model is behind a real endpoint, which fails in every known way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from hook.commits import attempt, picture
from repoctx.hook.door import main
from repos import ENV, git, make_repo, write
from servers.chat import Behaviour, Fault, serving

NOTHING = json.dumps({"findings": []})
TOO_MANY = Fault(429, {"error": {"message": "slow down"}}, {"retry-after": "1"})
FAULTS: dict[str, Sequence[Fault]] = {
    "429 for ever": [TOO_MANY] * 50,
    "bad key": [Fault(401, {"error": {"message": "no such key"}})] * 50,
    "500 for ever": [Fault(500, {"error": {"message": "broken"}})] * 50,
    "hanging": [Fault(how="stall", after=0)] * 50,
    "stalled": [Fault(how="stall", after=1)] * 50,
    "cut": [Fault(how="cut", after=1)] * 50,
    "no events": [Fault(how="garbage", after=0)] * 50,
    "a page of a proxy": [Fault(502, "<html>Bad Gateway</html>")] * 50,
}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"a.py": "x = 1\n"})


def install(repo: Path, *options: str) -> None:
    model = ("-m", "compatible/tiny", "--fail-on", "error", "--seconds", "8")
    assert main(["-C", str(repo), "install", *model, *options]) == 0


def stage(repo: Path, text: str = "x = 2\n") -> None:
    write(repo, {"a.py": text})
    git(repo, "add", "-A")


def reach(url: str) -> dict[str, str]:
    return {"REPOCTX_BASE_URL": url, "REPOCTX_API_KEY": "loopback"}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_warning_and_the_commit_goes_on(repo: Path, fault: str) -> None:
    install(repo)
    stage(repo)
    with serving(Behaviour(NOTHING), FAULTS[fault]) as server:
        done = attempt(repo, "commit", "-m", "x", env=reach(server.url))
        assert server.requests
    assert done.code == 0, done.said
    warnings = [s for s in done.said.splitlines() if s.startswith("repoctx:")]
    assert len(warnings) == 1, done.said
    assert warnings[0].startswith("repoctx: not reviewed: ")


@pytest.mark.parametrize("fault", ["429 for ever", "bad key", "hanging"])
def test_strict_stops_the_commit(repo: Path, fault: str) -> None:
    install(repo, "--strict")
    stage(repo)
    with serving(Behaviour(NOTHING), FAULTS[fault]) as server:
        done = attempt(repo, "commit", "-m", "x", env=reach(server.url))
    assert done.code != 0, done.said


@pytest.mark.parametrize("strict", [False, True])
def test_garbage_for_an_answer(repo: Path, strict: bool) -> None:
    install(repo, *(["--strict"] if strict else []))
    stage(repo)
    with serving(Behaviour("Sure! Looks good to me, ship it.")) as server:
        done = attempt(repo, "commit", "-m", "x", env=reach(server.url))
    assert done.code == int(strict), done.said
    assert done.said.count("repoctx: not reviewed: ") == 1


@pytest.mark.parametrize("strict", [False, True])
def test_nobody_listens(repo: Path, strict: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    install(repo, *(["--strict"] if strict else []))
    stage(repo)
    env = reach(f"http://127.0.0.1:{port}/v1")
    done = attempt(repo, "commit", "-m", "x", env=env)
    assert done.code == int(strict), done.said
    assert done.said.count("repoctx: ") == 1


def test_the_same_staged_tree_twice_touches_no_network(repo: Path) -> None:
    install(repo, "--strict")
    stage(repo)
    with serving(Behaviour(NOTHING)) as server:
        env = reach(server.url)
        assert attempt(repo, "hook", "run", "pre-commit", env=env).code == 0
        asked = len(server.headers_seen)
        assert len(server.requests) == 1
        assert attempt(repo, "commit", "-m", "x", env=env).code == 0
        assert len(server.headers_seen) == asked
        stage(repo, "x = 3\n")
        assert attempt(repo, "commit", "-m", "x", env=env).code == 0
        assert len(server.requests) == 2


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_in_the_middle_of_a_call(repo: Path, kill: signal.Signals) -> None:
    install(repo, "--seconds", "60")
    stage(repo)
    write(repo, {"a.py": "x = 'not staged'\n"})
    git(repo, "stash", "store", git(repo, "stash", "create"))
    git(repo, "status")
    before = picture(repo)
    begun = threading.Event()
    with serving(Behaviour(NOTHING), [Fault(how="stall", after=1)] * 9) as server:
        server.watch = lambda what, _: begun.set() if what == "begun" else None
        with subprocess.Popen(
            ["git", "commit", "-m", "x"],
            cwd=repo,
            env={**os.environ, **ENV, **reach(server.url)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            assert begun.wait(60)
            os.killpg(process.pid, kill)
            process.wait(30)
    assert process.returncode != 0
    (repo / ".git" / "index.lock").unlink(missing_ok=True)  # git's own, not ours.
    after = picture(repo)
    del before["index"], after["index"]  # git had written it anew before the hook.
    assert after == before


def test_a_killed_hook_leaves_the_index_to_the_byte(repo: Path) -> None:
    stage(repo)
    before = picture(repo)
    begun = threading.Event()
    options = ("-m", "compatible/tiny", "--seconds", "60")
    with serving(Behaviour(NOTHING), [Fault(how="stall", after=1)] * 9) as server:
        server.watch = lambda what, _: begun.set() if what == "begun" else None
        with subprocess.Popen(
            [sys.executable, "-m", "repoctx", "hook", "run", "pre-commit", *options],
            cwd=repo,
            env={**os.environ, **ENV, **reach(server.url)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            assert begun.wait(60)
            os.killpg(process.pid, signal.SIGKILL)
    assert picture(repo) == before
