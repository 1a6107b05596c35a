"""The job of telling: what is in the context, what was left out, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repoctx.errors import BudgetExceeded, UsageError
from repoctx.flow.check import Check, foresee, model_to_check
from repoctx.flow.model import tokenizer_for
from repoctx.flow.pack import Packed, pack
from repoctx.flow.packing import pack_for
from repoctx.flow.session import Session
from repoctx.index import detect
from repoctx.pack.tokens import Scale
from repoctx.scan import ignored_by, inside
from repoctx.scan.branch import Head, head_of
from repoctx.values import Count, LeftOut, Reason, SegmentKind


@dataclass(frozen=True, slots=True)
class Language:
    """One language's share of the base."""

    name: str
    files: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a person wants to know of a repository's context."""

    head: Head | None
    packed: Packed
    check: Check
    languages: tuple[Language, ...]
    left_out: Mapping[Reason, Sequence[LeftOut]]
    redacted: Mapping[str, int]
    index: Path
    index_bytes: int
    index_time: float

    @property
    def count(self) -> Count:
        """Tokens of the whole prefix, as the model counts them."""
        return self.check.count


def status(session: Session) -> Status:
    """Pack as for the chosen model, and describe the result."""
    model = model_to_check(session)
    try:
        packed = pack_for(session, model)
    except BudgetExceeded as exc:  # Then most of all one wants to see what is there.
        session.notes.append(str(exc))
        packed = pack(session, tokenizer_for(session, model))
    out: dict[Reason, list[LeftOut]] = defaultdict(list)
    for item in packed.now.left_out:
        out[item.reason].append(item)
    secrets: Counter[str] = Counter()
    for file in packed.now.files:
        secrets.update(r.rule for r in session.facts[file.oid].redactions)
    index = session.state.index
    info = index.stat() if index.exists() else None
    return Status(
        head_of(session.place),
        packed,
        foresee(session, packed, model),
        _languages(packed, model.scale),
        out,
        secrets,
        index,
        info.st_size if info else 0,
        info.st_mtime if info else 0.0,
    )


def _languages(packed: Packed, scale: Scale) -> tuple[Language, ...]:
    files: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for segment in packed.prefix.segments:
        if segment.kind is SegmentKind.BASE:
            for unit in segment.units:
                if unit.path:
                    name = detect(unit.path) or "text"
                    files[name] += 1
                    tokens[name] += unit.count.tokens
    rows = [
        Language(name, files[name], scale.of(Count(tokens[name])).tokens)
        for name in files
    ]
    return tuple(sorted(rows, key=lambda row: (-row.tokens, row.name)))


def why(session: Session, given: str, packed: Packed, folder: Path) -> str:
    """One line on what became of the path ``given``, which is relative to ``folder``.

    Raises OutsideRoot, UsageError for an empty path.
    """
    if not given:
        raise UsageError("--why needs a path")
    path = inside(session.place.root, given, folder)
    for file in packed.now.files:
        if file.path == path:
            return f"{path}: in the context ({file.lang or 'text'}, {file.state})"
    for item in packed.now.left_out:
        if path == item.path or path.startswith(item.path.rstrip("/") + "/"):
            detail = f" ({item.detail})" if item.detail else ""
            return f"{item.path}: left out: {item.reason}{detail}"
    within = f"{path}/" if path else ""
    if below := sum(f.path.startswith(within) for f in packed.now.files):
        name = path or str(session.place.root)
        return f"{name}: a folder with {below:,} file(s) in the context"
    if session.place.git and (rule := ignored_by(session.place, path)):
        return f"{path}: left out: {Reason.IGNORED} ({rule})"
    if not (session.place.root / path).exists():
        return f"{path}: does not exist"
    return f"{path}: not listed by git"
