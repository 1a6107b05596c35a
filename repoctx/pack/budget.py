"""How a base fits into a budget: which files in full, which as skeletons, which not.

The choice depends on the tree and the budget alone, never on a question: the base must
stay the same for every question that shares its cache. What a question needs beyond it
is retrieved into the tail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

FULL_SHARE = 0.9
"""A base up to this share of the limit is shown whole: changes need the rest."""

BASE_SHARES = (0.5, 0.35, 0.2, 0.1)
"""Shares of the limit that a base over budget may take. The rest is for the overlay and
for what is retrieved; a smaller share is taken when the overlay is large."""

SAFETY = 0.92
"""Of a limit when tokens are only estimated (error measured in ``tokens``: whole
repositories 5.5% at worst)."""


TINY = 24
"""Tokens: no file's document is smaller, so less room than this takes none."""


class Show(StrEnum):
    """How a base that is over budget shows a file it does not show in full."""

    SKELETON = "skeleton"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class Size:
    """A file's tokens in full; a lower ``rank`` is served first."""

    path: str
    full: int
    rank: int


@dataclass(frozen=True, slots=True)
class Room:
    """What a prompt may hold, in tokens. ``limit`` 0 is no limit."""

    limit: int
    exact: bool = True

    @property
    def tokens(self) -> int:
        """The limit that counting may reach; lower when it only estimates."""
        return self.limit if self.exact else int(self.limit * SAFETY)


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
