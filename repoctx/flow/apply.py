"""The job of applying an answer: its blocks to a patch, the patch to the tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from repoctx.apply.commit import commit
from repoctx.apply.guard import Bar, Seen, tree
from repoctx.apply.guard import Tree as Disk
from repoctx.apply.journal import Record
from repoctx.apply.report import Outcome, Report, report
from repoctx.apply.shadow import Shadow, Tree
from repoctx.apply.splice import Refused
from repoctx.errors import Drifted, PathRefused, UsageError
from repoctx.flow import checks
from repoctx.flow.difftext import Change, changes_of
from repoctx.flow.journals import journal_folder
from repoctx.flow.pending import Round, blocks_of
from repoctx.flow.session import Session
from repoctx.flow.shown import Shown
from repoctx.flow.trial import Ran, try_out
from repoctx.flow.unsaved import Editor, held, save_first, tell
from repoctx.scan import Place, run
from repoctx.values import Block, Patch

NOTHING = Patch(())

ATTEMPTS = 3
"""Times that a patch is computed anew because a file changed meanwhile."""
MOST_PATHS = 50_000
"""Paths of a plain folder that are looked at to find a file by the end of its path."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What is to be applied. ``shown`` gives what the prompt showed of a path (None:
    what is there now), ``title`` says in a line where the edits came from."""

    blocks: tuple[Block, ...]
    title: str = ""
    shown: Shown | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What is let through: ``force`` new syntax errors, ``ignored`` ignored files."""

    force: bool = False
    ignored: bool = False


STRICT = Rules()


@dataclass(frozen=True, slots=True)
class Located:
    """Where an answer's edits go: the report on each block and, when every block was
    accepted, the patch. ``changes`` show it; ``warnings`` are lines for people."""

    report: Report
    patch: Patch
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an answer. Without a ``record`` nothing was changed: something was
    refused, declined, there already, or a command in ``ran`` failed."""

    located: Located
    record: Record | None = None
    ran: tuple[Ran, ...] = ()


Confirm = Callable[[Located], bool]


def edits_of(
    rounds: Sequence[Round], title: str = "", shown: Shown | None = None
) -> Edits:
    """The edits in one or more answers. Raises UsageError."""
    found = tuple(block for block, _, _ in blocks_of(rounds))
    return Edits(found, title, shown)


@contextmanager
def trial(session: Session) -> Iterator[Shadow]:
    """A shadow of the tree as it is now, on which blocks can be tried one by one."""
    with tree(session.place.root) as disk:
        yield _shadow(session.place, _Files(disk, None, session.editor))


def _shadow(place: Place, files: _Files) -> Shadow:
    return Shadow(Tree(files.read, files.shown, _Paths(place), files.mode))


def locate(session: Session, edits: Edits, rules: Rules = STRICT) -> Located:
    """Place every block on the files as they are now; nothing is written.

    Raises GitError.
    """
    with tree(session.place.root) as disk:
        files = _Files(disk, edits.shown, session.editor)
        shadow = _shadow(session.place, files)
        for block in edits.blocks:
            shadow.take(block)
        symbol = checks.symbols(files.read)
        found = shadow.report(symbol)
        if not found.ok:
            return Located(found, NOTHING)
        patch = shadow.patch()
        worse, doubts = checks.by_syntax(patch.changes)
        against = _against(session.place, disk, patch, rules)
        if not rules.force:
            against += worse
        if against:
            refused = _refused(found.outcomes, patch, against)
            return Located(report(refused, symbol), NOTHING)
        changes = changes_of((c, files.old_mode(c.path)) for c in patch.changes)
    warnings = [
        f"block {outcome.id}: {warning}"
        for outcome in found.outcomes
        for warning in outcome.warnings
    ]
    warnings += doubts + checks.leftovers(patch.changes)
    return Located(found, patch, changes, tuple(warnings))


def apply(
    session: Session, edits: Edits, confirm: Confirm, rules: Rules = STRICT
) -> Applied:
    """Locate the edits and, when all are accepted, ``confirm`` says so, and the lint
    and test commands of the settings are content, make them.

    When a file changes between the look and the commit, all is located and confirmed
    anew. Raises NotApplied, StorageError, GitError.
    """
    folder = journal_folder(session.place, session.state)
    for attempt in range(1, ATTEMPTS + 1):
        located = locate(session, edits, rules)
        if not located.report.ok or not confirm(located):
            return Applied(located)
        patch = located.patch
        try:
            ran = try_out(session.place, patch, _commands(session), session.progress)
            if not all(one.ok for one in ran):
                return Applied(located, ran=ran)
            _save_first(session, patch)
            record = commit(session.place.root, folder, patch, edits.title)
            session.notes += tell(session.place.root, session.editor, patch.changes)
            return Applied(located, record, ran)
        except Drifted:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _save_first(session: Session, patch: Patch) -> None:
    """Let an editor save what it has not, where the patch was computed from that."""
    if session.editor is not None:
        with tree(session.place.root) as disk:
            looks = [(c, disk.look(c.path)) for c in patch.changes]
        found = ((c, s.data if s else None) for c, s in looks)
        save_first(session.place.root, session.editor, found)


def _commands(session: Session) -> list[tuple[str, str]]:
    settings = session.settings
    both = (("lint", settings.lint_cmd), ("test", settings.test_cmd))
    return [(name, command) for name, command in both if command]


class _Files:
    """The files of a tree for the shadow tree: each read once, with its mode."""

    def __init__(self, disk: Disk, shown: Shown | None, editor: Editor | None) -> None:
        self._disk = disk
        self._editor = editor
        self._seen: dict[str, Seen | None] = {}
        self._shown = shown
        self.shown = self._was_shown if shown else None

    def read(self, path: str) -> bytes | None:
        """The bytes at ``path``. Raises Refused for what must not be edited."""
        seen = self._look(path)
        return seen.data if seen else None

    def mode(self, path: str) -> int:
        """Git's mode of the file, or of one that is not there."""
        return self.old_mode(path) or 0o100644

    def old_mode(self, path: str) -> int:
        """Git's mode of the file; 0 when there is none."""
        seen = self._look(path)
        return (0o100755 if seen.executable else 0o100644) if seen else 0

    def _look(self, path: str) -> Seen | None:
        if path not in self._seen:
            try:
                seen = self._disk.look(path)
                if seen is not None:
                    data = held(self._editor, path, seen.data)
                    seen = replace(seen, data=data)
                self._seen[path] = seen
            except PathRefused as no:
                if no.reason != Bar.FOLDER:
                    raise Refused(no.reason, no.detail) from no
                self._seen[path] = None
        return self._seen[path]

    def _was_shown(self, path: str) -> bytes | None:
        assert self._shown is not None  # noqa: S101 - else nobody has this method
        try:
            return self._shown(path)
        except KeyError:
            raise Refused(
                "conflict", "the text that the prompt showed is not to be had any more"
            ) from None


class _Paths(Iterable[str]):
    """All paths of a tree, listed when somebody asks."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __iter__(self) -> Iterator[str]:
        if self._place.git:
            listed = run(self._place, "ls-files", "-z", "-co", "--exclude-standard")
            for name in listed.split(b"\0")[:-1]:
                yield name.decode("utf-8", "surrogateescape")
            return
        left = MOST_PATHS
        top = os.fsencode(self._place.root)
        for here, folders, files in os.walk(top):
            folders[:] = sorted(name for name in folders if name != b".git")
            left -= len(files)
            if left < 0:
                return
            for name in files:
                path = os.path.relpath(os.path.join(here, name), top)  # noqa: PTH118
                yield path.replace(os.fsencode(os.sep), b"/").decode(
                    "utf-8", "surrogateescape"
                )


def _against(
    place: Place, disk: Disk, patch: Patch, rules: Rules
) -> list[checks.Finding]:
    """What speaks against a patch whose blocks all fit."""
    found = checks.by_git(place, patch.changes)
    if rules.ignored:
        found = [f for f in found if f[1] != Bar.IGNORED]
    try:
        gone = {c.path for c in patch.changes if c.new is None}
        disk.check_case([c.path for c in patch.changes if c.new is not None], gone)
    except PathRefused as no:
        found.append((no.path, no.reason, no.detail))
    return found


def _refused(
    outcomes: Sequence[Outcome], patch: Patch, against: Sequence[checks.Finding]
) -> list[Outcome]:
    """``outcomes`` with the blocks refused that made what is spoken against."""
    targets = {c.source: c.path for c in patch.changes if c.source}
    why = {path: (code, detail) for path, code, detail in reversed(against)}

    def reason(outcome: Outcome) -> tuple[str, str] | None:
        names = [outcome.path, targets.get(outcome.path, "")]
        names += [s for s, t in targets.items() if t == outcome.path]
        return next((why[name] for name in names if name in why), None)

    found = []
    for outcome in outcomes:
        against_it = reason(outcome)
        if against_it:
            code, detail = against_it
            outcome = replace(outcome, status="refused", code=code, detail=detail)
        found.append(outcome)
    return found


def last_answer(session: Session) -> Path:
    """The newest saved answer, whole or cut. Raises UsageError."""
    names = sorted(session.state.answers.glob("*.md"))
    if not names:
        raise UsageError("no answer is saved here")
    return names[-1]
