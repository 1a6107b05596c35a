"""What each tool of ``repoctx mcp`` does: what it gives as data and as text.

The texts of files stand in documents as in a prompt, which no file's content can end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from repoctx.editor.mcp_pages import (
    Window,
    cut,
    page_of,
    text_page,
    tokens,
    window,
)
from repoctx.errors import UsageError
from repoctx.flow import browse
from repoctx.flow.browse import shown
from repoctx.flow.review import review
from repoctx.flow.search import reading
from repoctx.flow.session import Session, something_in
from repoctx.flow.sides import Scope, Subject
from repoctx.flow.survey import snapshot_now
from repoctx.pack.render import Doc, Style, Tag, render
from repoctx.values import Definition, Finding, LeftOut, Reason, Snapshot

Args = Mapping[str, Any]
Result = tuple[dict[str, Any], str]

HUGE = 1 << 30
"""More lines than a file has."""

FILE_TOKENS = 80
"""Tokens of the result for which one changed file is listed by name."""


def _now(session: Session) -> Snapshot:
    return something_in(session, snapshot_now(session))


def _paged(data: dict[str, Any], text: str, cursor: str) -> Result:
    if not cursor:
        return data, text
    return data | {"next_cursor": cursor}, f'{text}[more: cursor="{cursor}"]\n'


def _file(text: str, **attributes: object) -> str:
    """A document of an agent's reading: always the same style."""
    pairs = tuple((name, str(value)) for name, value in attributes.items())
    return render(Doc(Tag.FILE, pairs, text), Style.XML)


# --- repo_overview ----------------------------------------------------------------


def overview(session: Session, args: Args) -> Result:
    """The repository, and what lies directly in one of its folders."""
    now = _now(session)
    given = args["folder"].rstrip("/")
    folder = browse.located(session, now, given) if given not in ("", ".") else ""
    at = window(args, "repo_overview", now.tree)
    entries = browse.entries(session, now, folder)
    rows, text, cursor = page_of(entries, at, _entry)
    data: dict[str, Any] = {"folder": shown(folder), "entries": rows}
    if at.start or folder:
        return _paged(data, text, cursor)
    facts, head = _facts(session, now)
    return _paged(facts | data, head + text, cursor)


def _entry(entry: browse.Entry) -> Result:
    name = shown(entry.path) + ("/" if entry.folder else "")
    fields = {"path": name, "files": entry.files, "lines": entry.lines}
    size = f"{entry.lines:,} lines"
    said = f"{entry.files:,} files, {size}" if entry.folder else size
    return fields, f"{name}  {said}\n"


def _facts(session: Session, now: Snapshot) -> Result:
    """What the whole tree is like."""
    root, out = session.place.root, _reasons(now.left_out)
    secrets = sum(len(session.facts[f.oid].redactions) for f in now.files)
    rows = [
        {"name": name, "files": files, "lines": lines}
        for name, files, lines in browse.languages(session, now)
    ]
    data: dict[str, Any] = {
        "name": shown(root.name),
        "head": session.place.head,
        "files": len(now.files),
        "lines": sum(row["lines"] for row in rows),
        "languages": rows,
        "left_out": [{"reason": r, "files": n} for r, n in out.items()],
        "redacted": secrets if session.settings.redact else 0,
    }
    spoken = ", ".join(f"{r['name']} {r['lines']:,}" for r in rows)
    lines = [f"{data['name']}: {len(now.files):,} files, {data['lines']:,} lines"]
    lines += [f"head: {data['head']}"] if data["head"] else []
    lines += [f"lines by language: {spoken}"]
    lines += [f"left out: {n:,} {r}" for r, n in out.items()]
    lines += [f"secrets redacted: {data['redacted']}"] if data["redacted"] else []
    return data, "\n".join(lines) + "\n\n"


def _reasons(left_out: tuple[LeftOut, ...]) -> dict[str, int]:
    found = [item.reason for item in left_out]
    return {str(r): found.count(r) for r in Reason if r in found}


# --- reading and finding ----------------------------------------------------------


def read_file(session: Session, args: Args) -> Result:
    """Lines of one file."""
    page = browse.file_text(session, _now(session), args["path"])
    lines = page.text.count("\n") + (not page.text.endswith("\n") and page.text != "")
    start, end = args["start"], min(args["end"], lines)
    if start > max(lines, 1):
        raise UsageError(f"start is {start}, and the file has {lines} lines")
    if start > end and lines:
        raise UsageError(f"end is {args['end']}, before start ({start})")
    at = window(args, "read_file", page.text)
    first, last = _offset(page.text, start), _offset(page.text, end + 1)
    part, cursor = text_page(page.text[first:last], at)
    begins = start + page.text.count("\n", first, first + at.start)
    ends = max(begins + part.count("\n") - part.endswith("\n"), begins)
    data: dict[str, Any] = {
        "path": shown(page.path),
        "start": begins,
        "end": min(ends, lines),
        "lines": lines,
        "language": page.lang or "text",
        "text": part,
    }
    notes = {"left_out": page.left_out, "redacted": page.redacted}
    data |= {name: value for name, value in notes.items() if value}
    where = f"{begins}-{data['end']} of {lines}"
    return _paged(data, _file(part, path=page.path, lines=where), cursor)


def _offset(text: str, line: int) -> int:
    """Where line ``line`` begins; the text's end when it has fewer."""
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
        if not at:
            return len(text)
    return at


def search(session: Session, args: Args) -> Result:
    """Definitions and passages for words."""
    now = _now(session)
    at = window(args, "search", now.tree)

    def show(place: browse.Place) -> Result:
        found = place.passage
        text = cut(found.text, at.room)
        fields: dict[str, Any] = {
            "path": shown(found.path),
            "start": found.start,
            "end": found.start + text.removesuffix("\n").count("\n"),
            "why": found.why,
            "text": text,
        }
        if place.definition:
            fields["definition"] = str(place.definition.symbol.kind)
        where = f"{found.start}-{fields['end']}"
        return fields, _file(text, path=found.path, lines=where, why=found.why)

    found = browse.places(session, now, args["query"])
    rows, text, cursor = page_of(found, at, show)
    data = {"total": len(found), "results": rows}
    return _paged(data, text or "Nothing matches.\n", cursor)


def find_symbol(session: Session, args: Args) -> Result:
    """Where a name is defined."""
    now, name = _now(session), args["name"]
    last = browse.last_part(name).casefold()
    found = browse.definitions(session, now, name)
    exact = any(d.symbol.name.casefold() == last for d in found)
    rows, text, cursor = page_of(found, window(args, "find_symbol", now.tree), _symbol)
    data = {"total": len(found), "exact": exact, "definitions": rows}
    head = "" if exact else f"Nothing is called {name!r}. "
    if not exact:
        head += "The nearest definitions:\n" if found else "\n"
    return _paged(data, head + text, cursor)


def _symbol(found: Definition) -> Result:
    symbol = found.symbol
    fields: dict[str, Any] = {
        "path": shown(found.path),
        "start": symbol.start,
        "end": symbol.end,
        "kind": str(symbol.kind),
        "name": symbol.name,
        "signature": symbol.signature,
    }
    more = {"parent": symbol.parent, "doc": symbol.doc}
    fields |= {name: value for name, value in more.items() if value}
    name = f"{symbol.parent}.{symbol.name}" if symbol.parent else symbol.name
    place = f"{fields['path']}:{symbol.start}-{symbol.end}"
    doc = f"  # {symbol.doc}" if symbol.doc else ""
    return fields, f"{place}  {symbol.kind} {name}: {symbol.signature}{doc}\n"


def find_references(session: Session, args: Args) -> Result:
    """Which lines use a name."""
    now = _now(session)
    found = browse.uses(session, now, args["name"])
    at = window(args, "find_references", now.tree)
    with reading(session, now) as read:
        line_of = browse.line_reader(read)

        def show(use: browse.Use) -> Result:
            text = line_of(use)[:300]
            place = {"path": shown(use.path), "line": use.line}
            fields: dict[str, Any] = {**place, "kind": use.kind, "text": text}
            return fields, f"{fields['path']}:{use.line}: {use.kind}: {text}\n"

        rows, text, cursor = page_of(found, at, show)
    data = {"total": len(found), "references": rows}
    return _paged(data, text or "Nothing uses that name.\n", cursor)


def pack(session: Session, args: Args) -> Result:
    """The files that a question needs."""
    pieces = browse.context(session, _now(session), args["query"], args["token_budget"])
    rows = [
        {"path": shown(p.path), "tokens": p.tokens}
        | ({"start": p.start, "end": p.end} if p.start else {})
        for p in pieces
    ]
    text = "".join(piece.text for piece in pieces)
    total = sum(piece.tokens for piece in pieces)
    data = {"tokens": total, "files": rows, "text": text}
    return data, text or "Nothing that matches fits into the budget.\n"


# --- a change ---------------------------------------------------------------------


def subject(args: Args) -> Subject:
    """The change that ``base`` and ``staged`` name. Raises UsageError for both."""
    base, staged = args.get("base") or "", bool(args.get("staged"))
    if base and staged:
        raise UsageError("give base or staged, not both")
    if base:
        return Subject(Scope.BRANCH, base)
    return Subject(Scope.STAGED if staged else Scope.UNCOMMITTED)


def diff(session: Session, args: Args) -> Result:
    """A change as a unified diff, secrets taken out."""
    found = browse.diff(session, subject(args))
    whole = "".join(part.text for part in found.parts)
    at = window(args, "diff", whole)
    data: dict[str, Any] = {"total": len(found.parts)}
    hidden = ""
    if not at.start:
        data |= _changed(found, at.room // FILE_TOKENS)
        spent = tokens(json.dumps(data))
        at = replace(at, room=max(at.room - spent, at.room // 2))
        hidden = "".join(_hidden(item) for item in found.unseen[:20])
    text, cursor = text_page(whole, at)
    data["text"] = text
    return _paged(data, (text or "Nothing is changed.\n") + hidden, cursor)


def _changed(found: browse.Diff, most: int) -> dict[str, Any]:
    """The changed files by name, at most ``most`` of each kind."""
    files = [
        {
            "path": shown(part.path),
            "what": part.what,
            "added": part.added,
            "removed": part.removed,
        }
        for part in found.parts[:most]
    ]
    unseen = [
        {"path": shown(item.path), "why": str(item.reason)}
        for item in found.unseen[:most]
    ]
    return {"files": files, "unseen": unseen}


def _hidden(item: LeftOut) -> str:
    return f"changed too, but not shown ({item.reason}): {shown(item.path)}\n"


def findings(session: Session, args: Args) -> Result:
    """What the structural rules find in a change; no model is asked."""
    done = review(session, subject(args))
    at: Window = window(args, "review", *(f.fingerprint for f in done.findings))
    rows, text, cursor = page_of(done.findings, at, _finding)
    data = {"total": len(done.findings), "files": done.files, "findings": rows}
    count = len(done.findings)
    return _paged(data, f"{count} finding(s) in {done.files} file(s)\n{text}", cursor)


def _finding(found: Finding) -> Result:
    fields = {
        "rule": found.rule,
        "severity": str(found.severity),
        "path": shown(found.at.path),
        "line": found.at.start,
        "message": found.message,
        "related": [
            {"path": shown(spot.path), "line": spot.start, "note": spot.note}
            for spot in found.related
        ],
    }
    place = f"{fields['path']}:{found.at.start}"
    text = f"{place}: {found.severity}: {found.message} [{found.rule}]\n"
    for spot in found.related:
        text += f"  {shown(spot.path)}:{spot.start}: {spot.note}\n"
    return fields, text
