"""What a run measured, as values and as JSON: a report is made of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from repoctx.probe.grid import Setting
from repoctx.probe.probes import Probe, Scoring
from repoctx.probe.score import score

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer and what it is worth.

    ``length`` is the context's size that was aimed at, ``depth`` the step of the run's
    depths nearest to where the evidence stands (None: in several places); ``input`` the
    prompt's tokens as the provider counted, ``cached`` of them from its cache,
    ``written`` to it. ``verdict`` is ``right``, ``partly``, ``stale`` (what an older
    copy says), ``misled`` (what a distractor says), ``wrong`` or ``failed`` (no answer:
    ``error`` says why; not scored). ``seconds`` is the whole time, ``first`` until the
    first word.
    """

    probe: str
    family: str
    length: int
    depth: float | None
    arm: str
    setting: Setting
    score: float
    chance: float
    verdict: str
    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    cost: float | None = None
    seconds: float = 0.0
    first: float = 0.0
    resumed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a grid is expected to use: requests, tokens, and USD (None: not known)."""

    requests: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    cost: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation: of what, by whom, and all outcomes. ``when`` is in seconds since
    1970, ``window`` the model's tokens, ``arms`` the values that were tried, the usual
    one first; ``families`` how many probes there were of each."""

    id: str
    repository: str
    tree: str
    model: str
    when: float
    window: int
    seed: int
    probes_version: int
    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    arms: Mapping[str, tuple[str, ...]]
    arm_length: int
    families: Mapping[str, int]
    wanted: int
    foreseen: Foreseen = field(default_factory=Foreseen)
    outcomes: tuple[Outcome, ...] = ()

    @property
    def scored(self) -> tuple[Outcome, ...]:
        """The outcomes that have a score."""
        return tuple(o for o in self.outcomes if o.verdict != "failed")


def verdict(
    probe: Probe,
    answer: str,
    worth: float,
) -> str:
    """What an answer that is worth ``worth`` is; see `Outcome`."""
    if worth >= 1:
        return "right"
    if probe.scoring is Scoring.EXACT:
        for items, name in ((probe.superseded, "stale"), (probe.wrong, "misled")):
            for item in items:
                rival = replace(probe, truth=(item,), superseded=(), wrong=())
                if score(rival, answer) >= 1:
                    return name
    return "partly" if worth > 0 else "wrong"


def as_json(run: Run) -> dict[str, Any]:
    """The run for a file; `from_json` reads it."""
    return {"schema_version": SCHEMA_VERSION, "kind": "repoctx-eval", **asdict(run)}


def from_json(value: Any) -> Run:
    """The run that `as_json` gave. Raises ValueError for anything else."""
    try:
        if value["kind"] != "repoctx-eval" or value["schema_version"] != SCHEMA_VERSION:
            raise ValueError("not an evaluation of this version")
        table = {f.name: value[f.name] for f in fields(Run)}
        table["lengths"] = tuple(map(int, table["lengths"]))
        table["depths"] = tuple(map(float, table["depths"]))
        table["arms"] = {k: tuple(v) for k, v in table["arms"].items()}
        table["foreseen"] = Foreseen(**table["foreseen"])
        table["outcomes"] = tuple(map(_outcome, table["outcomes"]))
        return Run(**table)
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("not an evaluation") from exc


def _outcome(row: Mapping[str, Any]) -> Outcome:
    return Outcome(**{**row, "setting": Setting(**row["setting"])})


Choose = Callable[[Outcome], bool]


def scores_by_probe(
    outcomes: Sequence[Outcome], choose: Choose = lambda _: True
) -> dict[str, list[float]]:
    """The scores of the outcomes that are chosen, by probe."""
    found: dict[str, list[float]] = {}
    for one in outcomes:
        if one.verdict != "failed" and choose(one):
            found.setdefault(one.probe, []).append(one.score)
    return found
