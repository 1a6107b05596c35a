"""Turn what a user types into a path of the tree."""

from __future__ import annotations

import os
from pathlib import Path

from repoctx.errors import OutsideRoot


def inside(root: Path, given: str, cwd: Path) -> str:
    """The POSIX path, relative to ``root``, of what ``given`` names as seen from
    ``cwd``; "" for the root itself. The file need not exist.

    Raises OutsideRoot for what lies elsewhere, also through a link, and for anything in
    a ``.git`` folder.
    """
    if "\0" in given:
        raise OutsideRoot("a path holds a NUL character")
    top = Path(os.path.realpath(root))
    plain = Path(os.path.normpath(cwd / given))
    if os.path.realpath(plain) == str(top):
        return ""
    try:
        # The name itself may be a link: it is the link that the user asks about.
        path = Path(os.path.realpath(plain.parent)) / plain.name
        relative = path.relative_to(top)
        Path(os.path.realpath(path)).relative_to(top)
    except (ValueError, OSError) as exc:
        raise OutsideRoot(f"{given} leads out of {root}") from exc
    if any(part.rstrip(". ").lower() == ".git" for part in relative.parts):
        raise OutsideRoot(f"{given} belongs to git")
    text = relative.as_posix()
    raw = os.fsencode(text) if text != "." else b""
    return raw.decode("utf-8", "surrogateescape")
