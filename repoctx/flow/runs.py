"""What is kept of evaluations: runs, read by id, by file, or the last one, and answers,
so that no question is paid for twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from repoctx.errors import StorageError, UsageError
from repoctx.flow.session import Session
from repoctx.flow.state import forget_old, read_json, write_json
from repoctx.probe.runs import Run, as_json, from_json

MOST = 64_000_000
"""Bytes of a run's file."""

KEPT_RUNS = 100
KEPT_ANSWERS = 10_000
"""Answers that stay besides those that a run still needs: some 20 large grids."""
UNFINISHED = 20
"""Runs that ended early whose answers stay in any case."""


def runs_folder(session: Session) -> Path:
    """Where runs, and below it answers, are kept."""
    return session.state.folder / "eval"


def keep_run(session: Session, run: Run) -> Path:
    """Keep a run's outcomes for `compare` and reports. Raises StorageError."""
    path = runs_folder(session) / f"{run.id}.json"
    write_json(path, as_json(run))
    forget_old(path.parent, "*.json", KEPT_RUNS)
    return path


def read_run(session: Session, name: str = "") -> Run:
    """The run of this id, in this file, or the last one here. Raises UsageError."""
    folder = runs_folder(session)
    if not name:
        kept = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        if not kept:
            raise UsageError("nothing was evaluated here yet: repoctx eval")
        return _read(kept[-1], kept[-1].stem)
    if Path(name).name == name and (folder / f"{name}.json").is_file():
        return _read(folder / f"{name}.json", name)
    if Path(name).is_file():
        return _read(Path(name), name)
    known = ", ".join(sorted(path.stem for path in folder.glob("*.json"))[:8])
    raise UsageError(f"no run {name!r}" + (f": there are {known}" if known else ""))


def _read(path: Path, name: str) -> Run:
    try:
        if path.stat().st_size > MOST:
            raise ValueError("too large")
        return from_json(read_json(path))
    except (OSError, ValueError) as exc:
        raise UsageError(f"{name}: {exc}") from None


# --- answers --------------------------------------------------------------------------


def kept_answer(path: Path) -> Mapping[str, Any] | None:
    """The answer that was given before; None when there is none."""
    found = read_json(path)
    needed = {"text", "usage", "seconds", "first"}
    if not isinstance(found, dict) or not needed <= set(found):
        return None
    return {**found, "resumed": True}


def keep_answer(path: Path, answer: Mapping[str, Any]) -> None:
    """Keep an answer. Raises StorageError."""
    write_json(path, answer)


def begin(session: Session, run: str, paths: Sequence[Path]) -> Callable[[], None]:
    """Note that a run needs the answers at ``paths``, and forget old ones of others;
    what is returned is to be called when it is finished.

    What a run that was not finished needs stays (of the last `UNFINISHED`), and besides
    the `KEPT_ANSWERS` that were used last.
    """
    folder = runs_folder(session)
    note = folder / "unfinished" / f"{run}.json"
    try:
        write_json(note, [path.name for path in paths])
    except StorageError as exc:
        session.notes.append(str(exc))
    forget_old(note.parent, "*.json", UNFINISHED)
    for path in paths:
        with suppress(OSError):
            os.utime(path)
    needed = {path.name for path in paths}
    for other in note.parent.glob("*.json"):
        names = read_json(other)
        needed.update(names if isinstance(names, list) else ())
    forget_old(folder / "answers", "*.json", KEPT_ANSWERS, spared=needed)

    def finished() -> None:
        with suppress(OSError):
            note.unlink()

    return finished
