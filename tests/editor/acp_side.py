"""The other side of ACP: PyPI's SDK as a client of the real program, and the wire.

Every message that goes over the wire, both ways, is kept; where the schema that npm's
SDK publishes is at hand, `checked` validates each of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from acp import RequestError, spawn_agent_process, text_block
from acp.connection import StreamDirection, StreamEvent
from acp.schema import (
    AllowedOutcome,
    ClientCapabilities,
    DeniedOutcome,
    FileSystemCapabilities,
    ReadTextFileResponse,
    RequestPermissionResponse,
    WriteTextFileResponse,
)

ROOT = Path(__file__).parents[2]
NPM = Path(os.environ.get("REPOCTX_NPM", ROOT / ".venv" / "npm")) / "node_modules"
"""Where npm's packages are, if they are: see README.md."""
SCHEMA = NPM / "@agentclientprotocol" / "sdk" / "schema" / "v1" / "schema.json"
HOW = f"npm i --prefix {NPM.parent} node@22 @agentclientprotocol/sdk@2.4.0 acpx@0.19.1"

ACP = (sys.executable, "-m", "repoctx", "acp")
PATIENCE = 60.0


class Ide:
    """An editor: it hears updates, answers questions, and holds files open."""

    def __init__(self, choice: str = "allow", fs: tuple[bool, bool] = (False, False)):
        self.choice, self.fs = choice, fs
        self.updates: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[dict[str, Any]] = []
        self.wire: list[tuple[bool, dict[str, Any]]] = []
        self.held: dict[str, str] = {}
        self.tells_the_disk = False
        self.written: list[tuple[str, str]] = []
        self.heard: Callable[[dict[str, Any]], Any] = lambda _: None
        self.adds_a_line = False
        self.formats: Callable[[str], str] = lambda text: text
        self.agent: Any = None
        self.process: Any = None

    def on_connect(self, conn: Any) -> None:
        self.agent = conn

    # --- what the agent calls -----------------------------------------------------

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        told = update.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.updates.append((session_id, told))
        self.heard(told)

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Any, **_: Any
    ) -> RequestPermissionResponse:
        told = tool_call.model_dump(mode="json", by_alias=True, exclude_none=True)
        self.asked.append(told | {"options": [(o.option_id, o.kind) for o in options]})
        if self.choice == "never answer":
            await asyncio.sleep(PATIENCE)
        if not self.choice:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        chosen = AllowedOutcome(outcome="selected", option_id=self.choice)
        return RequestPermissionResponse(outcome=chosen)

    async def read_text_file(self, path: str, **_: Any) -> ReadTextFileResponse:
        if path in self.held and not self.tells_the_disk:
            return ReadTextFileResponse(content=self.held[path])
        try:
            return ReadTextFileResponse(content=Path(path).read_text())
        except OSError:
            raise RequestError.resource_not_found(path) from None

    async def write_text_file(
        self, path: str, content: str, **_: Any
    ) -> WriteTextFileResponse:
        if path in self.held:
            self.held[path] = content
        self.written.append((path, content))
        if self.adds_a_line:
            content += "\n"
        Path(path).write_text(self.formats(content))
        return WriteTextFileResponse()

    # --- what a test does ---------------------------------------------------------

    async def ask(self, session: str, *blocks: Any) -> str:
        """Prompt, and the stop reason."""
        told = [text_block(b) if isinstance(b, str) else b for b in blocks]
        work = self.agent.prompt(session_id=session, prompt=told)
        return str((await asyncio.wait_for(work, PATIENCE)).stop_reason)

    async def open(self, cwd: Path) -> str:
        """A new session's id."""
        return str((await self.agent.new_session(str(cwd), mcp_servers=[])).session_id)

    async def until(self, kind: str) -> None:
        """Wait for an update of a kind."""
        async with asyncio.timeout(PATIENCE):
            while not self.of(kind):
                await asyncio.sleep(0.02)

    def of(self, kind: str, session: str = "") -> list[dict[str, Any]]:
        """The updates of a kind."""
        return [
            told
            for number, told in self.updates
            if told["sessionUpdate"] == kind and session in ("", number)
        ]

    def said(self, session: str = "", kind: str = "agent_message_chunk") -> str:
        """The text of all chunks."""
        return "".join(u["content"]["text"] for u in self.of(kind, session))


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's with nothing in it."""
    kept = {k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "REPOCTX_CONFIG": str(home / "config.toml"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **more,
    }


def scripted(
    folder: Path, *replies: Mapping[str, Any], **script: Any
) -> dict[str, str]:
    """Variables by which the scripted provider says ``replies``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "script.json"
    told = {"replies": list(replies), "record": "requests.jsonl", **script}
    path.write_text(json.dumps(told))
    return {"REPOCTX_SCRIPT": str(path), "REPOCTX_MODEL": "scripted/one"}


def requests(folder: Path) -> list[dict[str, Any]]:
    """What the scripted provider was sent."""
    path = folder / "requests.jsonl"
    return [json.loads(x) for x in path.read_text().splitlines()]


@asynccontextmanager
async def running(ide: Ide, env: Mapping[str, str], cwd: Path) -> AsyncIterator[Any]:
    """The agent, initialized; at the end it goes by itself, and left nothing behind."""

    def note(event: StreamEvent) -> None:
        ours = event.direction is StreamDirection.INCOMING
        ide.wire.append((ours, event.message))

    errors = cwd / "stderr.txt"
    with errors.open("wb") as stderr:
        async with spawn_agent_process(
            ide,
            *ACP,
            env=env,
            cwd=cwd,
            transport_kwargs={
                "stderr": stderr,
                "limit": 2**26,
                "shutdown_timeout": PATIENCE,
            },
            observers=[note],
        ) as (agent, process):
            ide.agent, ide.process = agent, process
            fs = FileSystemCapabilities(
                read_text_file=ide.fs[0], write_text_file=ide.fs[1]
            )
            await agent.initialize(
                protocol_version=1, client_capabilities=ClientCapabilities(fs=fs)
            )
            yield agent
    assert process.returncode == 0
    assert errors.read_text() == ""
    checked(ide.wire)


def conversing(
    ide: Ide, env: Mapping[str, str], cwd: Path, work: Callable[[Any], Any]
) -> Any:
    """What ``work`` makes of a running agent."""

    async def run() -> Any:
        async with running(ide, env, cwd) as agent:
            return await work(agent)

    return asyncio.run(run())


# --- the published schema ---------------------------------------------------------


@cache
def _schema() -> dict[str, Any] | None:
    return json.loads(SCHEMA.read_text()) if SCHEMA.exists() else None


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    schema = _schema()
    assert schema is not None
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})


@cache
def _names() -> dict[tuple[str, str], str]:
    """(method, Request, Response or Notification) to the definition's name."""
    found = {}
    for name, one in (_schema() or {"$defs": {}})["$defs"].items():
        for kind in ("Request", "Response", "Notification"):
            if "x-method" in one and name.endswith(kind):
                found[one["x-method"], kind] = name
    return found


def checked(wire: list[tuple[bool, dict[str, Any]]]) -> Counter[str]:
    """Validate every message of a wire (with whether the agent sent it) against what
    its method says; how many of each there were. Without a schema nothing is said."""
    counts: Counter[str] = Counter()
    if _schema() is None:
        return counts
    pending: dict[tuple[bool, Any], str] = {}
    for ours, message in wire:
        assert message["jsonrpc"] == "2.0"
        if "method" in message:
            kind = "Request" if "id" in message else "Notification"
            method, body = message["method"], message.get("params")
            if "id" in message:
                pending[ours, message["id"]] = method
        elif "error" in message:
            pending.pop((not ours, message["id"]), None)
            kind, method, body = "Error", "", message["error"]
        else:
            kind, body = "Response", message["result"]
            method = pending.pop((not ours, message["id"]))
        name = "Error" if kind == "Error" else _names().get((method, kind), "")
        assert name, (method, kind)
        for wrong in _validator(name).iter_errors(body):
            raise AssertionError(f"{name}: {wrong.message}: {json.dumps(body)[:2000]}")
        counts[name] += 1
    return counts
