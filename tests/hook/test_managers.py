"""The hook under the managers that people use: pre-commit and lefthook, real ones."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hook.commits import BAD, LIB, USE, attempt, drained, picture
from repos import ENV, git, make_repo, write

ROOT = Path(__file__).parents[2]
FOUND = "removed-but-used"
HOOK = f"{sys.executable} -m repoctx hook run pre-commit --fail-on error --seconds 60"
PRE_COMMIT = f"""
repos:
- repo: local
  hooks:
  - id: repoctx
    name: repoctx review
    language: system
    entry: {HOOK}
    pass_filenames: false
    always_run: true
    require_serial: true
    verbose: true
    stages: [pre-commit, pre-merge-commit, pre-push, manual]
"""
LEFTHOOK = f"""
pre-commit:
  commands:
    repoctx:
      run: {HOOK}
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"lib.py": LIB, "use.py": USE})


def pre_commit(repo: Path, *args: str) -> subprocess.CompletedProcess[str]:
    if not (Path(sys.executable).parent / "pre-commit").exists():
        pytest.skip("pre-commit is not installed here")
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *args],
        cwd=repo,
        env={**os.environ, **ENV, "PRE_COMMIT_HOME": str(repo.parent / "pc")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_published_hook_is_valid(repo: Path) -> None:
    done = pre_commit(repo, "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_pre_commit_sees_the_index_and_gives_edits_back(repo: Path) -> None:
    write(repo, {".pre-commit-config.yaml": PRE_COMMIT})
    git(repo, "add", ".pre-commit-config.yaml")
    git(repo, "commit", "-qm", "hooks")
    assert pre_commit(repo, "install").returncode == 0
    write(repo, {"lib.py": BAD})
    git(repo, "add", "lib.py")
    write(repo, {"lib.py": LIB})
    home = {"PRE_COMMIT_HOME": str(repo.parent / "pc")}
    done = attempt(repo, "commit", "-m", "x", env=home)
    assert done.code == 1, done.said
    assert FOUND in done.said
    assert (repo / "lib.py").read_text() == LIB
    git(repo, "reset", "-q", "--hard")
    git(repo, "rm", "-q", "lib.py")
    assert "missing-import" in attempt(repo, "commit", "-m", "x", env=home).said


TELLS_TERMINAL = f"""
  - id: terminal
    name: terminal
    language: system
    entry: {sys.executable} -c "import sys; print('out', sys.stdout.isatty())"
    pass_filenames: false
    always_run: true
    verbose: true
"""


def on_a_terminal(repo: Path, env: dict[str, str]) -> tuple[int, str]:
    """Commit on a terminal where something was typed ahead: the exit status and what
    was said. Fails where anybody has read what was typed."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        ["git", "commit", "-m", "x"],
        cwd=repo,
        env=env,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as process:
        os.write(leader, b"typed ahead\n")
        said = drained(leader, process, close=False)
    os.set_blocking(follower, False)
    assert os.read(follower, 100) == b"typed ahead\n"
    os.close(follower)
    os.close(leader)
    return process.returncode, said.decode()


def test_pre_commit_on_a_terminal_that_nobody_answers(repo: Path) -> None:
    """It gives a hook a terminal of its own as stdout."""
    write(repo, {".pre-commit-config.yaml": PRE_COMMIT.rstrip("\n") + TELLS_TERMINAL})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "hooks")
    assert pre_commit(repo, "install").returncode == 0
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    before = picture(repo)["files"]
    env = {**os.environ, **ENV, "TERM": "xterm"}
    env["PRE_COMMIT_HOME"] = str(repo.parent / "pc")
    code, said = on_a_terminal(repo, env)
    assert "out True" in said
    assert code == 1, said
    # All that our hook wrote: no progress, no colour, nothing that goes back.
    ours = said.partition("- exit code: 1\x1b[m")[2].partition("terminal...")[0]
    ours = ours.replace("\r\n", "\n").strip()
    assert ours.startswith("lib.py:1:1: error: function `retry_delay` is gone")
    assert ours.count("repoctx: ") == 1
    assert "\x1b" not in ours and "\r" not in ours
    assert picture(repo)["files"] == before


def test_lefthook_on_a_terminal_that_nobody_answers(repo: Path) -> None:
    """lefthook gives a hook its own terminal as stdin."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm here")
    tools = repo.parent / "tools"
    tools.mkdir()
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", "lefthook"]
    if subprocess.run(install, cwd=tools, timeout=300, check=False).returncode:
        pytest.skip("lefthook cannot be installed here")
    write(repo, {"lefthook.yml": LEFTHOOK})
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "hooks", "--no-verify")
    path = f"{tools / 'node_modules' / '.bin'}:{os.environ['PATH']}"
    env = {**os.environ, **ENV, "PATH": path, "TERM": "xterm"}
    subprocess.run(
        ["lefthook", "install"], cwd=repo, env=env, check=True, capture_output=True
    )
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    before = picture(repo)["files"]
    code, said = on_a_terminal(repo, env)
    assert code == 1, said
    assert FOUND in said
    assert picture(repo)["files"] == before
