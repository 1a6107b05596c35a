"""The shadow tree: blocks are tried on it one at a time, and nothing is written.

All blocks are located on the original text; only those not found there may match what
earlier blocks made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from repoctx.apply.adapt import Dress
from repoctx.apply.entry import Entry
from repoctx.apply.keys import ELISION
from repoctx.apply.merge import merged, rewritten
from repoctx.apply.names import MODES, Names, folders, tidy, unsafe
from repoctx.apply.nearest import closest
from repoctx.apply.placeholders import dotted, placeholders, stubs
from repoctx.apply.report import Outcome, Region, Report, report
from repoctx.apply.splice import Refused
from repoctx.apply.text import NoText, Unencodable, decode, encode
from repoctx.apply.transport import (
    escaped,
    has_entities,
    old_lines,
    surely_escaped,
    unescaped,
    ungutted,
)
from repoctx.apply.whole import lines_of, shrunk, unbroken
from repoctx.errors import NotApplied
from repoctx.values import Block, BlockKind, FileChange, Patch, byte_order

Read = Callable[[str], "bytes | None"]
"""The bytes of a path, None when there is no such file."""

_REDACTED = re.compile(r"\[redacted:[\w-]*\]")


_Said = tuple[object, ...]


def _said(block: Block) -> _Said:
    """What a block says; its number and its place in the answer say nothing."""
    return (
        (block.path, block.kind, block.hunks, block.text, block.also, block.target),
        (block.mode, block.problem, block.detail, block.sure),
    )


def _ordinary(_path: str) -> int:
    return 0o100644


@dataclass(frozen=True, slots=True)
class Tree:
    """What the edits are made against.

    ``read`` gives a file's present bytes, ``shown`` those that the prompt showed (None:
    the present ones). ``paths`` are all paths, to find a file by the end of its path
    and names that differ in case only; ``mode`` gives git's mode of a file.
    """

    read: Read
    shown: Read | None = None
    paths: Iterable[str] = ()
    mode: Callable[[str], int] = _ordinary


class Shadow:
    """Takes an answer's blocks as they come and gives the patch at the end."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._paths = tuple(tree.paths)
        self._taken: list[Block] = []
        self._unescape = False
        self._dress = Dress()
        self._settled = -1
        self._clear()

    def _clear(self) -> None:
        self._names = Names(self._paths)
        self._entries: dict[str, Entry] = {}
        self._moved: dict[str, str] = {}
        self._seen: dict[_Said, Outcome] = {}
        self.outcomes: list[Outcome] = []

    def take(self, block: Block) -> Outcome:
        """Try one block. Never raises for what an answer says; see `Outcome.ok`.

        A fence that is a file only if there is one is passed over where there is none.
        """
        if block.maybe and not block.problem and not self._is_there(block.path):
            return Outcome(block.id, block.path, "present")
        self._taken.append(block)
        outcome = self._taking(block)
        found = outcome.ok and outcome.rung < ELISION
        if not found and outcome.code in ("", "not-found") and self._may_unescape():
            self._again_unescaped()
            if not self.outcomes[-1].ok:
                self._unescape = False
                self._retake()
            outcome = self.outcomes[-1]
        return outcome

    def _taking(self, block: Block) -> Outcome:
        block = unescaped(block) if self._unescape else block
        same = _said(block)
        outcome = self._again(block, same) or self._tried(block)
        if outcome.ok:
            self._seen.setdefault(same, outcome)
        self.outcomes.append(outcome)
        return outcome

    def _may_unescape(self) -> bool:
        """Whether HTML entities may be undone: one decision for the whole answer."""
        if self._unescape or not escaped(old_lines(self._taken[-1])):
            return False
        before = zip(self._taken[:-1], self.outcomes[:-1], strict=True)
        return not any(o.ok and escaped(old_lines(b)) for b, o in before)

    def _again_unescaped(self) -> None:
        self._unescape = True
        self._retake()

    def _retake(self) -> None:
        self._clear()
        for block in self._taken:
            self._taking(block)

    def report(self, symbol: Callable[[str, int], str] | None = None) -> Report:
        """What became of the blocks; ``symbol`` names what encloses a path's line."""
        self._settle()
        return report(self.outcomes, symbol)

    def patch(self) -> Patch:
        """All changes. Raises NotApplied when a block was refused or none was taken."""
        self._settle()
        if not self.outcomes:
            raise NotApplied("no edit was found in the answer")
        failed = [o.id for o in self.outcomes if not o.ok]
        if failed:
            raise NotApplied(f"refused: {', '.join(failed)}; nothing was applied")
        found = [c for e in self._entries.values() for c in self._changes(e)]
        return Patch(tuple(sorted(found, key=lambda c: byte_order(c.path))))

    # --- one block ----------------------------------------------------------------

    def _again(self, block: Block, same: _Said) -> Outcome | None:
        """The outcome of the same block sent before: it counts once."""
        before = self._seen.get(same)
        if before is None or block.problem:
            return None
        return replace(before, id=block.id, status="present", warnings=("sent twice",))

    def _tried(self, block: Block) -> Outcome:
        path = block.path
        try:
            if block.problem:
                raise Refused(block.problem, block.detail)
            path = self._path(block)
            outcome = self._by_kind(block, path)
        except Refused as no:
            return self._refusal(block, path, no)
        except NoText as no:
            return self._refusal(block, path, Refused("binary", str(no)))
        except Unencodable as no:
            return self._refusal(block, path, Refused("encoding", str(no)))
        return outcome

    def _by_kind(self, block: Block, path: str) -> Outcome:
        if block.mode and block.mode not in MODES:
            raise Refused("mode", f"{block.mode:o}")
        entry = self._entry(path)
        jobs = {
            BlockKind.EDIT: self._edit,
            BlockKind.CREATE: self._create,
            BlockKind.WRITE: self._write,
            BlockKind.DELETE: self._delete,
        }
        saved = entry.save()
        try:
            return jobs[block.kind](block, entry)
        except Exception:
            entry.restore(saved)
            raise

    def _edit(self, block: Block, entry: Entry) -> Outcome:
        target = self._target(block, entry) if block.target else ""
        if not (block.hunks or target or block.mode):
            raise Refused("empty")
        self._unredacted(entry, (x[1:] for h in block.hunks for x in h.lines))
        fits = entry.edit(block.hunks)
        for change in (c for fit in fits for c in fit.changes):
            self._unelided(change.lines, entry)
            dots = dotted(change.lines, change.end - change.start)
            if dots.strip(" .…"):
                raise Refused("elided", dots.strip())
        entry.mode = block.mode or entry.mode
        if target and target != entry.path:
            self._move(entry, target)
        places = tuple(Region(f.start, f.end) for f in fits)
        changed = bool(target or block.mode) or any(not f.present for f in fits)
        rung = max((f.rung for f in fits), default=1)
        status = "ok" if changed else "present"
        return Outcome(block.id, entry.path, status, rung, places=places)

    def _create(self, block: Block, entry: Entry) -> Outcome:
        if entry.exists and any(line.strip() for line in entry.result().lines):
            if entry.result().lines == lines_of(block.text):
                return Outcome(block.id, entry.path, "present", 1)
            raise Refused("exists")
        return self._write(block, entry)

    def _write(self, block: Block, entry: Entry) -> Outcome:
        new = not entry.exists
        if new:
            self._free(entry.path)
        source = entry.text.file.source
        lines = ungutted(lines_of(block.text))
        self._unelided(lines, entry)
        unbroken(block, source.lines, lines)
        self._unredacted(entry, lines)
        if new and (dots := stubs(lines, entry.path)):
            raise Refused("elided", dots)
        if any(layer.made for layer in entry.layers) or len(entry.layers) > 1:
            raise Refused("overlap")
        warnings = shrunk(block, source.lines, lines)
        for change in rewritten(source, lines):
            if dots := dotted(change.lines, change.end - change.start):
                raise Refused("elided", dots.strip())
            entry.change(change)
        changed = bool(entry.text.made)
        if changed:
            entry.open = bool(block.text) and block.text[-1] != "\n"
        entry.gone = False
        entry.mode = block.mode or entry.mode
        if new:
            self._names.add(entry.path)
        status = "ok" if new or changed else "present"
        return Outcome(block.id, entry.path, status, 1, warnings=warnings)

    def _delete(self, block: Block, entry: Entry) -> Outcome:
        if not entry.exists:
            raise Refused("no-file")
        if any(layer.made for layer in entry.layers):
            raise Refused("overlap")
        if block.hunks:
            saved = entry.save()
            entry.edit(block.hunks)
            left = [line for line in entry.result().lines if line.strip()]
            entry.restore(saved)
            if left:
                raise Refused("gap", "the file has lines that the block does not show")
        entry.gone = True
        return Outcome(block.id, entry.path, "ok", 1)

    def _target(self, block: Block, entry: Entry) -> str:
        target = tidy(block.target).replace("\\", "/")
        if why := unsafe(target):
            raise Refused("unsafe-path", f"{why}: {target}")
        if target != entry.path:
            if self._entry(target).exists:
                raise Refused("exists", target)
            self._free(target, entry.path)
        return target

    def _move(self, entry: Entry, target: str) -> None:
        origin = entry.origin or entry.path
        there = self._entries[target]
        self._entries[origin] = Entry(origin, entry.base, entry.present, gone=True)
        entry.origin, entry.path = origin, target
        entry.mode = entry.mode or self._tree.mode(origin)
        entry.present = entry.present if there.present is None else there.present
        self._entries[target] = entry
        self._moved[origin] = target
        self._names.add(target)

    def _unelided(self, lines: Sequence[str], entry: Entry) -> None:
        """Raise Refused when a new line stands for code that was left out."""
        if marks := placeholders(lines, entry.text.file.source.lines):
            raise Refused("elided", marks[0].strip())

    def _free(self, path: str, leaving: str = "") -> None:
        """Raise Refused when a new file cannot stand at the path."""
        other = self._names.clash(path, leaving)
        if other:
            raise Refused("case", other)
        for folder in folders(path):
            if self._entry(folder).exists:
                raise Refused("exists", f"{folder} is a file")

    def _unredacted(self, entry: Entry, lines: Iterable[str]) -> None:
        for found in _REDACTED.finditer("\n".join(lines)):
            if found[0].encode() not in (entry.base or b""):
                raise Refused("redacted", found[0])

    # --- paths --------------------------------------------------------------------

    def _is_there(self, path: str) -> bool:
        try:
            return not unsafe(path) and self._entry(path).exists
        except Refused:
            return False

    def _entry(self, path: str) -> Entry:
        if path not in self._entries:
            present = self._tree.read(path)
            shown = self._tree.shown(path) if self._tree.shown else None
            base = present if shown is None or present is None else shown
            self._entries[path] = Entry(path, base, present, dress=self._dress)
        return self._entries[path]

    def _path(self, block: Block) -> str:
        """The path that the block means. Raises Refused."""
        told = [tidy(p) for p in (block.path, *block.also) if p]
        if not told:
            raise Refused("no-path")
        if why := unsafe(told[0]):
            raise Refused("unsafe-path", why)
        told = [p for p in told if not unsafe(p)]
        slashed = (tidy(p.replace("\\", "/")) for p in told if "\\" in p)
        told += [p for p in slashed if not unsafe(p)]
        for path in told:
            if self._entry(path).exists:
                return path
            if path in self._moved and block.kind is BlockKind.EDIT:
                return self._moved[path]
        if block.kind in (BlockKind.CREATE, BlockKind.WRITE):
            return told[0].replace("\\", "/")
        for path in told:
            ending = self._names.ending(path)
            if len(ending) == 1:
                return ending[0]
            if ending:
                raise Refused("no-file", f"it may be {', '.join(ending[:5])}")
        raise Refused("no-file")

    # --- the end ------------------------------------------------------------------

    def _refusal(self, block: Block, path: str, no: Refused) -> Outcome:
        entry = self._entries.get(path)
        layers = entry.layers if entry else []
        lines = layers[0].file.source.lines if layers else []
        places = tuple(
            Region(a, b, "\n".join(lines[a - 1 : b])) for a, b in no.places[:20]
        )
        outcome = Outcome(
            block.id, path, "refused", code=no.code, detail=no.detail, places=places
        )
        if no.code != "not-found" or not layers:
            return outcome
        return closest(outcome, block, layers[0].file)

    def _settle(self) -> None:
        """Merge what changed since the prompt; a conflict refuses the file's blocks."""
        if self._settled == len(self._taken):
            return
        if not self._unescape and self._are_escaped():
            self._again_unescaped()
        elif self._dress.tells():
            # What later blocks show was done to the earlier ones too.
            self._retake()
        self._settled = len(self._taken)
        for entry in self._entries.values():
            if entry.base == entry.present or not entry.layers:
                continue
            try:
                self._final(entry)
            except Refused as no:
                self.outcomes = [
                    replace(o, status="refused", code=no.code, detail=no.detail)
                    if o.path == entry.path and o.ok
                    else o
                    for o in self.outcomes
                ]

    def _are_escaped(self) -> bool:
        """Whether all blocks were sent with HTML entities though none was placed so."""
        told = [
            (b, o)
            for b, o in zip(self._taken, self.outcomes, strict=True)
            if has_entities(b)
        ]
        if not told or any(o.ok and escaped(old_lines(b)) for b, o in told):
            return False
        return surely_escaped(self._taken, self._bytes)

    def _bytes(self, path: str) -> bytes | None:
        """The bytes of a path as an answer has it; None for what must not be read."""
        path = tidy(path)
        return self._entry(path).present if self._is_there(path) else None

    def _final(self, entry: Entry) -> bytes:
        source = entry.result()
        if entry.base != entry.present and entry.base is not None:
            theirs = decode(entry.present or b"")
            source, lines = merged(decode(entry.base), source, theirs)
            if lines:
                raise Refused("conflict", f"at line {lines[0]} of what was shown")
        return encode(source)

    def _changes(self, entry: Entry) -> list[FileChange]:
        if entry.gone:
            if entry.present is None:
                return []
            return [FileChange(entry.path, entry.present, None, self._mode(entry))]
        if not entry.layers and not entry.origin and not entry.mode:
            return []
        new = self._final(entry) if entry.layers else entry.present
        old = None if entry.origin else entry.present
        if new == old and self._mode(entry) == self._tree.mode(entry.path):
            return []
        if not entry.exists:
            return []
        return [FileChange(entry.path, old, new, self._mode(entry), entry.origin)]

    def _mode(self, entry: Entry) -> int:
        if entry.mode:
            return entry.mode
        return self._tree.mode(entry.path) if entry.present is not None else 0o100644
