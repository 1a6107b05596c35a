"""Lay a case out in a folder, let a program at it, and say what came of it.

A case's folder holds ``tree/`` (what may change), ``outside/`` and ``home/`` (what must
not), ``state/`` (where a program may keep its own files) and the answers.

- exact: exit 0, and everything is as it was meant;
- wrong: exit 0, and it is not;
- partial: exit not 0, and something changed;
- refused: exit not 0, and nothing changed.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from work import EXACT, REFUSE, Case

Snapshot = dict[str, tuple[str, bytes]]
_GIT = (
    "git",
    "-c",
    "user.name=x",
    "-c",
    "user.email=x@example.org",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "core.hooksPath=/dev/null",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a program did with a case."""

    program: str
    outcome: str
    meets: bool
    escaped: bool
    seconds: float
    code: int
    message: str


def lay_out(case: Case, folder: Path) -> list[Path]:
    """Write the case below an empty folder; the answers' paths."""
    tree = folder / "tree"
    for name in ("tree", "outside", "home", "state"):
        (folder / name).mkdir(parents=True)
    (folder / "outside/victim.txt").write_text("must stay\n")
    write_tree(tree, case.before)
    for step in case.setup:
        _prepare(tree, step)
    if ("git",) in case.setup:
        _repository(tree)
        for step in case.setup:
            if step[0] == "submodule":
                _repository(tree / step[1])
                _run(tree, "add", "-A")
    answers = []
    for index, data in enumerate(case.answers, 1):
        path = folder / f"answer{index}.md"
        path.write_bytes(data.replace(b"@CASE@", os.fsencode(folder)))
        answers.append(path)
    return answers


def write_tree(root: Path, tree: dict[str, tuple[bytes, bool]]) -> None:
    """Write files with their modes."""
    for name, (data, executable) in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755 if executable else 0o644)


def _prepare(tree: Path, step: tuple[str, ...]) -> None:
    path = tree / step[-2] if len(step) > 2 else tree
    if step[0] == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step[2])
    elif step[0] == "symlink":
        path.symlink_to(step[2])
    elif step[0] == "hardlink":
        path.hardlink_to(tree / step[2])


def _repository(root: Path) -> None:
    _run(root, "init", "-q", "--template=")
    _run(root, "add", "-A")
    _run(root, "commit", "-q", "--allow-empty", "-m", "start")


def _run(root: Path, *arguments: str) -> None:
    subprocess.run([*_GIT, *arguments], cwd=root, check=True, capture_output=True)


def snapshot(folder: Path) -> Snapshot:
    """Everything but the program's own state; folders count only by their files."""
    found: Snapshot = {}
    for top in ("tree", "outside", "home"):
        for base, folders, files in os.walk(folder / top):
            for name in [
                *files,
                *(f for f in folders if os.path.islink(f"{base}/{f}")),
            ]:
                path = Path(base, name)
                short = str(path.relative_to(folder))
                if short.startswith("tree/.git/repoctx/") or short == "tree/.git/index":
                    continue
                mode = path.lstat().st_mode
                if stat.S_ISLNK(mode):
                    found[short] = ("link", os.fsencode(os.readlink(path)))
                else:
                    bits = f"{stat.S_IMODE(mode) & 0o7111:o}"
                    found[short] = (bits, path.read_bytes())
    others = {path.name for path in folder.iterdir()}
    for name in others - {"tree", "outside", "home", "state"}:
        if not name.startswith("answer"):
            found[name] = ("stray", b"")
    return found


def wanted(case: Case, start: Snapshot) -> Snapshot | None:
    """The snapshot that the answer's author meant."""
    if case.after is None:
        return None
    rest = {
        k: v for k, v in start.items() if k.removeprefix("tree/") not in case.before
    }
    for name, (data, executable) in case.after.items():
        rest[f"tree/{name}"] = ("111" if executable else "0", data)
    return rest


def outcome(case: Case, code: int, start: Snapshot, end: Snapshot) -> str:
    """One of exact, wrong, partial, refused."""
    if code == 0:
        return "exact" if end == wanted(case, start) else "wrong"
    return "refused" if end == start else "partial"


def meets(case: Case, result: str) -> bool:
    """Whether an outcome is what the case expects."""
    if case.expect == REFUSE:
        return result == "refused"
    return result == "exact" or (case.expect != EXACT and result == "refused")


def escaped(start: Snapshot, end: Snapshot) -> bool:
    """Whether anything but the tree changed, git's own files included."""
    changed = {k for k in {*start, *end} if start.get(k) != end.get(k)}
    return any(not k.startswith("tree/") or "/.git/" in k for k in changed)


def remove(folder: Path) -> None:
    """Delete a case's folder."""
    shutil.rmtree(folder, ignore_errors=True)
