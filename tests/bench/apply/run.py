"""Judge ``repoctx apply`` and others on edits out of real commits.

    python tests/bench/apply/run.py REPO... --held-out REPO... [--tools DIR] [--json F]

Each REPO is a clone with history, which is only read. Prints Markdown tables.
``--only repoctx --kind "mixed line ends" --show`` shows what went wrong with one kind.
"""

from __future__ import annotations

import argparse
import difflib
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import judge
import tables
from corpus import Plan, generate
from programs import Aider, Codex, GitApply, GnuPatch, Program, Repoctx
from tools import aider_python, codex_binary
from work import Case

_PROGRAMS: list[Program] = []
_CASES: list[Case] = []


def programs(only: list[str], tools: Path, real: bool) -> list[Program]:
    """The programs asked for (all, when none is) that are here or can be installed."""

    def wanted(name: str) -> bool:
        return not only or name in only or name.split()[0] in only

    found: list[Program] = [Repoctx(real), GitApply(), GnuPatch()]
    if wanted("codex V4A") and (binary := codex_binary(tools)):
        found.append(Codex(binary))
    forms = {"aider udiff": "udiff", "aider S/R": "search", "aider whole": "whole"}
    if any(map(wanted, forms)) and (python := aider_python(tools)):
        found += [Aider(name, form, python) for name, form in forms.items()]
    return [program for program in found if wanted(program.name)]


def judged(index: int, keep: Path | None = None) -> list[judge.Verdict]:
    """All programs' verdicts on one case."""
    case = _CASES[index]
    verdicts = []
    for program in _PROGRAMS:
        if case.format not in program.formats:
            continue
        folder = Path(tempfile.mkdtemp(prefix="edit-"))
        answers = judge.lay_out(case, folder)
        start = judge.snapshot(folder)
        began = time.perf_counter()
        code, message = program.apply(case, folder, answers)
        seconds = time.perf_counter() - began
        end = judge.snapshot(folder)
        result = judge.outcome(case, code, start, end)
        verdict = judge.Verdict(
            program.name,
            result,
            judge.meets(case, result),
            judge.escaped(start, end),
            round(seconds, 4),
            code,
            message[:4000],
        )
        verdicts.append(verdict)
        if keep and program.name == "repoctx" and not verdict.meets:
            keep_case(case, verdict, folder, keep, index)
        judge.remove(folder)
    return verdicts


def keep_case(
    case: Case, verdict: judge.Verdict, folder: Path, keep: Path, index: int
) -> None:
    """Write a failed case: before, after, got, the answers, a note."""
    place = keep / f"{index:04d}-{case.name}"
    judge.remove(place)
    judge.write_tree(place / "before", case.before)
    judge.write_tree(place / "after", case.after or {})
    (folder / "tree").rename(place / "got")
    for number, data in enumerate(case.answers, 1):
        (place / f"answer{number}.md").write_bytes(data)
    note = {
        "kind": case.kind,
        "group": case.group,
        "format": case.format,
        "expect": case.expect,
        "setup": case.setup,
        **asdict(verdict),
    }
    (place / "case.json").write_text(json.dumps(note, indent=1))


def show(case: Case, verdict: judge.Verdict, keep: Path, index: int) -> Iterator[str]:
    """A failed case for a reader."""
    place = keep / f"{index:04d}-{case.name}"
    yield f"\n## {case.name}: {verdict.outcome}, expected {case.expect}\n\n"
    yield f"{place}\n\n{verdict.message.strip()[:1500]}\n"
    yield from (
        f"\n---- answer\n{data.decode(errors='replace')[:5000]}\n"
        for data in case.answers
    )
    for name, (data, _) in sorted((case.after or {}).items()):
        got = place / "got" / name
        have = got.read_bytes() if got.is_file() else b""
        if have != data:
            yield from difflib.unified_diff(
                repr_lines(data), repr_lines(have), f"meant/{name}", f"got/{name}"
            )


def repr_lines(data: bytes) -> list[str]:
    """Lines whose ends and odd bytes can be seen."""
    return [repr(line)[2:-1] + "\n" for line in data.split(b"\n")]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("repos", nargs="*", type=Path)
    parser.add_argument("--held-out", nargs="*", type=Path, default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per", type=int, default=1, help="cases a kind and format")
    parser.add_argument("--tools", type=Path, default=Path(".bench-tools"))
    parser.add_argument("--only", nargs="*", default=[], help="programs")
    parser.add_argument("--kind", nargs="*", default=[], help="kinds or groups")
    parser.add_argument("--format", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--real", action="store_true", help="start the real program")
    parser.add_argument("--keep", type=Path, help="folder for failed cases")
    parser.add_argument("--show", action="store_true", help="print failed cases")
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--tables", nargs="*", type=Path, help="of earlier --json files, nothing run"
    )
    parser.add_argument("--kinds", action="store_true", help="a table by kind")
    return parser.parse_args()


def main() -> int:
    """Make the corpus, judge, print."""
    options = arguments()
    if options.tables:
        earlier = [
            row for path in options.tables for row in json.loads(path.read_text())
        ]
        print(tables.report(earlier, options.kinds))
        return 0
    plan = Plan(options.seed, options.per, kinds=options.kind, formats=options.format)
    _PROGRAMS[:] = programs(options.only, options.tools, options.real)
    clones = [*options.repos, *options.held_out]
    context = multiprocessing.get_context("fork")
    began = time.perf_counter()
    with context.Pool(options.jobs) as pool:
        made = pool.starmap(partial(generate, plan=plan), enumerate(clones), 1)
    _CASES[:] = [case for cases in made for case in cases]
    held = {case.repository for cases in made[len(options.repos) :] for case in cases}
    print(
        f"{len(_CASES)} edits made in {time.perf_counter() - began:.0f} s",
        file=sys.stderr,
    )
    keep = options.keep
    if options.show and keep is None:
        keep = Path(tempfile.mkdtemp(prefix="failed-"))
    began = time.perf_counter()
    rows: list[tables.Row] = []
    with context.Pool(options.jobs) as pool:
        work = partial(judged, keep=keep)
        for index, verdicts in enumerate(pool.imap(work, range(len(_CASES)), 4)):
            case = _CASES[index]
            out = case.repository in held
            rows += [tables.record(case, verdict, out) for verdict in verdicts]
            if options.show and keep:
                for verdict in verdicts:
                    if verdict.program == "repoctx" and not verdict.meets:
                        print(*show(case, verdict, keep, index), sep="")
    print(f"judged in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    print(tables.report(rows, options.kinds))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
