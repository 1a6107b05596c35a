"""Every noun of repoctx, frozen. Read this file first.

Paths are POSIX-style and relative to the repository's root; bytes that are not UTF-8
travel as surrogate escapes. Lines are numbered from 1 and spans include both ends.
Sizes are bytes, times seconds, money USD. ``oid`` is a git blob id (hex).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}")


def byte_order(path: str) -> bytes:
    """Sort key of a path: its bytes, the same on every platform and locale."""
    return path.encode("utf-8", "surrogateescape")


# --- scan: which files, and what is in them ---------------------------------------


class Reason(StrEnum):
    """Why a path is not in the context. The value is what people read."""

    IGNORED = "ignored by git"
    BINARY = "binary"
    LFS = "git-lfs pointer"
    SUBMODULE = "submodule"
    SYMLINK = "symbolic link"
    SPECIAL = "not a regular file"
    GENERATED = "generated"
    VENDORED = "vendored"
    LOCK = "lock file"
    MINIFIED = "minified"
    TOO_LARGE = "too large"
    DUPLICATE = "duplicate"
    REPOCTXIGNORE = "matched by .repoctxignore"
    EXCLUDED = "excluded by --exclude"
    NOT_INCLUDED = "not matched by --include"
    UNREADABLE = "unreadable"
    VANISHED = "vanished while it was read"


class State(StrEnum):
    """Where a file's present bytes are."""

    CLEAN = "clean"
    """In git's object database, under ``oid``."""
    CHANGED = "changed"
    """Tracked, but only the work tree has these bytes."""
    UNTRACKED = "untracked"
    """Not tracked and not ignored; only the work tree has these bytes."""


class SourceFile(NamedTuple):
    """One file of a snapshot. ``mode`` is git's (0o100644, 0o100755)."""

    path: str
    oid: str
    mode: int
    size: int
    lang: str
    state: State = State.CLEAN


class LeftOut(NamedTuple):
    """A path that is not in the context, and why.

    ``detail`` names the rule, pattern or (for a duplicate) the path of the copy kept.
    """

    path: str
    reason: Reason
    detail: str = ""
    oid: str = ""
    size: int = 0


class Snapshot(NamedTuple):
    """The files of one tree, in bytewise path order.

    ``tree`` is a digest over (path, oid, mode) of ``files`` and of the duplicates among
    ``left_out``: the same files give the same tree on any machine.
    """

    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...]
    tree: str


class Redaction(NamedTuple):
    """One secret taken out of a text: the rule's name and the line it stood on."""

    rule: str
    line: int


class Text(NamedTuple):
    """A file's content as it enters the prefix: decoded, ``\\n`` only, redacted.

    ``text`` has as many lines as the file. ``newline`` is ``lf``, ``crlf``, ``cr``,
    ``mixed`` or ``none``; ``encoding`` a Python codec name (``utf-8``, ``utf-8-sig``,
    ``utf-16-le``, ``utf-16-be``, ``latin-1``).
    """

    text: str
    encoding: str
    newline: str
    redactions: tuple[Redaction, ...] = ()


class BlobFacts(NamedTuple):
    """What the bytes of one blob alone decide; the same for every path that has it.

    ``reason`` is set when the content itself keeps the blob out (binary, LFS pointer,
    minified, generated). ``size`` is in bytes as stored, ``chars`` in characters of
    ``Text.text``.
    """

    size: int
    reason: Reason | None
    detail: str = ""
    encoding: str = "utf-8"
    newline: str = "lf"
    lines: int = 0
    chars: int = 0
    redactions: tuple[Redaction, ...] = ()


# --- index: what the text defines and uses ----------------------------------------


class Kind(StrEnum):
    """What a definition is, in the field's words."""

    MODULE = "module"
    CLASS = "class"
    STRUCT = "struct"
    ENUM = "enum"
    INTERFACE = "interface"
    TRAIT = "trait"
    TYPE = "type"
    FUNCTION = "function"
    METHOD = "method"
    MACRO = "macro"
    CONSTANT = "constant"
    VARIABLE = "variable"
    FIELD = "field"
    SECTION = "section"
    KEY = "key"


class Symbol(NamedTuple):
    """A definition: lines ``start`` to ``end``, a one-line signature, its first
    docstring line, and the dotted name of what encloses it (empty at top level)."""

    name: str
    kind: Kind
    start: int
    end: int
    signature: str
    parent: str = ""
    doc: str = ""


class Reference(NamedTuple):
    """A use of a name: ``call``, ``import``, ``type``, ``inherit`` or ``name``."""

    name: str
    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Outline:
    """All that the indexer knows of one text.

    ``skeleton`` is the text with bodies left out, definitions and comments that open
    them kept; ``terms`` are the search terms with their counts by field (``body``,
    ``defs``); ``errors`` counts tree-sitter's error and missing nodes (-1: not parsed).
    """

    definitions: tuple[Symbol, ...] = ()
    references: tuple[Reference, ...] = ()
    skeleton: str = ""
    body: str = ""
    defs: str = ""
    errors: int = -1


@dataclass(frozen=True, slots=True)
class Passage:
    """A ranked piece of a file: lines ``start`` to ``end``. ``text`` is what stands
    there, ``why`` the definition or the words that matched."""

    path: str
    start: int
    end: int
    text: str
    score: float
    why: str = ""
    oid: str = ""


class Definition(NamedTuple):
    """A symbol and the file it stands in."""

    path: str
    symbol: Symbol
    oid: str = ""


# --- pack: the prompt's bytes -------------------------------------------------------


class SegmentKind(StrEnum):
    """The parts of a prompt, in the order in which they stand."""

    PREAMBLE = "preamble"
    BASE = "base"
    OVERLAY = "overlay"
    TAIL = "tail"
    QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Count:
    """A number of tokens; ``exact`` is False for an estimate (shown with ``~``)."""

    tokens: int
    exact: bool = False

    def __add__(self, other: Count) -> Count:
        return Count(self.tokens + other.tokens, self.exact and other.exact)

    def __str__(self) -> str:
        return f"{'' if self.exact else '~'}{self.tokens:,}"


class Unit(NamedTuple):
    """One file (or other self-contained piece) inside a segment: where its bytes lie.

    Units never share tokens with their neighbours, so token counts add up.
    """

    path: str
    offset: int
    size: int
    # Hides tuple.count, which nobody needs here.
    count: Count  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of the prompt's bytes with one fate in the cache.

    The bytes are ``text`` when it is set, else the content of ``file`` (a rendered base
    in the state folder). ``digest`` is the SHA-256 of the bytes, ``size`` their number.
    """

    kind: SegmentKind
    digest: str
    size: int
    count: Count
    text: bytes | None = None
    file: Path | None = None
    units: tuple[Unit, ...] = ()


@dataclass(frozen=True, slots=True)
class Prefix:
    """All that can be cached: preamble, base, overlay; ``marks`` are byte offsets at
    which a provider with explicit breakpoints may put one, best first."""

    segments: tuple[Segment, ...]
    digest: str
    marks: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The prefix's length in bytes."""
        return sum(s.size for s in self.segments)

    @property
    def count(self) -> Count:
        """The prefix's length in tokens."""
        return sum((s.count for s in self.segments), Count(0, exact=True))


# --- ask: one question, one answer ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, normalised: ``input`` is the inclusive total, of which
    ``cached`` were read from and ``cache_write`` written to the provider's cache.
    ``cost`` is None when the price is unknown."""

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    cost: float | None = None


class Stop(StrEnum):
    """Why an answer ended."""

    END = "end"
    LENGTH = "length"
    FILTER = "content_filter"
    REFUSAL = "refusal"
    CONTINUE = "continue"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Delta:
    """One event of a stream: text to append, usage so far, or the reason of the end.

    ``raw`` comes with the end from providers that must be given their own answer back
    unchanged (thinking blocks, continuation tokens); see `Turn`. ``miss`` says in one
    line why the provider's cache did not serve what it had been sent before, ``id`` how
    the provider names the response; see `Request.previous`.
    """

    text: str = ""
    usage: Usage | None = None
    stop: Stop | None = None
    raw: object = None
    miss: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. ``cache`` is ``none``, ``automatic``, ``marks`` or
    ``explicit``; prices are USD per million tokens, None when unknown. Above ``cliff``
    tokens (0: none) every token of a request costs more. Of ``marks`` breakpoints each
    reads what was written at an end of ``look_back`` blocks before it, too.
    ``tokenizer`` is the vocabulary that it counts with; empty: not known, so no count
    is exact."""

    window: int
    output: int
    cache: str = "none"
    marks: int = 0
    look_back: int = 0
    minimum: int = 0
    ttls: tuple[int, ...] = ()
    prices: Mapping[str, float] | None = None
    cliff: int = 0
    tokenizer: str = ""
    reads_context: bool = True
    edits: bool = True


class Turn(NamedTuple):
    """One later message of a conversation. ``role`` is ``user`` or ``assistant``;
    ``raw`` is the `Delta.raw` that ended an assistant's turn, for the provider that
    made it."""

    role: str
    text: str
    raw: object = None


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt for one model. ``prefix`` is what the cache serves, ``tail`` and
    ``question`` come after it, then ``turns``: an assistant's and a user's in turn, the
    last one a user's. ``evidence`` is what local search found for the question, for
    providers that answer without a model. ``ttl`` is the lifetime in seconds that cache
    writes are made for (0: the provider's usual), ``previous`` the provider's name of
    the last response over this base, which it can compare with on a miss."""

    model: str
    prefix: Prefix
    tail: str
    question: str
    mode: str = "ask"
    max_output: int = 8192
    definitions: tuple[Definition, ...] = ()
    evidence: tuple[Passage, ...] = ()
    ask: str = ""
    turns: tuple[Turn, ...] = ()
    ttl: int = 0
    previous: str = ""


class Citation(NamedTuple):
    """A quote in an answer and where it was found (``path`` empty: unverified)."""

    quote: str
    path: str = ""
    start: int = 0
    end: int = 0

    @property
    def verified(self) -> bool:
        """Whether the quoted lines stand in the repository."""
        return bool(self.path)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished or cut answer; ``saved`` is the file that holds its text. ``turns``
    are the messages that it came in, as they stand in the conversation: the assistant's
    and, between two of them, the user's that asked for the rest. ``id`` is how the
    provider names the last response."""

    text: str
    stop: Stop
    usage: Usage
    model: str = ""
    citations: tuple[Citation, ...] = ()
    saved: Path | None = None
    raw: object = None
    miss: str = ""
    turns: tuple[Turn, ...] = ()
    id: str = ""

    @property
    def rounds(self) -> int:
        """Messages that it came in."""
        return sum(turn.role == "assistant" for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider sends and how it identifies itself. ``key`` never appears in a
    message, a log or a repr. ``window`` is the model's, in tokens, where the user says
    it (0: the provider's own knowledge). ``effort`` and ``verbosity`` go with every
    request, because a change of them loses a cache (empty: the model's own)."""

    base_url: str = ""
    key: str = field(default="", repr=False)
    timeout: float = 600.0
    connect_timeout: float = 10.0
    retries: int = 2
    window: int = 0
    effort: str = ""
    verbosity: str = ""

    @property
    def local(self) -> bool:
        """Whether ``base_url`` names this machine."""
        host = urlsplit(self.base_url).hostname or ""
        return host in ("localhost", "::1") or bool(_LOOPBACK.fullmatch(host))


# --- parse and apply: edits and the changed tree --------------------------------------


class BlockKind(StrEnum):
    """What a block of an answer wants done to its path."""

    EDIT = "edit"
    """Change lines of a file that is there; with ``target`` also move it."""
    CREATE = "create"
    """Make a file that is not there."""
    WRITE = "write"
    """Give a file this whole text, whether it is there or not."""
    DELETE = "delete"
    """Take a file away."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Changed lines of one place, in the form of a unified diff whatever was written.

    Each of ``lines`` is a mark and the line without its ``\\n``: `` `` context, ``-``
    taken out, ``+`` put in, ``?`` a line without a mark (context, or prose after the
    hunk). ``start`` is the stated line of the old file (0: none), ``scopes`` the texts
    after ``@@``. ``at_end`` says that the last line is the file's last, ``old_open``
    and ``new_open`` that a side ends without a newline. ``others`` are other ways to
    read the same lines, of which at most one may fit.
    """

    lines: tuple[str, ...]
    start: int = 0
    scopes: tuple[str, ...] = ()
    at_end: bool = False
    old_open: bool = False
    new_open: bool = False
    others: tuple[Hunk, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """One self-contained edit of an answer, not yet compared with any file.

    ``id`` is the number that people and models are shown, ``form`` the format's name,
    ``line`` where it starts in the answer. ``path`` is as written, without quoting and
    ``a/``; ``also`` are other readings of it, likeliest first. ``text`` is the content
    of a `CREATE` or `WRITE` block, ``mode`` git's where it is stated (0: not).
    ``problem`` is a reason's code when the block itself is broken (cut, malformed).
    ``sure`` is False where only prose says that the fence is a file; ``maybe`` where it
    is one only if there is a file of that name; ``after`` are the next lines after such
    a fence.
    """

    id: str
    path: str
    kind: BlockKind
    form: str
    hunks: tuple[Hunk, ...] = ()
    text: str = ""
    also: tuple[str, ...] = ()
    target: str = ""
    mode: int = 0
    line: int = 0
    problem: str = ""
    detail: str = ""
    sure: bool = True
    maybe: bool = False
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileChange:
    """What applying does to one path, computed in memory before anything is written.

    ``old`` are the bytes that must be there when it is written (None: nothing is),
    ``new`` those that will be (None: nothing). ``mode`` is git's (0o100644, 0o100755).
    ``source`` is the path that a move came from; that path has a change of its own,
    which deletes it. Encoding, BOM and line ends are already the file's own.
    """

    path: str
    old: bytes | None
    new: bytes | None
    mode: int = 0o100644
    source: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """Changes that are made all or none, in bytewise path order, a path once."""

    changes: tuple[FileChange, ...]


# --- review: what is wrong with a change ----------------------------------------------


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class Spot(NamedTuple):
    """A place: lines ``start`` to ``end`` of ``path``. ``before`` when it is in the
    text that the change replaces, ``note`` what stands there."""

    path: str
    start: int
    end: int = 0
    note: str = ""
    before: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``at`` lies in the change, ``related`` holds the other
    ends. ``snippet`` is the code at ``at``, whose lines name it in its fingerprint;
    ``rule`` is a value of the review room's closed enum; ``confidence`` is 0 to 1;
    ``fix`` an edit that can be applied, or empty."""

    rule: str
    severity: Severity
    at: Spot
    message: str
    snippet: str = ""
    related: tuple[Spot, ...] = ()
    confidence: float = 1.0
    fix: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a model said is wrong, not believed yet: ``rule``, ``severity``, ``path``
    and ``quote`` may be anything. ``related`` are (path, quote)."""

    rule: str
    severity: str
    path: str
    line: int
    quote: str
    message: str
    confidence: float = 0.5
    fix: str = ""
    related: tuple[tuple[str, str], ...] = ()


Progress = Callable[[str, int, int], None]
"""Called with (what, done, total) while long work goes on; total 0 is unknown."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Report progress to nobody."""
