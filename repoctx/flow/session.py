"""One run's surroundings: the place, its settings, its state, its index, all opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from repoctx.errors import NotARepository
from repoctx.flow.journals import take_back
from repoctx.flow.state import State, open_state
from repoctx.scan import OwnRules, Place, Selection, discover, folder_name, user_state
from repoctx.settings import Loaded, Settings, load, user_file
from repoctx.values import BlobFacts, Count, Progress, Reason, Snapshot, silent

if TYPE_CHECKING:
    from repoctx.flow.unsaved import Editor
    from repoctx.index import Store


class Handed(NamedTuple):
    """A prompt for a person to carry: its text, its tokens, the file that holds it."""

    text: str
    # Hides tuple.count, which nobody needs here.
    count: Count  # type: ignore[assignment]
    path: Path


@dataclass(slots=True)
class Session:
    """What a job works with. ``notes`` collects single lines that a person should see
    once; ``own`` are the .repoctxignore rules of the work tree, once it was read. The
    index is opened at its first use; ``unparsed`` is what has yet to enter it."""

    place: Place
    loaded: Loaded
    state: State
    progress: Progress = silent
    notes: list[str] = field(default_factory=list)
    own: OwnRules | None = None
    confirm: Callable[[str], bool] | None = None
    """Asks the person a question; None when there is nobody to ask."""
    spent: float = 0.0
    """USD of the requests of this run so far: --max-cost bounds them all together."""
    held: dict[str, bytes] | None = None
    """Set when files change while they are read: what is listed is kept here, by id,
    and read from here."""
    unparsed: list[Callable[[], None]] = field(default_factory=list)
    carry: Callable[[Callable[[], Handed]], str] | None = None
    """How a person carries a prompt to a model and its answer back: given what writes
    the prompt down, the answer. None where there is no person."""
    cancelled: Callable[[], bool] = lambda: False
    """Whether the user has had enough: then no request is sent any more, and the one
    that streams ends. Asked from any thread."""
    editor: Editor | None = None
    """What holds files open that it may not have saved; None where nothing does."""
    _store: Store | None = None
    _facts: dict[str, BlobFacts] | None = None

    @property
    def store(self) -> Store:
        """The index with the texts of all that was listed, which are parsed now where
        nobody asked before: who packs a tree that fits never does. Raises StorageError.
        """
        while self.unparsed:
            self.unparsed.pop()()
        return self.rows

    @property
    def rows(self) -> Store:
        """The index as it is, for what needs no text parsed: facts, token counts.
        Raises StorageError."""
        if self._store is None:
            from repoctx.index import Store  # sqlite takes 10 ms

            self._store = Store.open(self.state.index)
        return self._store

    @property
    def facts(self) -> dict[str, BlobFacts]:
        """What is known of every blob by its id; grows while blobs are read."""
        if self._facts is None:
            self._facts = self.rows.facts()
        return self._facts

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
    def way(self) -> str:
        """What of the settings parts caches: the effort and verbosity asked for."""
        asked = (self.settings.effort, self.settings.verbosity)
        return " ".join(way or "-" for way in asked) if any(asked) else ""

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

    ``flags`` are settings given for this run, by key. An apply that was killed is taken
    back first. Raises NotARepository,
    SettingsError, StorageError.
    """
    place = discover(start)
    loaded = load(place.root, user_file(os.environ), os.environ, flags)
    above = loaded.settings.state_dir
    folder = above / folder_name(place.root) if above else place.state
    state = open_state(folder, lambda: user_state(place.root))
    notes = [*loaded.problems, *([state.note] if state.note else [])]
    notes += take_back(place, state)
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
