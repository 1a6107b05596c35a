"""One run's surroundings: the place, its settings, its state, its index, all opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repoctx.errors import NotARepository
from repoctx.flow.state import State, open_state
from repoctx.scan import OwnRules, Place, Selection, discover, folder_name, user_state
from repoctx.settings import Loaded, Settings, load, user_file
from repoctx.values import BlobFacts, Progress, Reason, Snapshot, silent

if TYPE_CHECKING:
    from repoctx.index import Store


class Facts(dict[str, BlobFacts]):
    """Facts by blob id. All that the index knows is read when a blob is asked for
    that is not known here."""

    def __init__(self, load: Callable[[], Mapping[str, BlobFacts]]) -> None:
        super().__init__()
        self._load: Callable[[], Mapping[str, BlobFacts]] | None = load

    def all(self) -> Facts:
        """These facts, with all that the index knows."""
        load, self._load = self._load, None
        if load is not None:
            self.update({**load(), **self})
        return self

    def __missing__(self, oid: str) -> BlobFacts:
        if self._load is None:
            raise KeyError(oid)
        return self.all()[oid]

    def get(self, oid: str, default: Any = None) -> Any:
        """As of any dictionary."""
        try:
            return self[oid]
        except KeyError:
            return default


@dataclass(slots=True)
class Session:
    """What a job works with. ``notes`` collects single lines that a person should see
    once; ``own`` are the .repoctxignore rules of the work tree, once it was read. The
    index is opened at its first use."""

    place: Place
    loaded: Loaded
    state: State
    progress: Progress = silent
    notes: list[str] = field(default_factory=list)
    own: OwnRules | None = None
    held: dict[str, bytes] | None = None
    """Set when files change while they are read: what is listed is kept here, by id,
    and read from here."""
    lean: bool = False
    """Only the prefix is wanted: what changed need not enter the index now."""
    facts: Facts = field(init=False)
    """What is known of every blob by its id; grows while blobs are read."""
    _store: Store | None = None

    def __post_init__(self) -> None:
        self.facts = Facts(lambda: self.store.facts())

    @property
    def store(self) -> Store:
        """The index. Raises StorageError."""
        if self._store is None:
            from repoctx.index import Store  # sqlite takes 10 ms

            self._store = Store.open(self.state.index)
        return self._store

    def tell_of_the_index(self) -> None:
        """Note what went wrong with the index file, if it was opened."""
        if self._store is not None:
            said = (self._store.recovered, self._store.note)
            self.notes += [line for line in said if line]

    def close(self) -> None:
        """Give the index back."""
        if self._store is not None:
            self._store.close()

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
    above = loaded.settings.state_dir
    folder = above / folder_name(place.root) if above else place.state
    state = open_state(folder, lambda: user_state(place.root))
    notes = [*loaded.problems, *([state.note] if state.note else [])]
    session = Session(place, loaded, state, progress, notes)
    try:
        yield session
        session.tell_of_the_index()
    finally:
        session.close()


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
