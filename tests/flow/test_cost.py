"""What was spent, over ledgers of several repositories."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from repoctx.ask.ledger import Entry, record
from repoctx.errors import UsageError
from repoctx.flow.cost import Account, account, moment
from repoctx.flow.ledgers import known_ledgers, note_ledger, repository_of
from repoctx.flow.session import open_session
from repoctx.values import Usage
from repos import git, make_repo

DAY = 86400.0
NOON = datetime(2026, 11, 20, 12).timestamp()


def spend(root: Path, time: float, model: str = "a/x", **fields) -> None:
    """One request in the ledger of ``root``: 1,000 tokens, 900 of them cached."""
    usage = fields.pop("usage", Usage(1000, 900, 50, 10, 0.5))
    with open_session(root, {}) as session:
        name = repository_of(session)
        entry = Entry(time, "ask", model, "", usage, repository=name, **fields)
        record(session.state.ledger, entry)
        note_ledger(session)


def accounted(root: Path, by: str = "day", start: float = 0, **options) -> Account:
    with open_session(root, {}) as session:
        found = account(session, by, start, **options)
        assert session.notes == []
        return found


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    one = make_repo(tmp_path / "one", {"a.py": "a = 1\n"})
    two = make_repo(tmp_path / "two", {"b.py": "b = 1\n"})
    spend(one, NOON, without=2.5, predicted=950)
    spend(one, NOON + DAY, "b/y", without=1.0)
    spend(two, NOON + DAY, "b/y", usage=Usage(4000, 0, 4000, 5, 3.0), without=2.0)
    spend(two, NOON + 2 * DAY, "c/z", usage=Usage(100, 0, 0, 5))
    spend(two, NOON + 2 * DAY, "offline", usage=Usage())
    return one, two


def test_by_day_over_all_repositories(roots):
    found = accounted(roots[0])
    assert [row.name for row in found.rows] == [
        "2026-11-20",
        "2026-11-21",
        "2026-11-22",
    ]
    first, second, third = (row.spent for row in found.rows)
    assert (first.requests, first.input, first.cached, first.written) == (
        1,
        1000,
        900,
        50,
    )
    assert (first.cost, first.saved, first.predicted) == (0.5, 2.0, 950)
    # What was written and never read is a loss.
    assert (second.requests, second.cost, second.saved) == (2, 3.5, -0.5)
    assert (third.cost, third.saved, third.unpriced) == (None, None, 1)
    total = found.total
    assert (total.requests, total.input, total.output) == (4, 6100, 30)
    assert (total.cost, total.saved, total.unpriced) == (4.0, 1.5, 1)


def test_by_model_and_by_repository_the_dearest_first(roots):
    one, two = roots
    found = accounted(one, "model")
    assert [(r.name, r.spent.cost) for r in found.rows] == [
        ("b/y", 3.5),
        ("a/x", 0.5),
        ("c/z", None),
    ]
    found = accounted(two, "repo")
    assert [(r.name, r.spent.cost) for r in found.rows] == [
        (str(two), 3.0),
        (str(one), 1.0),
    ]


def test_since_and_here(roots):
    one, two = roots
    assert accounted(one, "repo", NOON + DAY).total.requests == 3
    assert accounted(one, here=True).total.requests == 2
    assert accounted(one, start=NOON + 3 * DAY) == accounted(
        two, start=NOON + 3 * DAY, here=True
    )
    with open_session(one, {}) as session, pytest.raises(UsageError, match="--by"):
        account(session, "hour", 0)


def test_work_trees_are_one_repository(roots, tmp_path):
    one, _ = roots
    git(one, "worktree", "add", "-q", str(tmp_path / "tree"))
    spend(tmp_path / "tree", NOON)
    found = accounted(tmp_path / "tree", "repo", here=True)
    assert [(row.name, row.spent.requests) for row in found.rows] == [(str(one), 3)]


def test_a_ledger_that_is_gone_is_forgotten_until_it_is_used(roots):
    one, two = roots
    with open_session(two, {}) as session:
        ledger = session.state.ledger
    kept = ledger.read_bytes()
    ledger.unlink()
    assert accounted(one).total.requests == 2
    ledger.write_bytes(kept)
    assert accounted(one).total.requests == 2
    spend(two, NOON)
    assert accounted(one).total.requests == 5


def test_a_broken_ledger_is_noted_and_the_rest_is_told(roots):
    one, two = roots
    with open_session(two, {}) as session:
        ledger = session.state.ledger
    with open_session(one, {}) as session:
        ledger.unlink()
        ledger.mkdir()
        found = account(session, "day", 0)
    assert found.total.requests == 2


def test_a_note_holds_a_path_and_nothing_else(roots):
    one, _ = roots
    with open_session(one, {}) as session:
        known = known_ledgers(session)
        assert session.state.ledger in known and len(known) == 2
    folder = Path(os.environ["HOME"]) / ".local" / "state" / "repoctx" / "ledgers"
    if os.name == "posix" and folder.exists():
        notes = sorted(folder.iterdir())
        assert sorted(Path(n.read_text()) for n in notes) == known
        assert {n.stat().st_mode & 0o777 for n in notes} == {0o600}
        notes[0].write_bytes(b"\xff\0no path")
        with open_session(one, {}) as session:
            assert len(known_ledgers(session)) in (1, 2)


def test_notes_stay_below_the_users_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOCTX_STATE_DIR", str(tmp_path / "state"))
    root = make_repo(tmp_path / "r", {"a.py": "a = 1\n"})
    spend(root, NOON)
    assert len(list((tmp_path / "state" / "ledgers").iterdir())) == 1
    assert accounted(root, "repo").rows[0].name == str(root)


def test_moments():
    now = time.time()
    for text, seconds in [
        ("90min", 5400),
        ("24h", DAY),
        ("7d", 7 * DAY),
        ("2w", 14 * DAY),
    ]:
        assert now - moment(text) == pytest.approx(seconds, abs=60)
    assert moment("2026-11-20T12:00") == NOON
    for text in ("", "7", "d", "soon", "-1d", "99999999d", "2026-13-01"):
        with pytest.raises(UsageError, match="--since"):
            moment(text)
