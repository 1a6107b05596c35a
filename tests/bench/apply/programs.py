"""The programs that are judged. Each gets a laid-out case and gives an exit code.

Every peer gets what it would get from its own front end: git and patch the text of the
diff fences, codex the text between ``*** Begin Patch`` and ``*** End Patch``, aider the
answer as it is, with every file of the tree in the chat.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from render import FORMATS, UDIFF, V4A
from work import Case

TIMEOUT = 60
PROGRAM = str(Path(sys.executable).with_name("repoctx"))
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})(.*)$")


class Program(Protocol):
    """Something that applies answers."""

    name: str
    formats: Sequence[str]

    def apply(self, case: Case, folder: Path, answers: list[Path]) -> tuple[int, str]:
        """Exit code and message."""
        ...


def environment(folder: Path) -> dict[str, str]:
    """A home of the case's own, so that nobody's settings take part."""
    state = str(folder / "state")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REPOCTX_")}
    return kept | {
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": state,
        "XDG_CONFIG_HOME": state,
        "XDG_DATA_HOME": state,
        "XDG_STATE_HOME": state,
        "CODEX_HOME": state,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(folder),
        "NO_COLOR": "1",
    }


def run(argv: Sequence[str], folder: Path, feed: str = "") -> tuple[int, str]:
    """Run a process in the tree."""
    try:
        done = subprocess.run(
            argv,
            cwd=folder / "tree",
            env=environment(folder),
            input=feed.encode("utf-8", "surrogateescape"),
            capture_output=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return 124, "timeout"
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def joined(answers: list[Path]) -> str:
    """The answers one after another, as text."""
    data = b"".join(path.read_bytes() for path in answers)
    return data.decode("utf-8", "surrogateescape")


def diffs_of(text: str) -> str:
    """The content of the fences that hold a diff; without any, the whole text."""
    blocks: list[list[str]] = []
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line.rstrip("\r"))
        if match and not fence:
            fence = match.group(1)
            blocks.append([])
        elif match and match.group(1).startswith(fence) and not match.group(2).strip():
            fence = ""
        elif fence:
            blocks[-1].append(line)
    found = [b for b in blocks if any(x.startswith(("@@", "diff ", "--- ")) for x in b)]
    return "".join(f"{line}\n" for b in found for line in b) if found else text


class Repoctx:
    """``repoctx apply``, in a fork of a process that has it loaded already.

    The same code from the command line down as the real program runs; what a fork saves
    is the start of Python. With ``real`` it is the program itself.
    """

    name = "repoctx"
    formats: Sequence[str] = FORMATS

    def __init__(self, real: bool = False) -> None:
        self.real = real
        self._loaded = False

    def apply(self, case: Case, folder: Path, answers: list[Path]) -> tuple[int, str]:
        argv = ["apply", *map(str, answers), "-C", str(folder / "tree"), "-y"]
        if self.real:
            return run([PROGRAM, *argv], folder)
        if not self._loaded:
            self._load(argv, folder)
        return self._forked(argv, folder)

    def _load(self, argv: list[str], folder: Path) -> None:
        """Import here what a first apply of nothing imports in a child."""
        listing = folder / "state" / "modules"
        dry = [argv[0], os.devnull, *argv[-3:]]
        self._forked(dry, folder, listing)
        for name in listing.read_text().split():
            if name.partition(".")[0] not in ("__main__", "conftest"):
                try:
                    importlib.import_module(name)
                except ImportError:
                    continue
        listing.unlink()
        self._loaded = True

    def _forked(
        self, argv: list[str], folder: Path, listing: Path | None = None
    ) -> tuple[int, str]:
        log = folder / "state" / "log.txt"
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = _child(argv, folder, log)
            finally:
                if listing:
                    listing.write_text("\n".join(sorted(sys.modules)))
                os._exit(code)
        until = time.monotonic() + TIMEOUT
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                text = log.read_text(errors="replace") if log.exists() else ""
                return os.waitstatus_to_exitcode(status), text
            if time.monotonic() > until:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return 124, "timeout"
            time.sleep(0.002)


def _child(argv: list[str], folder: Path, log: Path) -> int:
    from repoctx.__main__ import main

    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, fd), (2, fd)):
        os.dup2(source, target)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    os.environ.clear()
    os.environ.update(environment(folder))
    os.chdir(folder / "tree")
    sys.argv = ["repoctx", *argv]
    try:
        result = main()
    except SystemExit as exc:
        result = exc.code
    except BaseException:  # noqa: BLE001 - a traceback, as Python would
        import traceback

        traceback.print_exc()
        result = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return result if isinstance(result, int) else 1 if result else 0


class GitApply:
    """``git apply`` of the diff fences."""

    name = "git apply"
    formats: Sequence[str] = (UDIFF,)

    def apply(self, case: Case, folder: Path, answers: list[Path]) -> tuple[int, str]:
        text = diffs_of(joined(answers))
        return run(["git", "apply", _level(text), "-"], folder, text)


class GnuPatch:
    """GNU ``patch``, leaving neither backups nor reject files."""

    name = "patch"
    formats: Sequence[str] = (UDIFF,)

    def apply(self, case: Case, folder: Path, answers: list[Path]) -> tuple[int, str]:
        text = diffs_of(joined(answers))
        argv = ["patch", _level(text), "--batch", "--no-backup-if-mismatch", "-r", "-"]
        return run(argv, folder, text)


def _level(text: str) -> str:
    return "-p1" if re.search(r"^(---|\+\+\+) \"?[ab]/", text, re.M) else "-p0"


class Codex:
    """codex's own binary, called by the name ``apply_patch``."""

    name = "codex V4A"
    formats: Sequence[str] = (V4A,)

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def apply(self, case: Case, folder: Path, answers: list[Path]) -> tuple[int, str]:
        text = joined(answers)
        start = text.find("*** Begin Patch")
        end = text.rfind("*** End Patch")
        if start >= 0:
            text = text[start : end + len("*** End Patch") if end > start else None]
        return run([str(self.binary)], folder, text)


class Aider:
    """One of aider's coder classes, in a long-lived process of aider's own Python."""

    def __init__(self, name: str, form: str, python: Path) -> None:
        self.name = name
        self.formats: Sequence[str] = (form,)
        self._form = form
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def apply(self, case: Case, folder: Path, answers: list[Path]) -> tuple[int, str]:
        if self._process is None:
            script = Path(__file__).with_name("aider_worker.py")
            self._process = subprocess.Popen(
                [self._python, script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        task = {
            "format": self._form,
            "root": str(folder / "tree"),
            "home": str(folder / "home"),
            "answers": [str(path) for path in answers],
        }
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        return int(reply["code"]), str(reply["message"])
