"""One edit in the making: a change, a format, and what a slip may do to them.

A slip is a function of a ``Work`` that returns a ``Case`` or None (does not apply to
this change). It states what must come of it:

- EXACT: exit 0 and the tree is exactly ``after``;
- REFUSE: exit not 0 and the tree is untouched;
- EITHER: one of the two; the answer does not determine which.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import render
from commits import Change, Entry
from render import FileEdit, Hunk, Style

EXACT, REFUSE, EITHER = "exact", "refuse", "either"
CONTEXTS = (1, 2, 3, 3, 3, 4, 5)
GROWN = 14
"""Lines of context up to which a hunk may grow until it is unique."""
DIVIDER = re.compile(r"^([<=>]{5,9}|<{5,9} .*|>{5,9} .*)\s*$")
HASH = frozenset(
    [
        "py",
        "pyi",
        "sh",
        "yml",
        "yaml",
        "toml",
        "rb",
        "tcl",
        "cfg",
        "conf",
        "pl",
        "mk",
        "ps1",
    ]
)
SLASH = frozenset(
    [
        "go",
        "rs",
        "js",
        "ts",
        "tsx",
        "jsx",
        "vue",
        "java",
        "c",
        "h",
        "cc",
        "cpp",
        "hpp",
        "kt",
        "scss",
        "groovy",
        "gradle",
    ]
)
CODE = frozenset(
    ["py", "go", "rs", "js", "ts", "tsx", "jsx", "java", "c", "h", "cc", "cpp", "kt"]
)


@dataclass(frozen=True, slots=True)
class Case:
    """What a program gets, and what must come of it. Trees hold bytes and x bits.

    ``after`` is what the answer's author meant; None where no tree would be right.
    """

    repository: str
    commit: str
    kind: str
    group: str
    format: str
    expect: str
    answers: tuple[bytes, ...]
    before: dict[str, tuple[bytes, bool]]
    after: dict[str, tuple[bytes, bool]] | None
    setup: tuple[tuple[str, ...], ...] = ()

    @property
    def name(self) -> str:
        """A folder's name for it."""
        kind = re.sub(r"\W+", "-", self.kind)
        return f"{self.repository}-{self.commit[:8]}-{self.format}-{kind}"


@dataclass(slots=True)
class Work:
    """A change being rendered. ``before`` and ``after`` are what the model sees."""

    change: Change
    form: str
    rng: random.Random
    kind: str = ""
    group: str = ""
    before: dict[str, Entry] = field(default_factory=dict)
    after: dict[str, Entry] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    style: Style = field(default_factory=Style)
    disk: dict[str, Callable[[str], bytes]] = field(default_factory=dict)
    setup: list[tuple[str, ...]] = field(default_factory=list)
    context: int = 3
    exact_marks: bool = True
    """Leave out changes whose lines read like a SEARCH/REPLACE mark."""

    def __post_init__(self) -> None:
        self.before = dict(self.change.before)
        self.after = dict(self.change.after)
        self.moved = dict(self.change.moved)
        if self.form in (render.SEARCH, render.WHOLE):
            self._leave_out_unsayable()
        if self.form != render.UDIFF:
            self._leave_out_modes()
        self.context = 3 if self.form == render.UDIFF else self.rng.choice(CONTEXTS)
        if self.rng.random() < 0.25:
            self.setup.append(("git",))

    def _leave_out_unsayable(self) -> None:
        """Deletions and moves, which these formats cannot express."""
        for path in [path for path in self.before if path not in self.after]:
            self.after.pop(self.moved.pop(path, ""), None)
            self.after[path] = self.before[path]

    def _leave_out_modes(self) -> None:
        """Modes of new files, which only git's headers can express."""
        for path in {*self.after} - {*self.before} - {*self.moved.values()}:
            self.after[path] = replace(self.after[path], executable=False)

    def changed(self) -> list[str]:
        """Old paths (new ones of creations) that the change touches, sorted."""
        targets = set(self.moved.values())
        paths = {*self.before, *self.after} - targets
        return sorted(
            path
            for path in paths
            if path in self.moved or self.before.get(path) != self.after.get(path)
        )

    def modified(self) -> list[str]:
        """Paths changed in place."""
        return [p for p in self.changed() if p in self.before and p in self.after]

    def edits(self, unique: bool = True) -> list[FileEdit] | None:
        """The edits; with ``unique``, context grows until every hunk stands once.

        None when that cannot be, or when the format cannot say the change.
        """
        edits: list[FileEdit] = []
        for path in self.changed():
            old = self.before.get(path)
            target = self.moved.get(path)
            new = self.after.get(target or path)
            edit = self._edit(path, old, new, target, unique)
            if edit is None or not self._sayable(edit):
                return None
            edits.append(edit)
        return edits or None

    def _edit(
        self,
        path: str,
        old: Entry | None,
        new: Entry | None,
        target: str | None,
        unique: bool,
    ) -> FileEdit | None:
        if old is None or new is None or not unique:
            return render.file_edit(path, old, new, target, self.context)
        lines = render.split(old.text)
        for context in range(self.context, GROWN):
            edit = render.file_edit(path, old, new, target, context)
            if all(places(hunk.old, lines) == 1 for hunk in edit.hunks):
                return edit
        return None

    def _sayable(self, edit: FileEdit) -> bool:
        if edit.kind == "move" and self.form == render.V4A and not edit.hunks:
            return False
        if self.form == render.SEARCH and self.exact_marks:
            texts = [text for hunk in edit.hunks for _, text in hunk.lines]
            return not any(DIVIDER.match(text.strip()) for text in texts)
        if self.form == render.WHOLE:
            return len(edit.new or "") < 40_000
        return True

    def text(self, edits: list[FileEdit]) -> str:
        """The answer's text."""
        return render.answer(edits, self.form, self.style)

    def case(self, expect: str, *answers: str | bytes, meant: bool = False) -> Case:
        """The finished case; ``meant``: refused, though a right tree exists."""
        return Case(
            self.change.repository,
            self.change.commit,
            self.kind,
            self.group,
            self.form,
            expect,
            tuple(a if isinstance(a, bytes) else a.encode() for a in answers),
            self.tree(self.before),
            self.tree(self.after) if meant or expect != REFUSE else None,
            tuple(self.setup),
        )

    def tree(self, entries: dict[str, Entry]) -> dict[str, tuple[bytes, bool]]:
        """What lies on disk."""
        return {
            path: (self.disk.get(path, str.encode)(entry.text), entry.executable)
            for path, entry in entries.items()
        }

    def rewrite(self, path: str, change: Callable[[str], str]) -> None:
        """Change the text of a file before and after alike."""
        for tree in (self.before, self.after):
            if path in tree:
                tree[path] = replace(tree[path], text=change(tree[path].text))


def squeezed(line: str) -> str:
    """The line without any white space."""
    return "".join(line.split())


def places(block: list[str], lines: list[str]) -> int:
    """How often a block stands in a file, white space and blank lines aside."""
    needle = [text for text in map(squeezed, block) if text]
    hay = [text for text in map(squeezed, lines) if text]
    if not needle:
        return 0
    size = len(needle)
    return sum(
        hay[at : at + size] == needle
        for at, text in enumerate(hay[: len(hay) - size + 1])
        if text == needle[0]
    )


def exact_places(block: list[str], lines: list[str]) -> list[int]:
    """Line numbers (from 1) at which a block stands word for word."""
    size = len(block)
    return [
        at + 1
        for at in range(len(lines) - size + 1)
        if size and lines[at : at + size] == block
    ]


def ending(path: str) -> str:
    """A path's last ending, lower case, without the dot."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def is_comment(path: str, line: str) -> bool:
    """Whether a line is a whole-line comment of some length, or prose."""
    text, end = line.strip(), ending(path)
    if end in HASH:
        return text.startswith("# ")
    if end in SLASH:
        return text.startswith("// ")
    return is_prose(path) and len(text.split()) > 4


def is_prose(path: str) -> bool:
    """Whether a file is text for people, where every word may count."""
    return ending(path) in ("md", "txt", "rst", "adoc")


def map_hunks(
    edits: list[FileEdit], change: Callable[[FileEdit, Hunk], Hunk | None]
) -> tuple[list[FileEdit], int]:
    """Edits with hunks replaced where ``change`` gives one, and how many it did."""
    count = 0
    out: list[FileEdit] = []
    for edit in edits:
        hunks: list[Hunk] = []
        for hunk in edit.hunks:
            fresh = change(edit, hunk) if edit.kind in ("modify", "move") else None
            count += fresh is not None
            hunks.append(fresh or hunk)
        out.append(replace(edit, hunks=tuple(hunks)))
    return out, count


def mapped(
    work: Work,
    change: Callable[[FileEdit, Hunk], Hunk | None],
    expect: str = EXACT,
) -> Case | None:
    """The answer with hunks changed by ``change``; None when it changes none."""
    edits = work.edits()
    if not edits:
        return None
    edits, count = map_hunks(edits, change)
    return work.case(expect, work.text(edits), meant=True) if count else None


def indent_of(text: str) -> str:
    """The leading blanks and tabs of a line."""
    return text[: len(text) - len(text.lstrip(" \t"))]


def rows_between(hunk: Hunk) -> Iterator[int]:
    """Indexes of context rows whose both neighbours are unchanged context too."""
    ops = [op for op, _ in hunk.lines]
    for at in range(1, len(ops) - 1):
        if ops[at - 1] == ops[at] == ops[at + 1] == " ":
            yield at


Slip = Callable[[Work], Case | None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of slip: its name, group, the formats it can befall, its maker."""

    name: str
    group: str
    formats: tuple[str, ...]
    make: Slip


KINDS: list[Kind] = []


def slip(name: str, group: str, *formats: str) -> Callable[[Slip], Slip]:
    """Register a kind of slip; without formats it can befall all."""

    def register(make: Slip) -> Slip:
        KINDS.append(Kind(name, group, formats or render.FORMATS, make))
        return make

    return register
