"""Compare ``repoctx --help`` with ``python -c pass``, and list what it imports.

::

    python tests/bench/startup.py [--runs 20] [--json]

The goal is at most three times Python's own start. Exit code 1 when a start imports
what it must not; times never fail a run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import measure
from peers import repoctx

HEAVY = {
    *("anthropic", "git", "google", "openai", "pydantic", "rich", "sqlite3"),
    *("splintr", "tantivy", "tiktoken", "tree_sitter"),
}
"""Packages that no start needs: they wait for the first use."""

DOORS = {
    "repoctx --help": ("-m", "repoctx", "--help"),
    "repoctx --version": ("-m", "repoctx", "--version"),
}
"""Starts whose imports are checked."""

SLOWEST = 8


def main() -> int:
    """Measure and print; returns an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="repoctx-bench-") as folder:
        home = Path(folder)
        series = measure.compare(commands(home), options.runs)
        loaded = {door: measure.imports(argv, home) for door, argv in DOORS.items()}
    wrong = {door: heavy(list(found)) for door, found in loaded.items()}
    if options.json:
        figures = {name: asdict(got) for name, got in series.items()}
        json.dump({"commands": figures, "heavy imports": wrong}, sys.stdout, indent=1)
    else:
        print(as_markdown(series))
        for door, found in loaded.items():
            bad = ", ".join(wrong[door]) or "none"
            print(f"\n`{door}` imports {len(found)} modules; must not: {bad}.")
            slow = sorted(found.items(), key=lambda item: -item[1])[:SLOWEST]
            print(
                "Slowest: "
                + ", ".join(f"{name} {own / 1000:.1f} ms" for name, own in slow)
            )
    return int(any(wrong.values()))


def commands(home: Path) -> list[measure.Command]:
    """Python's start, the starts of repoctx, and its start without a command line."""
    env = measure.clean_environment(home)
    argvs = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "repoctx --help": (*repoctx(), "--help"),
        "repoctx --version": (*repoctx(), "--version"),
        "repoctx pack --help": (*repoctx(), "pack", "--help"),
    }
    return [
        measure.Command(name, argv, home, None, env) for name, argv in argvs.items()
    ]


def heavy(modules: list[str]) -> list[str]:
    """Those of ``HEAVY`` that were imported, sorted."""
    return sorted({name.partition(".")[0] for name in modules} & HEAVY)


def as_markdown(series: dict[str, measure.Series]) -> str:
    """A table: milliseconds, and ratios to Python's own start."""
    rows = []
    for name, got in series.items():
        floor = series["python -c pass"]
        row = [name]
        for figure in ("wall", "cpu"):
            milliseconds = [1000 * s for s in got.column(figure)]
            ratio = measure.ratio(got.column(figure), floor.column(figure))
            row += [measure.spread(milliseconds).show(0), ratio.show(1)]
        rows.append(row)
    return measure.table(
        ["command", "wall ms", "of Python", "CPU ms", "of Python"], rows
    )


if __name__ == "__main__":
    sys.exit(main())
