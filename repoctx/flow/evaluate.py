"""The job of evaluating a model on this repository: a grid of probes, asked for as
little as it can cost, every finished answer kept.

A run that ended early goes on where it stopped: an answer is kept under all that
decides its prompt. The requests over one prefix come together, the first alone.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event, Lock
from typing import Any

import repoctx_prompts as prompts

from repoctx.ask.fan_out import EVERYONES, fan_out
from repoctx.ask.receive import Control
from repoctx.errors import (
    BudgetExceeded,
    Interrupted,
    StorageError,
    UsageError,
)
from repoctx.flow.aside import aside
from repoctx.flow.ask import DEFAULT_OUTPUT
from repoctx.flow.contexts import Desk, applied, context, question, request
from repoctx.flow.fan_out import PARALLEL, apart
from repoctx.flow.material import material
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.packing import room_for
from repoctx.flow.price import price
from repoctx.flow.sending import send
from repoctx.flow.session import Session, something_in
from repoctx.flow.state import forget_old, read_json, write_json
from repoctx.flow.survey import snapshot_now
from repoctx.probe.generate import generate
from repoctx.probe.grid import ARMS, Ask, Plan, Sheet, fitting, sheets
from repoctx.probe.probes import FAMILIES, PROBES_VERSION, Probe, Scoring
from repoctx.probe.runs import Foreseen, Outcome, Run, as_json, verdict
from repoctx.probe.score import score
from repoctx.protocols import ByHand
from repoctx.values import Answer, Stop, Usage

FRACTIONS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Of the largest context: the usual lengths."""

SHORTEST = 2000
"""Tokens: no usual length is below."""

MORE = ("needle", "distractors", "superseded")
"""Families with short answers, of which twice as many are asked."""

POOL = 3
"""Probes drawn for each one asked: the shortest context holds only small evidence."""

SHORT_ANSWER = 60
KEPT_ANSWERS, KEPT_RUNS = 50_000, 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. ``probes`` is the number of each family; ``lengths`` are
    tokens, or up to 1 shares of the largest context (none: the usual ones); ``arms``
    names those to try; ``efforts`` the efforts, the usual one first; ``fresh`` asks
    anew what was answered before."""

    probes: int = 4
    families: tuple[str, ...] = FAMILIES
    lengths: tuple[float, ...] = ()
    arms: tuple[str, ...] = ("anchor", "overlay", "distractors", "context")
    efforts: tuple[str, ...] = ()
    seed: int = 0
    fresh: bool = False
    parallel: int = PARALLEL


@dataclass(slots=True)
class Grid:
    """A grid that is ready to be asked. ``run`` grows while it is; ``spent`` is USD of
    this time alone."""

    desk: Desk
    models: Mapping[str, Model]
    sheets: tuple[Sheet, ...]
    run: Run
    fresh: bool
    parallel: int
    found: list[Outcome] = field(default_factory=list)
    spent: float = 0.0

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
    now = something_in(session, snapshot_now(session))
    with aside(session) as own, material(own, now) as matter:
        counter = tokenizer_for(own, model)
        desk = Desk(own, matter, counter, model.scale.factor, wanted.seed)
        lengths = _lengths(session, model, desk, wanted.lengths)
        probes = _probes(session, desk, wanted, lengths[0])
        models = {"": model} | {
            effort: choose_model(_with_effort(session, effort))
            for effort in wanted.efforts[1:]
        }
        plan = _plan(session, wanted, lengths)
        planned = sheets(probes, plan, desk.tokens)
        arms = {a: v for a, v in (plan.arms or {}).items() if _tried(planned, a)}
        run = Run(
            id="",
            repository=session.place.root.name,
            tree=now.tree,
            model=model.name,
            when=time.time(),
            window=model.able.window,
            seed=wanted.seed,
            probes_version=PROBES_VERSION,
            lengths=lengths,
            depths=plan.depths,
            arms=arms,
            arm_length=plan.arm_length,
            families={
                family: sum(p.family == family for p in probes)
                for family in dict.fromkeys(p.family for p in probes)
            },
            wanted=sum(len(sheet.asks) for sheet in planned),
        )
        grid = Grid(desk, models, planned, run, wanted.fresh, wanted.parallel)
        grid.run = replace(run, id=_run_id(session, grid))
        grid.run = replace(grid.run, foreseen=foresee(session, grid))
        yield grid


def _with_effort(session: Session, effort: str) -> Session:
    settings = replace(session.settings, effort=effort)
    return replace(session, loaded=replace(session.loaded, settings=settings))


def _tried(planned: Sequence[Sheet], arm: str) -> bool:
    return any(ask.arm == arm for sheet in planned for ask in sheet.asks)


def _plan(session: Session, wanted: Wanted, lengths: tuple[int, ...]) -> Plan:
    for arm in wanted.arms:
        if arm not in ARMS:
            raise UsageError(f"no arm {arm!r}: there are {', '.join(ARMS)}")
    arms = {arm: values for arm, values in ARMS.items() if arm in wanted.arms}
    if len(wanted.efforts) > 1:
        arms["effort"] = ("", *wanted.efforts[1:])
        if session.settings.effort != wanted.efforts[0]:
            raise UsageError("--effort: the first must be the usual effort")
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
    for family in wanted.families:
        number = wanted.probes * (2 if family in MORE else 1)
        drawn = generate(desk.material, (family,), number * POOL, wanted.seed)
        fit = fitting(drawn, shortest, desk.tokens)[:number]
        found += fit
        none += [] if fit else [family]
    if none:
        session.notes.append(
            f"no probe of {', '.join(none)} is certain and fits {shortest:,} tokens"
        )
    if not found:
        raise UsageError("there is nothing certain to ask here: try longer --lengths")
    return tuple(found)


# --- what it will cost ----------------------------------------------------------------


def foresee(session: Session, grid: Grid) -> Foreseen:
    """What the answers that are not there yet will use."""
    requests = tokens = cached = output = 0
    cost: float | None = 0.0
    for _, _, usage, known in _usages(session, grid):
        requests, tokens = requests + 1, tokens + usage.input
        cached, output = cached + usage.cached, output + usage.output
        cost = None if cost is None or known is None else cost + known
    return Foreseen(requests, tokens, cached, output, cost)


def _usages(
    session: Session, grid: Grid
) -> Iterator[tuple[Sheet, Ask, Usage, float | None]]:
    seen: set[object] = set()
    opening = grid.desk.tokenizer.count(grid.desk.opening)
    for sheet in grid.sheets:
        model = grid.models[sheet.setting.effort]
        prefix = sum(grid.desk.chosen(sheet).values()) + opening
        for ask in _missing(session, grid, sheet):
            key = _base_key(sheet)
            usage = _usage(grid.desk, model, prefix, ask, key in seen)
            seen.add(key)
            yield sheet, ask, usage, price(model, usage, time.time())


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


# --- asking ---------------------------------------------------------------------------


def ask_all(session: Session, grid: Grid) -> None:
    """Ask all that is not answered yet; ``grid.found`` grows.

    Who interrupts it loses nothing that was finished. Raises Interrupted then,
    BudgetExceeded before --max-cost is passed, and the first failure when no question
    at all got an answer.
    """
    costs = {
        (id(sheet), id(ask)): known for sheet, ask, _, known in _usages(session, grid)
    }
    stop, lock = Event(), Lock()
    failed: list[Exception] = []
    for sheet in grid.sheets:
        kept: dict[int, dict[str, Any] | None] = {
            id(ask): _kept(session, grid, sheet, ask) for ask in sheet.asks
        }
        todo = [ask for ask in sheet.asks if kept[id(ask)] is None]
        if todo:
            made = context(grid.desk, sheet)
            model = grid.models[sheet.setting.effort]
            output = model.able.output or DEFAULT_OUTPUT
            requests = [
                (ask, request(grid.desk, made, ask, model.choice.model, output))
                for ask in todo
            ]

            def one(pair: tuple[Ask, Any], begun: Callable[[], None]) -> dict[str, Any]:
                ask, wanted = pair
                known = costs.get((id(sheet), id(ask)))  # noqa: B023
                _affordable(session, grid, known, lock)
                return _answered(session, grid, sheet, ask, wanted, (begun, stop, lock))  # noqa: B023

            parallel = 1 if session.settings.max_cost else grid.parallel
            got = fan_out(requests, one, parallel, stop)
            for ask, came in zip(todo, got, strict=True):
                if isinstance(came, Exception):
                    failed.append(came)
                    why = f"{type(came).__name__}: {came}"
                    kept[id(ask)] = {"error": why}
                else:
                    kept[id(ask)] = came
        grid.found += [
            _outcome(grid, sheet, ask, answer)
            for ask in sheet.asks
            if (answer := kept[id(ask)]) and not _unasked(answer)
        ]
        session.progress("asking", len(grid.found), grid.run.wanted)
        if stop.is_set():
            raise Interrupted(
                "stopped; what was answered is kept, and is not asked again"
            )
        for exc in failed:
            if isinstance(exc, EVERYONES):
                raise exc
        if failed and all(one.verdict == "failed" for one in grid.found):
            raise failed[0]


def _unasked(answer: Mapping[str, Any]) -> bool:
    return str(answer.get("error", "")).startswith(("Interrupted", "BudgetExceeded"))


def _affordable(session: Session, grid: Grid, known: float | None, lock: Any) -> None:
    most = session.settings.max_cost
    if not most:
        return
    with lock:
        if known is None:
            raise BudgetExceeded("the price is not known, so --max-cost cannot be kept")
        if grid.spent + known > most:
            raise BudgetExceeded(
                f"${grid.spent:.4f} are spent, and the next question could pass "
                f"--max-cost ${most:g}; run it again with more to go on"
            )


def _answered(
    session: Session,
    grid: Grid,
    sheet: Sheet,
    ask: Ask,
    wanted: Any,
    way: tuple[Callable[[], None], Event, Any],
) -> dict[str, Any]:
    """Ask one question; the answer as it is kept."""
    begun, stop, lock = way
    own = apart(session, 0.0)
    control = Control(sleep=stop.wait, cancelled=stop.is_set, begun=begun)
    began, first = time.monotonic(), 0.0

    def heard(_text: str) -> None:
        nonlocal first
        first = first or time.monotonic() - began

    model = grid.models[sheet.setting.effort]
    try:
        got = send(own, model, wanted, None, heard, "eval", control)
    finally:
        own.close()
        with lock:
            session.notes += own.notes
    if got.stop is Stop.CANCELLED:
        raise Interrupted("interrupted")
    with lock:
        grid.spent += got.usage.cost or 0.0
        session.spent += got.usage.cost or 0.0
    kept = {
        "text": got.text,
        "usage": asdict(got.usage),
        "seconds": time.monotonic() - began,
        "first": first,
    }
    _keep(session, grid, sheet, ask, kept)
    _drop_file(got)
    return kept


def _drop_file(got: Answer) -> None:
    """Hundreds of answers of one word would bury the user's own."""
    if got.saved is not None:
        with suppress(OSError):
            got.saved.unlink()


def _outcome(grid: Grid, sheet: Sheet, ask: Ask, answer: Mapping[str, Any]) -> Outcome:
    probe = ask.probe
    blank = Outcome(
        probe=probe.id,
        family=probe.family,
        length=sheet.length,
        depth=ask.depth,
        arm=ask.arm,
        setting=ask.setting,
        score=0.0,
        chance=probe.chance,
        verdict="failed",
        error=str(answer.get("error", "")),
    )
    if blank.error:
        return blank
    text = str(answer["text"])
    tree = applied(grid.desk, probe) if probe.scoring is Scoring.TREE else None
    worth = score(probe, text, tree)
    usage = Usage(**answer["usage"])
    return replace(
        blank,
        score=worth,
        verdict=verdict(probe, text, worth),
        input=usage.input,
        cached=usage.cached,
        written=usage.cache_write,
        output=usage.output,
        cost=usage.cost,
        seconds=float(answer["seconds"]),
        first=float(answer["first"]),
        resumed=bool(answer.get("resumed")),
    )


# --- what is kept ---------------------------------------------------------------------


def folder(session: Session) -> Path:
    """Where runs and answers are kept."""
    return session.state.folder / "eval"


def keep_run(session: Session, run: Run) -> Path:
    """Keep a run's outcomes for `compare` and reports. Raises StorageError."""
    path = folder(session) / f"{run.id}.json"
    write_json(path, as_json(run))
    forget_old(path.parent, "*.json", KEPT_RUNS)
    return path


def _missing(session: Session, grid: Grid, sheet: Sheet) -> list[Ask]:
    return [a for a in sheet.asks if _kept(session, grid, sheet, a) is None]


def _path(session: Session, grid: Grid, sheet: Sheet, ask: Ask) -> Path:
    """Where an answer is kept: under all that decides its prompt."""
    model = grid.models[sheet.setting.effort]
    own = session.settings.prompts_dir
    parts = [
        PROBES_VERSION,
        model.name,
        session.way,
        grid.run.tree,
        session.settings.style,
        session.settings.redact,
        repr(session.selection),
        grid.desk.opening,
        prompts.load("edit" if ask.probe.scoring is Scoring.TREE else "probe", own),
        grid.run.seed,
        sheet.length,
        [p.id for p in sheet.probes],
        sorted(sheet.depths.items()),
        asdict(sheet.setting),
        ask.probe.id,
        asdict(ask.setting),
    ]
    name = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]
    return folder(session) / "answers" / f"{name}.json"


def _kept(
    session: Session, grid: Grid, sheet: Sheet, ask: Ask
) -> dict[str, Any] | None:
    """The answer that was given before; None when there is none."""
    path = _path(session, grid, sheet, ask)
    if grid.fresh and not _is_since(path, grid.run.when):
        return None
    found = read_json(path)
    if not isinstance(found, dict) or not {"text", "usage", "seconds", "first"} <= set(
        found
    ):
        return None
    return {**found, "resumed": True}


def _is_since(path: Path, when: float) -> bool:
    try:
        return path.stat().st_mtime >= when
    except OSError:
        return False


def _keep(
    session: Session, grid: Grid, sheet: Sheet, ask: Ask, kept: dict[str, Any]
) -> None:
    try:
        write_json(_path(session, grid, sheet, ask), kept)
    except StorageError as exc:  # It is measured all the same.
        session.notes.append(str(exc))


def _run_id(session: Session, grid: Grid) -> str:
    """A run's name: the same for the same grid, whoever goes on with it."""
    paths = [
        _path(session, grid, sheet, ask).name
        for sheet in grid.sheets
        for ask in sheet.asks
    ]
    digest = hashlib.sha256("".join(paths).encode()).hexdigest()[:8]
    model = "".join(c if c.isalnum() else "-" for c in grid.run.model)[-40:]
    return f"{model}-{digest}"
