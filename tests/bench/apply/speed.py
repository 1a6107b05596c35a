"""How much CPU one apply takes: 200 files, 20,000 edited lines.

    python tests/bench/apply/speed.py [--runs 20] [--files 200]

The files are made up (300 lines of Python each, all lines of a file different); of each
100 lines change in 20 places. The answer is given in every format, clean and with
slips that cost a search: wrong line numbers, trailing spaces, a reworded comment in
every block. Whole processes, as a user starts them; every run starts from a fresh tree
and must end with the right one. Peers read the formats that they know.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import judge
import measure
from commits import Entry
from programs import PROGRAM, diffs_of, environment
from render import BLOCKS, UDIFF, FileEdit, Hunk, Style, answer, file_edit
from work import map_hunks

PLACES, LINES = 20, 5


def source(number: int) -> tuple[Entry, Entry]:
    """A file before and after."""
    rng = random.Random(number)
    before: list[str] = []
    after: list[str] = []
    for place in range(PLACES):
        name = f"step_{number}_{place}"
        head = [
            f"def {name}(value, limit={rng.randrange(1000)}):",
            f"    # Keep what part {place} of module {number} has learnt of its limit.",
            f"    total = value * {rng.randrange(1000)}",
        ]
        old = [f"    total += {name}_part_{i}(limit, {i})" for i in range(LINES)]
        new = [line.replace("limit", "limit + 1") for line in old]
        tail = [f"    check_{name}(total, limit)", "    return total", "", ""]
        extra = [f"TABLE_{number}_{place} = ({rng.randrange(10**6)},)", "", ""]
        before += [*head, *old, *tail, *extra]
        after += [*head, *new, *tail, *extra]
    return Entry("\n".join(before) + "\n"), Entry("\n".join(after) + "\n")


def _numbers_off(hunk: Hunk) -> str:
    return f"@@ -{hunk.start + 7},{len(hunk.old)} +{hunk.new_start},{len(hunk.new)} @@"


def _trailing(edit: FileEdit, hunk: Hunk) -> Hunk:
    rows = [(op, text if op == "+" else f"{text} ") for op, text in hunk.lines]
    return replace(hunk, lines=tuple(rows))


def _reworded(edit: FileEdit, hunk: Hunk) -> Hunk:
    rows = [(op, text.replace("has learnt", "once knew")) for op, text in hunk.lines]
    return replace(hunk, lines=tuple(rows))


def answers(edits: list[FileEdit]) -> dict[str, tuple[str, str]]:
    """Name -> format and text."""
    plain = Style(git_header=False)
    found = {f"{form}, clean": (form, answer(edits, form, plain)) for form in BLOCKS}
    off = replace(plain, ranged=_numbers_off)
    found["udiff, wrong line numbers"] = UDIFF, answer(edits, UDIFF, off)
    slips: tuple[tuple[str, Callable[[FileEdit, Hunk], Hunk]], ...] = (
        ("trailing spaces", _trailing),
        ("reworded comments", _reworded),
    )
    for name, slip in slips:
        slipped, _ = map_hunks(edits, slip)
        for form in ("search", "numbered"):
            found[f"{form}, {name}"] = form, answer(slipped, form, plain)
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--files", type=int, default=200)
    options = parser.parse_args()
    pairs = {f"pkg{n % 20}/module{n}.py": source(n) for n in range(options.files)}
    edits = [file_edit(p, old, new, None, 3) for p, (old, new) in pairs.items()]
    lines = sum(len(h.added) for e in edits for h in e.hunks)
    before = {p: (old.text.encode(), False) for p, (old, _) in pairs.items()}
    after = {f"tree/{p}": new.text.encode() for p, (_, new) in pairs.items()}
    rows = []
    for name, (form, text) in answers(edits).items():
        rows.append([name, *_row(text, before, after, options.runs)])
        if name == "udiff, clean":
            peer = _row(diffs_of(text), before, after, options.runs, "git apply")
            rows.append(["git apply, clean", *peer])
        assert form
    print(f"{options.files} files, {lines:,} added lines, {options.runs} runs")
    print(measure.table(["answer", "CPU p50", "CPU p95", "wall p50"], rows))
    return 0


def _row(
    text: str,
    before: dict[str, tuple[bytes, bool]],
    after: dict[str, bytes],
    runs: int,
    program: str = "repoctx",
) -> list[str]:
    samples = []
    for _ in range(runs + 1):
        folder = Path(tempfile.mkdtemp(prefix="speed-"))
        for part in ("tree", "home", "state", "outside"):
            (folder / part).mkdir()
        judge.write_tree(folder / "tree", before)
        (folder / "answer1.md").write_text(text)
        argv = ("git", "apply", "-p1", str(folder / "answer1.md"))
        if program == "repoctx":
            tree = str(folder / "tree")
            argv = (PROGRAM, "apply", "-y", "-C", tree)
            argv = (*argv, str(folder / "answer1.md"))
        command = measure.Command(
            program, argv, folder / "tree", env=environment(folder)
        )
        try:
            samples.append(measure.run(command))
        except measure.FailedRunError as exc:
            judge.remove(folder)
            return ["failed", str(exc)[-80:].replace("\n", " "), ""]
        end = judge.snapshot(folder)
        wrong = [name for name, data in after.items() if end[name][1] != data]
        judge.remove(folder)
        if wrong:
            return ["wrong", f"{len(wrong)} files", ""]
    counted = samples[1:]
    cpu = sorted(sample.cpu for sample in counted)
    wall = statistics.median(sample.wall for sample in counted)
    high = cpu[min(len(cpu) - 1, int(len(cpu) * 0.95))]
    middle = statistics.median(cpu)
    return [f"{middle:.2f} s", f"{high:.2f} s", f"{wall:.2f} s"]


if __name__ == "__main__":
    sys.exit(main())
