"""The state folder: where it is, and how it is written.

It lies in ``<git common dir>/repoctx`` (outside git in the user's cache folder), never
in the work tree. Everything in it can be deleted at any time. Every write is a rename
of a finished file, so that a reader sees the old or the new one, never half of one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from repoctx.errors import StorageError

KEPT_BASES = 6
"""Rendered bases that stay: enough for a few branches, bounded on disk."""

_CHECKED = b'{"check":"%s",'
_CHECK = len(_CHECKED % (b"0" * 64))


@dataclass(frozen=True, slots=True)
class State:
    """An open state folder. ``note`` says why it is not where it should be."""

    folder: Path
    note: str = ""

    @property
    def index(self) -> Path:
        """The index's database."""
        return self.folder / "index.db"

    @property
    def answers(self) -> Path:
        """The folder of raw answers."""
        return self.folder / "answers"

    @property
    def ledger(self) -> Path:
        """The ledger of requests."""
        return self.folder / "ledger.db"


def open_state(folder: Path, spare: Callable[[], Path]) -> State:
    """Make ``folder`` usable, or ``spare()`` where it cannot be written.

    Raises StorageError when neither can.
    """
    try:
        return State(_writable(folder))
    except OSError as refused:
        try:
            other = _writable(spare())
            state = State(other, note=f"{_reason(refused)}: using {other}")
        except OSError as exc:
            raise StorageError(f"cannot write {folder}: {_reason(refused)}") from exc
        return state


def _writable(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied", str(folder))
    return folder


def _reason(exc: OSError) -> str:
    return f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write ``path`` whole: the file appears when the block ends well, else not at all.

    Raises StorageError, naming the path, on a full disk or a refused write.
    """
    # 64 random bits, and no other's file is ever opened: all that tempfile would do,
    # without its 5 ms.
    new = path.with_name(f".new-{os.urandom(8).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(new, "xb", opener=_private) as handle:
            yield handle
        new.replace(path)
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc.strerror or exc}") from exc
    finally:
        with suppress(OSError):
            new.unlink()


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


@contextmanager
def output_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file that the user named: whole or not at all, through links, with the
    rights of any new file; a pipe or a device is simply written to.

    Raises StorageError; no folder is made.
    """
    target = path.resolve()
    if not target.parent.is_dir():
        raise StorageError(f"cannot write {path}: there is no folder {target.parent}")
    if target.exists() and not target.is_file():
        try:
            with target.open("wb") as handle:
                yield handle
        except BrokenPipeError:
            raise
        except OSError as exc:
            raise StorageError(f"cannot write {path}: {exc.strerror}") from exc
        return
    from repoctx.apply.folder import umask

    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~umask()
    with replacing(target) as handle:
        yield handle
        handle.flush()
        Path(handle.name).chmod(mode)


def write_json(path: Path, value: object) -> None:
    """Replace ``path`` by ``value`` as JSON. Raises StorageError."""
    with replacing(path) as handle:
        handle.write(json.dumps(value, separators=(",", ":")).encode("ascii"))


def read_bytes(path: Path) -> bytes:
    """The bytes of ``path``; none when it is missing or unreadable."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def read_json(path: Path) -> Any:
    """The value in ``path``; None when it is missing or broken, so that state that was
    deleted or damaged is simply made anew."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def write_checked(path: Path, table: dict[str, Any]) -> None:
    """Replace the table at ``path``; it begins with the SHA-256 of the rest. Raises
    StorageError."""
    rest = json.dumps(table, separators=(",", ":")).encode("ascii")[1:]
    check = hashlib.sha256(rest).hexdigest().encode()
    with replacing(path) as handle:
        handle.write(_CHECKED % check + rest)


def read_checked(path: Path) -> dict[str, Any]:
    """The table that `write_checked` left at ``path``; empty when it is missing or
    damaged in any way."""
    data = read_bytes(path)
    check = hashlib.sha256(data[_CHECK:]).hexdigest().encode()
    if data[:_CHECK] != _CHECKED % check:
        return {}
    table: dict[str, Any] = json.loads(data)
    return table


def forget_old(
    folder: Path,
    pattern: str,
    keep: int,
    beside: str = "",
    spared: Container[str] = (),
) -> None:
    """Delete all but the ``keep`` most recently used files that match ``pattern``, and
    with each the file of its name that ends on ``beside``. The names in ``spared`` are
    left alone and do not count."""

    def age(path: Path) -> float:
        try:
            return path.stat().st_mtime
        except OSError:
            return 0.0

    others = [path for path in folder.glob(pattern) if path.name not in spared]
    if len(others) <= keep:
        return
    for path in sorted(others, key=age, reverse=True)[keep:]:
        with suppress(OSError):
            path.unlink()
            if beside:
                path.with_suffix(beside).unlink()
