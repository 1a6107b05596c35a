"""Golden folders: ``before/``, ``answer*.md``, and ``after/`` or ``error.json``.

``before/`` and ``after/`` hold files by path; a missing folder is an empty tree. In a
case about drift ``shown/`` holds what the prompt showed where that differs from
``before/``. Several answers are one that came in parts.
"""

from __future__ import annotations

import json
from pathlib import Path

from repoctx.apply.report import Report
from repoctx.apply.shadow import Shadow, Tree
from repoctx.errors import NotApplied
from repoctx.parse.edits import blocks
from repoctx.parse.stitch import stitch

CASES = Path(__file__).parents[1] / "cases" / "patch"

Files = dict[str, bytes]


def folder(path: Path) -> Files:
    """Every file below a folder, by its relative path."""
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name != ".keep"
    }


def answer(case: Path) -> str:
    """The case's answer, stitched from its parts."""
    parts = sorted(case.glob("answer*.md"))
    return stitch([p.read_bytes().decode("utf-8", "surrogateescape") for p in parts])


def applied(
    before: Files, text: str, shown: Files | None = None
) -> tuple[Files, Report]:
    """The tree after an answer, unchanged when it was refused, and the report."""
    shadow = Shadow(
        Tree(before.get, shown=(shown or {}).get if shown else None, paths=list(before))
    )
    for block in blocks(text):
        shadow.take(block)
    report = shadow.report()
    after = dict(before)
    try:
        patch = shadow.patch()
    except NotApplied:
        assert not report.ok
        return after, report
    assert report.ok
    for change in patch.changes:
        assert before.get(change.path) == change.old
        if change.new is None:
            del after[change.path]
        else:
            after[change.path] = change.new
    return after, report


def check_patch(name: str) -> None:
    """Run one case through the pure part of parse and apply."""
    case = CASES / name
    before = folder(case / "before")
    after, report = applied(before, answer(case), folder(case / "shown"))
    expected = case / "error.json"
    if expected.exists():
        wanted = json.loads(expected.read_text("utf-8"))
        assert after == before
        codes = {o.id: o.code for o in report.failed}
        assert codes == wanted["refused"], report.text()
        return
    assert report.ok, report.text()
    assert after == folder(case / "after")
