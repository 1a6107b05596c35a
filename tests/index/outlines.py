"""The golden outlines: what a case folder holds, and how it is recorded.

A folder has ``input.<ext>``, ``expected.json`` and ``skeleton.txt``. ``versions.json``
beside them keeps a digest of all expectations with the index version they were made at.
``python tests/index/outlines.py`` records new cases, and changed ones only after
``INDEX_VERSION`` was raised.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from repoctx.index.languages import detect
from repoctx.index.outline import outline
from repoctx.index.skeleton import skeleton
from repoctx.index.versions import INDEX_VERSION

CASES = Path(__file__).parents[1] / "cases" / "outline"
FOLDERS = sorted(path for path in CASES.iterdir() if path.is_dir())
VERSIONS = CASES / "versions.json"


def source(folder: Path) -> tuple[str, str]:
    """The case's text and language."""
    [path] = folder.glob("input*")
    return path.read_text(encoding="utf-8"), detect(path.name)


def expected(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "expected.json").read_text("utf-8"))
    return data


def actual(folder: Path) -> dict[str, Any]:
    made = outline(*source(folder))
    return {
        "errors": made.errors,
        "definitions": [
            f"{s.start}-{s.end} {s.kind} {s.parent or '-'} | {s.name} | {s.signature}"
            + (f" | {s.doc}" if s.doc else "")
            for s in made.definitions
        ],
        "references": [f"{r.line} {r.kind} {r.name}" for r in made.references],
    }


def digests() -> dict[str, str]:
    return {
        folder.name: hashlib.sha256(
            (folder / "expected.json").read_bytes()
        ).hexdigest()[:16]
        for folder in FOLDERS
    }


def record() -> None:
    known = json.loads(VERSIONS.read_text("utf-8")) if VERSIONS.exists() else {}
    same = known.get("version") == INDEX_VERSION
    for folder in FOLDERS:
        made = json.dumps(actual(folder), ensure_ascii=False, indent=1) + "\n"
        path = folder / "expected.json"
        if same and path.exists() and path.read_text("utf-8") != made:
            raise SystemExit(f"{folder.name} changed: raise INDEX_VERSION first")
        path.write_text(made, encoding="utf-8")
        text = skeleton(*source(folder))
        (folder / "skeleton.txt").write_text(text, encoding="utf-8")
    content = {"version": INDEX_VERSION, "digests": digests()}
    VERSIONS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
