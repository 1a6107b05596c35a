"""Draft a commit's message into the file that git opens in the editor. Opt-in.

Only where git asks for a message of its own: not for a merge, an amended commit, a
template or a message given by ``-m``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from repoctx.errors import GitError, Interrupted, RepoctxError
from repoctx.hook.run import SKIP, Terms, failed, timed

NO_DRAFT = "no message was drafted"

MOST = 1_000_000
"""Bytes of a message file that is looked at."""


def prepare(start: Path, given: Sequence[str], terms: Terms) -> int:
    """Put a draft on top of the message file; the exit status of the hook. ``given``
    are the file, where its message is from, and a commit, as git passes them."""
    if os.environ.get(SKIP, "") not in ("", "0") or len(given) != 1:
        return 0
    try:
        with timed(terms.seconds):
            _prepare(start, given[0], terms)
    except (KeyboardInterrupt, BrokenPipeError):
        return Interrupted.code
    except RepoctxError as exc:
        return failed(str(exc), exc.code, terms, NO_DRAFT)
    # A hook is the last place for a traceback.
    except Exception as exc:  # noqa: BLE001
        return failed(f"{type(exc).__name__}: {exc}", 2, terms, NO_DRAFT)
    return 0


def _prepare(start: Path, name: str, terms: Terms) -> None:
    from repoctx.flow.hooks import subject_of
    from repoctx.flow.message import draft
    from repoctx.flow.session import open_session

    flags = {"model": terms.model or None, "max_cost": terms.max_cost or None}
    with open_session(start, flags) as session:
        path = (session.place.root / name).resolve()
        if path.parent != session.place.git_dir.resolve():
            raise GitError(f"{name} is no message file of this repository")
        before = path.read_bytes()[:MOST]
        if any(line and not line.startswith(b"#") for line in before.split(b"\n")):
            return  # Somebody has written something already.
        subject = subject_of("prepare-commit-msg", session.place, os.environ)
        text = draft(session, subject)
        if text:
            path.write_bytes(text.encode() + before)
