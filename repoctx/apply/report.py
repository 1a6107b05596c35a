"""What became of each block, for a model that must repair it and for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from repoctx.apply.keys import NAMES

REASONS = {
    "not-found": "its old lines do not stand in the file",
    "ambiguous": "its old lines stand in several places; add lines until one is left",
    "no-file": "there is no such file",
    "exists": "the file is there already; edit it instead",
    "overlap": "it changes lines that another block changes",
    "gap": "it does not show the lines between its old lines",
    "indent": "its indentation cannot be matched with the file's",
    "no-context": "it has new lines but no old ones that say where they go",
    "stray": "a line has no mark and does not stand in the file",
    "elided": "a line stands for code that was left out",
    "truncated": "the answer ends inside it",
    "malformed": "it does not follow the format",
    "unsafe-path": "its path is not allowed",
    "case": "its path differs from another only in case",
    "binary": "the file is binary",
    "encoding": "the file's encoding has no such character",
    "redacted": "the line was redacted in the prompt",
    "mode": "only the modes 100644 and 100755 can be set",
    "shrinks": "it looks like a part of the file, not the whole",
    "conflict": "the file changed since the prompt, in the same lines",
    "markers": "the new text has leftover marks of an edit format",
    "no-path": "it does not say which file it is for",
    "entities": "some of its lines are escaped as HTML and others are not",
    "empty": "it changes nothing",
    "symlink": "it would follow a symbolic link",
    "submodule": "it lies in another repository",
    "not-regular": "it is no regular file",
    "hard-link": "the file has other names, which would keep the old text",
    "setuid": "the file runs with another's rights",
    "too-large": "the file is too large to edit",
    "unreadable": "the file cannot be read",
    "in-the-way": "a file is where it needs a folder",
    "ignored": "git ignores it; --allow-ignored writes it all the same",
    "syntax": "the file would not parse any more; --force writes it all the same",
    "costly": "its lines stand in too many places to compare",
}
"""Each reason's code and what it means, after "block N was refused:"."""


@dataclass(frozen=True, slots=True)
class Region:
    """A range of a file's lines (from 1, both ends) and what stands there."""

    start: int
    end: int
    text: str = ""
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one block.

    ``status`` is ``ok``, ``present`` (already in the file) or ``refused``; ``rung`` the
    last rung that was needed; ``places`` where it went, or might have gone; ``wanted``
    and ``nearest`` the first old line that differs and what the file has there.
    """

    id: str
    path: str
    status: str
    rung: int = 0
    code: str = ""
    detail: str = ""
    places: tuple[Region, ...] = ()
    wanted: str = ""
    closest: Region | None = None
    differs: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the block is accepted."""
        return self.status != "refused"


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes of an answer, in its order."""

    outcomes: tuple[Outcome, ...]
    failed: tuple[Outcome, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every block is accepted, and there is one."""
        return bool(self.outcomes) and not self.failed

    def data(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        return {
            "applied": self.ok,
            "blocks": [_plain(outcome) for outcome in self.outcomes],
            "resend": [outcome.id for outcome in self.failed],
        }

    def text(self) -> str:
        """The report in words, for the model and for people."""
        if not self.outcomes:
            return "No edit was found in the answer; nothing was applied.\n"
        if self.ok:
            return f"All {len(self.outcomes)} blocks fit.\n"
        parts = [_told(outcome) for outcome in self.failed]
        ids = _listed([outcome.id for outcome in self.failed])
        kept = len(self.outcomes) - len(self.failed)
        end = f"Nothing was applied; resend only {_blocks(self.failed)} {ids}"
        end += "; the accepted blocks are kept pending." if kept else "."
        return "\n".join([*parts, end]) + "\n"


def report(
    outcomes: Sequence[Outcome], symbol: Callable[[str, int], str] | None = None
) -> Report:
    """The report on ``outcomes``; ``symbol`` names what encloses a path's line."""
    told = tuple(_named(o, symbol) if symbol else o for o in outcomes)
    return Report(told, tuple(o for o in told if not o.ok))


def _named(outcome: Outcome, symbol: Callable[[str, int], str]) -> Outcome:
    def named(region: Region) -> Region:
        name = symbol(outcome.path, region.start)
        return Region(region.start, region.end, region.text, name)

    if outcome.ok:
        return outcome
    values = {f: getattr(outcome, f) for f in Outcome.__slots__}
    values["places"] = tuple(map(named, outcome.places))
    values["closest"] = named(outcome.closest) if outcome.closest else None
    return Outcome(**values)


def _plain(outcome: Outcome) -> dict[str, Any]:
    data = asdict(outcome)
    data["rung"] = NAMES.get(outcome.rung, "")
    data["reason"] = REASONS.get(outcome.code, "")
    return data


def _told(outcome: Outcome) -> str:
    head = f"Block {outcome.id} ({outcome.path or 'no path'}) was refused"
    why = REASONS.get(outcome.code, outcome.code)
    lines = [f"{head}: {why} [{outcome.code}]."]
    if outcome.detail:
        lines.append(f"  {outcome.detail}")
    if outcome.places:
        lines.append(f"  Candidates: {', '.join(map(_range, outcome.places))}.")
    if outcome.wanted:
        lines.append("  The first line that differs, as it was sent:")
        lines += _fenced([outcome.wanted], 0)
    if outcome.closest:
        region = outcome.closest
        lines.append(f"  The closest lines of the file, {_range(region)}:")
        lines += _fenced(region.text.split("\n"), outcome.differs)
    return "\n".join(lines) + "\n"


def _range(region: Region) -> str:
    lines = f"line {region.start}"
    if region.end > region.start:
        lines = f"lines {region.start}-{region.end}"
    return f"{lines} (in {region.symbol})" if region.symbol else lines


def _fenced(lines: Sequence[str], marked: int) -> list[str]:
    """The lines word for word, in a fence that none of them closes."""
    longest = max((len(run) for line in lines for run in _ticks(line)), default=0)
    fence = "`" * max(3, longest + 1)
    out = [fence, *lines, fence]
    if marked:
        out.append(f"  The first difference is in line {marked}.")
    return out


def _ticks(line: str) -> list[str]:
    return [run for run in "".join(c if c == "`" else " " for c in line).split() if run]


def _listed(ids: Sequence[str]) -> str:
    return ids[0] if len(ids) == 1 else f"{', '.join(ids[:-1])} and {ids[-1]}"


def _blocks(failed: Sequence[Outcome]) -> str:
    return "block" if len(failed) == 1 else "blocks"
