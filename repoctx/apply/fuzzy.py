"""The last rung: a place that is surely meant though some lines are told otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence

from repoctx.apply.hunks import opcodes
from repoctx.apply.keys import FUZZY, LEADING, Keyed
from repoctx.apply.locate import Place

TOTAL, GONE, CONTEXT = 0.8, 0.75, 0.6
"""Least similarity of a hunk, of a line taken out, of a context line."""
MARGIN = 0.1
"""By how much the best place must beat every other."""
EXACT_LINES, EXACT_SHARE = 2, 0.5
"""Least number and share of lines that stand there as they are."""
VOTES = 100
"""Places of one line that are looked at."""
PLACES = 30
"""Places of a hunk that are compared line by line."""
LONGEST = 400
"""Lines of a hunk that is compared."""

_WORD = re.compile(r"[^\W\d]\w*|\d[\w.]*")
_NUMBER = re.compile(r"\d+")
_REMARK = re.compile(
    r"(?:(?<![\w:\"'])(?://|#(?![!\[{])|--(?=\s))|/\*|<!--).*$|^\s*\*(?:\s.*)?$"
)
_SENTENCE = re.compile(r"\s*(?:[-*+>]\s+)?[\w'\"(`][^={}\[\];|<>]*")

Scored = tuple[float, Place]
"""How like the hunk a place is, from 0 to 1."""


def similar(marks: str, old: Sequence[str], file: Keyed) -> list[Place]:
    """The one place that is like ``old``, or several when they are alike too.

    ``marks`` are the old lines' marks (`` `` or ``-``).
    """
    if len(old) > LONGEST:
        return []
    wanted = file.of(old, LEADING)
    scored: list[Scored] = []
    for start in _starts(wanted, file):
        found = _aligned(wanted, file, start)
        if found is not None:
            total, at = found
            _snug(at, marks, old, file)
            one = total, Place(FUZZY, tuple(at))
            scored += [] if one in scored else [one]
    scored.sort(key=lambda s: -s[0])
    good = [s for s in scored if _passes(marks, wanted, file, s)]
    # A place that fails but is closer than the best one makes it uncertain.
    if not good or scored[0][0] - good[0][0] > MARGIN:
        return []
    best = good[0]
    rivals = [s for s in scored if s[1].start != best[1].start]
    near = [s for s in rivals if best[0] - s[0] < MARGIN]
    return [best[1], *(s[1] for s in near)]


def _starts(wanted: Sequence[str], file: Keyed) -> list[int]:
    """Where the hunk may start, by the lines that stand in the file as they are."""
    index = file.index(LEADING)
    votes: dict[int, set[int]] = {}
    full = 0
    for n, key in enumerate(wanted):
        if not key:
            continue
        full += 1
        for at in index.get(key, ())[:VOTES]:
            votes.setdefault(at - n, set()).add(n)
    need = max(EXACT_LINES, full * EXACT_SHARE)
    slack = max(2, len(wanted) // 6)
    totals: list[tuple[int, int]] = []
    offsets = sorted(votes)
    low = 0
    for n, offset in enumerate(offsets):
        while offsets[low] < offset - slack:
            low += 1
        if len(votes[offset]) * 2 < need:
            continue
        high = n
        lines: set[int] = set()
        for near in offsets[low:]:
            if near > offset + slack:
                break
            high += 1
            lines |= votes[near]
        if len(lines) >= need:
            totals.append((-len(votes[offset]), offset))
    return [start for _, start in sorted(totals)[:PLACES]]


def _aligned(
    wanted: Sequence[str], file: Keyed, start: int
) -> tuple[float, list[int | None]] | None:
    """How like the hunk's keys and the file near ``start`` are, and each key's line."""
    size = len(wanted)
    slack = max(2, size // 6)
    low = max(0, start - slack)
    keys = file.keys(LEADING)[low : start + size + slack]
    at: list[int | None] = [None] * size
    scores = [0.0] * size
    for tag, i, i_end, j, j_end in opcodes(wanted, keys):
        if tag == "equal":
            for n in range(i_end - i):
                at[i + n], scores[i + n] = low + j + n, 1.0
        elif j < j_end and i < i_end:
            for n, m, score in _paired(wanted[i:i_end], keys[j:j_end]):
                at[i + n], scores[i + n] = low + j + m, score
    full = [n for n, key in enumerate(wanted) if key]
    if not full or all(n is None for n in at):
        return None
    total = sum(scores[n] for n in full) / len(full)
    return total, at


def _snug(at: list[int | None], marks: str, old: Sequence[str], file: Keyed) -> None:
    """Move lines that stand several times between their neighbours, such as closing
    braces, to where they stand as they are, and else close to what is taken out."""
    keys, lines = file.keys(LEADING), file.source.lines
    found = [(n, index) for n, index in enumerate(at) if index is not None]
    rows, places = [n for n, _ in found], [index for _, index in found]
    first, last = marks.find("-"), marks.rfind("-")
    for i in (*reversed(range(len(rows))), *range(len(rows))):
        own = places[i]
        above = places[i - 1] if i else own - 1
        below = places[i + 1] if i + 1 < len(places) else own + 1
        if below - above == 2:
            continue
        near = [k for k in range(above + 1, below) if keys[k] == keys[own]]
        if rows[i] < first:
            far = [below - k for k in near]
        elif rows[i] > last >= 0:
            far = [k - above for k in near]
        else:
            far = [abs(k - own) for k in near]
        other = [lines[k] != old[rows[i]] for k in near]
        places[i] = min(zip(other, far, near, strict=True))[2]
    for n, index in zip(rows, places, strict=True):
        at[n] = index


def _paired(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, float]]:
    """Pairs of lines in order with the greatest similarity in sum."""
    from rapidfuzz.fuzz import ratio

    if len(old) * len(new) > 2500:
        return []
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    like = [[ratio(a, b) / 100 if a and b else float(a == b) for b in new] for a in old]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            score = like[i][j] if like[i][j] >= CONTEXT else -1.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], score + best[i + 1][j + 1])
    out = []
    i = j = 0
    while i < len(old) and j < len(new):
        score = like[i][j] if like[i][j] >= CONTEXT else -1.0
        if best[i][j] == score + best[i + 1][j + 1]:
            out.append((i, j, like[i][j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return out


def _passes(marks: str, wanted: Sequence[str], file: Keyed, scored: Scored) -> bool:
    total, place = scored
    keys = file.keys(LEADING)
    if total < TOTAL:
        return False
    same = full = 0
    for mark, key, at in zip(marks, wanted, place.at, strict=True):
        if not key and at is None:
            continue
        if at is None:
            return False
        full += bool(key)
        if keys[at] == key:
            same += bool(key)
            continue
        if not _like(key, keys[at], GONE if mark == "-" else CONTEXT):
            return False
    return same >= max(EXACT_LINES, full * EXACT_SHARE)


def _like(old: str, own: str, least: float) -> bool:
    from rapidfuzz.fuzz import ratio

    return ratio(old, own) / 100 >= least and same_words(old, own)


def same_words(old: str, own: str) -> bool:
    """Whether two lines have the same identifiers and numbers outside comments."""
    if _prose(old) and _prose(own):
        return _NUMBER.findall(old) == _NUMBER.findall(own)
    a, b = _REMARK.sub("", old), _REMARK.sub("", own)
    if not a.strip() and not b.strip():
        return _NUMBER.findall(old) == _NUMBER.findall(own)
    return _WORD.findall(a) == _WORD.findall(b)


def _prose(line: str) -> bool:
    """Whether the line reads as a sentence: five words and no code."""
    if _REMARK.match(line.strip()):
        return True
    words = line.split()
    return (
        len(words) >= 5
        and bool(_SENTENCE.fullmatch(line))
        and not re.search(
            r"\w\(|\w\.\w+\(|\w_\w|^\s*(?:if|for|while|return|def|import|from|"
            r"const|let|var|fn|pub|use|func|type|class)\b",
            line,
        )
    )
