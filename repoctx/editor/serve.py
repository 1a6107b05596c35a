"""``repoctx serve --stdio``: newline-delimited JSON-RPC 2.0, for any editor.

One thread reads, eight work, and the first waits for the end: end of input, a reader
that is gone, ``shutdown``, a signal. Whatever the end is, running jobs are cancelled,
what is being written is written whole, and the exit status is 0. PROTOCOL.md is the
document.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from repoctx import __version__
from repoctx.editor.serve_request import Request
from repoctx.editor.stdio import MOST_LINE, TooLong, Writer, lines, take_stdio
from repoctx.errors import Interrupted, NotARepository, RepoctxError, UsageError

PROTOCOL_VERSION = 1
"""Raised when a client that keeps to PROTOCOL.md would not work any more."""

WORKERS = 8
"""Requests that run at once."""
WAITING = 1024
"""Requests that wait for one of them to end; more are refused."""
PATIENCE = 10.0
"""Seconds that cancelled jobs have to end."""
WRITING_PATIENCE = 60.0
"""Seconds that one has which writes the tree; the next start takes back the rest."""

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
FAILED, NOT_INITIALIZED, BUSY, CANCELLED = -32000, -32002, -32003, -32800

WRITING = frozenset({"apply", "undo"})

Message = dict[str, Any]

EXAMPLE = """example:
  printf '%s\\n' \\
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol_version":1}}' \\
    '{"jsonrpc":"2.0","id":2,"method":"search","params":{"query":"main"}}' \\
    '{"jsonrpc":"2.0","id":3,"method":"shutdown"}' | repoctx serve --stdio
"""


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx serve ARGV``; the exit status."""
    parser = argparse.ArgumentParser(
        prog="repoctx serve",
        description="Newline-delimited JSON-RPC 2.0 for editors: ask, edit, apply, "
        "undo, review, search, status.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stdio", action="store_true", required=True)
    parser.add_argument("-C", "--repo", type=Path, default=Path(), metavar="DIR")
    parser.add_argument("-m", "--model", metavar="NAME")
    parser.add_argument("--max-cost", type=float, metavar="USD")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args(argv)
    try:
        into, out = take_stdio(keep_stderr=args.verbose)
    except OSError:
        return 0  # Nobody is there to be served.
    given = {"model": args.model, "max_cost": args.max_cost}
    flags = {name: value for name, value in given.items() if value is not None}
    server = Server(Writer(out), args.repo, flags, args.verbose)
    server.heed_signals()
    if server.serve(into):
        return 0
    # Something cannot be ended: Python would wait for it, the caller must not.
    os._exit(0)


class Server:
    """The protocol's state: the root, what runs and what waits."""

    def __init__(
        self, write: Writer, start: Path, flags: Mapping[str, Any], verbose: bool
    ) -> None:
        self._write = write
        self._start = start
        self._flags = dict(flags)
        self._verbose = verbose
        self._ready = False
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._woken, self._wake = os.pipe()
        self._work: queue.Queue[Request | None] = queue.Queue(WAITING)
        self._requests: dict[object, Request] = {}
        self._lock = threading.Lock()
        self._proposals: Any = None
        self._closing: object = None
        self._closed = False
        self._unanswered = 0

    def end(self, why: str) -> None:
        """Let `serve` end."""
        self._ended.put(why)
        with suppress(BlockingIOError):
            os.write(self._wake, b"!")

    def heed_signals(self) -> None:
        """End on a plea to end."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda *_: self.end("signal"))
        if os.name == "posix":
            # The system may give a signal to any thread, and none but the first heeds
            # it: whichever has it wakes that one.
            os.set_blocking(self._wake, False)
            signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def _until_end(self) -> str:
        while True:
            os.read(self._woken, 1)
            with suppress(queue.Empty):
                return self._ended.get_nowait()

    def serve(self, into: int) -> bool:
        """Serve until the end; whether everything that ran has ended."""
        reader = threading.Thread(target=self._read, args=(into,), daemon=True)
        workers = [
            threading.Thread(target=self._labour, daemon=True) for _ in range(WORKERS)
        ]
        for thread in (reader, *workers):
            thread.start()
        self._say(self._until_end())
        with self._lock:
            running = list(self._requests.values())
        for request in running:
            request.job.cancel()
        for _ in workers:
            self._stop_one()
        until = time.monotonic() + PATIENCE
        for thread in workers:
            thread.join(max(0.0, until - time.monotonic()))
        for request in running:
            if request.method in WRITING and request.running:
                request.done.wait(WRITING_PATIENCE)
        return not any(thread.is_alive() for thread in workers)

    def _stop_one(self) -> None:
        """Put the end of a worker behind what waits, which is cancelled already."""
        while True:
            try:
                return self._work.put_nowait(None)
            except queue.Full:
                request = self._work.get()
                if request is not None:
                    self._finish(request)

    def _say(self, line: str) -> None:
        if self._verbose:
            sys.stderr.write(f"repoctx serve: {line}\n")
            sys.stderr.flush()

    # --- messages in ------------------------------------------------------------------

    def _read(self, into: int) -> None:
        why = "end of input"
        try:
            for line in lines(into):
                if self._write.gone.is_set():
                    break
                self._take(line)
        except Exception as exc:  # noqa: BLE001 - a silent reader would serve nobody
            why = f"{type(exc).__name__}: {exc}"
        if self._closing is None:  # Else the end comes when all is answered.
            self.end(why)

    def _take(self, line: bytes | TooLong) -> None:
        """Handle one line."""
        if isinstance(line, TooLong):
            self._error(
                None, INVALID_REQUEST, f"a line has more than {MOST_LINE} bytes"
            )
            return
        if not line.strip():
            return
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as exc:
            self._error(None, PARSE_ERROR, f"not JSON: {_short(exc)}")
            return
        known = isinstance(message, dict)
        method = message.get("method") if known else None
        if not known or message.get("jsonrpc") != "2.0" or not isinstance(method, str):
            if not (known and "id" in message and {"result", "error"} & message.keys()):
                self._error(_id(message), INVALID_REQUEST, "not a JSON-RPC 2.0 request")
            return
        params = message.get("params", {})
        if not isinstance(params, dict):
            self._error(_id(message), INVALID_PARAMS, "params must be an object")
            return
        if "id" not in message:
            if method in ("cancel", "$/cancelRequest"):
                self._cancel(params.get("id"))
            return
        self._answer(message["id"], method, params)

    def _answer(self, key: object, method: str, params: Message) -> None:
        from repoctx.editor.methods import METHODS

        if isinstance(key, bool) or not isinstance(key, str | int):
            self._error(None, INVALID_REQUEST, "an id is a text or a whole number")
        elif method == "initialize":
            self._initialize(key, params)
        elif method == "shutdown":
            self._closing = key
            self._settle()
        elif method in ("cancel", "$/cancelRequest"):
            self._result(key, {"cancelled": self._cancel(params.get("id"))})
        elif method not in METHODS:
            self._error(key, NO_METHOD, f"no such method: {method[:60]}")
        elif not self._ready:
            self._error(key, NOT_INITIALIZED, "initialize comes first")
        elif self._closing is not None:
            self._error(key, INVALID_REQUEST, "shutdown was asked for")
        else:
            self._begin(key, method, params)

    def _initialize(self, key: object, params: Message) -> None:
        from repoctx.editor.methods import METHODS, SETTINGS, Given, Proposals
        from repoctx.scan import discover

        try:
            given = Given(params)
            given.only("protocol_version", "root", "client")
            flags = self._flags | given.settings()
            start = Path(given.text("root") or self._start)
            root = discover(start).root
            if not root.is_dir():
                raise NotARepository(f"{root} is no folder")
        except UsageError as exc:
            return self._error(key, INVALID_PARAMS, str(exc), exc)
        except RepoctxError as exc:
            return self._error(key, FAILED, str(exc), exc)
        self._start, self._flags, self._ready = start, flags, True
        self._proposals = self._proposals or Proposals()
        return self._result(
            key,
            {
                "protocol_version": PROTOCOL_VERSION,
                "server": {"name": "repoctx", "version": __version__},
                "root": str(root),
                "capabilities": {
                    "methods": [*METHODS, "cancel", "shutdown"],
                    "notifications": ["progress", "token"],
                    "settings": sorted(SETTINGS),
                    "line_bytes": MOST_LINE,
                    "running": WORKERS,
                    "waiting": WAITING,
                },
            },
        )

    def _begin(self, key: object, method: str, params: Message) -> None:
        from repoctx.editor.jobs import Job
        from repoctx.editor.methods import Given

        try:
            flags = self._flags | Given(params).settings()
        except UsageError as exc:
            return self._error(key, INVALID_PARAMS, str(exc), exc)
        job = Job(self._start, flags)
        request = Request(key, method, params, job)
        with self._lock:
            if key in self._requests:
                return self._error(None, INVALID_REQUEST, "this id is in use")
            self._requests[key] = request
            self._unanswered += 1
        try:
            return self._work.put_nowait(request)
        except queue.Full:
            self._finish(request)
            self._error(key, BUSY, f"{WAITING} requests are waiting already")
            return self._answered()

    def _cancel(self, key: object) -> bool:
        with self._lock:
            request = self._requests.get(key) if isinstance(key, str | int) else None
        if request is not None:
            request.job.cancel()
        return request is not None

    # --- work -------------------------------------------------------------------------

    def _labour(self) -> None:
        while (request := self._work.get()) is not None:
            request.running = True
            began = time.monotonic()
            try:
                self._run(request)
            finally:
                self._finish(request)
                self._answered()
            self._say(f"{request.method}: {time.monotonic() - began:.2f} s")

    def _run(self, request: Request) -> None:
        from repoctx.editor import fields
        from repoctx.editor.jobs import failure
        from repoctx.editor.methods import METHODS, Given, Unapplied

        request.job.hear = request.hear(self._write)
        try:
            job, given = request.job, Given(request.params)
            found = METHODS[request.method](job, given, self._proposals)
            found["notes"] = list(job.notes)
        # Whatever it is, the client is told.
        except BaseException as exc:  # noqa: BLE001
            error = failure(exc, request.job.cancelled)
            data = fields.error(error)
            if isinstance(error, Unapplied):
                data |= error.data
            code = CANCELLED if isinstance(error, Interrupted) else FAILED
            self._finish(request)
            self._error(request.key, code, str(error), data=data)
        else:
            self._finish(request)
            self._result(request.key, found)
        if self._write.gone.is_set():
            self.end("nobody reads")

    def _finish(self, request: Request) -> None:
        with self._lock:
            if self._requests.get(request.key) is request:
                del self._requests[request.key]
        request.done.set()

    def _answered(self) -> None:
        with self._lock:
            self._unanswered -= 1
        self._settle()

    def _settle(self) -> None:
        """End, once that is asked for and everything else is answered."""
        with self._lock:
            key, left = self._closing, self._unanswered
            if key is None or left or self._closed:
                return
            self._closed = True
        self._result(key, None)
        self.end("shutdown")

    # --- messages out -----------------------------------------------------------------

    def _result(self, key: object, result: object) -> None:
        self._write({"jsonrpc": "2.0", "id": key, "result": result})

    def _error(
        self,
        key: object,
        code: int,
        message: str,
        exc: RepoctxError | None = None,
        data: Message | None = None,
    ) -> None:
        error: Message = {"code": code, "message": message}
        if exc is not None:
            data = {"type": type(exc).__name__, "exit_code": exc.code}
        if data is not None:
            error["data"] = data
        self._write({"jsonrpc": "2.0", "id": key, "error": error})


def _id(message: object) -> object:
    found = message.get("id") if isinstance(message, dict) else None
    return found if isinstance(found, str | int) else None


def _short(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:120]
