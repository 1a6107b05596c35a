"""A session beside the user's: the same repository and settings, a state of its own.

What experiments write (bases, notes, rows of old blobs) would push out what is warm, or
move what search finds; here it is gone at the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from repoctx.errors import StorageError
from repoctx.flow.session import Session
from repoctx.flow.state import State


@contextmanager
def aside(session: Session) -> Iterator[Session]:
    """``session`` with a state folder that lasts as long as the block, and a copy of
    the index in it. Raises StorageError."""
    try:
        spare = tempfile.TemporaryDirectory(prefix="repoctx-")
    except OSError as exc:
        raise StorageError(f"no temporary folder: {exc.strerror}") from exc
    with spare as folder:
        state = State(Path(folder))
        session.store.copy(state.index)
        own = replace(session, state=state, unparsed=[], _store=None, _facts=None)
        try:
            yield own
        finally:
            own.close()
