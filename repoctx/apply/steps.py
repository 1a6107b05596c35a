"""One path from one side to the other, and back again from wherever it stopped.

The order within a commit: `write_new` for all paths, `recheck` all, `swap` all,
`verify` all, `sweep` all. Until its sweep, what stood at a path before lies beside it
under a name of ours, so that nobody's bytes are lost in the moment of the swap.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from repoctx.apply.folder import Folder
from repoctx.apply.guard import OURS, see
from repoctx.apply.journal import Side
from repoctx.errors import Drifted, PathRefused


class Other(Enum):
    """Something that is neither a plain file nor nothing: a link, a folder."""

    OTHER = "other"


OTHER = Other.OTHER


@dataclass(frozen=True, slots=True)
class Step:
    """A path of a commit: ``name`` in the folder ``parents``, from ``before`` to
    ``after`` (None: nothing is there). ``aside`` is our name for the new bytes until
    the swap and for the old ones after it, ``spare`` our name on the way back."""

    path: str
    parents: tuple[str, ...]
    name: str
    before: Side | None
    after: Side | None
    aside: str
    spare: str


def make_step(
    path: str, before: Side | None, after: Side | None, commit: str, number: int
) -> Step:
    """The step of the path that is ``number`` in the commit ``commit``."""
    *parents, name = path.split("/")
    aside = f"{OURS}{commit}-{number}"
    return Step(path, tuple(parents), name, before, after, aside, f"{aside}-back")


def write_new(folder: Folder, step: Step) -> None:
    """Put the new bytes beside the path, with the old file's rights and owner."""
    if step.after is not None:
        like = step.name if step.before is not None else ""
        _write(folder, step.aside, step.after, like)


def recheck(folder: Folder, step: Step) -> None:
    """Raises Drifted when what is there is not what the commit begins from."""
    if _now(folder, step.name, step.path) != step.before:
        raise drifted(step.path)


def swap(folder: Folder, step: Step) -> None:
    """Let the new side take the path at once. Raises Drifted, OSError."""
    try:
        if step.before is None:
            folder.place(step.aside, step.name)
        elif step.after is None:
            folder.place(step.name, step.aside)
        elif not folder.exchange(step.aside, step.name):
            recheck(folder, step)  # What is written from here to there is lost.
            folder.move(step.aside, step.name)
    except (FileExistsError, FileNotFoundError) as exc:
        raise drifted(step.path) from exc


def verify(folder: Folder, step: Step) -> None:
    """Raises Drifted when other bytes than expected were swapped out: somebody wrote
    between the recheck and the swap."""
    if step.before is not None:
        aside = _now(folder, step.aside, step.path)
        if aside is not None and aside != step.before:
            raise drifted(step.path)


def sweep(folder: Folder, step: Step) -> None:
    """Remove what was swapped out."""
    _discard(folder, step.aside)


def restore(folder: Folder, step: Step, swapped: bool | None) -> bool:
    """Bring the path back to ``before`` from wherever the commit stopped.

    ``swapped`` says whether the new side had taken the path; None, after a crash, when
    nobody knows. False, and the path is left as it is, when it is neither side:
    somebody changed it since. Raises OSError.
    """
    _discard(folder, step.spare)
    now = _now(folder, step.name, step.path)
    if swapped is False or now == step.before:
        _discard(folder, step.aside)
        return True
    aside = _now(folder, step.aside, step.path)
    if now != step.after:
        untouched = _unfinished(aside, step)
        if untouched or aside == step.before:
            _discard(folder, step.aside)
        return untouched
    if step.before is None:
        return _take_away(folder, step)
    if aside is None or (swapped is None and _unfinished(aside, step)):
        _discard(folder, step.aside)
        _write(folder, step.spare, step.before, step.name if step.after else "")
        _settle(folder, step, step.spare)
    else:
        # It stood here: also when it is not what was expected, it is somebody's work.
        _settle(folder, step, step.aside)
    return True


def drifted(path: str) -> Drifted:
    """The error for a path that another program changed."""
    return Drifted(f"{path} was changed by another program meanwhile", (path,))


def _settle(folder: Folder, step: Step, name: str) -> None:
    if step.after is None:
        folder.place(name, step.name)
    else:
        folder.move(name, step.name)


def _take_away(folder: Folder, step: Step) -> bool:
    """Undo a creation."""
    folder.place(step.name, step.spare)
    if _now(folder, step.spare, step.path) != step.after:
        folder.place(step.spare, step.name)
        return False
    _discard(folder, step.spare)
    _discard(folder, step.aside)
    return True


def _unfinished(found: Side | Other | None, step: Step) -> bool:
    """Whether ``found`` may be a new side, or as much of it as had been written: what
    lies there before the swap."""
    if not isinstance(found, Side) or step.after is None or found == step.before:
        return False
    return step.after.data.startswith(found.data)


def _now(folder: Folder, name: str, path: str) -> Side | Other | None:
    try:
        seen = see(folder, name, path)
    except FileNotFoundError:
        return None
    except PathRefused:
        return OTHER
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR):
            return OTHER
        raise
    return Side(seen.data, seen.perm)


def _discard(folder: Folder, name: str) -> None:
    with suppress(FileNotFoundError):
        folder.unlink(name)


def _write(folder: Folder, name: str, side: Side, like: str) -> None:
    """A file of these bytes and rights on the disk, with what the file ``like`` has
    beside them: owner, access lists, labels."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = folder.open(name, flags)
    try:
        if like and os.name == "posix":
            model = folder.open(like, os.O_RDONLY)
            try:
                _copy_attributes(model, descriptor)
            finally:
                os.close(model)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(side.data)
        if hasattr(os, "fchmod"):
            with suppress(PermissionError):  # Where files have no rights of their own.
                os.fchmod(descriptor, side.perm)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_attributes(model: int, descriptor: int) -> None:
    """As far as the system lets us."""
    old, new = os.fstat(model), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if hasattr(os, "listxattr"):
        with suppress(OSError):
            for name in os.listxattr(model):
                with suppress(OSError):
                    os.setxattr(descriptor, name, os.getxattr(model, name))
