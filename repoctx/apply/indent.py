"""An indent map from what a patch has to what the file has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd
from typing import Protocol

from repoctx.apply.splice import Refused

Pair = tuple[str, str]
Rule = Callable[[str], "str | None"]

_LEVEL = re.compile(r"[)\]}#\-]|//|(?:case|default|else|elif|end)\b|\w+:$")
"""A line that may stand as deep as the one before it, which opens something."""


class Learned(Protocol):
    """What is known of the whole answer; see `adapt.Dress`."""

    spaces: int
    tabs: int
    shifts: set[int]


def indent(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


@dataclass(slots=True)
class Indents:
    """What each indentation of the patch is in the file, as far as it is known."""

    known: dict[str, set[str]]
    lines: Sequence[str]
    learned: Learned

    @classmethod
    def of(
        cls, pairs: Sequence[Pair], lines: Sequence[str], learned: Learned
    ) -> Indents:
        """The map that old lines show."""
        known: dict[str, set[str]] = {}
        for patch, file in pairs:
            if patch.strip() and file.strip():
                known.setdefault(indent(patch), set()).add(indent(file))
        return cls(known, lines, learned)

    def moved(
        self, added: list[str], same: Sequence[tuple[str, str, str]]
    ) -> list[str]:
        """The added lines with the file's indentation.

        ``same`` are indentations (sent, the file's, the new line's) of lines put in
        again: when they show that new lines have the file's indentation, nothing moves.
        Raises Refused when a line's indentation cannot be told.
        """
        if all(owns == {own} for own, owns in self.known.items()):
            return self._elsewhere(added)
        if same and all(new == own for _, own, new in same):
            return added
        if self._unlike(added):
            return added
        if not any(self.known) and (line := _flat(added)):
            raise Refused("indent", f"cannot tell the indentation below {line!r}")
        self._learn()
        rules = self._rules()
        return [self._one(line, rules) for line in added]

    def _unlike(self, added: list[str]) -> bool:
        """Whether the added lines have the file's character, the old ones the other."""
        sent = {c for own in self.known for c in own}
        has = {c for owns in self.known.values() for own in owns for c in own}
        new = {c for line in added if line.strip() for c in indent(line)}
        return len(sent) == 1 and len(has) == 1 and sent != has and new == has

    def _one(self, line: str, rules: Sequence[Rule]) -> str:
        if not line.strip():
            return line
        own = indent(line)
        if own in self.known:
            if len(self.known[own]) > 1:
                raise Refused("indent", f"{own!r} stands for several indentations")
            return next(iter(self.known[own])) + line[len(own) :]
        # A shift is far likelier than another unit, so it comes first.
        for rule in rules:
            new = rule(own)
            if new is not None:
                return new + line[len(own) :]
        text = line.strip()[:40]
        raise Refused("indent", f"cannot tell the indentation of {text!r}")

    def _rules(self) -> list[Rule]:
        """The ways to carry an indentation over that agree with all that is known."""
        pairs = [
            (own, next(iter(to))) for own, to in self.known.items() if len(to) == 1
        ]
        if len(pairs) < len(self.known) or not pairs:
            return []
        unit = file_unit(self.lines)
        made = (
            _deeper(pairs, unit),
            _shallower(pairs, unit),
            _scaled(pairs, unit, self.lines),
        )
        return [r for r in made if r and all(r(own) == to for own, to in pairs)]

    def _learn(self) -> None:
        """Note for the whole answer what was done to the indentation."""
        pairs = [(o, t) for o, owns in self.known.items() for t in owns]
        ratio = _ratio(pairs)
        if ratio and ratio[0] != ratio[2]:
            if ratio[2] == "\t":
                self.learned.spaces = ratio[1] // ratio[3]
            else:
                self.learned.tabs = ratio[3] // ratio[1]
        elif all(to.endswith(own) for own, to in pairs) or all(
            own.endswith(to) for own, to in pairs
        ):
            self.learned.shifts |= {len(t) - len(o) for o, t in pairs if t != o}

    def _elsewhere(self, added: list[str]) -> list[str]:
        """Lines of a hunk that shows nothing, by what other hunks show."""
        spaces, tabs = self.learned.spaces, self.learned.tabs
        if not (spaces or tabs):
            return added
        style = Counter(indent(line)[:1] for line in self.lines if line.strip())
        if spaces and style["\t"] > style[" "]:
            return [x if self._own(x) else self._untabbed(x, spaces) for x in added]
        if tabs and style[" "] > style["\t"]:
            return [x if self._own(x) else _tabbed(x, tabs) for x in added]
        return added

    def _own(self, line: str) -> bool:
        """Whether an old line has the same indentation, and the file's line too."""
        return indent(line) in self.known

    def _untabbed(self, line: str, size: int) -> str:
        own = indent(line)
        if "\t" in own or len(own) < size or not line.strip():
            return line
        return _tabs(own, size, self.lines) + line[len(own) :]


def _flat(added: Sequence[str]) -> str:
    """The first line that opens something and has the next line no deeper, as where all
    indentation was lost; empty for none."""
    lines = [line for line in added if line.strip()]
    for line, below in pairwise(lines):
        opened = sum(map(line.count, "([{")) > sum(map(line.count, ")]}"))
        if (opened or line.rstrip().endswith(":")) and not (
            indent(below) or _LEVEL.match(below)
        ):
            return line[:40]
    return ""


def _tabbed(line: str, size: int) -> str:
    own = indent(line)
    return own.replace("\t", " " * size) + line[len(own) :]


def _tabs(own: str, size: int, lines: Sequence[str]) -> str:
    """Tabs for an indentation in spaces. Raises Refused where it may be meant so."""
    if len(own) < size:
        return own
    spaced = sum(line.startswith(" " * size) for line in lines)
    rest = len(own) % size
    if spaced > 1 or (rest and not _mixes(rest, lines)):
        raise Refused("indent", f"{own!r} may be meant in spaces or in tabs")
    return "\t" * (len(own) // size) + " " * rest


def _mixes(rest: int, lines: Sequence[str]) -> bool:
    """Whether some line has ``rest`` spaces behind its tabs."""
    return any(re.match(rf"\t+ {{{rest}}}\S", line) for line in lines)


def _ratio(pairs: Sequence[Pair]) -> tuple[str, int, str, int] | None:
    """The one unit for another that all pairs show: character and number of each."""
    ratios = set()
    for own, to in pairs:
        if own == to or len(set(own)) > 1 or len(set(to)) > 1:
            continue
        a, b = len(own), len(to)
        if not a or not b:
            return None
        d = gcd(a, b)
        ratios.add((own[0], a // d, to[0], b // d))
    return ratios.pop() if len(ratios) == 1 else None


def _deeper(pairs: Sequence[Pair], unit: str) -> Rule | None:
    """The file has something more in front."""
    own, to = pairs[0]
    if not to.endswith(own):
        return None
    more = to[: len(to) - len(own)]
    return lambda had: more + had if _fits(more + had, pairs, unit) else None


def _shallower(pairs: Sequence[Pair], unit: str) -> Rule | None:
    """The patch has something more in front."""
    own, to = pairs[0]
    if not own.endswith(to):
        return None
    less = own[: len(own) - len(to)]

    def rule(had: str) -> str | None:
        if not had.startswith(less):
            return None
        new = had[len(less) :]
        return new if _fits(new, pairs, unit) else None

    return rule


def _fits(new: str, pairs: Sequence[Pair], unit: str) -> bool:
    """Whether an indentation lies a whole number of the file's steps from one seen."""
    if len(pairs) > 1 or any(new == to for _, to in pairs):
        return True
    if "\t" in unit:
        return set(new) <= {"\t"} or new.lstrip("\t") == pairs[0][1].lstrip("\t")
    step = len(unit)
    return bool(step) and any(
        set(new) <= {" "} and (len(new) - len(to)) % step == 0 for _, to in pairs
    )


def _scaled(pairs: Sequence[Pair], unit: str, lines: Sequence[str]) -> Rule | None:
    """The patch uses another unit: tabs for spaces, spaces for tabs, 2 for 4."""
    ratio = _ratio(pairs)
    if ratio is None:
        return None
    char, a, mark, b = ratio
    if char == mark and (a == b or len(unit) % b):
        return None

    def rule(had: str) -> str | None:
        if char == mark:
            whole = not set(had) - {char} and not (len(had) * b) % a
            return mark * (len(had) * b // a) if whole else None
        if char == "\t":
            return had.replace("\t", " " * (b // a)) if a == 1 else None
        if had.startswith("\t") or b != 1:
            return had
        # What the hunk's own lines show holds for it wherever else spaces stand.
        tabs, rest = divmod(len(had), a)
        if rest and not _mixes(rest, lines):
            return None
        return "\t" * tabs + " " * rest

    return rule


def file_unit(lines: Sequence[str]) -> str:
    """The file's step of indentation; a tab, or some spaces (none: not indented)."""
    steps: Counter[str] = Counter()
    before = 0
    for line in lines[:5000]:
        if not line.strip():
            continue
        own = indent(line)
        if own.startswith("\t"):
            steps["\t"] += 1
            continue
        step = len(own) - before
        before = len(own)
        if 2 <= step <= 8:
            steps[" " * step] += 1
    return steps.most_common(1)[0][0] if steps else ""
