"""The client as a turn's thread sees it: told and asked by plain, blocking calls."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as TooLong
from pathlib import Path
from typing import Any, TypeVar

from acp import (
    RequestError,
    text_block,
    tool_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_plan,
)
from acp.interfaces import Client as Connection
from acp.schema import (
    AllowedOutcome,
    ClientCapabilities,
    PermissionOption,
    PlanEntry,
    ToolCallUpdate,
)
from pydantic import ValidationError

from repoctx.editor.jobs import Job
from repoctx.errors import Interrupted, ProviderError

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that the client may take for a file; a person may take as long as he likes.
"""
LOOK = 0.1
"""Seconds between two looks at whether the turn was cancelled."""

ONCE, ALWAYS, NOT_NOW, NEVER = "allow", "allow_always", "reject", "reject_always"

CHOICES = (
    PermissionOption(option_id=ONCE, name="Apply", kind="allow_once"),
    PermissionOption(
        option_id=ALWAYS, name="Apply, and do not ask again", kind="allow_always"
    ),
    PermissionOption(option_id=NOT_NOW, name="Keep pending", kind="reject_once"),
    PermissionOption(
        option_id=NEVER, name="Only ever keep pending", kind="reject_always"
    ),
)
YES_NO = (
    PermissionOption(option_id=ONCE, name="Yes", kind="allow_once"),
    PermissionOption(option_id=NOT_NOW, name="No", kind="reject_once"),
)


class Client:
    """One session's way to the client, for the thread of one turn.

    Every method raises Interrupted once the turn is cancelled or the client is gone.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        session_id: str,
        job: Job,
    ) -> None:
        self._loop, self._connection = loop, connection
        self._id, self._job = session_id, job

    def wait(self, work: Coroutine[Any, Any, T], patience: float = 0.0) -> T:
        """What the client answers. Raises ProviderError for its error, or when it takes
        longer than ``patience`` seconds (0: no bound)."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        left = patience or float("inf")
        while True:
            try:
                return future.result(min(LOOK, left))
            except TooLong:
                left -= LOOK
            except (CancelledError, ConnectionError, RuntimeError) as exc:
                raise Interrupted("the client is gone") from exc
            except RequestError as exc:
                raise ProviderError(_line(exc)) from exc
            except ValidationError as exc:
                raise ProviderError("the client's answer is none") from exc
            if self._job.cancelled or left <= 0:
                future.cancel()
                if self._job.cancelled:
                    raise Interrupted("cancelled")
                raise ProviderError(f"the client did not answer for {patience:g} s")

    def update(self, update: Any) -> None:
        """Send a session update."""
        self.wait(self._connection.session_update(self._id, update))

    def say(self, text: str) -> None:
        """Add to the answer."""
        if text:
            self.update(update_agent_message_text(text))

    def think(self, line: str) -> None:
        """Tell, in a line, what is going on."""
        self.update(update_agent_thought_text(f"{line}\n"))

    def permitted(
        self, call: ToolCallUpdate, options: Sequence[PermissionOption]
    ) -> str:
        """The option that the person chose; "" for none."""
        asked = self._connection.request_permission(
            session_id=self._id, tool_call=call, options=list(options)
        )
        outcome = self.wait(asked).outcome
        return outcome.option_id if isinstance(outcome, AllowedOutcome) else ""

    def sure(self, question: str) -> bool:
        """Whether the person says yes."""
        call = ToolCallUpdate(
            tool_call_id=f"question-{secrets.token_hex(4)}",
            title=question,
            kind="other",
            status="pending",
            content=[tool_content(text_block(question))],
        )
        return self.permitted(call, YES_NO) == ONCE


class ClientFiles:
    """The files below ``root`` that the client holds open; see
    `repoctx.flow.unsaved.Editor`."""

    def __init__(
        self,
        client: Client,
        connection: Connection,
        session_id: str,
        able: ClientCapabilities | None,
    ) -> None:
        fs = able.fs if able else None
        self.reads = bool(fs and fs.read_text_file)
        self.writes = bool(fs and fs.write_text_file)
        self._client, self._connection = client, connection
        self._id, self.root = session_id, Path()

    def text(self, path: str) -> str | None:
        """The client's text of ``path``."""
        if not self.reads:
            return None
        asked = self._connection.read_text_file(
            session_id=self._id, path=str(self.root / path)
        )
        return self._client.wait(asked, PATIENCE).content

    def write(self, path: str, text: str) -> bool:
        """Have ``text`` in ``path``, through the client."""
        if not self.writes:
            return False
        self._client.wait(
            self._connection.write_text_file(
                session_id=self._id, path=str(self.root / path), content=text
            ),
            PATIENCE,
        )
        return True


def plan(entries: Sequence[tuple[str, str]]) -> Any:
    """A plan update of (what, status)."""
    return update_plan(
        PlanEntry(content=what, priority="medium", status=status)  # type: ignore[arg-type]
        for what, status in entries
    )


def _line(exc: RequestError) -> str:
    return " ".join(str(exc).split())[:200] or "an error"
