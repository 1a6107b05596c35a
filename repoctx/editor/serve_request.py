"""One request of ``repoctx serve``, and the notifications about it."""

from __future__ import annotations

import threading
import time
from typing import Any

from repoctx.editor.stdio import Writer

PROGRESS = 0.1
"""Seconds between two notifications of the same work."""


class Request:
    """One request: its job, and what it tells on the way."""

    def __init__(
        self, key: object, method: str, params: dict[str, Any], job: Any
    ) -> None:
        self.key, self.method, self.params, self.job = key, method, params, job
        self.running = False
        self.done = threading.Event()
        self._told = ("", 0.0)

    def hear(self, write: Writer) -> Any:
        """Notifications of what happens while the job runs."""
        from repoctx.editor.jobs import Hear

        def tell(method: str, **params: object) -> None:
            params = {"id": self.key, **params}
            write({"jsonrpc": "2.0", "method": method, "params": params})
            if write.gone.is_set():
                self.job.cancel()

        def progress(what: str, done: int, total: int) -> None:
            before, when = self._told
            now = time.monotonic()
            if what and (what != before or done == total or now - when >= PROGRESS):
                self._told = what, now
                tell("progress", what=what, done=done, total=total)

        return Hear(
            text=lambda piece: tell("token", text=piece),
            progress=progress,
            block=lambda one: progress(
                f"block {one.id} ({one.path}): {one.status}", 0, 0
            ),
            step=lambda line: progress(line, 0, 0),
        )
