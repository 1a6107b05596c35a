"""How a base fits into a budget: which files in full, which as skeletons, which not.

The choice depends on the tree and the budget alone, never on a question: the base must
stay the same for every question that shares its cache. What a question needs beyond it
is retrieved into the tail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

FULL_SHARE = 0.9
"""A base up to this share of the limit is shown whole: changes need the rest."""

BASE_SHARES = (0.5, 0.35, 0.2, 0.1)
"""Shares of the limit that a base over budget may take: the largest that leaves room
for the overlay and for what is retrieved."""

TAIL_SHARE = 0.25
"""Of the limit: what is retrieved gets this much, unless the overlay needs it."""

QUESTION = 600
"""Tokens kept for a question and its instructions: the base must fit beside any usual
one, for it may not depend on it."""

HUGE_SHARE = 0.2
"""Of the limit: uncommitted texts up to this size are shown whole over a fitted base.
One that is larger would leave no room for anything else."""

BYTES_A_TOKEN = 4
"""Of usual source; good enough to call a text huge."""

SAFETY = 0.92
"""Of a limit when tokens are only estimated (error measured in ``tokens``: whole
repositories 5.5% at worst)."""


TINY = 24
"""Tokens: no file's document is smaller, so less room than this takes none."""


class Show(StrEnum):
    """How a base that is over budget shows a file it does not show in full."""

    SKELETON = "skeleton"
    OMITTED = "omitted"


class Size(NamedTuple):
    """A file's tokens in full; a lower ``rank`` is served first."""

    path: str
    full: int
    rank: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a prompt may hold, in tokens. ``limit`` 0 is no limit; ``taken`` of it is
    kept for other parts of the prompt."""

    limit: int
    exact: bool = True
    taken: int = 0

    @property
    def tokens(self) -> int:
        """The limit that counting may reach, at least 1; lower when it only estimates.
        0 is no limit."""
        if not self.limit:
            return 0
        most = self.limit if self.exact else int(self.limit * SAFETY)
        return max(most - self.taken, 1)

    @property
    def huge(self) -> int:
        """Bytes above which an uncommitted text may stay out of the overlay."""
        return int(self.tokens * HUGE_SHARE) * BYTES_A_TOKEN


def next_share(last: float, overlay: float) -> float:
    """The share to try after ``last``, for an overlay of this share of the limit."""
    smaller = [share for share in BASE_SHARES if share < last]
    fits = (share for share in smaller if share + overlay <= 1 - TAIL_SHARE)
    return next(fits, BASE_SHARES[-1])


def prompt_room(window: int, answer: int, budget: int, cliff: int, exact: bool) -> Room:
    """The smallest of: the window less the answer, the user's budget, a price cliff.

    Zeros are limits that do not exist. Cliffs: long-prompt prices that apply to every
    token of a request.
    """
    limits = [budget, cliff, max(window - answer, window // 2) if window else 0]
    return Room(min((n for n in limits if n > 0), default=0), exact)


def fit(
    sizes: Iterable[Size], skeleton: Callable[[str], int], room: int
) -> dict[str, Show]:
    """Which files are not shown in full, and how, so that all fits into ``room``.

    First every file in rank order gets its skeleton (``skeleton`` gives the tokens of
    a path's), as far as they fit; then, in the same order, skeletons become full texts
    as far as those fit. Ties go to the smaller file, then by path, so the choice moves
    as little as the tree does.
    """
    ranked = sorted(sizes, key=lambda s: (s.rank, s.full, s.path))
    shown: dict[str, Show] = {}
    least: dict[str, int] = {}
    left = room
    for size in ranked:
        if left >= TINY:
            least[size.path] = min(skeleton(size.path), size.full)
        if least.get(size.path, left + 1) <= left:
            left -= least[size.path]
            shown[size.path] = Show.SKELETON
        else:
            shown[size.path] = Show.OMITTED
    for size in ranked:
        if shown[size.path] is Show.SKELETON and size.full - least[size.path] <= left:
            left -= size.full - least[size.path]
            del shown[size.path]
    return shown
