"""Ctrl-C, a kill, two runs at once: nothing left behind, nothing broken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.program import Machine, alive
from repos import make_repo

FILES = 240
WORD = "function_7"
BODY = "".join(
    f"def function_{n}(a, b):\n    return [x + {n} for x in a if x in b]\n\n"
    for n in range(60)
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough files for the worker processes to be started."""
    files = {f"d{n % 7}/f{n}.py": f"# {n}\n{BODY}" for n in range(FILES)}
    return make_repo(tmp_path_factory.mktemp("large"), files)


def fresh(large: Path) -> None:
    subprocess.run(["rm", "-rf", str(large / ".git" / "repoctx")], check=True)


def is_sound(machine: Machine, root: Path) -> None:
    done = machine.run("status", "--output-format", "json", cwd=root)
    assert (done.code, done.err) == (0, "")
    assert done.result["context"]["files"] == FILES
    left = [p.name for p in (root / ".git" / "repoctx").rglob(".new-*")]
    assert len(left) <= 1


STAGES = {
    "the index opens": lambda root, run: (root / ".git/repoctx/index.db").exists(),
    "the workers start": lambda root, run: len(alive(run.pid)) > 2,
    "rows are kept": lambda root, run: kept(root) > 100_000,
}


def kept(root: Path) -> int:
    try:
        return (root / ".git/repoctx/index.db-wal").stat().st_size
    except OSError:
        return 0


def begun(machine: Machine, root: Path, stage: str) -> subprocess.Popen[bytes]:
    """A cold run that has come as far as ``stage``."""
    fresh(root)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    run = machine.start("search", WORD, cwd=root, stdin=subprocess.DEVNULL, **pipes)
    while run.poll() is None and not STAGES[stage](root, run):
        time.sleep(0.002)
    return run


@linux
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_while_indexing(machine: Machine, large: Path, stage: str, times: int):
    run = begun(machine, large, stage)
    for _ in range(times):
        if run.poll() is None:
            # As a terminal does: to the whole group, the workers too.
            os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.03)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert err in (b"repoctx: interrupted\n", b"")
    assert alive(run.pid) == []
    is_sound(machine, large)


@linux
@pytest.mark.parametrize("stage", ["the workers start", "rows are kept"])
def test_a_kill_while_indexing(machine: Machine, large: Path, stage: str):
    run = begun(machine, large, stage)
    run.kill()
    run.communicate(timeout=60)
    deadline = time.monotonic() + 10
    while alive(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(run.pid) == []
    is_sound(machine, large)


@pytest.mark.parametrize("command", [("pack",), ("search", WORD)])
def test_two_runs_at_once(machine: Machine, large: Path, command: tuple[str, ...]):
    fresh(large)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    runs = [machine.start(*command, "-q", cwd=large, **pipes) for _ in range(2)]
    ends = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ends
    assert ends[0] == ends[1]
    assert ends[0][1] == b""
    is_sound(machine, large)


def test_ctrl_c_is_told_in_json_too(machine: Machine, large: Path):
    fresh(large)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    form = ("--output-format", "stream-json")
    process = machine.start("status", *form, cwd=large, **pipes)
    assert process.stdout is not None
    first = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert b'"type": "init"' in first
    assert out.count(b"\n") == 1 and b'"status": "interrupted"' in out
    assert (process.returncode, err) == (130, b"")
