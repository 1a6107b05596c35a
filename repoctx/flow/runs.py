"""Runs of evaluations that were kept: read by id, by file, or the last one."""

from __future__ import annotations

from pathlib import Path

from repoctx.errors import UsageError
from repoctx.flow.session import Session
from repoctx.flow.state import read_json
from repoctx.probe.runs import Run, from_json

MOST = 64_000_000
"""Bytes of a run's file."""


def read_run(session: Session, name: str = "") -> Run:
    """The run of this id, in this file, or the last one here. Raises UsageError."""
    folder = session.state.folder / "eval"
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
