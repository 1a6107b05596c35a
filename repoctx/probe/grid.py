"""Which probe is asked where: lengths, depths, arms; few prefixes, many questions.

A *sheet* is one context with the questions that are asked over it, so that a cache pays
for all but the first. Over the lengths a probe takes turns at the depths, as in a Latin
square: each depth is seen with each length, and each question is asked once a length.
The arms are tried at one length, one at a time, each against the same probes at the
same places in the usual setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from repoctx.probe.probes import Plant, Probe, Scoring

ARMS: Mapping[str, tuple[str, ...]] = {
    "anchor": ("with", "without"),
    "question": ("after", "before"),
    "overlay": ("diff", "blocks", "full", "strict"),
    "distractors": ("kept", "removed"),
    "context": ("full", "skeleton"),
}
"""What can be tried besides length and depth, the usual value first. ``effort`` is one
too; its values depend on the model."""

FILLED = 0.6
"""Of a context: what the evidence of its questions may take, so that there is something
to look for it in."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a context is shown and a question put; see `ARMS`."""

    anchor: str = "with"
    question: str = "after"
    overlay: str = "diff"
    distractors: str = "kept"
    context: str = "full"
    effort: str = ""


USUAL = Setting()


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: its probe, the depth (0 to 1) at which its evidence is put (None:
    it lies in several places), the setting, and the arm it is asked for (""; the
    grid)."""

    probe: Probe
    depth: float | None
    setting: Setting = USUAL
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A context of ``length`` tokens, what it shows and at which depths, and the
    questions over it. ``setting`` decides the prefix's bytes; ``question`` is set where
    the question itself opens the prefix."""

    length: int
    probes: tuple[Probe, ...]
    depths: Mapping[str, float]
    setting: Setting
    asks: tuple[Ask, ...]

    @property
    def first(self) -> Probe | None:
        """The probe whose question stands before the context."""
        return self.asks[0].probe if self.setting.question == "before" else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted of a grid: context lengths in tokens, shortest first; depths; arms
    with their values, the usual one first; the length at which arms are tried."""

    lengths: tuple[int, ...]
    depths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    arms: Mapping[str, tuple[str, ...]] | None = None
    arm_length: int = 0


def place(probe: Probe) -> str:
    """The path whose depth is the probe's; empty when its evidence has none: it lies in
    several places, or in the overlay, at the end."""
    if any(plant.before for plant in probe.plants):
        return ""
    if probe.scoring is Scoring.EXACT and probe.plants:
        return probe.plants[0].path
    return probe.evidence[0] if len(probe.evidence) == 1 else ""


def sheets(
    probes: Sequence[Probe], plan: Plan, tokens: Callable[[str], int]
) -> tuple[Sheet, ...]:
    """The sheets of a grid, those that share a prefix one after another. ``tokens``
    says what a path takes. Probes must fit the shortest length; see `fitting`."""
    found: list[Sheet] = []
    for length in plan.lengths:
        # By the length alone: what was answered holds when a length is added.
        turn = length.bit_length()
        arms = plan.arms if length == plan.arm_length else None
        for group in _groups(probes, length, tokens):
            depths = {
                probe.id: plan.depths[(probes.index(probe) + turn) % len(plan.depths)]
                for probe in group
                if place(probe)
            }
            sheet = Sheet(length, group, depths, USUAL, ())
            found += _with_arms(sheet, arms or {})
    return tuple(found)


def fitting(
    probes: Sequence[Probe], length: int, tokens: Callable[[str], int]
) -> tuple[Probe, ...]:
    """The probes whose evidence leaves room in ``length`` tokens."""
    room = length * FILLED
    return tuple(p for p in probes if sum(map(tokens, paths_of(p))) <= room)


def paths_of(probe: Probe) -> tuple[str, ...]:
    """The paths that must be in a probe's context."""
    paths = (*probe.evidence, *(plant.path for plant in probe.plants))
    return tuple(dict.fromkeys(paths))


def _groups(
    probes: Sequence[Probe], length: int, tokens: Callable[[str], int]
) -> list[tuple[Probe, ...]]:
    """Probes that fit one context together, as few contexts as first fit finds. Where
    whole texts are compared no other probe's plant stands in them."""
    groups: list[list[Probe]] = []
    for probe in probes:
        for group in groups:
            joined = {path for one in (*group, probe) for path in paths_of(one)}
            if sum(map(tokens, joined)) > length * FILLED:
                continue
            if any(_disturbs(one, probe) or _disturbs(probe, one) for one in group):
                continue
            if place(probe) and place(probe) in map(place, group):
                continue  # One file stands at one depth.
            group.append(probe)
            break
        else:
            groups.append([probe])
    return [tuple(group) for group in groups]


def _disturbs(one: Probe, other: Probe) -> bool:
    whole = other.scoring in (Scoring.TEXT, Scoring.TREE)
    return whole and bool({p.path for p in one.plants}.intersection(other.evidence))


def _with_arms(sheet: Sheet, arms: Mapping[str, tuple[str, ...]]) -> Iterator[Sheet]:
    """The sheet with its questions, then those of the arms: first what shares all of
    its prefix, then what shares the base, then the rest."""

    def asks(probes: Sequence[Probe], setting: Setting, arm: str) -> tuple[Ask, ...]:
        return tuple(Ask(p, sheet.depths.get(p.id), setting, arm) for p in probes)

    usual = asks(sheet.probes, USUAL, "")
    if "anchor" in arms:
        without = replace(USUAL, anchor="without")
        usual += asks(sheet.probes, without, "anchor")
    yield replace(sheet, asks=usual)
    for arm in ("overlay", "distractors", "context", "effort", "question"):
        about = [p for p in sheet.probes if concerns(arm, p)]
        for value in arms.get(arm, ())[1:]:
            setting = replace(USUAL, **{arm: value})
            asked = asks(about, setting, arm)
            if arm == "question":
                for ask in asked:
                    yield replace(sheet, setting=setting, asks=(ask,))
            elif asked:
                yield replace(sheet, setting=setting, asks=asked)


def concerns(arm: str, probe: Probe) -> bool:
    """Whether an arm could change what is answered to a probe."""
    if arm == "overlay":
        return bool(probe.superseded)
    if arm == "distractors":
        return bool(probe.wrong)
    if arm == "context":
        # A skeleton has no bodies to copy or to change: that needs no measuring.
        return probe.scoring in (Scoring.EXACT, Scoring.SET)
    return True


def plants_of(sheet: Sheet) -> dict[str, list[Plant]]:
    """The plants of a sheet's context, by path."""
    found: dict[str, list[Plant]] = {}
    removed = sheet.setting.distractors == "removed"
    for probe in sheet.probes:
        for plant in probe.plants:
            rival = any(w in plant.text for w in probe.wrong)
            if not (removed and rival):
                found.setdefault(plant.path, []).append(plant)
    return found


def arranged(
    sheet: Sheet, sizes: Mapping[str, int], order: Callable[[str], bytes]
) -> tuple[str, ...]:
    """The paths of a context in their order: by ``order``, but for the evidence that
    has a depth, which stands where that share of the tokens is before it."""
    depths: dict[str, float] = {}
    for probe in sheet.probes:
        if probe.id in sheet.depths:
            depths.setdefault(place(probe), sheet.depths[probe.id])
    rest = sorted((path for path in sizes if path not in depths), key=order)
    placed = sorted(depths, key=lambda path: (depths[path], order(path)))
    total = sum(sizes.values())
    found: list[str] = []
    at = 0.0
    for path in placed:
        # Its middle is at its depth, as far as it fits.
        start = depths[path] * (total - sizes[path])
        while rest and at + sizes[rest[0]] / 2 <= start:
            at += sizes[rest[0]]
            found.append(rest.pop(0))
        at += sizes[path]
        found.append(path)
    return (*found, *rest)


def depths_in(
    sheet: Sheet, sizes: Mapping[str, int], order: Callable[[str], bytes]
) -> dict[str, float]:
    """The share of a context's tokens before the middle of each probe's place. Where
    files are large it is not the one that was meant."""
    total, at = sum(sizes.values()), 0
    middles = {}
    for path in arranged(sheet, sizes, order):
        middles[path] = (at + sizes[path] / 2) / total
        at += sizes[path]
    return {p.id: middles[place(p)] for p in sheet.probes if p.id in sheet.depths}
