"""ACP with clients from npm: the official SDK and acpx; and the published schema.

They run where npm's packages are; README.md says how they get there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("acp", reason="the extra acp is not installed")

from editor.acp_side import ACP, HOW, NPM, SCHEMA, checked, environment, scripted
from editor.test_acp import ANSWER, FILES, PRODUCT
from repos import make_repo

OWN_NODE = NPM / "node" / "bin" / "node"

needs_npm = pytest.mark.skipif(
    not (SCHEMA.exists() and (OWN_NODE.exists() or shutil.which("node"))),
    reason=f"npm's packages are not here: {HOW}",
)
pytestmark = needs_npm


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES)


def variables(home: Path) -> dict[str, str]:
    slow = {"text": "word " * 2000, "chunk": 5, "delay": 0.02, "match": "slowly"}
    edit = {"text": PRODUCT, "match": "multiply"}
    env = environment(home, **scripted(home, slow, edit, {"text": ANSWER}))
    return env | {"PATH": f"{OWN_NODE.parent}{os.pathsep}{env['PATH']}"}


def node(home: Path, cwd: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *map(str, args)],
        cwd=cwd,
        env=variables(home),
        capture_output=True,
        text=True,
        timeout=120,
    )


CROSSED = {
    *("InitializeRequest", "InitializeResponse", "CancelNotification", "Error"),
    *("NewSessionRequest", "NewSessionResponse", "PromptRequest", "PromptResponse"),
    *("RequestPermissionRequest", "RequestPermissionResponse", "SessionNotification"),
    *("ReadTextFileRequest", "ReadTextFileResponse"),
    *("ListSessionsRequest", "ListSessionsResponse"),
    *("LoadSessionRequest", "LoadSessionResponse"),
    *("ResumeSessionRequest", "ResumeSessionResponse"),
    *("CloseSessionRequest", "CloseSessionResponse"),
    *("SetSessionModeRequest", "SetSessionModeResponse"),
    *("SetSessionConfigOptionRequest", "SetSessionConfigOptionResponse"),
}
"""Messages that a session has, both ways; each is valid by the published schema."""


def test_the_sdk_of_npm_takes_all_of_it(home: Path, repo: Path) -> None:
    sdk = NPM / "@agentclientprotocol" / "sdk" / "dist" / "v1" / "stable" / "acp.js"
    client = Path(__file__).with_name("acp_client.mjs")
    done = node(home, repo, client, sdk, repo, *ACP)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = json.loads(done.stdout)
    counts = checked([(ours, json.loads(line)) for ours, line in told["wire"]])
    assert counts.keys() >= CROSSED, CROSSED - counts.keys()
    assert told["initialize"]["protocolVersion"] == 1
    assert told["stops"] == ["end_turn", "end_turn", "end_turn", "cancelled"]
    assert told["asked"][0][0] == "allow_once" and len(told["asked"]) == 2
    assert "a * b" in (repo / "calc.py").read_text()
    assert told["config"]["configOptions"][0]["currentValue"] == "edit"
    assert told["listed"]["sessions"][0]["sessionId"] == told["opened"]["sessionId"]
    assert told["error"] == "no blocks are pending here"
    assert told["exit"] == 0
    assert {"plan", "tool_call", "usage_update", "user_message_chunk"} <= {
        *told["updates"]
    }


def acpx(home: Path, repo: Path, *args: str, code: int = 0) -> list[dict[str, Any]]:
    """What acpx says went over the wire, valid by the schema."""
    options = ("--agent", " ".join(ACP), "--cwd", str(repo), "--format", "json")
    done = node(home, repo, NPM / ".bin" / "acpx", *options, *args)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    wire = [json.loads(line) for line in done.stdout.splitlines()]
    checked(directed(wire))
    return wire


def directed(wire: list[dict[str, Any]]) -> list[tuple[bool, dict[str, Any]]]:
    """Each message with whether the agent sent it, which acpx does not say."""
    found, waiting = [], []
    for message in wire:
        method = message.get("method", "")
        if method:
            ours = method.startswith("fs/") or method in (
                "session/update",
                "session/request_permission",
            )
            waiting.append((message.get("id"), ours))
        else:
            # Both sides count from 0: it answers the last request of that number.
            asked = next(w for w in reversed(waiting) if w[0] == message["id"])
            waiting.remove(asked)
            ours = not asked[1]
        found.append((ours, message))
    return found


DENIED = 5
"""acpx's exit status when a permission was denied."""


@pytest.mark.skipif(not OWN_NODE.exists(), reason=f"acpx needs node 22: {HOW}")
def test_acpx_asks_and_edits(home: Path, repo: Path) -> None:
    wire = acpx(home, repo, "exec", "what does add do?")
    assert wire[-1]["result"] == {"stopReason": "end_turn"}
    told = [m["params"]["update"] for m in wire if m.get("method") == "session/update"]
    text = [
        u["content"]["text"]
        for u in told
        if u["sessionUpdate"] == "agent_message_chunk"
    ]
    assert "".join(text).startswith(ANSWER)
    acpx(home, repo, "--deny-all", "exec", "/edit make it multiply", code=DENIED)
    assert (repo / "calc.py").read_text() == FILES["calc.py"]
    wire = acpx(home, repo, "--approve-all", "exec", "/edit make it multiply")
    assert "a * b" in (repo / "calc.py").read_text()
    assert "fs/read_text_file" in [m.get("method") for m in wire]
    acpx(home, repo, "exec", "/undo")
    assert (repo / "calc.py").read_text() == FILES["calc.py"]


def test_the_schema_refuses_what_is_wrong() -> None:
    """Or that every message is valid would say nothing."""
    right = {"sessionId": "a", "update": {"sessionUpdate": "plan", "entries": []}}
    note = {"jsonrpc": "2.0", "method": "session/update"}
    assert checked([(True, note | {"params": right})])
    for wrong in (
        {"sessionId": "a", "update": {"sessionUpdate": "plan"}},
        {"sessionId": 1, "update": right["update"]},
        {"update": right["update"]},
    ):
        with pytest.raises(AssertionError):
            checked([(True, note | {"params": wrong})])
    ask = {"jsonrpc": "2.0", "id": 1, "method": "session/prompt"}
    ask["params"] = {"sessionId": "a", "prompt": [{"type": "text", "text": "x"}]}
    answer = {"jsonrpc": "2.0", "id": 1, "result": {"stopReason": "cancelled"}}
    assert checked([(False, ask), (True, answer)]).total() == 2
    answer["result"] = {"stopReason": "tired"}
    with pytest.raises(AssertionError):
        checked([(False, ask), (True, answer)])
