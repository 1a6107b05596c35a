"""Probes: questions about the user's own repository with answers that are certain.

Pure: texts and outlines in, questions, plants and scores out. PROBES.md says what each
family asks and when it stays silent.
"""

from repoctx.probe.generate import generate
from repoctx.probe.probes import (
    FAMILIES,
    Applied,
    Material,
    Plant,
    Probe,
    Scoring,
    planted,
)
from repoctx.probe.score import score

__all__ = [
    "FAMILIES",
    "Applied",
    "Material",
    "Plant",
    "Probe",
    "Scoring",
    "generate",
    "planted",
    "score",
]
