"""A client of the language server, byte by byte, on the real program."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cli.program import PATIENCE, Machine, end

Message = dict[str, Any]

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


class Client:
    """Writes to the server, keeps what it says, and answers what it asks."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[Message] = []
        self.more = threading.Condition()
        self.closed = False
        self.applies = True
        self._next = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream
        while line := stream.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name == b"Content-Length" else length
                line = stream.readline()
            message = json.loads(stream.read(length))
            with self.more:
                self.said.append(message)
                self.more.notify_all()
            if "method" in message and "id" in message:
                with suppress(OSError):
                    self._reply(message)
        with self.more:
            self.closed = True
            self.more.notify_all()

    def _reply(self, message: Message) -> None:
        result: Any = None
        if message["method"] == "workspace/applyEdit":
            result = {"applied": self.applies}
        elif message["method"] == "window/showDocument":
            result = {"success": True}
        self.write({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def write(self, message: Message) -> None:
        self.raw(frame(json.dumps(message).encode()))

    def raw(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def notify(self, method: str, **params: Any) -> None:
        self.write({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, method: str, **params: Any) -> int:
        self._next += 1
        message = {"jsonrpc": "2.0", "id": self._next, "method": method}
        self.write(message | {"params": params})
        return self._next

    def answer(self, key: int) -> Message:
        return self.until(lambda m: "method" not in m and m.get("id") == key)

    def until(self, wanted: Callable[[Message], bool], since: int = 0) -> Message:
        with self.more:
            while True:
                for message in self.said[since:]:
                    since += 1
                    if wanted(message):
                        return message
                assert not self.closed, self.said[-3:]
                assert self.more.wait(PATIENCE), self.said[-6:]

    def call(self, method: str, **params: Any) -> Any:
        answer = self.answer(self.send(method, **params))
        assert "result" in answer, answer
        return answer["result"]

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
    try:
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
    finally:
        end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with suppress(OSError):
                    stream.close()
