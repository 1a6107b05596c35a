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
        os.close(follower)
        said = drained(leader, process)
    assert process.returncode == 1, said
    assert FOUND.encode() in said
    assert picture(repo)["files"] == before
