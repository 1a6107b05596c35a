"""Real commits through an installed hook."""

from __future__ import annotations

import hashlib
import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from repos import ENV

LIB = "def retry_delay(attempt):\n    return 2**attempt\n"
USE = "from lib import retry_delay\n\nretry_delay(1)\n"
BAD = "def wait(attempt):\n    return 2**attempt\n"


@dataclass(frozen=True)
class Tried:
    code: int
    said: str


def attempt(repo: Path, *args: str, env: dict[str, str] | None = None) -> Tried:
    """Run git, whatever comes of it; what it and the hook said."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *args],
        cwd=repo,
        env=plain | ENV | {"REPOCTX_CONFIG": "no-such-file.toml"} | (env or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Tried(done.returncode, done.stdout + done.stderr)


def picture(repo: Path) -> dict[str, object]:
    """All that a hook must leave as it is."""
    index = repo / ".git" / "index"
    files = {
        str(p.relative_to(repo)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(repo.rglob("*"))
        if p.is_file() and ".git" not in p.relative_to(repo).parts
    }
    # write-tree notes the tree in the index that it reads: it gets a copy.
    copy = {"GIT_INDEX_FILE": str(shutil.copy(index, repo.parent / "index-copy"))}
    return {
        "index": hashlib.sha256(index.read_bytes()).hexdigest(),
        "tree": attempt(repo, "write-tree", env=copy).said,
        "files": files,
        "stash": attempt(repo, "stash", "list").said,
        "refs": attempt(repo, "for-each-ref").said,
    }


def drained(
    leader: int, process: subprocess.Popen[bytes], *, close: bool = True
) -> bytes:
    """What a process says on its terminal until it ends."""
    said, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([leader], [], [], 0.1)[0]:
            try:
                said += os.read(leader, 65536)
            except OSError:
                break
        elif process.poll() is not None:
            break
    process.wait(30)
    if close:
        os.close(leader)
    return said
