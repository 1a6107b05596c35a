"""How the language server's jobs run: in threads, with a bar that can be cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from repoctx.editor.jobs import Job

T = TypeVar("T")

_numbers = count(1)


class Bar:
    """Progress in the client's window, where it shows any; from any thread."""

    def __init__(
        self, server: LanguageServer, job: Job, title: str, token: int | str | None
    ) -> None:
        self._server, self._job, self._title = server, job, title
        self._token = token
        self._mine = token is None
        self._begun = False
        self._loop = asyncio.get_running_loop()

    async def begin(self) -> None:
        """Show it, where the client can."""
        bars = self._server.work_done_progress
        if self._token is None:
            window = self._server.client_capabilities.window
            if not (window and window.work_done_progress):
                return
            self._token = f"repoctx-{next(_numbers)}"
            try:
                await asyncio.wait_for(bars.create_async(self._token), 2.0)
            except Exception:  # noqa: BLE001 - then there is no bar
                return
        start = types.WorkDoneProgressBegin(f"repoctx {self._title}", cancellable=True)
        bars.begin(self._token, start)
        self._begun = True
        bars.tokens[self._token].add_done_callback(
            lambda future: self._job.cancel() if future.cancelled() else None
        )

    def progress(self, what: str, done: int, total: int) -> None:
        """Work goes on."""
        if self._begun and what:
            share = min(100, 100 * done // total) if total else None
            report = types.WorkDoneProgressReport(
                message=what.encode("utf-8", "replace").decode(), percentage=share
            )
            self._loop.call_soon_threadsafe(self._report, report)

    def _report(self, report: types.WorkDoneProgressReport) -> None:
        if self._begun and self._token is not None:
            self._server.work_done_progress.report(self._token, report)

    def end(self) -> None:
        """It is over."""
        if self._begun and self._token is not None:
            self._begun = False
            bars = self._server.work_done_progress
            bars.end(self._token, types.WorkDoneProgressEnd())
            bars.tokens.pop(self._token, None)


async def in_thread(work: Callable[[], T]) -> T:
    """What ``work`` gives, done in a thread that nobody waits for at the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(value: Any, exc: BaseException | None) -> None:
        if not future.done():
            if exc is not None:
                future.set_exception(exc)
            else:
                future.set_result(value)

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except BaseException as exc:  # noqa: BLE001 - raised again where it is awaited
            error = exc
        with suppress(RuntimeError):  # The loop is closed: the end was not waited for.
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=run, daemon=True).start()
    return await future
