"""How many tokens each model counts for one of ours: a small note a model in the state
folder, with the last reports of its provider."""

from __future__ import annotations

import hashlib
from pathlib import Path

from repoctx.flow.state import State, read_json, write_json
from repoctx.pack.tokens import FACTORS, ONE, Scale, learn, scale_of
from repoctx.protocols import Tokenizer

VERSION = 1


def scale_for(state: State, model: str, prior: float, counter: Tokenizer) -> Scale:
    """The factor by which ``model`` counts what ``counter`` does: by its reports, or
    ``prior`` before there are any. An exact counter needs none."""
    if counter.exact:
        return ONE
    return scale_of(prior, _reports(state, model, counter))


def learn_scale(
    state: State, model: str, counter: Tokenizer, ours: int, counted: int
) -> None:
    """Note that ``model``'s provider ``counted`` what is ``ours`` by ``counter``.

    Raises StorageError."""
    if counter.exact:
        return
    before = _reports(state, model, counter)
    after = learn(before, ours, counted)
    if after != before:
        named = {"version": VERSION, "model": model, "counter": counter.name}
        write_json(_path(state, model), {**named, "reports": after})


def _reports(state: State, model: str, counter: Tokenizer) -> tuple[float, ...]:
    """The last reports, oldest first; none when the note is missing or damaged, or of
    another counter."""
    note = read_json(_path(state, model))
    try:
        about = (note["version"], note["model"], note["counter"])
        if about != (VERSION, model, counter.name):
            return ()
        reports = tuple(float(report) for report in note["reports"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return ()
    low, high = FACTORS
    return reports if all(low <= report <= high for report in reports) else ()


def _path(state: State, model: str) -> Path:
    name = hashlib.sha256(model.encode()).hexdigest()[:16]
    return state.folder / "scale" / f"{name}.json"
