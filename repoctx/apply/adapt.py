"""Added lines in the file's own dress.

Where a hunk's old lines stand in the file only when something is forgiven, its added
lines suffered the same: what the old lines show to have happened is undone on them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import gcd

from repoctx.apply.keys import FOLDED, LEADING, PUNCTUATION, TRAILING
from repoctx.apply.splice import Refused

Pair = tuple[str, str]
"""An old line as the patch has it, and as the file has it."""

_INDENT = re.compile(r"[ \t]*")


def adapted(
    added: Sequence[str], pairs: Sequence[Pair], lines: Sequence[str], rung: int
) -> list[str]:
    """The ``added`` lines, undone what ``pairs`` show; ``lines`` are the file's.

    Raises Refused when an added line's indentation cannot be told.
    """
    out = list(added)
    if all(patch == file for patch, file in pairs):
        return out
    if rung >= TRAILING:
        out = _trimmed(out, pairs)
    if rung >= PUNCTUATION:
        out = _typed(out, pairs)
    if rung >= LEADING:
        out = _indented(out, pairs, lines)
    return out


def _trimmed(added: list[str], pairs: Sequence[Pair]) -> list[str]:
    """Without trailing space, when the patch put it on lines that had none."""
    put = any(p != p.rstrip() and f == f.rstrip() for p, f in pairs)
    had = any(f != f.rstrip() for _, f in pairs)
    return [line.rstrip() for line in added] if put and not had else added


def _typed(added: list[str], pairs: Sequence[Pair]) -> list[str]:
    """With the characters that the file has where the patch has typographic ones."""
    seen: dict[str, Counter[str]] = {}
    for patch, file in pairs:
        for old, own in _swapped(patch, file):
            seen.setdefault(old, Counter())[own] += 1
    table = {
        ord(old): owns.most_common(1)[0][0]
        for old, owns in seen.items()
        if len(owns) == 1 and old not in owns
    }
    # One kind of quote or dash was replaced: so were its fellows.
    if any(old in FOLDED for old in seen):
        kept = {c for _, file in pairs for c in file}
        for old, own in FOLDED.items():
            if old not in seen and old not in kept and _kin(old, table):
                table[ord(old)] = own
    return [line.translate(table) for line in added] if table else added


def _kin(char: str, table: dict[int, str]) -> bool:
    """Whether a character of the same class was replaced by what is typed for it."""
    return any(
        FOLDED.get(chr(old)) == own and _class(FOLDED[char]) == _class(own)
        for old, own in table.items()
    )


def _class(typed: str) -> str:
    return "quote" if typed in "'\"" else typed


def _swapped(patch: str, file: str) -> list[Pair]:
    """Characters of two lines that stand for each other."""
    a, b = patch.strip(), file.strip()
    if a == b:
        return [(c, c) for c in a if c in FOLDED]
    out = []
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            if a[i] in FOLDED:
                out.append((a[i], a[i]))
            i, j = i + 1, j + 1
            continue
        own = FOLDED.get(a[i])
        if own is not None and b.startswith(own, j):
            out.append((a[i], own))
            i, j = i + 1, j + len(own)
            continue
        typed = FOLDED.get(b[j])
        if typed and a.startswith(typed, i):
            i, j = i + len(typed), j + 1
            continue
        break
    return out


def _indented(
    added: list[str], pairs: Sequence[Pair], lines: Sequence[str]
) -> list[str]:
    known: dict[str, set[str]] = {}
    for patch, file in pairs:
        if patch.strip() and file.strip():
            known.setdefault(indent(patch), set()).add(indent(file))
    if all(owns == {own} for own, owns in known.items()):
        return added
    rules = _rules(known, lines)
    return [_moved(line, known, rules) for line in added]


def indent(line: str) -> str:
    """The white space that a line begins with."""
    match = _INDENT.match(line)
    return match[0] if match else ""


def _moved(
    line: str, known: dict[str, set[str]], rules: Sequence[Callable[[str], str | None]]
) -> str:
    if not line.strip():
        return line
    own = indent(line)
    if own in known:
        if len(known[own]) > 1:
            raise Refused("indent", f"{own!r} stands for several indentations")
        return next(iter(known[own])) + line[len(own) :]
    # A shift is far likelier than another unit, so it comes first.
    for rule in rules:
        new = rule(own)
        if new is not None:
            return new + line[len(own) :]
    raise Refused("indent", f"cannot tell the indentation of {line.strip()[:40]!r}")


def _rules(
    known: dict[str, set[str]], lines: Sequence[str]
) -> list[Callable[[str], str | None]]:
    """The ways to carry an indentation over that agree with all that is known."""
    pairs = [(own, next(iter(to))) for own, to in known.items() if len(to) == 1]
    if len(pairs) < len(known) or not pairs:
        return []
    unit = file_unit(lines)
    rules: list[Callable[[str], str | None]] = []
    for rule in (_deeper(pairs, unit), _shallower(pairs, unit), _scaled(pairs, unit)):
        if rule and all(rule(own) == to for own, to in pairs):
            rules.append(rule)
    return rules


def _deeper(pairs: Sequence[Pair], unit: str) -> Callable[[str], str | None] | None:
    """The file has something more in front."""
    own, to = pairs[0]
    if not to.endswith(own):
        return None
    more = to[: len(to) - len(own)]
    return lambda indent: more + indent if _fits(more + indent, pairs, unit) else None


def _shallower(pairs: Sequence[Pair], unit: str) -> Callable[[str], str | None] | None:
    """The patch has something more in front."""
    own, to = pairs[0]
    if not own.endswith(to):
        return None
    less = own[: len(own) - len(to)]

    def rule(indent: str) -> str | None:
        if not indent.startswith(less):
            return None
        new = indent[len(less) :]
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


def _scaled(pairs: Sequence[Pair], unit: str) -> Callable[[str], str | None] | None:
    """The patch uses another unit: tabs for spaces, spaces for tabs, 2 for 4."""
    ratios = set()
    for own, to in pairs:
        if not own and not to:
            continue
        a, b = len(own), len(to)
        if not a or not b or len(set(own)) > 1 or len(set(to)) > 1:
            return None
        d = gcd(a, b)
        ratios.add((own[0], a // d, to[0], b // d))
    if len(ratios) != 1:
        return None
    ((char, a, mark, b),) = ratios
    if char == mark and (a == b or len(unit) % b):
        return None

    def rule(indent: str) -> str | None:
        if set(indent) - {char} or (len(indent) * b) % a:
            return None
        return mark * (len(indent) * b // a)

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
