"""Real git repositories for tests, apart from the machine's own configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

ENV = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    "LC_ALL": "C",
}


def git(path: Path, *args: str | bytes, data: bytes | None = None) -> str:
    """Run git in ``path``; its output. Fails the test when git fails."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", *args],
        cwd=path,
        env=plain | ENV,
        input=data,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def write(path: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below ``path``; names may hold surrogate escapes."""
    for name, content in files.items():
        raw = os.fsencode(path) + b"/" + name.encode("utf-8", "surrogateescape")
        os.makedirs(os.path.dirname(raw), exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        with open(raw, "wb") as file:
            file.write(data)


def make_repo(
    path: Path, files: Mapping[str, str | bytes], object_format: str = "sha1"
) -> Path:
    """A repository at ``path``: ``files`` in one commit on ``main`` (none: unborn)."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "-q", "-b", "main", f"--object-format={object_format}")
    write(path, files)
    if files:
        commit(path, "first")
    return path


def commit(path: Path, message: str) -> str:
    """Commit the whole work tree; the commit's id."""
    git(path, "add", "-A")
    git(path, "commit", "-q", "--allow-empty", "-m", message)
    return git(path, "rev-parse", "HEAD")
