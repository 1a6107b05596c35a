"""Answers of which some blocks were refused, kept until the rest is sent again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from repoctx.errors import UsageError
from repoctx.flow.journals import journal_folder
from repoctx.flow.session import Session
from repoctx.flow.state import read_json, write_json
from repoctx.parse.edits import FORMS, blocks
from repoctx.parse.stitch import stitch
from repoctx.values import Block


@dataclass(frozen=True, slots=True)
class Round:
    """An answer: its parts, the format that they are read in, and the ids of its
    blocks that were accepted (None: all of them are to be tried)."""

    texts: tuple[str, ...]
    form: str = "auto"
    accepted: frozenset[str] | None = None


def blocks_of(rounds: Sequence[Round]) -> tuple[tuple[Block, int, str], ...]:
    """The blocks that are to be tried: each with an id of its own, its round's number
    and its id there. Raises UsageError for an unknown format."""
    found = []
    used: set[str] = set()
    for number, one in enumerate(rounds):
        if one.form not in ("auto", *FORMS):
            known = ", ".join(("auto", *FORMS))
            raise UsageError(f"there is no edit format {one.form[:40]!r}: {known}")
        for block in blocks(stitch(one.texts), one.form):
            if one.accepted is not None and block.id not in one.accepted:
                continue
            name = block.id
            while name in used:
                name += "'"
            used.add(name)
            found.append((replace(block, id=name), number, block.id))
    return tuple(found)


def keep(
    session: Session, rounds: Sequence[Round], accepted: frozenset[str], title: str
) -> None:
    """Keep the blocks of ``rounds`` whose ids (of `blocks_of`) are ``accepted``, in the
    place of what was kept before; nothing when there is none. Raises StorageError."""
    found = blocks_of(rounds)
    kept = []
    for number, one in enumerate(rounds):
        ids = sorted(i for b, n, i in found if n == number and b.id in accepted)
        if ids:
            kept.append(asdict(one) | {"accepted": ids})
    if kept:
        write_json(_file(session), {"title": title, "rounds": kept})


def pending(session: Session) -> tuple[tuple[Round, ...], str]:
    """What is kept, and its title. Raises UsageError when there is nothing."""
    fields = read_json(_file(session))
    try:
        rounds = tuple(
            Round(tuple(map(str, r["texts"])), str(r["form"]), frozenset(r["accepted"]))
            for r in fields["rounds"]
        )
        return rounds, str(fields["title"])
    except (KeyError, TypeError):
        raise UsageError("no blocks are pending here") from None


def drop(session: Session) -> None:
    """Forget what was kept: it is applied."""
    with suppress(OSError):
        _file(session).unlink()


def _file(session: Session) -> Path:
    return journal_folder(session.place, session.state) / "pending.json"
