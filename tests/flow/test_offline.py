"""What is measured without a model, against repositories whose figures are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from repoctx.flow.aside import aside
from repoctx.flow.offline import Offline, as_json, measure, recall
from repoctx.flow.recall import covered, inside, recall_of
from repoctx.flow.replay import replay_of
from repoctx.flow.requests import asked_for, cleaned
from repoctx.flow.session import open_session
from repoctx.flow.survey import snapshot_now
from repoctx.pack.retrieve import Pick
from repoctx.probe import FAMILIES
from repoctx.probe.shares import Shares, common_bytes, path_order
from repoctx.scan import discover, run
from repos import commit, git, make_repo, write

ANIMALS = ("heron", "otter", "badger", "marten", "weasel", "plover")


def module(animal: str, number: int = 0) -> str:
    filler = "".join(f"# {animal} remark {n} of the keeper\n" for n in range(200))
    return f"def feed_{animal}(bucket):\n    return bucket * {number}\n\n\n{filler}"


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Six modules, each changed once by a commit that says so."""
    root = make_repo(tmp_path / "zoo", {f"zoo/{a}.py": module(a) for a in ANIMALS})
    for number, animal in enumerate(ANIMALS, start=1):
        write(root, {f"zoo/{animal}.py": module(animal, number)})
        commit(
            root, f"Feed the {animal} a larger bucket than before\n\nFixes #{number}"
        )
    return root


def requests(root: Path, number: int = 20):
    place = discover(root)
    return list(asked_for(lambda *a, **k: run(place, *a, **k), place.head, number))


def test_requests_are_messages_and_the_lines_they_touched(zoo: Path):
    found = requests(zoo)
    assert [one.query for one in found] == [
        f"Feed the {a} a larger bucket than before ".strip() for a in ANIMALS[::-1]
    ]
    assert [dict(one.hunks) for one in found] == [
        {f"zoo/{a}.py": ((2, 2),)} for a in ANIMALS[::-1]
    ]
    assert all(git(zoo, "rev-parse", f"{one.commit}^") == one.parent for one in found)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["zoo/heron.py"], "fix lint"),
        (["zoo/heron.py"], "Release 4.2 of the whole zoo software"),
        (["zoo/heron.py"], "bump the heron bucket version number"),
        (["tests/test_a.py"], "Check the animals in all of their cages"),
        ([f"zoo/x{n}.py" for n in range(9)], "Rewrite every single animal module"),
    ],
)
def test_what_asks_for_nothing_is_no_request(zoo: Path, paths, message: str):
    write(zoo, dict.fromkeys(paths, "x = 1\n"))
    commit(zoo, "wip")
    write(zoo, dict.fromkeys(paths, "x = 2\n"))
    commit(zoo, message)
    assert len(requests(zoo)) == 6
    write(zoo, dict.fromkeys([*paths[:1], "zoo/otter.py"], "x = 3\n"))
    commit(zoo, "Count otter fishes inside the winter pond")
    assert len(requests(zoo)) == 7


def test_trailers_and_numbers_are_no_part_of_a_request():
    message = "Fix cage gh-12\n\nFixes: #3\nSigned-off-by: A <a@b>\nclose gh-4\n"
    assert cleaned(message).split() == ["Fix", "cage"]


def test_a_removed_line_that_looks_like_a_header_is_no_path(tmp_path: Path):
    text = "-- a/zoo/other.py\nreturn\n"
    root = make_repo(tmp_path / "r", {"zoo/odd.py": text + "x = 1\n"})
    write(root, {"zoo/odd.py": "x = 1\n"})
    commit(root, "Take the strange comment lines out of odd")
    (found,) = requests(root)
    assert dict(found.hunks) == {"zoo/odd.py": ((1, 2),)}


def test_coverage_is_of_every_line():
    hunks = {"a.py": ((3, 4), (90, 90)), "b.py": ((1, 1),)}
    picks = [Pick("a.py", 1, 50, 5), Pick("b.py", 0, 0, 5)]
    assert not inside(hunks, ["a.py", "b.py"], covered(picks))
    assert inside(hunks, ["b.py"], covered(picks))
    assert inside(hunks, hunks, covered([*picks, Pick("a.py", 80, 95, 5)]))


def test_search_is_tried_on_the_trees_of_then(zoo: Path):
    found: list = []
    with open_session(zoo, {}) as session:
        snapshot_now(session)
        with aside(session) as own:
            recall_of(own, 20, found)
        assert len(found) == 6
        assert all(one.inside == one.also == {128_000, 64_000, 32_000} for one in found)
        assert all(one.shares == {10: 1.0, 50: 1.0} for one in found)
        # Every module is changed, and a room of 20 tokens holds none of them.
        tight: list = []
        recall_of(session, 20, tight, (20,))
        assert [one.inside for one in tight] == [frozenset()] * 6


def test_the_users_state_and_tree_stay_as_they_are(zoo: Path):
    write(zoo, {"zoo/heron.py": module("heron", 77)})
    with open_session(zoo, {}) as session:
        snapshot_now(session)
        rows = set(session.store.outlined())

        def state() -> list[tuple[str, bytes]]:
            kept = sorted(p for p in session.state.folder.rglob("*") if p.is_file())
            return [(p.name, p.read_bytes()) for p in kept if p.suffix == ".json"]

        before = (
            state(),
            git(zoo, "status", "--porcelain"),
            git(zoo, "rev-parse", "HEAD"),
        )
        found = Offline()
        measure(session, 0, found)
        after = (
            state(),
            git(zoo, "status", "--porcelain"),
            git(zoo, "rev-parse", "HEAD"),
        )
        assert before == after and found.shares.questions == 18
        assert set(session.store.outlined()) == rows


def test_the_share_is_that_of_the_real_packer(zoo: Path, packs, tmp_path: Path):
    """The same history in a real work tree, packed for real."""
    with open_session(zoo, {}) as session:
        snapshot_now(session)
        shares = Shares()
        with aside(session) as own:
            replay_of(own, 5, shares, steps=1)
    tree = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(zoo), str(tree))
    from repoctx.flow.pack import Memory

    chain = git(tree, "rev-list", "--reverse", "HEAD").split()[-6:]
    git(tree, "checkout", "-q", "--detach", chain[0])
    last, packed = packs(tree)
    uncached, total = [], 0
    for head in chain[1:]:
        # As before the commit: its files are there, HEAD is not.
        git(tree, "checkout", "-q", head, "--", ".")
        data, packed = packs(tree, Memory(warm=(packed.name,)))
        uncached.append(len(data) - common_bytes(last, data))
        total += len(data)
        last = data
        git(tree, "reset", "-q", "--hard", head)
    assert (shares.uncached, shares.total) == (uncached, total)


def test_path_order_shares_what_stands_before_the_first_change():
    blobs = {"1": b"aaaa", "2": b"bbbb", "3": b"bbxx"}
    before = [("a", "1", 4), ("b", "2", 4), ("c", "1", 4)]
    after = [("a", "1", 4), ("b", "3", 4), ("c", "1", 4)]
    whole = 4 + 1 + len('<file path="">\n</file>\n')
    assert path_order(before, after, blobs.__getitem__) == whole + 2
    assert path_order(before, before, blobs.__getitem__) == 3 * whole
    assert common_bytes(b"abcd", b"abxd") == 2


def test_without_commits_there_is_nothing_to_measure(tmp_path: Path):
    (tmp_path / "plain").mkdir()
    write(tmp_path / "plain", {"a.py": "x = 1\n"})
    with open_session(tmp_path / "plain", {}) as session:
        found = Offline()
        measure(session, 0, found)
        told = as_json(found)
        assert (told["recall"], told["cache"]) == (None, None)
        assert told["probes"]["certain"].keys() == set(FAMILIES)
        assert any("no commits" in note for note in session.notes)
    assert not recall(found, 128_000).known
