"""Where the peers live: codex from npm and aider from PyPI, installed on first use."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODEX = "@openai/codex@0.169.0"
AIDER = "aider-chat==0.86.2"


def codex_binary(tools: Path) -> Path | None:
    """A link named ``apply_patch`` to codex's binary; None where npm has none."""
    link = tools.absolute() / "codex" / "apply_patch"
    if not link.exists():
        folder = link.parent
        folder.mkdir(parents=True, exist_ok=True)
        argv = ["npm", "install", "--silent", "--prefix", str(folder), CODEX]
        if not _done(argv):
            return None
        found = sorted(folder.glob("node_modules/@openai/codex-*/vendor/*/bin/codex"))
        if not found:
            return None
        link.symlink_to(found[0])
    return link


def aider_python(tools: Path) -> Path | None:
    """The Python of an environment that holds aider; None where pip has none."""
    folder = tools.absolute() / "aider"
    python = folder / "bin" / "python"
    if not (folder / "bin" / "aider").exists() and not (
        _done([sys.executable, "-m", "venv", str(folder)])
        and _done([str(python), "-m", "pip", "install", "-q", AIDER])
    ):
        return None
    return python


def _done(argv: list[str]) -> bool:
    try:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as exc:
        print(f"not here: {argv[0]}: {exc}", file=sys.stderr)
        return False
    return True
