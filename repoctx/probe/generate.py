"""Probes from a repository: the same for the same tree and seed, anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from repoctx.probe import bodies, chains, counts, edits, needles, sets
from repoctx.probe.ground import EVIDENCE, Draft, Ground
from repoctx.probe.probes import FAMILIES, Material, Probe
from repoctx.probe.score import holds

Family = Callable[[Ground, int], Iterator[Draft]]

_MADE_BY: dict[str, Family] = {
    "needle": needles.needle,
    "distractors": needles.distractors,
    "needles": needles.needles,
    "description": bodies.description,
    "callers": sets.callers,
    "subclasses": sets.subclasses,
    "definitions": sets.definitions,
    "path": chains.paths,
    "count": counts.counts,
    "superseded": needles.superseded,
    "copy": bodies.copy,
    "edit": edits.edits,
}


def generate(
    material: Material,
    families: Sequence[str] = FAMILIES,
    count: int = 10,
    seed: int = 0,
    room: int = EVIDENCE,
) -> tuple[Probe, ...]:
    """Up to ``count`` probes of each family, in the order of ``families``, whose files
    have at most ``room`` bytes together.

    Fewer, or none, where the repository offers no more of which the truth is certain.
    Raises KeyError for a family that is not among `FAMILIES`.
    """
    ground = Ground(material, seed, min(room, EVIDENCE))
    return tuple(one for family in families for one in drawn(ground, family, count))


def drawn(ground: Ground, family: str, count: int) -> Iterator[Probe]:
    """As `generate`, of one family; what ``ground`` has found out serves the next."""
    for draft in _MADE_BY[family](ground, count):
        if not any(_told(draft.question, item) for item in draft.truth):
            yield draft.probe(family, ground.seed)


def _told(question: str, item: str) -> bool:
    """Whether a question names its own answer."""
    return item in question and holds(question, item)
