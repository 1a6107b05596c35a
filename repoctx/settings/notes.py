"""What the user trusts: digests of what came with repositories, by its path."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = "trusted.json"
"""Beside the user's settings."""


def store(user_file: Path) -> dict[str, str]:
    """What is trusted: SHA-256 by path. Nothing, when the file is not to be read."""
    try:
        found = json.loads(user_file.with_name(FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def keep(user_file: Path, digests: Mapping[str, str]) -> None:
    """Add ``digests``. Raises StorageError."""
    from repoctx.settings.write import replaced

    path = user_file.with_name(FILE)
    text = json.dumps({**store(user_file), **digests}, indent=1, sort_keys=True)
    replaced(path, text, 0o600)
