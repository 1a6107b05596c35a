"""How often search puts all that a real change touched into a budget.

For each commit the message is the query and the parent's tree the repository; the
changed hunks' old lines must all lie in the files (or parts of files) that fit the
budget in rank order::

    python tests/bench/recall.py REPO --commits 200 --budget 128k
    python tests/bench/recall.py REPO --questions tests/bench/questions.toml
    python tests/bench/recall.py REPO --speed

Only files of a programming language count; ``history.py`` says which commits are left
out. Tokens are estimated (bytes / 3.6). The index is kept (``--index``) so that a
second run is quick.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from history import Repository, changes

from repoctx.flow.recall import Covered, covered, inside
from repoctx.index import (
    Prepared,
    Row,
    Store,
    find_definitions,
    passages,
    prepare,
    rank,
    with_terms,
)
from repoctx.index.outline import outline
from repoctx.index.search import kind_of
from repoctx.pack.retrieve import Offer, Pick, fill
from repoctx.values import BlobFacts, Snapshot, SourceFile

BYTES_PER_TOKEN = 3.6
T = TypeVar("T")


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
    return covered(fill(offers, room))


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
            covers = filled(repository, store, snapshot, change.query, budget)
            hits[budget, False] += inside(change.hunks, source, covers)
            hits[budget, True] += inside(change.hunks, changed, covers)
        for depth, shares in recalls.items():
            top = {f.path for f in ranked[:depth]}
            shares.append(len(top & source) / len(source))
    if not total:
        sys.exit("no change found that modifies one to eight source files")
    columns = {"repository": repository.root.name, "changes": str(total)}
    for budget in budgets:
        found, also = hits[budget, False] / total, hits[budget, True] / total
        columns[f"{budget // 1000}k (with tests)"] = f"{found:.3f} ({also:.3f})"
    for depth, shares in recalls.items():
        columns[f"files@{depth}"] = f"{statistics.mean(shares):.3f}"
    columns["rank"] = f"{statistics.median(times) * 1000:.0f} ms"
    print_row(columns)


def print_row(columns: dict[str, str]) -> None:
    for cells in (columns, ["---"] * len(columns), columns.values()):
        print(f"| {' | '.join(cells)} |")


def add_all(store: Store, ready: Sequence[Prepared]) -> None:
    for at in range(0, len(ready), 500):
        store.add(ready[at : at + 500])


def run_speed(repository: Repository, path: Path, head: str) -> None:
    """CPU time of each step on the way from the texts of a tree to an answer."""
    files = repository.tree(head)
    once = {(f.oid, f.lang): f for f in files}
    texts = [(f, repository.text(f)) for f in once.values()]
    texts = [(f, "" if "\0" in text[:8000] else text) for f, text in texts]
    megabytes = sum(len(text) for _, text in texts) / 1e6
    print(f"{repository.root.name}: {len(texts)} texts, {megabytes:.1f} MB")

    def timed(step: str, work: Callable[[], T], per: float = 0.0) -> T:
        start = time.process_time()
        result = work()
        spent = (time.process_time() - start) * 1000
        print(
            f"  {step}: {spent:.0f} ms" + (f", {spent / per:.1f} a MB" if per else "")
        )
        return result

    outlines = timed("outline", lambda: [outline(t, f.lang) for f, t in texts])
    full = timed(
        "terms",
        lambda: [with_terms(o, t) for o, (_, t) in zip(outlines, texts, strict=True)],
        megabytes,
    )
    facts = [BlobFacts(f.size, None, chars=len(t)) for f, t in texts]
    rows = [
        Row(f.oid, f.lang, known, found)
        for (f, _), known, found in zip(texts, facts, full, strict=True)
    ]
    print(f"  definitions: {sum(len(o.definitions) for o in full)}")
    ready = timed("prepare", lambda: [prepare(row) for row in rows], megabytes)
    with Store.open(path) as store:
        timed("add", partial(add_all, store, ready), megabytes)
    print(f"  file: {path.stat().st_size / 1e6:.1f} MB")
    snapshot = Snapshot(files, (), head)
    question = "where is the retry delay of a task computed?"
    with Store.open(path) as store:
        timed("facts", store.facts)
        timed("outlined", store.outlined)
        timed("rank", lambda: rank(store, snapshot, question))
        timed("definitions", lambda: find_definitions(store, snapshot, question))
        timed("passages", lambda: passages(store, snapshot, question, repository.text))


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
    columns = {"repository": repository.root.name, "questions": str(len(questions))}
    for name, number in hits.items():
        columns[name] = f"{number / max(len(questions), 1):.2f}"
    columns["all three"] = f"{statistics.median(times) * 1000:.0f} ms"
    print_row(columns)


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
    parser.add_argument("--speed", action="store_true", help="measure time instead")
    parser.add_argument("--index", type=Path, help="where to keep the index")
    options = parser.parse_args()
    repository = Repository(options.repository.resolve())
    with (
        tempfile.TemporaryDirectory() as spare,
        Store.open(options.index or Path(spare) / "index.db") as store,
    ):
        if options.speed:
            run_speed(repository, Path(spare) / "speed.db", options.head)
        elif options.questions:
            run_questions(repository, store, options.questions, options.head)
        else:
            budgets = options.budget or [128_000, 64_000, 32_000]
            run_changes(repository, store, options.commits, budgets, options.head)
    repository.close()


if __name__ == "__main__":
    main()
