"""``repoctx eval`` as people and programs call it, with a model of a known ability."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from cli.program import Machine, end
from repoctx.flow.grids import Wanted, prepared
from repoctx.flow.session import open_session
from repos import commit, make_repo, write
from servers.ability import Seen, able, perfect, up_to

KINDS = ("needle", "superseded")


def text(n: int) -> str:
    lines = "".join(
        f"    total += {n * k}  # step {k} of part {n}\n" for k in range(40)
    )
    return f"def part_{n}(total):\n{lines}    return total\n\n\nLAST_{n} = {n}\n"


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "parts", {f"src/p{n}.py": text(n) for n in range(40)})


def probes(root: Path):
    """Those that the program will ask, by the same seed."""
    given = {
        "model": "compatible/x",
        "base_url": "http://127.0.0.1:9",
        "window": 99_000,
    }
    with open_session(root, given | {"state_dir": str(root.parent / "s")}) as session:
        wanted = Wanted(probes=3, families=KINDS, lengths=(4000.0, 20_000.0), arms=())
        with prepared(session, wanted) as grid:
            return [p for sheet in grid.sheets for p in sheet.probes]


def test_a_grid_from_its_price_to_the_setting(
    machine: Machine, parts: Path, tmp_path: Path
):
    call = ("eval", "--probes", "3", "--kinds", ",".join(KINDS), "--arms", "none")
    call = (*call, "--lengths", "4k,20000", "-m", "compatible/tried")
    with able(up_to(20_000), probes(parts)) as server:
        env = {"REPOCTX_BASE_URL": server.url, "REPOCTX_WINDOW": "99000"}
        done = machine.run(*call, "--dry-run", cwd=parts, env=env)
        assert (done.code, server.seen) == (0, []), done.err
        assert re.search(r"questions  24 over \d prefixes\n", done.text)
        assert re.search(
            r"foreseen   ~[\d,]+ tokens, \d+% of them .*\$0\.00", done.text
        )

        page = tmp_path / "eval.html"
        done = machine.run(*call, "-o", str(page), cwd=parts, env=env)
        assert done.code == 0, done.err
        assert "keep the context under 4,000 tokens" in done.text
        assert re.search(r"^depth +4k +20k$", done.text, re.M)
        assert "keep the context under" in page.read_text()
        assert len(server.seen) == 24

        done = machine.run(*call, "--output-format", "stream-json", cwd=parts, env=env)
        assert (done.code, len(server.seen)) == (0, 24)
        report = done.result["report"]
        assert report["break"]["holds_to"] == 4000 and report["break"]["found"]
        assert report["settings"] == {"budget": 4000}
        assert [one["type"] for one in done.objects].count("said") == len(
            report["sentences"]
        )
    shown = machine.run("eval", "show", cwd=parts)
    assert (shown.code, report["id"] in shown.text) == (0, True)
    assert "keep the context under 4,000 tokens" in shown.text

    both = machine.run("eval", "compare", report["id"], report["id"], cwd=parts)
    assert both.code == 0 and "not told apart" in both.text

    own = machine.home / "config.toml"
    own.write_text("# mine\nstyle = 'xml' # kept\n")
    done = machine.run("config", "set", "--from-eval", "--dry-run", cwd=parts)
    assert done.code == 0 and "budget = 4000" in done.text, done.err
    assert "budget" not in own.read_text()
    machine.run("config", "set", "--from-eval", cwd=parts)
    assert own.read_text() == "# mine\nstyle = 'xml' # kept\nbudget = 4000\n"


class Pausing:
    """A perfect model that lets the question of this number wait, and says so."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.waits, self.goes_on = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> str:
        with self._lock:
            self.left -= 1
            here = self.left == 0
        if here:
            self.waits.set()
            self.goes_on.wait(60)
        return perfect(seen)


LINE = "repoctx: stopped; what was answered is kept, and is not asked again\n"


@pytest.mark.parametrize(
    ("number", "form"), [(1, "text"), (10, "text"), (10, "stream-json"), (24, "text")]
)
def test_ctrl_c_in_the_middle_of_a_grid(
    machine: Machine, parts: Path, number: int, form: str
):
    call = ("eval", "--probes", "3", "--kinds", ",".join(KINDS), "--arms", "none")
    call = (*call, "--lengths", "4k,20000", "-m", "compatible/tried")
    stream = ("--output-format", "stream-json")
    mind = Pausing(number)
    with able(mind, probes(parts)) as server:
        env = {"REPOCTX_BASE_URL": server.url, "REPOCTX_WINDOW": "99000"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started = (*call, *(stream if form == "stream-json" else ()))
        process = machine.start(*started, cwd=parts, env=env, **pipes)
        try:
            assert mind.waits.wait(60)
            # As a terminal does; the question that waits is not answered any more.
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            end(process)
            mind.goes_on.set()
        assert process.returncode == 130, err
        folder = parts / ".git/repoctx/eval"
        kept, notes = (list(folder.glob(f"{w}/*")) for w in ("answers", "unfinished"))
        assert len(notes) == 1
        # Up to three more were under way beside the one that waits.
        assert number - 4 <= len(kept) < 24
        if form == "text":
            assert err.decode() == LINE
            assert ("0% (top)" in out.decode()) == bool(kept)
        else:
            result = json.loads(out.splitlines()[-1])
            assert (result["status"], err) == ("interrupted", b"")
            assert result["report"]["asked"] == len(kept)
        asked = len(server.seen)

        again = machine.run(*call, *stream, cwd=parts, env=env)
        assert again.code == 0, again.err
        assert len(server.seen) - asked == 24 - len(kept)
        assert not notes[0].exists()
        whole = machine.run(*call, *stream, "--fresh", cwd=parts, env=env)
        assert len(server.seen) - asked == 24 - len(kept) + 24
    ours, fresh = (done.result["report"] for done in (again, whole))
    for report in (ours, fresh):
        # Seconds, what the cache had, and how much there was left to ask.
        del report["use"], report["foreseen"]
    assert ours == fresh and ours["asked"] == 24


PRICED = """
bytes_per_token = 4.0
window = 90000
[prices]
input = 4.0
cache_read = 0.4
output = 20.0
[[replies]]
text = "12345"
"""


def test_money_is_asked_for_first(machine: Machine, parts: Path, tmp_path: Path):
    script = tmp_path / "script.toml"
    script.write_text(PRICED)
    env = {"REPOCTX_SCRIPT": str(script)}
    call = ("eval", "--probes", "1", "--kinds", "needle", "-m", "scripted/x")
    call = (*call, "--lengths", "4k,8k", "--arms", "none", "-q")
    done = machine.run(*call, cwd=parts, env=env)
    assert done.code == 2 and "--yes or --max-cost" in done.err
    done = machine.run(*call, "--max-cost", "0.001", cwd=parts, env=env)
    assert done.code == 5 and "are foreseen" in done.err
    done = machine.run(*call, "--max-cost", "1", cwd=parts, env=env)
    assert done.code == 0 and "no better than chance" in done.text, done.err
    spent = machine.run("cost", "--output-format", "json", cwd=parts).result["total"]
    assert spent["requests"] == 4 and 0 < spent["cost_usd"] < 1
    # Nothing is left to ask, so nobody needs to be asked.
    assert machine.run(*call, cwd=parts, env=env).code == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("eval -m offline", "name a model"),
        ("eval show", "nothing was evaluated"),
        ("eval compare a b", "no run 'a'"),
        ("eval --lengths 7x", "7x"),
        ("eval --lengths 3", "a share up to 1"),
        ("config set", "needs KEY VALUE"),
        ("config set colour red", "did you mean 'color'"),
        ("config set style html", "one of xml"),
        ("config set --project state_dir x", "only be set by you"),
    ],
)
def test_what_is_wrong_is_said(machine: Machine, shared: Path, call: str, message: str):
    done = machine.run(*call.split(), cwd=shared)
    assert done.code == 2 and message in done.err, done


def test_a_project_is_set_for_everybody(machine: Machine, repo: Path):
    machine.run("config", "set", "--project", "overlay", "blocks", cwd=repo)
    assert (repo / ".repoctx.toml").read_text() == 'overlay = "blocks"\n'
    done = machine.run("config", "set", "--project", "max_cost", "1.5", cwd=repo)
    assert "counts only after" in done.err
    (repo / ".repoctx.toml").unlink()
    write(
        repo, {"pyproject.toml": "[tool.repoctx]\nstyle = 'xml'\n\n[tool.x]\na = 1\n"}
    )
    machine.run("config", "set", "--project", "budget", "64k", cwd=repo)
    text = (repo / "pyproject.toml").read_text()
    assert text == "[tool.repoctx]\nstyle = 'xml'\nbudget = 64000\n\n[tool.x]\na = 1\n"
    shown = machine.run("config", "show", "--output-format", "json", cwd=repo).result
    assert shown["settings"]["budget"]["value"] == 64_000


def test_offline_shows_what_there_was_when_it_is_stopped(machine: Machine, repo: Path):
    for n in range(400):
        write(repo, {"src/retry.py": f"DELAY = {n}\n" * 30})
        commit(repo, f"Change the waiting time of every retry to {n} seconds")
    process = machine.start(
        *("eval", "--offline", "--commits", "400", "--output-format", "json"),
        cwd=repo,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        process.communicate(timeout=4)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    result = json.loads(out)
    assert (process.returncode, result["status"]) == (130, "interrupted"), err
    assert "offline" in result
