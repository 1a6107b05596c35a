"""Real commits out of clones, as small trees before and after.

A commit qualifies when it is no merge, changes 1 to 12 files, every changed file is
plain UTF-8 text with LF line ends, at most 80 kB large (300 kB together), and 1 to 600
lines change. Files of the first changed file's folder that the commit left alone stand
beside them, so that an edit which lands in another file is seen.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

MAX_FILES = 12
MAX_SIZE = 80_000
MAX_TOTAL = 300_000
MAX_CHANGED = 600
MAX_LINE = 600
NEIGHBOURS = 3
_GIT = ("git", "-c", "core.quotePath=false", "-C")
_RAW = re.compile(r"^:(\d+) (\d+) ([0-9a-f]+) ([0-9a-f]+) ([AMDR])\d*\t(.+)$")
_ODD = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029\x00\ufeff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a tree as the model sees it: LF lines, decoded."""

    text: str
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One commit. ``moved`` maps old to new paths; ``before`` holds neighbours too."""

    repository: str
    commit: str
    before: dict[str, Entry]
    after: dict[str, Entry]
    moved: dict[str, str]


class Repository:
    """Plain reads of a clone, one ``cat-file`` process for all blobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        origin = root.parent.name if root.name in ("repo", ".git") else root.name
        self.name = origin.removesuffix(".git").rpartition("+")[2]
        self._cat = subprocess.Popen(
            [*_GIT, str(root), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def git(self, *arguments: str, feed: str = "", check: bool = True) -> str:
        run = subprocess.run(
            [*_GIT, str(self.root), *arguments],
            input=feed.encode(),
            check=check,
            capture_output=True,
        )
        return run.stdout.decode("utf-8", "replace")

    def blob(self, oid: str) -> bytes | None:
        """Bytes of a blob; None when the clone does not hold it."""
        assert self._cat.stdin is not None and self._cat.stdout is not None
        self._cat.stdin.write(oid.encode() + b"\n")
        self._cat.stdin.flush()
        head = self._cat.stdout.readline().split()
        if head[1:] == [b"missing"]:
            return None
        data = self._cat.stdout.read(int(head[2]))
        self._cat.stdout.read(1)
        return data

    def close(self) -> None:
        """End the reading process."""
        assert self._cat.stdin is not None
        self._cat.stdin.close()
        self._cat.wait()

    def changes(self, seed: int, pool: int) -> Iterator[Change]:
        """Qualifying commits among a seeded sample of ``pool``, in seeded order."""
        commits = self.git("rev-list", "--no-merges", "HEAD").split()
        rng = random.Random(f"{seed} {self.name}")
        sample = rng.sample(commits, min(pool, len(commits)))
        listing = self.git(
            "diff-tree", "--stdin", "-r", "--raw", feed="\n".join(sample) + "\n"
        )
        commit, rows = "", list[str]()
        for line in [*listing.split("\n"), ""]:
            if line.startswith(":"):
                rows.append(line)
                continue
            if rows and (change := self._change(commit, rows)) is not None:
                yield change
            commit, rows = line, []

    def _change(self, commit: str, rows: list[str]) -> Change | None:
        if len(rows) <= MAX_FILES and {"A", "D"} <= {row.split()[4] for row in rows}:
            # Finding moves reads blobs, which a clone need not hold all.
            found = self.git("diff-tree", "-r", "-M", "--raw", commit, check=False)
            rows = [row for row in found.split("\n") if row.startswith(":")]
        if not 1 <= len(rows) <= MAX_FILES:
            return None
        before: dict[str, Entry] = {}
        after: dict[str, Entry] = {}
        moved: dict[str, str] = {}
        for row in rows:
            match = _RAW.match(row)
            if match is None:
                return None
            old_mode, new_mode, old, new, status, names = match.groups()
            source, _, target = names.partition("\t")
            if '"' in names or Path(source).name.startswith(".git"):
                return None
            for mode, oid, path, tree in (
                (old_mode, old, source, before),
                (new_mode, new, target or source, after),
            ):
                if mode == "000000":
                    continue
                entry = self._entry(mode, oid)
                if entry is None:
                    return None
                tree[path] = entry
            if status == "R":
                moved[source] = target
        total = sum(len(entry.text) for entry in (*before.values(), *after.values()))
        if total > 2 * MAX_TOTAL or not _sane(before, after, moved):
            return None
        self._add_neighbours(commit, next(iter(after or before)), before, after)
        return Change(self.name, commit, before, after, moved)

    def _entry(self, mode: str, oid: str) -> Entry | None:
        if mode not in ("100644", "100755"):
            return None
        data = self.blob(oid)
        if data is None or not 0 < len(data) <= MAX_SIZE:
            return None
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return None
        if not text.endswith("\n") or text.isspace():
            return None
        if _ODD.search(text) or max(map(len, text.split("\n"))) > MAX_LINE:
            return None
        return Entry(text, mode == "100755")

    def _add_neighbours(
        self, commit: str, path: str, before: dict[str, Entry], after: dict[str, Entry]
    ) -> None:
        folder = path.rpartition("/")[0]
        listed = self.git("ls-tree", "-l", commit, f"{folder}/" if folder else ".")
        added = 0
        for row in listed.split("\n"):
            meta, _, name = row.partition("\t")
            fields = meta.split()
            if len(fields) != 4 or fields[1] != "blob" or name in {*before, *after}:
                continue
            if fields[0] != "100644" or not 0 < int(fields[3]) <= 20_000:
                continue
            entry = self._entry(fields[0], fields[2])
            if entry is not None and not name.rpartition("/")[2].startswith(".git"):
                before[name] = after[name] = entry
                added += 1
            if added == NEIGHBOURS:
                return


def opcodes(old: list[str], new: list[str]) -> SequenceMatcher[str]:
    """The line matcher of two texts."""
    return SequenceMatcher(None, old, new, autojunk=False)


def _sane(
    before: dict[str, Entry], after: dict[str, Entry], moved: dict[str, str]
) -> bool:
    """Whether the change is a change of lines of a bounded size."""
    lines = 0
    for path in {*before, *after} - {*moved.values()}:
        old = before.get(path)
        new = after.get(moved.get(path, path))
        left = old.text.split("\n") if old else []
        right = new.text.split("\n") if new else []
        if old and new and old.executable != new.executable:
            return False
        if old and new and old.text == new.text and path not in moved:
            return False
        if len(left) * len(right) > 4_000_000:
            return False
        for tag, i1, i2, j1, j2 in opcodes(left, right).get_opcodes():
            if tag != "equal":
                lines += i2 - i1 + j2 - j1
    return 1 <= lines <= MAX_CHANGED
