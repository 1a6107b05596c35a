"""Prompt texts, and the one function that reads them; no logic."""

from __future__ import annotations

from pathlib import Path

PREAMBLE = "preamble"
"""The text that opens every prompt. Never overridden: all doors share one cache."""

_HERE = Path(__file__).parent


def load(name: str, override: Path | None = None) -> str:
    """The prompt ``name`` (``ask``, ``formats/diff``), ending with a newline.

    A file ``NAME.md`` in the folder ``override`` takes precedence, except over the
    preamble. Line ends are read as ``\\n``, so that the bytes do not move between
    systems. Raises LookupError when no prompt has that name, OSError or
    UnicodeDecodeError when the override cannot be read.
    """
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise LookupError(f"no prompt named {name!r}")
    if name != PREAMBLE and override is not None:
        own = override / f"{name}.md"
        if own.is_file():
            return _read(own)
    shipped = _HERE / f"{name}.md"
    if not shipped.is_file():
        raise LookupError(f"no prompt named {name!r}")
    return _read(shipped)


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text if text.endswith("\n") else text + "\n"
