"""mcp-inspector, the protocol's own client, against ``repoctx mcp``."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from editor.acp_side import NPM
from editor.mcp_client import PROGRAM, environment
from repos import make_repo

INSPECTOR = NPM / ".bin" / "mcp-inspector"
NODE = NPM / "node" / "bin"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not INSPECTOR.exists(),
        reason=f"npm i --prefix {NPM.parent} node@22 @modelcontextprotocol/inspector",
    ),
]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"a.py": "def one():\n    return 1\n"})


def inspect(repo: Path, *args: str) -> tuple[int, Any, str]:
    """The exit status, the answer and stderr of the inspector."""
    env = environment(repo.parent / "home")
    env["PATH"] = f"{NODE}{os.pathsep}{env['PATH']}"
    done = subprocess.run(
        [str(INSPECTOR), "--cli", *PROGRAM, "-C", str(repo), *args],
        capture_output=True,
        env=env,
        cwd=repo.parent,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout or b"null"), done.stderr.decode()


def test_the_schemas_are_portable(repo: Path) -> None:
    code, said, err = inspect(repo, "--strict", "--method", "tools/list")
    assert (code, err) == (0, "")
    assert len(said["tools"]) == 8


def test_a_tool_is_called(repo: Path) -> None:
    named = ("--tool-name", "find_symbol", "--tool-arg", "name=one")
    code, said, _ = inspect(repo, "--method", "tools/call", *named)
    assert code == 0
    assert said["structuredContent"]["definitions"][0]["path"] == "a.py"


def test_a_resource_is_read(repo: Path) -> None:
    where = ("--uri", "repo://file/a.py")
    code, said, _ = inspect(repo, "--method", "resources/read", *where)
    assert code == 0
    assert said["contents"][0]["text"] == "def one():\n    return 1\n"


def test_a_prompt_is_got(repo: Path) -> None:
    named = ("--prompt-name", "explain", "--prompt-args", "path=a.py")
    code, said, _ = inspect(repo, "--method", "prompts/get", *named)
    assert code == 0
    assert "def one()" in said["messages"][0]["content"]["text"]
