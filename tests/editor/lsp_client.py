"""A client of the language server, byte by byte, on the real program."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cli.program import PATIENCE, Machine
from editor import wire
from editor.wire import Message

CAPABILITIES = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {
            "documentChanges": True,
            "resourceOperations": ["create", "rename", "delete"],
        },
    },
    "window": {"workDoneProgress": True, "showDocument": {"support": True}},
}


class Client(wire.Client):
    """Answers what the server asks too. ``applies``: it makes edits."""

    applies = True

    def _bodies(self) -> Iterator[bytes]:
        stream = self.process.stdout
        assert stream
        while line := stream.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name == b"Content-Length" else length
                line = stream.readline()
            yield stream.read(length)

    def _heard(self, message: Message) -> None:
        if "method" not in message or "id" not in message:
            return
        result: Any = None
        if message["method"] == "workspace/applyEdit":
            result = {"applied": self.applies}
        elif message["method"] == "window/showDocument":
            result = {"success": True}
        with suppress(OSError):
            self.post({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def post(self, message: Message) -> None:
        self.write(frame(json.dumps(message).encode()))

    def command(self, name: str, **argument: Any) -> int:
        """Send a command; its id."""
        return self.send("workspace/executeCommand", command=name, arguments=[argument])

    def open(self, path: Path, text: str | None = None) -> str:
        """Open a document; its URI."""
        item = {"uri": path.as_uri(), "languageId": "python", "version": 1}
        item["text"] = path.read_text() if text is None else text
        self.notify("textDocument/didOpen", textDocument=item)
        return path.as_uri()

    def save(self, path: Path) -> int:
        """Say that a document was saved; how much had been said before."""
        before = len(self.said)
        self.notify("textDocument/didSave", textDocument={"uri": path.as_uri()})
        return before

    def diagnostics(self, path: Path, since: int = 0) -> list[Message]:
        """The next diagnostics of a document."""
        uri = path.as_uri()

        def wanted(message: Message) -> bool:
            method = message.get("method") == "textDocument/publishDiagnostics"
            return method and message["params"]["uri"] == uri

        found = self.until(wanted, since)["params"]["diagnostics"]
        assert isinstance(found, list)
        return found

    def close(self) -> int:
        """Say goodbye as the protocol has it; the exit status."""
        self.call("shutdown")
        self.notify("exit")
        return self.process.wait(PATIENCE)


def frame(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@contextmanager
def served(
    machine: Machine,
    *folders: Path,
    args: tuple[str, ...] = (),
    env: Mapping[str, str] = {},
    capabilities: Message = CAPABILITIES,
    options: object = None,
) -> Iterator[Client]:
    """A running ``repoctx lsp`` that is initialized in these folders."""
    pipe = subprocess.PIPE
    streams = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
    process = machine.start("lsp", *args, cwd=machine.home, env=env, **streams)
    with wire.running(process):
        client = Client(process)
        client.call(
            "initialize",
            processId=None,
            rootUri=folders[0].as_uri() if folders else None,
            workspaceFolders=[{"uri": f.as_uri(), "name": f.name} for f in folders],
            capabilities=capabilities,
            initializationOptions=options,
        )
        client.notify("initialized")
        yield client
