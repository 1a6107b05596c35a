"""How often search puts all that a real change touched into a budget.

For each commit the message is the query and the parent's tree the repository; the
changed hunks' old lines must all lie in the files (or parts of files) that fit the
budget in rank order::

    python tests/bench/recall.py REPO --commits 200 --budget 128k
    python tests/bench/recall.py REPO --questions tests/bench/questions.toml

Only files of a programming language count. Left out are commits that touch more than
eight of them, or no source file beside tests, or only add files; merges; releases
(``bump``, ``release``, ``prepare``, a version); and messages of fewer than four telling
words (``fix lint``). Tokens are estimated (bytes / 3.6). The index is kept
(``--index``) so that a second run is quick.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from repoctx.index import (
    Row,
    Store,
    detect,
    find_definitions,
    outline,
    passages,
    rank,
    with_terms,
)
from repoctx.index.search import kind_of
from repoctx.index.terms import line_terms
from repoctx.pack.retrieve import Offer, Pick, fill
from repoctx.values import BlobFacts, Snapshot, SourceFile, byte_order

BYTES_PER_TOKEN = 3.6
MAX_FILES = 8
TELLING = 4
"""Fewer words than this (``fix lint``, ``address comments``) ask for nothing."""
MAX_SIZE = 1_000_000
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C")
_TRAILER = re.compile(
    r"^([\w-]+-by: .*|\(cherry[ -]picked.*|change-id: .*"
    r"|((fix(es|ed)?|close[sd]?|resolve[sd]?|refs?|see|issues?|pr|part of|related to)\b"
    r"[\s:,]*|and\s+)*([\w/.-]*#\d+|gh-\d+|https?://\S+)[\s.,]*)+$",
    re.I,
)
_ROUTINE = re.compile(
    r"^((chore|build|ci)?(\(release\))?:? ?(releaser?|prepare|bump|upgrade version)\b"
    r"|v?\d+\.\d|squashed |merge |next development version)",
    re.I,
)
_NUMBER = re.compile(r"\(?\b(?:gh-|#|[\w/.-]+#)\d+\)?")
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+")


@dataclass(frozen=True, slots=True)
class Change:
    """A commit: its message as query, and the old lines it touched by path."""

    commit: str
    query: str
    hunks: dict[str, list[tuple[int, int]]]


class Repository:
    """Plain git reads, one ``cat-file`` process for all blobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cat = subprocess.Popen(
            [*_GIT, str(root), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._texts: dict[str, str] = {}

    def git(self, *arguments: str) -> bytes:
        command = [*_GIT, str(self.root), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def blob(self, oid: str) -> bytes:
        assert self._cat.stdin is not None and self._cat.stdout is not None
        self._cat.stdin.write(oid.encode() + b"\n")
        self._cat.stdin.flush()
        size = int(self._cat.stdout.readline().split()[2])
        data = self._cat.stdout.read(size)
        self._cat.stdout.read(1)
        return data

    def text(self, file: SourceFile) -> str:
        return self.blob(file.oid).decode("utf-8", "replace")

    def tree(self, commit: str) -> tuple[SourceFile, ...]:
        listing = self.git("ls-tree", "-r", "-z", "-l", commit)
        files = []
        for line in listing.split(b"\0")[:-1]:
            meta, _, raw = line.partition(b"\t")
            mode, kind, oid, size = meta.split()
            if kind != b"blob" or mode == b"120000" or not size.isdigit():
                continue  # a blob that a partial clone lacks has no size
            if int(size) > MAX_SIZE:
                continue
            path = raw.decode("utf-8", "surrogateescape")
            files.append(
                SourceFile(path, oid.decode(), int(mode, 8), int(size), detect(path))
            )
        return tuple(sorted(files, key=lambda f: byte_order(f.path)))

    def close(self) -> None:
        assert self._cat.stdin is not None
        self._cat.stdin.close()
        self._cat.wait(10)


def cleaned(message: str) -> str:
    """A commit's message as a request for the change: no trailers, no issue numbers."""
    lines = [line for line in message.splitlines() if not _TRAILER.match(line.strip())]
    return "\n".join(_NUMBER.sub("", line) for line in lines)


def changes(repository: Repository, number: int, start: str) -> Iterator[Change]:
    """The latest changes that modify one to eight source files."""
    log = repository.git(
        "log", "--no-merges", f"-n{number * 20}", "--format=%H%x00%P%x00%B%x01", start
    ).decode("utf-8", "replace")
    found = 0
    for entry in log.split("\x01"):
        commit, _, rest = entry.strip().partition("\0")
        parents, _, message = rest.partition("\0")
        query = cleaned(message).strip()
        telling = {term for line in query.splitlines() for term in line_terms(line)}
        if not parents or " " in parents:
            continue
        if len(telling) < TELLING or _ROUTINE.match(query):
            continue
        try:
            hunks = old_lines(repository, commit)
        except subprocess.CalledProcessError:
            continue  # a partial clone lacks one of its blobs
        if len(hunks) <= MAX_FILES and "source" in map(kind_of_path, hunks):
            yield Change(commit, query, hunks)
            found += 1
            if found == number:
                return


def old_lines(repository: Repository, commit: str) -> dict[str, list[tuple[int, int]]]:
    """Old-side line ranges by path of the source files that ``commit`` modifies."""
    patch = repository.git(
        "diff-tree", "-r", "-p", "-U0", "-M", "--no-ext-diff", "--no-textconv",
        "--diff-filter=MDR", commit,
    )  # fmt: skip
    hunks: dict[str, list[tuple[int, int]]] = {}
    path = ""
    for line in patch.split(b"\n"):
        if line.startswith(b"--- "):
            path = line[6:].rstrip(b"\t").decode("utf-8", "surrogateescape")
            if kind_of_path(path) not in ("source", "tests"):
                path = ""
        elif path and (match := _HUNK.match(line)):
            first, count = int(match[1]), int(match[2] or 1)
            # An insertion has no old lines: the lines around it must be there.
            last = first + max(count, 2 if count == 0 else 1) - 1
            hunks.setdefault(path, []).append((max(first, 1), last))
    return hunks


def kind_of_path(path: str) -> str:
    return kind_of(SourceFile(path, "", 0, 0, detect(path)))


def index(repository: Repository, store: Store, files: Iterable[SourceFile]) -> int:
    """Index what the store does not have; returns the bytes read."""
    known, seen = store.outlined(), 0
    batch: list[Row] = []
    for file in files:
        if (file.oid, file.lang) in known:
            continue
        known.add((file.oid, file.lang))
        data = repository.blob(file.oid)
        seen += len(data)
        text = "" if b"\0" in data[:8000] else data.decode("utf-8", "replace")
        facts = BlobFacts(len(data), None, chars=len(text), lines=text.count("\n"))
        found = with_terms(outline(text, file.lang), text)
        batch.append(Row(file.oid, file.lang, facts, found))
        if len(batch) == 500:
            store.add(batch)
            batch = []
    store.add(batch)
    return seen


def tokens(size: int) -> int:
    return round(size / BYTES_PER_TOKEN)


Covered = dict[str, list[tuple[int, int]]]


def filled(
    repository: Repository, store: Store, snapshot: Snapshot, query: str, room: int
) -> Covered:
    """The line ranges that enter the budget, by the packing room's own rule."""
    pieces: dict[str, list[Pick]] = {}

    def pieces_of(path: str) -> list[Pick]:
        if not pieces:
            pieces[""] = []
            for p in passages(store, snapshot, query, repository.text, 400):
                pick = Pick(p.path, p.start, p.end, tokens(len(p.text.encode())))
                pieces.setdefault(p.path, []).append(pick)
        return pieces.get(path, [])

    ranked = rank(store, snapshot, query)
    sizes = {r.path: r.file.size for r in ranked}

    def whole(path: str, start: int, end: int) -> int:
        assert (start, end) == (0, 0)
        return tokens(sizes[path])

    offers = (Offer(r.path, whole, pieces_of) for r in ranked)
    covered: Covered = {}
    for pick in fill(offers, room):
        lines = (pick.start, pick.end) if pick.start else (1, 10**9)
        covered.setdefault(pick.path, []).append(lines)
    return covered


def inside(change: Change, paths: set[str], covered: Covered) -> bool:
    return all(
        any(a <= first and last <= b for a, b in covered.get(path, ()))
        for path in paths
        for first, last in change.hunks[path]
    )


def run_changes(
    repository: Repository, store: Store, number: int, budgets: Sequence[int], head: str
) -> None:
    hits = {(budget, tests): 0 for budget in budgets for tests in (False, True)}
    recalls: dict[int, list[float]] = {10: [], 50: []}
    times: list[float] = []
    total = 0
    for change in changes(repository, number, head):
        files = repository.tree(change.commit + "^")
        changed = {f.path: f for f in files if f.path in change.hunks}
        source = {p for p, f in changed.items() if kind_of(f) == "source"}
        if len(changed) < len(change.hunks):
            continue
        index(repository, store, files)
        snapshot = Snapshot(files, (), change.commit)
        start = time.perf_counter()
        ranked = [r.file for r in rank(store, snapshot, change.query)]
        times.append(time.perf_counter() - start)
        total += 1
        for budget in budgets:
            covered = filled(repository, store, snapshot, change.query, budget)
            hits[budget, False] += inside(change, source, covered)
            hits[budget, True] += inside(change, set(changed), covered)
        for depth, shares in recalls.items():
            top = {f.path for f in ranked[:depth]}
            shares.append(len(top & source) / len(source))
    if not total:
        sys.exit("no change found that modifies one to eight source files")
    print(f"{repository.root.name}: {total} changes, {len(files)} files")
    for budget in budgets:
        print(
            f"  all hunks inside {budget // 1000}k: {hits[budget, False] / total:.3f}"
            f" (with those in tests: {hits[budget, True] / total:.3f})"
        )
    for depth, shares in recalls.items():
        print(f"  file recall@{depth}: {statistics.mean(shares):.3f}")
    print(f"  rank: median {statistics.median(times) * 1000:.0f} ms")


def run_questions(repository: Repository, store: Store, path: Path, head: str) -> None:
    questions: dict[str, list[str]] = tomllib.loads(path.read_text("utf-8")).get(
        repository.root.name, {}
    )
    files = repository.tree(head)
    index(repository, store, files)
    snapshot = Snapshot(files, (), head)
    hits: dict[str, int] = {}
    times: list[float] = []
    for question, answers in questions.items():
        start = time.perf_counter()
        answer = {
            "files": [r.path for r in rank(store, snapshot, question)],
            "passages": [
                p.path for p in passages(store, snapshot, question, repository.text)
            ],
            "definitions": [
                d.path for d in find_definitions(store, snapshot, question)
            ],
        }
        times.append(time.perf_counter() - start)
        places = {}
        for kind, paths in answer.items():
            found = (i for i, p in enumerate(paths, 1) if p.startswith(tuple(answers)))
            places[kind] = next(found, 0)
            for top in (1, 5):
                name = f"{kind} top-{top}"
                hits[name] = hits.get(name, 0) + (0 < places[kind] <= top)
        print(f"  {' '.join(f'{place:3}' for place in places.values())}  {question}")
    print(f"{repository.root.name}: {len(questions)} questions")
    for name, number in hits.items():
        print(f"  {name}: {number / max(len(questions), 1):.2f}")
    print(f"  all three: median {statistics.median(times) * 1000:.0f} ms")


def size(text: str) -> int:
    number = text.lower().removesuffix("k")
    return int(float(number) * (1000 if number != text.lower() else 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--budget", type=size, action="append")
    parser.add_argument("--head", default="HEAD")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--index", type=Path, help="where to keep the index")
    options = parser.parse_args()
    repository = Repository(options.repository.resolve())
    with (
        tempfile.TemporaryDirectory() as spare,
        Store.open(options.index or Path(spare) / "index.db") as store,
    ):
        if options.questions:
            run_questions(repository, store, options.questions, options.head)
        else:
            budgets = options.budget or [128_000, 64_000, 32_000]
            run_changes(repository, store, options.commits, budgets, options.head)
    repository.close()


if __name__ == "__main__":
    main()
