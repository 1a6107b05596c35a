"""What jobs give back, as plain JSON data, by the names that the command line uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from repoctx.errors import RepoctxError

if TYPE_CHECKING:
    from repoctx.apply.journal import Record
    from repoctx.flow.apply import Applied, Located
    from repoctx.flow.ask import Asked
    from repoctx.flow.chats import Chat
    from repoctx.flow.edit import Edited
    from repoctx.flow.review import Reviewed
    from repoctx.flow.search import Found
    from repoctx.flow.session import Session
    from repoctx.flow.status import Status
    from repoctx.values import FileChange, Usage

Fields = dict[str, Any]


def error(exc: RepoctxError) -> Fields:
    """A failure; a report on edits that do not fit comes with it."""
    from repoctx.flow.edit import Refused

    found: Fields = {
        "type": type(exc).__name__,
        "exit_code": exc.code,
        "retryable": exc.retryable,
    }
    if isinstance(exc, Refused):
        report = exc.located.report
        found["report"] = report.data()
        found["repair"] = exc.ran.output if exc.ran else report.text()
    return found


def usage(used: Usage) -> Fields:
    """Tokens and USD of requests."""
    counts = asdict(used)
    cost = counts.pop("cost")
    return {"usage": counts, "cost_usd": cost}


def asked(chat: Chat, done: Asked) -> Fields:
    """An answer and where its quotes stand."""
    answer = done.answer
    return {
        "answer": answer.text,
        "stop": answer.stop.value,
        "model": done.model.name,
        "conversation": chat.id,
        "citations": [
            {**c._asdict(), "verified": c.verified} for c in answer.citations
        ],
        **usage(answer.usage),
    }


def located(found: Located) -> Fields:
    """The files that edits change: each with its diff and its whole new text (None: it
    is deleted; or it is no text)."""
    patch = {change.path: change for change in found.patch.changes}
    return {
        "changes": [
            {
                "path": c.path,
                "what": c.what,
                "source": c.source,
                "added": c.added,
                "removed": c.removed,
                "diff": c.text,
                **_text(patch.get(c.path)),
            }
            for c in found.changes
        ],
        "diff": "".join(c.text for c in found.changes),
        "warnings": list(found.warnings),
        "report": found.report.data(),
    }


def _text(change: FileChange | None) -> Fields:
    from repoctx.scan import Binary, decode

    if change is None or change.new is None:
        return {"text": None, "encoding": "", "executable": False}
    try:
        encoding = decode(change.new)[1]
    except Binary:
        return {"text": None, "encoding": "", "executable": False}
    # The line ends stay the file's own: an editor shows and saves them as they are.
    text = change.new.decode(encoding)
    executable = change.mode == 0o100755
    return {"text": text, "encoding": encoding, "executable": executable}


def edited(done: Edited) -> Fields:
    """A change that a model made; ``applied`` says whether it was written."""
    return {
        **located(done.located),
        "applied": done.record is not None,
        "answer": "".join(answer.text for answer in done.answers),
        "rounds": len(done.answers),
        "model": done.model.name,
        **usage(done.usage),
    }


def applied(done: Applied) -> Fields:
    """What became of edits; without a ``journal`` nothing was changed."""
    return {
        **located(done.located),
        "journal": done.record.id if done.record else None,
        "files_changed": [path for path, _ in done.record.files] if done.record else [],
        "checks": [{**asdict(one), "ok": one.ok} for one in done.ran],
    }


def record(one: Record) -> Fields:
    """An apply that was made, undone or made again."""
    return {
        "journal": one.id,
        "phase": one.phase.value,
        "time": one.time,
        "title": one.title,
        "files_changed": [path for path, _ in one.files],
    }


def reviewed(done: Reviewed) -> Fields:
    """Findings, the worst first."""
    from repoctx.review.render import fields

    return {
        "findings": [fields(finding) for finding in done.findings],
        "files_reviewed": done.files,
        "ignored": done.ignored,
        "known": done.known,
        "model": done.model,
        "dropped": done.dropped,
        "failed": str(done.failed) if done.failed else None,
        **usage(done.usage),
    }


def searched(found: Found) -> Fields:
    """Definitions and passages, best first."""
    return {
        "definitions": [
            {
                "path": d.path,
                "start": d.symbol.start,
                "end": d.symbol.end,
                "kind": d.symbol.kind.value,
                "name": d.symbol.name,
                "parent": d.symbol.parent,
                "signature": d.symbol.signature,
            }
            for d in found.definitions
        ],
        "passages": [
            {
                "path": p.path,
                "start": p.start,
                "end": p.end,
                "text": p.text,
                "why": p.why,
            }
            for p in found.passages
        ],
    }


def status(session: Session, found: Status) -> Fields:
    """What is in the context, and what was left out, by reason."""
    packed, check = found.packed, found.check
    return {
        "root": str(session.place.root),
        "head": asdict(found.head) if found.head else None,
        "files": len(packed.now.files),
        "tokens": found.count.tokens,
        "tokens_exact": found.count.exact,
        "digest": packed.prefix.digest,
        "base": {"commit": packed.commit or None, "why": packed.why},
        "model": check.model.name,
        "window": check.window,
        "cached": check.cached.tokens,
        "warm": check.warm,
        "changes": len(packed.changes),
        "languages": _rows(found.languages),
        "left_out": {r.name.lower(): len(items) for r, items in found.left_out.items()},
        "redacted": dict(found.redacted),
    }


def _rows(found: Sequence[Any]) -> list[Fields]:
    return [asdict(one) for one in found]
