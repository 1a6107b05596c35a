"""The plan of an evaluation: which questions are asked where, what is there already,
and what the rest will cost. Nothing is sent.

An answer is kept under all that decides its prompt, so that a run that ended early goes
on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import repoctx_prompts as prompts

from repoctx.errors import UsageError
from repoctx.flow.aside import aside
from repoctx.flow.contexts import Desk, question
from repoctx.flow.fan_out import PARALLEL
from repoctx.flow.material import material
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.packing import room_for
from repoctx.flow.price import price
from repoctx.flow.runs import kept_answer, runs_folder
from repoctx.flow.session import Session, something_in
from repoctx.flow.survey import snapshot_now
from repoctx.probe.chance import Shown
from repoctx.probe.generate import drawn
from repoctx.probe.grid import (
    ARMS,
    FILLED,
    Ask,
    Plan,
    Sheet,
    depths_in,
    fitting,
    sheets,
)
from repoctx.probe.ground import EVIDENCE, Ground
from repoctx.probe.probes import FAMILIES, PROBES_VERSION, Probe, Scoring
from repoctx.probe.runs import Foreseen, Outcome, Run
from repoctx.protocols import ByHand
from repoctx.settings import kinds
from repoctx.values import Usage, byte_order

FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Of the largest context: the usual lengths."""

SHORTEST = 2000
"""Tokens: no usual length is below."""

MORE = ("needle", "distractors", "superseded")
"""Families with short answers, of which twice as many are asked."""

POOL = 3
"""Probes drawn for each one asked: not all fit the shortest context."""

NEARLY = 0.85
"""Of the bytes that a usual text has for so many tokens: some have less."""

SHORT_ANSWER = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. ``probes`` is the number of each family; ``lengths`` are
    tokens, or up to 1 shares of the largest context (none: the usual ones); ``arms``
    names those to try; ``efforts`` are those to try besides the usual one; ``fresh``
    asks anew what was answered before."""

    probes: int = 4
    families: tuple[str, ...] = FAMILIES
    lengths: tuple[float, ...] = ()
    arms: tuple[str, ...] = ("anchor", "overlay", "distractors", "context")
    efforts: tuple[str, ...] = ()
    seed: int = 0
    fresh: bool = False
    parallel: int = PARALLEL


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a grid: the step of depths at which its evidence stands (None: in
    several places), what a guess is worth, where its answer is kept, the answer that
    was there before (None: it is to be asked), and then the usage that is foreseen,
    with its price in USD (None: not known)."""

    ask: Ask
    depth: float | None
    chance: float
    path: Path
    answer: Mapping[str, Any] | None
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet with its questions, and the model that they are put to."""

    sheet: Sheet
    model: Model
    questions: tuple[Question, ...]


@dataclass(slots=True)
class Grid:
    """A grid that is ready to be asked. ``found`` and ``spent``, USD of this time
    alone, grow while it is."""

    desk: Desk
    pages: tuple[Page, ...]
    run: Run
    parallel: int
    found: list[Outcome] = field(default_factory=list)
    spent: float = 0.0

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """The contexts."""
        return tuple(page.sheet for page in self.pages)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where the answers are kept."""
        return tuple(one.path for page in self.pages for one in page.questions)

    def result(self) -> Run:
        """The run with what was found so far, in the order of the grid."""
        return replace(self.run, outcomes=tuple(self.found))


@contextmanager
def prepared(session: Session, wanted: Wanted) -> Iterator[Grid]:
    """A grid for the chosen model; nothing is sent. Raises UsageError for what cannot
    be measured, and as `choose_model` does."""
    model = choose_model(session, learn=True)
    if not model.able.reads_context or isinstance(model.provider, ByHand):
        raise UsageError(
            f"{model.name} cannot be asked a grid of questions: name a model (-m "
            "PROVIDER/MODEL), or measure without one (--offline)"
        )
    models = {"": model} | {
        effort: choose_model(_with_effort(session, effort))
        for effort in _efforts(session, wanted)
    }
    now = something_in(session, snapshot_now(session))
    with aside(session) as own, material(own, now) as matter:
        counter = tokenizer_for(own, model)
        desk = Desk(own, matter, counter, model.scale.factor, wanted.seed)
        lengths = _lengths(session, model, desk, wanted.lengths)
        probes = _probes(session, desk, wanted, lengths[0])
        plan = _plan(session, wanted, lengths)
        planned = sheets(probes, plan, desk.tokens)
        of = (wanted.seed, now.tree)
        run = _run(session, model, of, (plan, probes, planned))
        keys = _Keys(session, desk, run)
        pages = tuple(_pages(keys, planned, models, wanted.fresh))
        grid = Grid(desk, pages, run, wanted.parallel)
        grid.run = replace(run, id=_run_id(grid), foreseen=_foreseen(pages))
        yield grid


def _run(
    session: Session,
    model: Model,
    of: tuple[int, str],
    planned: tuple[Plan, Sequence[Probe], Sequence[Sheet]],
) -> Run:
    """A run of this seed on this tree, in which nothing was asked yet."""
    seed, tree = of
    plan, probes, all_sheets = planned
    asks = [ask for sheet in all_sheets for ask in sheet.asks]
    tried = {ask.arm for ask in asks}
    return Run(
        id="",
        repository=session.place.root.name,
        tree=tree,
        model=model.name,
        when=time.time(),
        window=model.able.window,
        seed=seed,
        probes_version=PROBES_VERSION,
        lengths=tuple(plan.lengths),
        depths=plan.depths,
        arms={arm: v for arm, v in (plan.arms or {}).items() if arm in tried},
        arm_length=plan.arm_length,
        families=dict(Counter(probe.family for probe in probes)),
        wanted=len(asks),
    )


def _efforts(session: Session, wanted: Wanted) -> tuple[str, ...]:
    """The efforts to try besides the usual one. Raises UsageError for what is none."""
    for effort in wanted.efforts:
        try:
            kinds()["effort"].parse(effort, True)
        except ValueError as exc:
            raise UsageError(f"--efforts {effort}: it must be {exc}") from None
    others = dict.fromkeys(wanted.efforts)
    return tuple(one for one in others if one and one != session.settings.effort)


def _with_effort(session: Session, effort: str) -> Session:
    settings = replace(session.settings, effort=effort)
    return replace(session, loaded=replace(session.loaded, settings=settings))


def _plan(session: Session, wanted: Wanted, lengths: tuple[int, ...]) -> Plan:
    for arm in wanted.arms:
        if arm not in ARMS:
            raise UsageError(f"no arm {arm!r}: there are {', '.join(ARMS)}")
    arms = {arm: values for arm, values in ARMS.items() if arm in wanted.arms}
    if others := _efforts(session, wanted):
        arms["effort"] = (session.settings.effort, *others)
    return Plan(lengths, arms=arms, arm_length=lengths[(len(lengths) - 1) // 2])


def _lengths(
    session: Session, model: Model, desk: Desk, wanted: Sequence[float]
) -> tuple[int, ...]:
    """Context lengths in the model's tokens, shortest first."""
    room = room_for(session, model, desk.tokenizer.exact).limit
    most = int(room * model.scale.factor * (1 if desk.tokenizer.exact else 0.92))
    # No context can be longer than all that there is.
    there = desk.total()
    most = min(most, there) if most else there
    if not wanted:
        usual = (int(most * share) for share in FRACTIONS)
        return tuple(n for n in usual if n >= SHORTEST) or (most,)
    lengths = {int(n * most) if n <= 1 else int(n) for n in wanted}
    fit = tuple(sorted(n for n in lengths if n <= most))
    if len(fit) < len(lengths):
        session.notes.append(
            f"{len(lengths) - len(fit)} length(s) are left out: no context here is "
            f"longer than {most:,} tokens"
        )
    if not fit:
        raise UsageError(f"no length is at most {most:,} tokens")
    return fit


def _probes(
    session: Session, desk: Desk, wanted: Wanted, shortest: int
) -> tuple[Probe, ...]:
    """The probes that fit the shortest length, up to the number wanted a family."""
    unknown = [f for f in wanted.families if f not in FAMILIES]
    if unknown:
        raise UsageError(f"no family {unknown[0]!r}: there are {', '.join(FAMILIES)}")
    session.progress("generating", 0, 0)
    found: list[Probe] = []
    none: list[str] = []
    bytes_there = sum(file.size for file in desk.material.files)
    room = int(shortest * FILLED * NEARLY * bytes_there / max(desk.total(), 1))
    ground = Ground(desk.material, wanted.seed, min(room, EVIDENCE))
    for family in wanted.families:
        number = wanted.probes * (2 if family in MORE else 1)
        made = tuple(drawn(ground, family, number * POOL))
        fit = fitting(made, shortest, desk.tokens)[:number]
        found += fit
        none += [] if fit else [family]
    if none:
        session.notes.append(
            f"no probe of {', '.join(none)} is certain and fits {shortest:,} tokens"
        )
    if not found:
        raise UsageError("there is nothing certain to ask here: try longer --lengths")
    return tuple(found)


# --- what is there, and what the rest will cost ---------------------------------------


def _pages(
    keys: _Keys, planned: Sequence[Sheet], models: Mapping[str, Model], fresh: bool
) -> Iterator[Page]:
    """Each sheet with its questions, priced in the order in which they are asked."""
    seen: set[object] = set()
    desk = keys.desk
    opening = desk.tokenizer.count(desk.opening)
    for sheet in planned:
        model, base = models[sheet.setting.effort], _base_key(sheet)
        chosen = desk.chosen(sheet)
        prefix = sum(chosen.values()) + opening
        shown = Shown(desk.material, chosen)
        stand = {
            probe: min(keys.run.depths, key=lambda step: abs(step - depth))
            for probe, depth in depths_in(sheet, chosen, byte_order).items()
        }
        questions = []
        for ask in sheet.asks:
            depth, chance = stand.get(ask.probe.id), shown.chance(ask.probe)
            path = keys.path(model, sheet, ask)
            answer = None if fresh else kept_answer(path)
            if answer is not None:
                questions.append(Question(ask, depth, chance, path, answer))
                continue
            usage = _usage(desk, model, prefix, ask, base in seen)
            seen.add(base)
            cost = price(model, usage, time.time())
            questions.append(Question(ask, depth, chance, path, None, usage, cost))
        yield Page(sheet, model, tuple(questions))


def _foreseen(pages: Sequence[Page]) -> Foreseen:
    """What the answers that are not there yet will use."""
    left = [one for page in pages for one in page.questions if one.answer is None]
    costs = [one.cost for one in left if one.cost is not None]
    return Foreseen(
        len(left),
        sum(one.usage.input for one in left),
        sum(one.usage.cached for one in left),
        sum(one.usage.output for one in left),
        sum(costs) if len(costs) == len(left) else None,
    )


def _base_key(sheet: Sheet) -> object:
    """What decides the base's bytes: a cache has it when it was sent before."""
    s = sheet.setting
    first = sheet.first.id if sheet.first else ""
    stale = s.overlay == "strict"
    ids = tuple(probe.id for probe in sheet.probes)
    return (sheet.length, ids, stale, s.distractors, s.context, s.effort, first)


def _usage(desk: Desk, model: Model, prefix: int, ask: Ask, warm: bool) -> Usage:
    """The usage that is expected; ``warm``: the base was sent before."""
    able = model.able
    asked = round(desk.tokenizer.count(question(desk, ask)) * desk.factor)
    if ask.setting.context == "skeleton":
        asked += prefix // 4
        prefix //= 3
    held = prefix if able.cache != "none" and prefix >= able.minimum else 0
    written = 0 if warm or able.cache not in ("marks", "explicit") else held
    return Usage(
        prefix + asked, held if warm else 0, written, _answer_tokens(desk, ask)
    )


def _answer_tokens(desk: Desk, ask: Ask) -> int:
    probe = ask.probe
    if probe.scoring in (Scoring.EXACT, Scoring.SET):
        return SHORT_ANSWER * (1 + len(probe.truth) // 4)
    return round(sum(desk.tokenizer.count_many(probe.truth)) * desk.factor * 1.1)


# --- names ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keys:
    """What decides all prompts of a grid alike."""

    session: Session
    desk: Desk
    run: Run

    def path(self, model: Model, sheet: Sheet, ask: Ask) -> Path:
        """Where an answer is kept: under all that decides its prompt."""
        session, own = self.session, self.session.settings.prompts_dir
        edits = ask.probe.scoring is Scoring.TREE
        parts = [
            PROBES_VERSION,
            model.name,
            session.way,
            self.run.tree,
            session.settings.style,
            session.settings.redact,
            repr(session.selection),
            self.desk.opening,
            prompts.load("edit" if edits else "probe", own),
            self.run.seed,
            sheet.length,
            [p.id for p in sheet.probes],
            sorted(sheet.depths.items()),
            asdict(sheet.setting),
            ask.probe.id,
            asdict(ask.setting),
        ]
        name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]
        return runs_folder(session) / "answers" / f"{name}.json"


def _run_id(grid: Grid) -> str:
    """A run's name: the same for the same grid, whoever goes on with it."""
    names = "".join(path.name for path in grid.paths)
    digest = hashlib.sha256(names.encode()).hexdigest()[:8]
    model = "".join(c if c.isalnum() else "-" for c in grid.run.model)[-40:]
    return f"{model}-{digest}"
