"""What all families share of one repository, each part made at its first use."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from repoctx.probe.draw import Words, digest, ends_like_a_name, spellings, words
from repoctx.probe.probes import Material, Plant, Probe, Scoring
from repoctx.probe.survey import Survey, survey

LARGE = 48_000
"""Bytes. What is planted, copied or edited stands in no larger file."""

EVIDENCE = 400_000
"""Bytes of all the files that one probe needs, at most."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Ground:
    """A repository, a seed, and the bytes that the files of one probe may have."""

    material: Material
    seed: int
    room: int = EVIDENCE

    @cached_property
    def survey(self) -> Survey:
        """What it defines, calls and inherits."""
        return survey(self.material)

    @cached_property
    def taken(self) -> frozenset[str]:
        """The words in it that a planted name could be, case aside."""
        paths = [file.path for file in self.material.files]
        return frozenset(
            word.casefold()
            for _, text in self.material.texts(paths)
            for word in set(_WORD.findall(text))
            if ends_like_a_name(word)
        )

    def name(self, *parts: object) -> Words:
        """A name that stands nowhere in the repository."""
        at = 0
        while not self.free(found := words(self.seed, at, *parts)):
            at += 1
        return found

    def free(self, name: Words) -> bool:
        """Whether a name stands nowhere in the repository."""
        return not any(spelt in self.taken for spelt in spellings(name))

    def fits(self, paths: Collection[str]) -> bool:
        """Whether files are small enough to be evidence together."""
        return sum(self.survey.files[path].size for path in paths) <= self.room


@dataclass(frozen=True, slots=True)
class Draft:
    """A probe but for its family and id."""

    question: str
    truth: tuple[str, ...]
    scoring: Scoring
    evidence: tuple[str, ...]
    plants: tuple[Plant, ...] = ()
    superseded: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    chance: float = 0.0

    def probe(self, family: str, seed: int) -> Probe:
        """With the digest of all it says as its id."""
        name = digest(
            seed, self.question, self.truth, self.evidence, self.plants, self.wrong
        )
        return Probe(
            f"{family}-{name[:12]}",
            family,
            self.question,
            self.truth,
            self.scoring,
            self.evidence,
            self.plants,
            self.superseded,
            self.wrong,
            self.chance,
        )
