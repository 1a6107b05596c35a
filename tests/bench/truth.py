"""How often is a probe's truth wrong? Asked of each language's own parser.

    python tests/bench/truth.py REPO... [--count 40] [--only FAMILY...] [--seed 0]

For each family and language: how many probes were generated from the work trees, how
many of them a second method could judge, and of how many it says otherwise. The second
method shares nothing with the index: Python's `ast`, `go/parser`, the TypeScript
compiler, javac's tree API, and syn for Rust (sources in `oracles/`). What is missing
is built or installed below ``--tools``; a language without its tools is not judged.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from second import Facts, Method, oracles

from repoctx.flow.material import material
from repoctx.flow.session import open_session
from repoctx.flow.survey import snapshot_now
from repoctx.probe import FAMILIES, Probe, generate, planted
from repoctx.probe.tongues import GROUPS

# --- judging --------------------------------------------------------------------------


@dataclass
class Second:
    """All files of one group, by its second method."""

    label: str
    files: dict[str, Facts]
    text: Callable[[str], str]

    def callers(self, name: str) -> set[str]:
        return {
            f"{path}::{around}"
            for path, facts in self.files.items()
            for called, _, around, _ in facts.calls
            if called == name
        }

    def subclasses(self, name: str) -> set[str]:
        return {
            f"{path}::{own}"
            for path, facts in self.files.items()
            for own, _, _, bases in facts.classes
            if name in bases
        }

    def definitions(self, name: str) -> set[str]:
        return {
            path
            for path, facts in self.files.items()
            if any(own == name for own, *_ in facts.functions)
        }

    @cached_property
    def graph(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for facts in self.files.values():
            for called, _, around, _ in facts.calls:
                found[around].add(called)
        return found

    def chains(self, first: str, last: str) -> list[list[str]]:
        """All shortest chains of calls by name."""
        before: dict[str, set[str]] = {first: set()}
        depth = {first: 0}
        queue = deque([first])
        while queue:
            name = queue.popleft()
            if name == last:
                break
            for to in self.graph.get(name, ()):
                if to not in depth:
                    depth[to] = depth[name] + 1
                    queue.append(to)
                if depth[to] == depth[name] + 1:
                    before.setdefault(to, set()).add(name)

        def back(name: str) -> list[list[str]]:
            if name == first:
                return [[first]]
            return [[*c, name] for b in sorted(before.get(name, ())) for c in back(b)]

        return back(last)


def judge(probe: Probe, second: Second, after: dict[str, Facts]) -> str:
    """What the second method says otherwise, empty when it agrees; ``after`` is what it
    says of the `changed` texts."""
    names = re.findall(r"`([^`]+)`", probe.question)
    if any(second.files[p].error for p in probe.evidence if p in second.files):
        return "?"
    match probe.family:
        case "callers" | "subclasses" | "definitions":
            found = getattr(second, probe.family)(names[0])
            return differs(set(probe.truth), found)
        case "count":
            kind = "callers" if "call `" in probe.question else "subclasses"
            if "method with the name" in probe.question:
                kind = "definitions"
            found = getattr(second, kind)(names[0])
            return differs(set(probe.truth), {str(len(found))})
        case "path":
            return differs(
                {" ".join([names[0], *probe.truth, names[1]])},
                {" ".join(c) for c in second.chains(names[0], names[1])},
            )
        case "description":
            return described(probe, second)
        case "copy":
            return copied(probe, second, names)
        case "edit":
            return edited(probe, second, names, after)
    return plants(probe, second, after)


def differs(truth: set[str], found: set[str]) -> str:
    if truth == found:
        return ""
    return f"only the probe: {sorted(truth - found)}, only it: {sorted(found - truth)}"


def described(probe: Probe, second: Second) -> str:
    [name] = probe.truth
    where = [
        path
        for path, facts in second.files.items()
        for own, *_ in facts.functions
        if own == name
    ]
    if where != list(probe.evidence):
        return f"{name} is defined in {where}"
    if second.label != "Python":
        return ""
    tree = ast.parse(second.text(where[0]))
    [node] = [n for n in ast.walk(tree) if getattr(n, "name", "") == name]
    said = " ".join((ast.get_docstring(node) or "").split())
    told = probe.question.split("\n\n")[1].strip()
    parts = [part.strip() for part in told.split("…") if part.strip(" .-,")]
    return "" if all(part in said for part in parts) else f"{told!r} / {said!r}"


def copied(probe: Probe, second: Second, names: Sequence[str]) -> str:
    name, path = names[0], names[1]
    lines = second.text(path).split("\n")
    found = {
        "\n".join(lines[start - 1 : end])
        for own, start, end, _ in second.files[path].functions
        if own == name
    }
    bare = {text.strip() for text in found}
    return "" if {probe.truth[0].strip()} == bare else f"{probe.truth[0]!r} / {bare!r}"


def changed(probe: Probe, second: Second) -> dict[str, str]:
    """The texts of this group's files that a probe plants in, or has edited."""
    if probe.family == "edit":
        texts = dict(item.split("\n", 1) for item in probe.truth)
    else:
        by_path = defaultdict(list)
        for plant in probe.plants:
            by_path[plant.path].append(plant)
        texts = {p: planted(second.text(p), found) for p, found in by_path.items()}
    return {path: text for path, text in texts.items() if path in second.files}


def edited(
    probe: Probe, second: Second, names: Sequence[str], after: dict[str, Facts]
) -> str:
    texts = dict(item.split("\n", 1) for item in probe.truth)
    if any(facts.error for facts in after.values()):
        return "the changed files do not parse"
    old, new = names[0], names[1]
    if probe.question.startswith("Rename"):
        word = re.compile(rf"(?<!\w){old}(?!\w)")
        kept = [p for p, item in texts.items() if word.search(item)]
        if kept:
            return f"{old} is left in {kept}"
        everywhere = {**second.files, **after}
        left = [p for p, f in everywhere.items() if old in used(f)]
        was = sum(used(f).count(old) for f in second.files.values())
        now = sum(used(f).count(new) for f in after.values())
        return "" if not left and was == now else f"{old} left in {left}, {was} {now}"
    for path, facts in second.files.items():
        for kind in ("functions", "calls"):
            was = [f[3] for f in getattr(facts, kind) if f[0] == old]
            changed = getattr(after.get(path, facts), kind)
            now = [f[3] for f in changed if f[0] == old]
            if now != [count + 1 for count in was]:
                return f"{path}: {kind} {was} {now}"
    return ""


def used(facts: Facts) -> list[str]:
    return [f[0] for f in facts.functions] + [c[0] for c in facts.calls]


def plants(probe: Probe, second: Second, after: dict[str, Facts]) -> str:
    if {plant.path for plant in probe.plants} != set(after):
        return "?"
    for path, facts in after.items():
        if facts.error:
            return f"{path} does not parse"
        known = second.files[path]
        more = len([*facts.constants, *facts.functions])
        more -= len([*known.constants, *known.functions])
        if more != sum(plant.path == path for plant in probe.plants):
            return f"{path}: the plant is not seen"
    return ""


# --- one repository -------------------------------------------------------------------

Tally = Counter[tuple[str, str, str]]


def measure(
    repo: Path, options: argparse.Namespace, methods: dict[str, Method]
) -> Tally:
    """Every probe of one repository, judged."""
    tally: Tally = Counter()
    with open_session(repo, {}) as session:
        now = snapshot_now(session)
        with material(session, now) as held:
            probes = generate(held, options.only, options.count, options.seed)
            langs = {f.path: f.lang for f in now.files}
            for group in GROUPS:
                mine = [p for p in probes if langs[p.evidence[0]] in group.langs]
                if group.label not in methods or not mine:
                    continue
                paths = [p for p, lang in langs.items() if lang in group.langs]
                method = methods[group.label]
                second = second_of(repo, group.label, paths, method, held.text)
                after = facts_of([changed(p, second) for p in mine], method)
                for probe, facts in zip(mine, after, strict=True):
                    said = judge(probe, second, facts)
                    result = {"": "right", "?": "unjudged"}.get(said, "wrong")
                    tally[probe.family, group.label, result] += 1
                    if result == "wrong":
                        asked = f"{repo.name} {probe.id} {probe.question[:90]!r}"
                        print(f"{asked}: {said[:400]}", file=sys.stderr)
    return tally


def second_of(
    repo: Path,
    label: str,
    paths: Iterable[str],
    method: Method,
    text: Callable[[str], str],
) -> Second:
    """All files of a group by its second method."""
    prefix = f"{repo}/"
    files = {
        f.path.removeprefix(prefix): f for f in method([prefix + p for p in paths])
    }

    return Second(label, files, text)


def facts_of(trees: Sequence[dict[str, str]], method: Method) -> list[dict[str, Facts]]:
    """What the method says of many small trees that are not on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        for number, texts in enumerate(trees):
            for path, content in texts.items():
                place = Path(folder, str(number), path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="utf-8")
        paths = [f"{folder}/{n}/{p}" for n, texts in enumerate(trees) for p in texts]
        found = {f.path: f for f in (method(paths) if paths else ())}
        return [
            {path: found[f"{folder}/{n}/{path}"] for path in texts}
            for n, texts in enumerate(trees)
        ]


def table(tally: Tally) -> None:
    labels = sorted({label for _, label, _ in tally})
    print("| family | " + " | ".join(labels) + " | all |")
    print("|---" * (len(labels) + 2) + "|")
    for family in FAMILIES:
        cells = []
        for label in [*labels, ""]:
            right, wrong, open_ = (
                sum(
                    n
                    for (f, g, r), n in tally.items()
                    if f == family and r == result and label in ("", g)
                )
                for result in ("right", "wrong", "unjudged")
            )
            asked = right + wrong
            cell = f"{wrong} / {asked}" if asked else "-"
            cells.append(cell + (f" (+{open_})" if open_ else ""))
        print(f"| {family} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repos", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--only", nargs="+", default=FAMILIES, choices=FAMILIES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--show", type=int, default=5, help="wrong ones printed of each"
    )
    parser.add_argument("--tools", type=Path, default=Path(".bench-tools"))
    options = parser.parse_args()
    methods = oracles(options.tools.resolve())
    total: Tally = Counter()
    for repo in options.repos:
        total += measure(repo.resolve(), options, methods)
    print("wrong / judged (+ not judged)\n")
    table(total)


if __name__ == "__main__":
    main()
