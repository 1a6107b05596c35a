"""What share of each prompt a provider's cache would serve, by this repository's own
history: no model, no network, and the work tree is not touched.

The last first-parent commits are lived through again in memory: before each commit its
files change in a few groups, and after each group a question is asked. The real packer
makes the prefix; what is equal to the prefix before, up to the first byte that differs,
counts as cached. The first prefix is written by any packer alike and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from repoctx.flow.pack import Memory, Packed, pack_tree
from repoctx.flow.prefix import chunks
from repoctx.flow.session import Session
from repoctx.flow.survey import sizes_known, snapshot_of
from repoctx.pack.tokens import Estimate
from repoctx.probe.shares import Files, Shares, common_bytes, framed, path_order
from repoctx.scan import Contents, Listing, list_commit, run
from repoctx.scan.history import first_parents
from repoctx.values import Segment, byte_order

STEPS = 3
"""Questions a commit."""


def replay_of(
    session: Session, commits: int, shares: Shares, steps: int = STEPS
) -> None:
    """Add to ``shares`` the questions of the last ``commits``, one after another, so
    that who interrupts it has what was done. ``session`` should be an `aside` one.
    Raises GitError, StorageError."""
    place = session.place
    if not place.head:
        return
    rows = first_parents(partial(run, place), place.head, lambda _: False, commits + 1)
    chain = [row.commit for row in reversed(rows)]
    total = max(len(chain) - 1, 0) * steps
    memory = Memory()
    before: Packed | None = None
    files: Files = ()
    with Contents(place) as contents:

        def blob(oid: str) -> bytes:
            try:
                return contents(oid, "")
            except KeyError:
                return b""

        for head, listing in _work(session, chain, steps):
            then = replace(session, place=replace(place, head=head))
            tree = snapshot_of(then, listing)
            packed = pack_tree(then, tree, Estimate(), memory)
            memory = Memory(warm=(packed.name,))
            now: Files = tuple((f.path, f.oid, f.size) for f in tree.files)
            if before is not None:
                plain = sum(framed(file) for file in now)
                shares.add(
                    packed.prefix.size,
                    common(before, packed),
                    plain,
                    path_order(files, now, blob),
                )
            before, files = packed, now
            session.progress("replay", shares.questions, total)


def _work(
    session: Session, chain: list[str], steps: int
) -> Iterator[tuple[str, Listing]]:
    """(HEAD, the tree) of each question: on the way to a commit ``steps`` trees, in the
    last of which all of its files have changed. The first is the chain's start."""
    old: Listing | None = None
    for head, commit in zip(["", *chain], chain, strict=False):
        new = list_commit(session.place, commit, sizes_known(session))
        if old is None:
            yield commit, new
        else:
            for step in range(1, steps + 1):
                yield head, _between(old, new, step / steps)
        old = new


def _between(old: Listing, new: Listing, share: float) -> Listing:
    """``old`` with the first ``share`` of the paths that differ as ``new`` has them."""
    before = {entry.path: entry for entry in old.entries}
    after = {entry.path: entry for entry in new.entries}
    differ = sorted(
        (p for p in before.keys() | after.keys() if before.get(p) != after.get(p)),
        key=byte_order,
    )
    for path in differ[: round(len(differ) * share + 0.499)]:
        before.pop(path, None)
        if path in after:
            before[path] = after[path]
    entries = sorted(before.values(), key=lambda entry: byte_order(entry.path))
    return new._replace(entries=tuple(entries))


def common(one: Packed, other: Packed) -> int:
    """Bytes that two prefixes share from their start."""
    total = 0
    for a, b in zip(one.prefix.segments, other.prefix.segments, strict=False):
        if a.digest == b.digest:
            total += a.size
            continue
        return total + _common(a, b)
    return total


def _common(one: Segment, other: Segment) -> int:
    total = 0
    for a, b in zip(chunks(one), chunks(other), strict=False):
        same = common_bytes(a, b)
        total += same
        if same < min(len(a), len(b)):
            break
    return total
