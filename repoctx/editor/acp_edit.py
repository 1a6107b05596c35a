"""An edit as a turn: prose streams, blocks become a plan, the diff is asked about."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from acp import (
    start_tool_call,
    text_block,
    tool_content,
    tool_diff_content,
    update_tool_call,
)
from acp.schema import ToolCallLocation, ToolCallStatus, ToolCallUpdate

from repoctx.editor.acp_client import ALWAYS, CHOICES, NEVER, ONCE, Client, plan
from repoctx.editor.acp_state import Talk
from repoctx.parse.numbered import opens
from repoctx.values import FileChange

if TYPE_CHECKING:
    from repoctx.apply.report import Outcome
    from repoctx.flow.apply import Located
    from repoctx.flow.difftext import Change

MOST = 1_000_000
"""Bytes of both sides of a file that are sent as a diff; above, git's own is shown."""

DONE: Final = "completed"
RUNNING: Final = "in_progress"
WAITING: Final = "pending"
FAILED: Final = "failed"


class Prose:
    """Passes on what of an answer is no edit, as it comes: edits are shown as diffs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._line = ""
        self._shown = 0
        self._inside = False

    def __call__(self, piece: str) -> None:
        """Take the next piece, in whatever cuts it comes."""
        *whole, rest = (self._line + piece).split("\n")
        out = []
        for line in whole:
            out.append(self._passed(line + "\n"))
            self._shown = 0
        self._line = rest
        if not self._inside and not "@@@@".startswith(rest.lstrip()[:4]):
            out.append(rest[self._shown :])
            self._shown = len(rest)
        self._say("".join(out))

    def end(self) -> None:
        """Pass on what was held back of the last line."""
        if self._line and not self._inside:
            self._say(self._passed(self._line))
        self._line, self._shown = "", 0

    def _passed(self, line: str) -> str:
        mark = line.lstrip()
        if self._inside:
            self._inside = not mark.startswith(("@@@@ end", "@@@@end"))
            return ""
        if opens(line.rstrip("\n")):
            self._inside = True
            return ""
        return line[self._shown :]


@dataclass(slots=True)
class Editing:
    """What one edit shows: its plan by file, and the tool call that holds its diffs."""

    client: Client
    talk: Talk
    root: Path
    files: dict[str, str] = field(default_factory=dict)
    call: str = ""
    declined: bool = False
    _told: list[tuple[str, str]] = field(default_factory=list)

    def planned(self, files: Sequence[tuple[str, str]]) -> None:
        """Show the files that a large change will touch."""
        self.files = dict.fromkeys((path for path, _ in files), WAITING)
        self._plan({path: f"{path}: {what}" for path, what in files if what})

    def block(self, outcome: Outcome) -> None:
        """Show that a block has come, and whether it fits."""
        self.files[outcome.path] = RUNNING
        self._plan({})
        if not outcome.ok:
            line = f"block {outcome.id} ({outcome.path}) does not fit: {outcome.code}"
            self.client.think(line)

    def confirm(self, located: Located) -> bool:
        """Show the whole change and ask the person, unless he has said it for all."""
        if not located.patch.changes:
            return True
        shown = self._show(located)
        for warning in located.warnings:
            self.client.think(warning)
        sure = self.talk.always
        if sure is None:
            # Some clients show what stands here, not what they were told before.
            call = ToolCallUpdate(tool_call_id=self.call, kind="edit", **shown)
            chosen = self.client.permitted(call, CHOICES)
            if chosen in (ALWAYS, NEVER):
                self.talk.always = chosen == ALWAYS
            sure = chosen in (ONCE, ALWAYS)
        self.declined = not sure
        self._call(RUNNING if sure else FAILED)
        return sure

    def ended(self, applied: bool, text: str = "") -> None:
        """Show how it ended; ``text`` is a report."""
        if applied and self.files:
            self.files = dict.fromkeys(self.files, DONE)
            self._plan({})
        if self.call and not self.declined:
            self._call(DONE if applied else FAILED, text)

    def _call(self, status: ToolCallStatus, text: str = "") -> None:
        told = [tool_content(text_block(text))] if text else None
        self.client.update(update_tool_call(self.call, status=status, content=told))

    def _plan(self, told: dict[str, str]) -> None:
        rows = [(told.get(path, path), status) for path, status in self.files.items()]
        if rows != self._told:
            self._told = rows
            self.client.update(plan(rows))

    def _show(self, located: Located) -> dict[str, Any]:
        changes = located.patch.changes
        self.files = {c.path: RUNNING for c in changes}
        self._plan({})
        shown = {change.path: change for change in located.changes}
        content = [_diff(self.root, c, shown.get(c.path)) for c in changes]
        where = [ToolCallLocation(path=str(self.root / c.path)) for c in changes]
        told: dict[str, Any] = {
            "title": self._title(located),
            "status": WAITING,
            "content": content,
            "locations": where,
        }
        if self.call:
            self.client.update(update_tool_call(self.call, **told))
        else:
            self.call = f"edit-{secrets.token_hex(4)}"
            self.client.update(start_tool_call(self.call, kind="edit", **told))
        return told

    def _title(self, located: Located) -> str:
        paths = [c.path for c in located.patch.changes]
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        return f"Edit {paths[0]}{more}"


def _diff(root: Path, change: FileChange, shown: Change | None) -> Any:
    """The change of one file as the editor shows it."""
    size = len(change.old or b"") + len(change.new or b"")
    if size > MOST and shown is not None:
        return tool_content(text_block(f"```diff\n{shown.text[:MOST]}\n```"))
    old = None if change.old is None else _text(change.old)
    return tool_diff_content(str(root / change.path), _text(change.new or b""), old)


def _text(data: bytes) -> str:
    from repoctx.scan import decode

    try:
        return decode(data)[0]
    except ValueError:
        return data.decode("utf-8", "replace")
