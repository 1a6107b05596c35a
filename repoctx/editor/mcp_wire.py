"""MCP's stdio transport: one JSON-RPC message a line, nothing else on stdout.

The SDK's own transport holds a line of any length, drops what is no JSON without a
word, and waits for stdin to end although nobody reads stdout any more. This one bounds
a line, answers garbage as JSON-RPC says, answers what was asked before stdin ended,
and ends at once when the reader of stdout is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from repoctx.editor.stdio import hung_up, write_all

LONGEST = 4_000_000
"""Bytes of a message; a longer line is refused and never held."""

LAST_ANSWERS = 30.0
"""Seconds that requests may take whose client has closed stdin."""

PARSE, INVALID = -32700, -32600
"""JSON-RPC's codes for what is no JSON, and for JSON that is no message."""

Messages = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception],
    MemoryObjectSendStream[SessionMessage],
]


class Wire:
    """The process's stdin and stdout, taken away from all other code: what that reads
    or prints by mistake meets the null device and stderr."""

    def __init__(self) -> None:
        # Whichever of 0, 1 and 2 the caller has closed leads nowhere from here on.
        while (null := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        self._input, self._output = os.dup(0), os.dup(1)
        os.dup2(null, 0)
        os.dup2(2, 1)
        os.close(null)
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._owed: set[tuple[type, Any]] = set()
        self._gone = threading.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Messages]:
        """The messages that come, and where the answers go."""
        self._loop = asyncio.get_running_loop()
        into, coming = anyio.create_memory_object_stream[SessionMessage | Exception](
            float("inf")
        )
        going, out_of = anyio.create_memory_object_stream[SessionMessage](0)
        self._into = into
        self._ended = anyio.Event()
        writer = threading.Thread(target=self._write, daemon=True)
        writer.start()
        threading.Thread(target=self._read, daemon=True).start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send, out_of)
            tasks.start_soon(self._end)
            yield coming, going
            tasks.cancel_scope.cancel()
        self._answers.put(None)
        writer.join(0.0 if self._gone.is_set() else 5.0)

    # --- what comes ---------------------------------------------------------------

    def _read(self) -> None:
        """In a thread of its own: lines from stdin to the event loop."""
        held, skipping = bytearray(), False
        with suppress(OSError, RuntimeError):  # RuntimeError: the loop has ended.
            while data := os.read(self._input, 1 << 16):
                *lines, rest = data.split(b"\n")
                for line in lines:
                    if not skipping:
                        self._soon(self._take, bytes(held) + line)
                    held.clear()
                    skipping = False
                if not skipping:
                    held += rest
                if len(held) > LONGEST:
                    held.clear()
                    skipping = True
                    self._soon(self._refuse, INVALID, "the message is too long")
            if held:
                self._soon(self._take, bytes(held))
        with suppress(RuntimeError):
            self._soon(self._stop)

    def _soon(self, call: Any, *args: object) -> None:
        self._loop.call_soon_threadsafe(call, *args)

    def _stop(self) -> None:
        self._ended.set()

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
        except (ValueError, RecursionError):
            self._garbage(line)
            return
        if isinstance(message, types.JSONRPCRequest):
            self._owed.add(_key(message.id))
        elif (
            isinstance(message, types.JSONRPCNotification)
            and message.method == "notifications/cancelled"
        ):
            self._owed.discard(_key((message.params or {}).get("requestId")))
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._into.send_nowait(SessionMessage(message))

    def _garbage(self, line: bytes) -> None:
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            self._refuse(PARSE, "not JSON")
        else:
            self._refuse(INVALID, "not a JSON-RPC message")

    def _refuse(self, code: int, why: str) -> None:
        error = {"code": code, "message": why}
        answer = {"jsonrpc": "2.0", "id": None, "error": error}
        self._answers.put(json.dumps(answer).encode() + b"\n")

    async def _end(self) -> None:
        """Close the stream when stdin has ended and nothing is owed, or at once when
        nobody would read it."""
        await self._ended.wait()
        with anyio.move_on_after(LAST_ANSWERS):
            while self._owed and not (self._gone.is_set() or hung_up(self._output)):
                await anyio.sleep(0.02)
        await self._into.aclose()

    # --- what goes ----------------------------------------------------------------

    async def _send(self, out_of: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async with out_of:
            async for one in out_of:
                message = one.message
                data = message.model_dump_json(by_alias=True, exclude_unset=True)
                self._answers.put(data.encode() + b"\n")
                if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
                    self._owed.discard(_key(message.id))

    def _write(self) -> None:
        """In a thread of its own: a client that does not read stops nobody else."""
        while (data := self._answers.get()) is not None:
            try:
                write_all(self._output, data)
            except OSError:
                self._gone.set()
                with suppress(RuntimeError):
                    self._soon(self._stop)
                return


def _key(identity: object) -> tuple[type, Any]:
    """1 and "1" are two requests."""
    return type(identity), identity if isinstance(identity, str | int) else None
