"""``repoctx lsp``: a language server that shows what a review finds.

A thread reads messages in bounded memory, the event loop answers them, every job runs
in a thread of its own. Whatever the end is (``exit``, end of input, a signal, a client
that is gone), jobs are cancelled and the process ends; it never writes the work tree:
edits go to the editor, which makes them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import queue
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from repoctx.editor.stdio import hung_up, take_stdio, write_all
from repoctx.errors import MissingExtra

if TYPE_CHECKING:
    from repoctx.editor.lsp_server import Server

MOST_BODY = 64 * 1024 * 1024
"""Bytes of one message; a larger one is passed over."""
MOST_HEADER = 4096
"""Bytes of a header line that are looked at."""
AHEAD = 64
"""Messages that are read before the first of them is handled."""
MOST_UNREAD = 256 * 1024 * 1024
"""Bytes that a client may leave unread."""
IDLE = 1.0
"""Seconds between two looks at whether the client still reads."""
PATIENCE = 5.0
"""Seconds that cancelled jobs have to end."""

_LENGTH = re.compile(rb"Content-Length: *(\d{1,12})", re.I)

EXAMPLE = """the client starts it for every language, with the repository as its folder:
  neovim   vim.lsp.start_client({cmd = {"repoctx", "lsp"}, root_dir = vim.fn.getcwd()})
  emacs    (add-to-list 'eglot-server-programs '(prog-mode . ("repoctx" "lsp")))

Structural rules cost nothing. A model reviews too only with --review-with-model, or
when the command repoctx.review is called.
"""


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx lsp ARGV``; the exit status."""
    parser = argparse.ArgumentParser(
        prog="repoctx lsp",
        description="A language server: review findings as diagnostics, fixes as code "
        "actions, questions and edits as commands.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stdio", action="store_true", help="(the only way)")
    parser.add_argument("-m", "--model", metavar="NAME")
    parser.add_argument("--max-cost", type=float, metavar="USD")
    parser.add_argument(
        "--review-with-model", action="store_true", help="on every save: it costs"
    )
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args(argv)
    try:
        import pygls.lsp.server  # noqa: F401 - half a second, and it may be missing
    except ImportError:
        error = MissingExtra("repoctx lsp", "lsp")
        sys.stderr.write(f"repoctx: {error}\n")
        return error.code
    import logging

    from repoctx.editor.lsp_server import Server

    logging.basicConfig(level=logging.WARNING if args.verbose else logging.CRITICAL + 1)
    try:
        into, out = take_stdio(keep_stderr=args.verbose)
    except OSError:
        return 0
    given = {"model": args.model, "max_cost": args.max_cost}
    flags = {name: value for name, value in given.items() if value is not None}
    server = Server(flags, args.review_with_model)
    code = asyncio.run(_serve(server, into, out))
    sys.stdout.flush()
    # The thread that reads cannot be woken; Python would wait for nothing else.
    os._exit(code)


class Out:
    """Where messages are written, by a thread of its own: a client that writes much and
    reads late holds nothing up. One that reads nothing any more ends it all."""

    def __init__(self, descriptor: int) -> None:
        self.gone = asyncio.Event()
        self._descriptor = descriptor
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Have ``data`` written, whole, after what came before."""
        self._bytes += len(data)
        if self._bytes > MOST_UNREAD:
            self.gone.set()
        if not self.gone.is_set():
            self._waiting.put(data)

    def close(self) -> None:
        """The end was asked for."""
        self.gone.set()

    def flush(self, patience: float) -> None:
        """Wait until all is written, ``patience`` seconds at most."""
        self._waiting.put(None)
        self._thread.join(patience)

    def _run(self) -> None:
        try:
            while (data := self._next()) is not None:
                write_all(self._descriptor, data)
                self._loop.call_soon_threadsafe(self._written, len(data))
        except (OSError, RuntimeError):  # RuntimeError: the loop is closed.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.gone.set)

    def _next(self) -> bytes | None:
        """What is to be written next. While there is nothing it is looked whether
        anybody still reads: a job may run for minutes without a word."""
        while True:
            try:
                return self._waiting.get(timeout=IDLE)
            except queue.Empty:
                if hung_up(self._descriptor):
                    raise BrokenPipeError from None

    def _written(self, size: int) -> None:
        self._bytes -= size


async def _serve(server: Server, into: int, sink: int) -> int:
    loop = asyncio.get_running_loop()
    out = Out(sink)
    server.protocol.set_writer(out)
    loop.set_exception_handler(lambda *_: None)
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), out.gone.set)
    room = threading.Semaphore(AHEAD)

    def handle(body: bytes | None) -> None:
        room.release()
        try:
            _take(server, body)
        except SystemExit as exc:  # What pygls does on ``exit``.
            server.code = exc.code if isinstance(exc.code, int) else 0
            out.gone.set()

    def read() -> None:
        for body in frames(into):
            room.acquire()
            loop.call_soon_threadsafe(handle, body)
        loop.call_soon_threadsafe(out.gone.set)

    threading.Thread(target=read, daemon=True).start()
    await out.gone.wait()
    await server.finish(PATIENCE)
    out.flush(PATIENCE)
    return server.code


def _take(server: Server, body: bytes | None) -> None:
    """Handle one message; what cannot be understood is answered where it has an id."""
    if body is None:
        server.log(f"a message of more than {MOST_BODY} bytes was passed over")
        return
    protocol = server.protocol
    try:
        message = json.loads(body, object_hook=protocol.structure_message)
        protocol.handle_message(message)
    except Exception as exc:  # noqa: BLE001 - the next message may be a good one
        server.refuse(body, exc)


def frames(descriptor: int, most: int = MOST_BODY) -> Iterator[bytes | None]:
    """The body of each message, None for one of more than ``most`` bytes, which is not
    kept. Lines that are no header are passed over. Ends with the stream."""
    stream = _Stream(descriptor)
    length = -1
    while line := stream.line():
        if found := _LENGTH.match(line):
            length = int(found[1])
        elif length >= 0 and line in (b"\r\n", b"\n"):
            size, length = length, -1
            if size > most:
                stream.skip(size)
                yield None
            else:
                yield stream.exactly(size)


class _Stream:
    """Reads a descriptor by lines and by sizes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = bytearray()

    def line(self) -> bytes:
        """The next line, or the first `MOST_HEADER` bytes of a longer one; none at the
        end."""
        while True:
            end = self._kept.find(b"\n") + 1
            if end or len(self._kept) > MOST_HEADER:
                return self._cut(end or MOST_HEADER)
            if not self._more():
                return self._cut(len(self._kept))

    def exactly(self, size: int) -> bytes:
        """``size`` bytes; fewer at the end."""
        while len(self._kept) < size and self._more():
            pass
        return self._cut(size)

    def skip(self, size: int) -> None:
        """Pass ``size`` bytes over."""
        size -= len(self._cut(size))
        while size > 0 and self._more():
            size -= len(self._cut(size))

    def _cut(self, size: int) -> bytes:
        data = bytes(self._kept[:size])
        del self._kept[:size]
        return data

    def _more(self) -> bool:
        try:
            piece = os.read(self._descriptor, 1 << 16)
        except OSError:
            piece = b""
        self._kept += piece
        return bool(piece)
