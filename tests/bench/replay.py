"""How much of each prompt the provider's cache would serve: measured, not assumed.

    python tests/bench/replay.py REPO... [--commits 100] [--steps 5] [--session 8]

In a shared clone of each repository the last first-parent commits are lived through
again: before each commit its files change in ``--steps`` groups, and after each group
a question is asked. The real packer makes the real prefix; its bytes are compared with
those of the prompt before. What is equal up to the first differing byte is cached.

Two models of a working day run side by side, each with its own state: *long* is one
session in which the cache never ends; *short* starts cold every ``--session`` commits.
The first prompt of a session is written by any packer alike: it is counted apart
(``cold``) and is in no share and no cost.

*Path order* is what a packer does that rewrites files in place: the same files in path
order, its figures computed from the same sizes and contents. Cost weighs tokens by
``--read`` (cached) and ``--write`` (the rest) against fresh input at 1; *all cached* is
the floor: what it would be if every byte came from the cache. Tokens are bytes / 3.6.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mutate import Clone
from packers import Packer, Repoctx

from repoctx.probe.shares import (
    READ,
    WRITE,
    Files,
    Shares,
    common_bytes,
    framed,
    path_order,
)


@dataclass(slots=True)
class Tape:
    """The bytes of the last prompt, kept in a file to compare the next one with."""

    path: Path

    def record(self, chunks: Iterable[bytes]) -> tuple[int, int, int]:
        """Keep a prompt; its bytes, those it shares with the last one, its lines."""
        total = common = lines = 0
        same = True
        fresh = self.path.with_suffix(".new")
        self.path.touch()
        with self.path.open("rb") as last, fresh.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)
                total += len(chunk)
                lines += chunk.count(b"\n")
                if same:
                    shared = common_bytes(last.read(len(chunk)), chunk)
                    common += shared
                    same = shared == len(chunk)
        fresh.replace(self.path)
        return total, common, lines


@dataclass(slots=True)
class Score(Shares):
    """Sums over the questions that were not cold; bytes unless named otherwise."""

    superseded: int = 0
    lines: int = 0
    cold: int = 0
    seconds: list[float] = field(default_factory=list)

    def row(self, read: float = READ, write: float = WRITE) -> dict[str, float]:
        """The figures of the table."""
        return {
            **Shares.row(self, read, write),
            "superseded": self.superseded / max(self.lines, 1),
            "rewrites": sum(u > self.total / self.questions / 2 for u in self.uncached),
            "pack_seconds": statistics.median(self.seconds),
        }


@dataclass(slots=True)
class Life:
    """One model of a working day: a packer, what it last sent, and its score."""

    packer: Packer
    tape: Tape
    blob: Callable[[str], bytes]
    session: int = 0
    started: int = 0
    files: Files = ()
    score: Score = field(default_factory=Score)

    def ask(self, worktree: Path, commit: int) -> None:
        """One question while ``commit`` (from 1) is in the making."""
        number = 1 + (commit - 1) // self.session if self.session else 1
        cold = number != self.started
        if cold:
            self.started = number
            self.packer.restart()
        begin = time.perf_counter()
        shot = self.packer.shot(worktree)
        total, common, lines = self.tape.record(shot.chunks)
        self.score.seconds.append(time.perf_counter() - begin)
        if cold:
            self.score.cold += total
        else:
            plain = sum(framed(file) for file in shot.files)
            shared = path_order(self.files, shot.files, self.blob)
            self.score.add(total, common, plain, shared)
            self.score.superseded += shot.superseded
            self.score.lines += lines
        self.files = tuple(shot.files)


def replay(
    source: Path,
    make: Callable[[Path], Packer],
    commits: int,
    steps: int,
    session: int,
) -> dict[str, Score]:
    """Live through the last commits of ``source``; a score for each model.

    ``make`` gives a packer that keeps its state in the folder.
    """
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        home = Path(folder)
        clone = Clone(source, home / "clone")
        chain = clone.chain(commits)
        lives = {}
        for name, length in (("long", 0), ("short", session)):
            packer = make(home / name)
            tape = Tape(home / f"{name}.tape")
            lives[name] = Life(packer, tape, clone.blob, length)
        for commit in clone.work(chain, steps):
            for life in lives.values():
                life.ask(clone.folder, commit)
        return {name: life.score for name, life in lives.items()}


COLUMNS = (
    ("tokens", "tokens", "{:,.0f}"),
    ("cached", "cached", "{:.2%}"),
    ("path_order_cached", "path order", "{:.1%}"),
    ("uncached_mean", "uncached mean", "{:,.0f}"),
    ("uncached_p95", "p95", "{:,.0f}"),
    ("cost", "cost of path order", "{:.3f}"),
    ("floor", "all cached", "{:.3f}"),
    ("superseded", "superseded", "{:.2%}"),
    ("rewrites", "rewrites", "{:.0f}"),
    ("pack_seconds", "pack s", "{:.2f}"),
)


def line(repo: str, model: str, row: dict[str, float]) -> str:
    """One row of the Markdown table."""
    cells = [form.format(row[key]) for key, _, form in COLUMNS]
    return "| " + " | ".join([repo, model, *cells]) + " |"


def main(argv: Sequence[str]) -> int:
    """Run the replay and print the table, and all figures as JSON if asked."""
    parser = argparse.ArgumentParser(prog="replay.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("repos", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--steps", type=int, default=5, help="questions a commit")
    parser.add_argument("--session", type=int, default=8, help="commits a session")
    parser.add_argument(
        "--read", type=float, default=READ, help="price of cached input"
    )
    parser.add_argument("--write", type=float, default=WRITE, help="of the rest")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args(argv)
    heads = ["repository", "session", *(title for _, title, _ in COLUMNS)]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    rows: dict[str, list[dict[str, float]]] = {"long": [], "short": []}
    figures = []
    for repo in args.repos:
        scores = replay(repo, Repoctx, args.commits, args.steps, args.session)
        for model, score in scores.items():
            row = score.row(args.read, args.write)
            rows[model].append(row)
            figures.append({"repo": repo.resolve().name, "session": model, **row})
            print(line(repo.resolve().name, model, row), flush=True)
    for model, found in rows.items():
        mean = {key: statistics.mean(r[key] for r in found) for key in found[0]}
        print(line("**mean**", model, mean))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
