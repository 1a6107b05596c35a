"""Messages of ACP on two descriptors: one JSON object a line, both ways.

Whatever comes is answered or passed by, never an end: garbage gets an error, a line
that is too long is dropped without being held. What goes out waits for the reader.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from repoctx.editor.stdio import TooLong, encoded, hung_up, lines, write_all

MOST = 32 * 1024 * 1024
"""Bytes of one line."""
WAITING = 1000
"""Messages that were read and not yet handled, and errors that were not yet taken;
then nothing more is read."""
PAUSE = 0.02
"""Seconds between two looks at whether there is room for another error."""
LAST = 2.0
IDLE = 1.0
"""Seconds between two looks at whether anybody reads."""

PARSE_ERROR = -32700
INVALID = -32600

Message = dict[str, Any]
_Line = tuple[bytes, "asyncio.Future[None] | None"]


class Wire:
    """A transport for the SDK's connection: ``send``, ``receive``, ``close``."""

    def __init__(self, source: int, sink: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._source, self._sink = source, sink
        self._came: asyncio.Queue[Message | None] = asyncio.Queue()
        self._room = threading.Semaphore(WAITING)
        self._leaving: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._broken = False
        threading.Thread(target=self._read, daemon=True).start()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    async def receive(self) -> Message | None:
        """The next message; None at the end of either stream."""
        message = await self._came.get()
        self._room.release()
        return message

    async def send(self, message: Message) -> None:
        """Returns when the message is written. Raises ConnectionError."""
        if self._broken:
            raise ConnectionError("nobody reads any more")
        done: asyncio.Future[None] = self._loop.create_future()
        self._leaving.put((_line(message), done))
        await done

    async def close(self) -> None:
        """Write what waits, if anybody reads it within `LAST` seconds."""
        self._leaving.put(None)
        await asyncio.to_thread(self._writer.join, LAST)

    # --- in threads of their own --------------------------------------------------

    def _read(self) -> None:
        with suppress(RuntimeError):  # The loop is closed.
            for line in lines(self._source, MOST):
                if isinstance(line, TooLong):
                    self._refuse(INVALID, f"a line of more than {MOST:,} bytes")
                else:
                    self._take(line)
        self._end()

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._refuse(PARSE_ERROR, "this line is not JSON")
            return
        if wrong := _wrong(message):
            number = message.get("id") if isinstance(message, dict) else None
            known = isinstance(number, str | int) and not isinstance(number, bool)
            self._refuse(INVALID, wrong, number if known else None)
            return
        self._room.acquire()
        self._loop.call_soon_threadsafe(self._came.put_nowait, message)

    def _refuse(self, code: int, why: str, number: str | int | None = None) -> None:
        error = {"code": code, "message": why}
        told = {"jsonrpc": "2.0", "id": number, "error": error}
        while self._leaving.qsize() > WAITING and not self._broken:
            time.sleep(PAUSE)
        self._leaving.put((_line(told), None))

    def _write(self) -> None:
        while (item := self._next()) is not None:
            data, done = item
            try:
                if not self._broken:
                    write_all(self._sink, data)
            except OSError:
                self._broken = True
                self._end()
            if done is not None:
                self._tell(_settle, done, self._broken)

    def _next(self) -> _Line | None:
        """The next line to write. While there is none it is looked whether anybody
        still reads, which only a write would tell otherwise."""
        while True:
            try:
                return self._leaving.get(timeout=IDLE)
            except queue.Empty:
                if not self._broken and hung_up(self._sink):
                    self._broken = True
                    self._end()

    def _end(self) -> None:
        self._tell(self._came.put_nowait, None)

    def _tell(self, call: Callable[..., object], *args: object) -> None:
        with suppress(RuntimeError):  # The loop is closed already.
            self._loop.call_soon_threadsafe(call, *args)


def _settle(done: asyncio.Future[None], broken: bool) -> None:
    if done.done():
        return
    if broken:
        done.set_exception(ConnectionError("nobody reads any more"))
        done.exception()  # Whoever waits hears it; where nobody does, nobody must.
    else:
        done.set_result(None)


def _line(message: Message) -> bytes:
    """The line of a message. A validation error holds the whole of what was sent: only
    where and what is told."""
    error = message.get("error")
    if isinstance(error, dict) and isinstance(error.get("data"), dict):
        found = error["data"].get("errors")
        if isinstance(found, list):
            kept = [{k: e.get(k) for k in ("loc", "msg")} for e in found[:10]]
            error["data"] = {"errors": kept}
    return encoded(message) + b"\n"


def _wrong(message: object) -> str:
    """What makes a message unfit for the connection; "" for a sound one."""
    if not isinstance(message, dict):
        return "a message is one JSON object"
    number, method = message.get("id"), message.get("method")
    if isinstance(number, bool) or not isinstance(number, str | int | None):
        return "an id is a string or a whole number"
    if "method" in message:
        return "" if isinstance(method, str) else "a method is a string"
    if not isinstance(message.get("error", {}), dict):
        return "an error is an object"
    return "" if "result" in message or "error" in message else "no method"
