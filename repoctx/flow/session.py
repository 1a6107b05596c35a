"""One run's surroundings: the place, its settings, its state, its index, all opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from repoctx.errors import NotARepository
from repoctx.flow.state import State, open_state
from repoctx.index import Store
from repoctx.scan import Place, Selection, discover, user_state
from repoctx.settings import Loaded, Settings, load, user_file
from repoctx.values import BlobFacts, Progress, Reason, Snapshot, silent


@dataclass(slots=True)
class Session:
    """What a job works with. ``facts`` grows while blobs are read; ``notes`` collects
    single lines that a person should see once."""

    place: Place
    loaded: Loaded
    state: State
    store: Store
    progress: Progress = silent
    notes: list[str] = field(default_factory=list)
    facts: dict[str, BlobFacts] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings

    @property
    def selection(self) -> Selection:
        """The rules of what enters the context."""
        s = self.settings
        chosen = Selection(include=s.include, exclude=s.exclude)
        return replace(chosen, max_size=s.max_size) if s.max_size else chosen


@contextmanager
def open_session(
    start: Path, flags: Mapping[str, Any], progress: Progress = silent
) -> Iterator[Session]:
    """Open all that a job needs in the repository at ``start``; close it at the end.

    ``flags`` are settings given for this run, by key. Raises NotARepository,
    SettingsError, StorageError.
    """
    place = discover(start)
    loaded = load(place.root, user_file(os.environ), os.environ, flags)
    own = user_state(place.root)
    above = loaded.settings.state_dir
    state = open_state(above / own.name if above else place.state, own)
    notes = [*loaded.problems, *([state.note] if state.note else [])]
    with Store.open(state.index) as store:
        yield Session(place, loaded, state, store, progress, notes, store.facts())
        notes += [line for line in (store.recovered, store.note) if line]


def something_in(session: Session, now: Snapshot) -> Snapshot:
    """``now``, when there is anything in it to ask about; files that could not be read
    are noted. Raises NotARepository."""
    lost = [f for f in now.left_out if f.reason in (Reason.VANISHED, Reason.UNREADABLE)]
    if lost:
        session.notes.append(
            f"{len(lost):,} file(s) could not be read, such as {lost[0].path}: "
            "repoctx status --left-out lists them"
        )
    if not now.files:
        why = "all files are left out" if now.left_out else "there are no files"
        raise NotARepository(
            f"nothing to read in {session.place.root}: {why} (repoctx status says more)"
        )
    return now
