"""How long a commit waits for the offline hook, by Python's start + ``git status``.

::

    python tests/bench/hook.py REPO [--runs 9]

In a clone of REPO one function is renamed and staged, so that there is something to
find; the index is warm. The goal is at most five times the sum of Python's start and
``git status`` in the same round.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
from peers import repoctx

DEFINED = re.compile(r"^((?:async )?def |func |pub fn |fn )([a-z]\w{7,})\(", re.M)


def main() -> int:
    """Measure and print; returns an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repo", type=Path)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="repoctx-bench-") as folder:
        clone = Path(folder) / "clone"
        git(clone.parent, "clone", "-q", "--shared", str(options.repo), str(clone))
        path = rename(clone)
        env = measure.clean_environment(Path(folder))
        hook = (*repoctx(), "hook", "run", "pre-commit", "--seconds", "300")
        subprocess.run(hook, cwd=clone, env=env, check=True, capture_output=True)
        commands = [
            measure.Command(name, argv, clone, None, env)
            for name, argv in {
                "python -c pass": (sys.executable, "-c", "pass"),
                "git status": ("git", "status", "--porcelain"),
                "repoctx hook run": hook,
            }.items()
        ]
        series = measure.compare(commands, options.runs)
    files = len(git(options.repo, "ls-tree", "-r", "--name-only", "HEAD").split("\n"))
    print(f"{options.repo}: {files:,} files, a rename staged in {path}\n")
    print(table(series))
    return 0


def git(folder: Path, *args: str) -> str:
    """Run git there; its output."""
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True)
    return done.stdout.strip()


def rename(clone: Path) -> str:
    """Rename the first long-named function of a source file, and stage it."""
    for path in git(clone, "ls-files", "*.py", "*.go", "*.rs").split("\n"):
        text = (clone / path).read_text("utf-8", "replace")
        if found := DEFINED.search(text):
            changed = text.replace(found.group(2) + "(", found.group(2) + "_new(", 1)
            (clone / path).write_text(changed, "utf-8")
            git(clone, "add", path)
            return path
    raise SystemExit("no function to rename")


def table(series: dict[str, measure.Series]) -> str:
    """Milliseconds of each, and the hook's ratio to the sum of the others."""
    rows = []
    for name, got in series.items():
        row = [name]
        for figure in ("wall", "cpu"):
            times = [1000 * s for s in got.column(figure)]
            row.append(measure.spread(times).show(0))
        rows.append(row)
    ratios = ["of both together"]
    for figure in ("wall", "cpu"):
        python = series["python -c pass"].column(figure)
        status = series["git status"].column(figure)
        floor = [p + s for p, s in zip(python, status, strict=True)]
        hook = series["repoctx hook run"].column(figure)
        ratios.append(measure.ratio(hook, floor).show(1))
    return measure.table(["command", "wall ms", "CPU ms"], [*rows, ratios])


if __name__ == "__main__":
    sys.exit(main())
