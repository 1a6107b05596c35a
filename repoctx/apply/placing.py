"""The ladder: where a hunk goes, and what it changes there.

Each rung counts all candidates, and the first rung that has any decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from repoctx.apply.adapt import Dress, adapted
from repoctx.apply.choose import Trusted, certain, choose
from repoctx.apply.elision import elided
from repoctx.apply.fuzzy import similar
from repoctx.apply.hunks import Ready, ready, tails
from repoctx.apply.indent import indent
from repoctx.apply.keys import (
    DENSE,
    ELISION,
    EXACT,
    LEADING,
    PUNCTUATION,
    TRAILING,
    TRANSPORT,
    Keyed,
)
from repoctx.apply.locate import Place, rows, stands, without_blanks
from repoctx.apply.splice import Change, Refused, changes
from repoctx.apply.transport import undone
from repoctx.values import Hunk


@dataclass(frozen=True, slots=True)
class Fit:
    """A hunk that found its place. ``present`` says that its new side stands there
    already; ``open`` that the file then ends without a newline (None: as before)."""

    rung: int
    changes: tuple[Change, ...]
    start: int
    end: int
    present: bool = False
    open: bool | None = None


Rung = Callable[[Sequence[str], Keyed], "list[Place]"]


def close(hunk: Hunk, file: Keyed, trusted: Trusted, dress: Dress) -> Fit | None:
    """The fit on the first two rungs. Raises Refused when it is not certain."""
    return _first(hunk, file, trusted, dress, _rows(EXACT, TRAILING))


def far(hunk: Hunk, file: Keyed, trusted: Trusted, dress: Dress) -> Fit | None:
    """The fit on the later rungs. Raises Refused when it is not certain."""
    loose = [*_rows(PUNCTUATION, DENSE), without_blanks]
    others = list(undone(hunk, file))
    return (
        _undone(others, file, trusted, dress, _rows(EXACT, TRAILING))
        or _present(hunk, file, dress)
        or _first(hunk, file, trusted, dress, loose)
        or _undone(others, file, trusted, dress, loose)
        or _elided(hunk, file, dress)
        or _similar(hunk, file, trusted, dress)
    )


def _undone(
    others: Sequence[Hunk],
    file: Keyed,
    trusted: Trusted,
    dress: Dress,
    rungs: Sequence[Rung],
) -> Fit | None:
    """The fit of the hunk as it may have been before it was pasted."""
    for other in others:
        fit = _first(other, file, trusted, dress, rungs)
        if fit is not None:
            return replace(fit, rung=TRANSPORT)
    return None


def _elided(hunk: Hunk, file: Keyed, dress: Dress) -> Fit | None:
    """The fit of a hunk that leaves lines out, made of those of its parts."""
    for shape in (hunk, *hunk.others):
        parts = elided(ready(shape.lines, file), file)
        if parts:
            fits = [fitted_in(shape, *part, file, dress) for part in parts]
            changes = tuple(change for fit in fits for change in fit.changes)
            return Fit(
                ELISION, changes, fits[0].start, fits[-1].end, open=fits[-1].open
            )
    return None


def _similar(hunk: Hunk, file: Keyed, trusted: Trusted, dress: Dress) -> Fit | None:
    for shape in (hunk, *hunk.others):
        for lines in tails(shape.lines):
            marked = ready(lines, file)
            marks = "".join(line[0] for line in marked.lines if line[0] != "+")
            places = similar(marks, marked.old, file)
            if places:
                place = choose(places, shape, file, trusted)
                return fitted_in(shape, marked, place, file, dress)
    return None


def _rows(first: int, last: int) -> list[Rung]:
    def rung(number: int) -> Rung:
        return lambda old, file: rows(old, file, number)

    return [rung(number) for number in range(first, last + 1)]


def _first(
    hunk: Hunk, file: Keyed, trusted: Trusted, dress: Dress, rungs: Iterable[Rung]
) -> Fit | None:
    shapes = [
        (h, ready(lines, file))
        for h in (hunk, *hunk.others)
        for lines in tails(h.lines)
    ]
    shapes = [shape for shape in shapes if shape[1].old] or shapes[:1]
    for rung in rungs:
        fits: list[tuple[int, Fit]] = []
        for shape, marked in shapes:
            if not marked.old:
                return _alone(shape, marked, file)
            places = rung(marked.old, file)
            if places:
                place = choose(places, shape, file, trusted)
                certain(place, shape, marked.old, file)
                _unshifted(place, marked, file, dress)
                fits.append(
                    (len(marked.old), fitted_in(shape, marked, place, file, dress))
                )
                if not hunk.others:
                    break
        if fits:
            # Several ways to read it: the one that most old lines speak for.
            return max(fits, key=lambda fit: fit[0])[1]
    return None


def _unshifted(place: Place, marked: Ready, file: Keyed, dress: Dress) -> None:
    """Raise Refused when the answer's other hunks say that it was meant deeper.

    Where they were moved by some indentation, a hunk that fits one place as it is and
    another one moved by as much is uncertain.
    """
    if not dress.shifts or place.rung > TRAILING:
        return
    lines = file.source.lines
    for other in rows(marked.old, file, LEADING):
        if other.start == place.start:
            continue
        there = zip(marked.old, lines[other.start : other.end], strict=True)
        moved = {len(indent(b)) - len(indent(a)) for a, b in there if a.strip()}
        if len(moved) == 1 and moved <= dress.shifts:
            spans = [(p.start + 1, p.end) for p in (place, other)]
            raise Refused("ambiguous", places=spans)


def _alone(hunk: Hunk, marked: Ready, file: Keyed) -> Fit:
    """New lines without old ones: at the end where the format says so."""
    size = len(file.source.lines)
    if not marked.added:
        raise Refused("empty")
    if size and not hunk.at_end:
        raise Refused("no-context")
    place = Place(EXACT, ())
    found = changes(marked.lines, place, file)
    moved = tuple(replace(c, start=size, end=size) for c in found)
    return Fit(EXACT, moved, size + 1, size, open=_open(hunk))


def fitted_in(
    hunk: Hunk, marked: Ready, place: Place, file: Keyed, dress: Dress
) -> Fit:
    """What the hunk changes at its place."""
    lines = file.source.lines
    at = [n for n in place.at if n is not None]
    pairs = [
        (old, lines[n])
        for old, n in zip(marked.old, place.at, strict=True)
        if n is not None
    ]
    final: Sequence[str] = marked.lines
    start, end = at[0] + 1, at[-1] + 1
    if place.rung == EXACT and _already(marked, place, file):
        dress.doubt = True
        # It may be meant to stand there twice: what became of the others tells.
        if dress.stale or not dress.fresh:
            return Fit(place.rung, (), start, end, present=True)
    elif place.rung == TRAILING and marked.added and stands(marked.new, file, at[0]):
        # Only the space at the lines' ends was to change, and has.
        dress.stale = True
        return Fit(place.rung, (), start, end, present=True)
    elif place.rung <= TRAILING:
        dress.fresh = True
    fresh = iter(adapted(marked, pairs, file.source.lines, dress))
    final = ["+" + next(fresh) if line[0] == "+" else line for line in final]
    found = tuple(changes(final, place, file))
    last = end == len(lines)
    return Fit(place.rung, found, start, end, open=_open(hunk) if last else None)


def _open(hunk: Hunk) -> bool | None:
    if hunk.new_open:
        return True
    return False if hunk.old_open else None


def _already(marked: Ready, place: Place, file: Keyed) -> bool:
    """Whether an insertion stands there already, over the place of its old lines."""
    if any(line[0] == "-" for line in marked.lines):
        return False
    if not any(map(_tells, marked.added)):
        return False
    if marked.lines[-1][0] == "+" and stands(marked.new, file, place.start):
        return True
    size = len(marked.new)
    return any(
        p.start <= place.start and place.end <= p.start + size
        for p in rows(marked.new, file, EXACT)
    )


def _tells(line: str) -> bool:
    return sum(c.isalnum() for c in line) >= 4


def _present(hunk: Hunk, file: Keyed, dress: Dress) -> Fit | None:
    """The fit of a hunk of which only the new side stands in the file, and once."""
    for lines in tails(hunk.lines):
        marked = ready(lines, file)
        old = set(file.of(marked.old, LEADING))
        added = zip(marked.added, file.of(marked.added, LEADING), strict=True)
        held = _held(marked)
        fresh = any(_tells(line) and (held or key not in old) for line, key in added)
        if not fresh and not _closed(marked, file) and not _stale(marked, dress):
            continue
        places = rows(marked.new, file, EXACT)
        if len(places) == 1 and (held or not _left(marked, places[0], file)):
            [place] = places
            _only(marked, place, file)
            dress.stale = True
            return Fit(EXACT, (), place.start + 1, place.end, present=True)
    return None


def _only(marked: Ready, place: Place, file: Keyed) -> None:
    """Raise Refused when the old side stands elsewhere, more loosely: the new side may
    stand at ``place`` by chance."""
    for rung in range(PUNCTUATION, DENSE + 1):
        for other in rows(marked.old, file, rung):
            if other.end <= place.start or other.start >= place.end:
                spans = [(p.start + 1, p.end) for p in (place, other)]
                raise Refused("ambiguous", places=spans)


def _held(marked: Ready) -> bool:
    """Whether lines that stay and say something stand above and below all changes, so
    that nothing that was to go can be left beside the new side."""
    ends = []
    for lines in (marked.lines, marked.lines[::-1]):
        kept = takewhile(lambda line: line[0] == " ", lines)
        ends.append(any(line.strip() for line in kept))
    return all(ends)


def _left(marked: Ready, place: Place, file: Keyed) -> bool:
    """Whether a told line that was to go still stands near the place."""
    gone = [line[1:] for line in marked.lines if line[0] == "-" and _tells(line)]
    new = set(file.of(marked.new, LEADING))
    reach = len(gone) + 2
    near = file.keys(LEADING)[max(0, place.start - reach) : place.end + reach]
    return any(key in near for key in file.of(gone, LEADING) if key not in new)


def _stale(marked: Ready, dress: Dress) -> bool:
    """Whether all else in the answer is in the files already, and this says enough."""
    told = sum(map(_tells, marked.new))
    return dress.stale and not dress.fresh and told > 1


def _closed(marked: Ready, file: Keyed) -> bool:
    """Whether lines taken out are surely gone: lines stand above and below them, and
    none of theirs that says something is left."""
    signs = "".join(line[0] for line in marked.lines)
    head = marked.lines[: len(signs) - len(signs.lstrip(" "))]
    tail = marked.lines[len(signs.rstrip(" ")) :]
    gone = [line[1:] for line in marked.lines if line[0] == "-" and _tells(line)]
    return (
        any(line.strip() for line in head)
        and any(line.strip() for line in tail)
        and sum(map(_tells, (*head, *tail))) > 1
        and bool(gone)
        and not any(map(file.has, gone))
    )
