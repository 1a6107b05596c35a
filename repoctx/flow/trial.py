"""Commands on a copy of the tree as it would be: linters and tests before a commit.

The copy holds what git does not ignore, with the patch applied; what it ignores
(installed packages, build folders) is linked to, but for folders that the patch itself
writes into. It has no ``.git``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from repoctx.apply.commit import commit
from repoctx.errors import StorageError
from repoctx.scan import Place, run
from repoctx.values import Patch, Progress

LONGEST = 1800.0
"""Seconds that one command may take."""
LOOK = 0.2
"""Seconds between two looks at whether the user has had enough."""
SHOWN = 20_000
"""Bytes of a command's output that are kept: its end."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended: ``name`` is ``lint`` or ``test``, ``code`` its exit status
    (None: it took too long), ``output`` the end of what it wrote."""

    name: str
    command: str
    code: int | None
    output: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it is content."""
        return self.code == 0


def try_out(
    place: Place,
    patch: Patch,
    commands: Sequence[tuple[str, str]],
    progress: Progress,
) -> tuple[Ran, ...]:
    """Run the (name, command) on the tree that ``patch`` makes, up to the first that
    fails. Raises StorageError when there can be no copy, and as `commit`."""
    if not commands:
        return ()
    ran = []
    with _copy(place, patch) as root:
        for name, command in commands:
            progress(f"running {name}: {command}", 0, 0)
            ran.append(_run(name, command, root, progress))
            if not ran[-1].ok:
                break
    progress("", 0, 0)
    return tuple(ran)


@contextmanager
def _copy(place: Place, patch: Patch) -> Iterator[Path]:
    """A copy of the tree with ``patch`` applied; it is gone at the end."""
    above = Path(tempfile.mkdtemp(prefix="repoctx-"))
    try:
        root = above / place.root.name
        root.mkdir()
        try:
            _fill(place, root, patch)
        except OSError as exc:
            what = f"{exc.filename}: {exc.strerror}" if exc.filename else exc.strerror
            raise StorageError(f"the tree cannot be copied: {what}") from exc
        commit(root, above / "journal", patch)
        yield root
    finally:
        shutil.rmtree(above, ignore_errors=True)


def _fill(place: Place, root: Path, patch: Patch) -> None:
    if not place.git:
        shutil.copytree(place.root, root, symlinks=True, dirs_exist_ok=True)
        return
    top, copy = os.fsencode(place.root), os.fsencode(root)
    for name in _listed(place, "-co"):
        source, target = _in(top, name), _in(copy, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with suppress(FileNotFoundError):  # Deleted in the work tree.
            if os.path.isdir(source) and not os.path.islink(source):  # noqa: PTH112, PTH114
                os.symlink(source, target)  # noqa: PTH211 - a submodule
            else:
                shutil.copy2(source, target, follow_symlinks=False)
    written = [c.path.encode("utf-8", "surrogateescape") for c in patch.changes]
    for name in _listed(place, "-oi", "--directory"):
        name = name.rstrip(b"/")
        if any(path == name or path.startswith(name + b"/") for path in written):
            continue
        with suppress(FileNotFoundError, FileExistsError):
            os.symlink(_in(top, name), _in(copy, name))  # noqa: PTH211 - bytes
    for path, change in zip(written, patch.changes, strict=True):
        target = _in(copy, path)
        if change.old is not None and not os.path.lexists(target):
            # It lies in an ignored folder, which is not linked to for its sake.
            os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
            Path(os.fsdecode(target)).write_bytes(change.old)


def _listed(place: Place, *options: str) -> list[bytes]:
    return run(place, "ls-files", "-z", *options, "--exclude-standard").split(b"\0")[
        :-1
    ]


def _in(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name)  # noqa: PTH118 - bytes


def _run(name: str, command: str, root: Path, progress: Progress) -> Ran:
    shell = ["cmd", "/c"] if os.name == "nt" else ["/bin/sh", "-c"]
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*shell, command],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code: int | None = None
        try:
            while code is None and time.monotonic() - began < LONGEST:
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(LOOK)
                progress(f"running {name}: {command}", 0, 0)
        finally:
            _end(process)
        end = output.seek(0, os.SEEK_END)
        output.seek(max(0, end - SHOWN))
        told = output.read().decode("utf-8", "replace")
    seconds = time.monotonic() - began
    # The copy's place says nothing to anybody.
    return Ran(name, command, code, told.replace(f"{root}{os.sep}", ""), seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and all that it started, if it still runs."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
    process.wait()
