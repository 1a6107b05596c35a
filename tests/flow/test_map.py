"""The map's data, from real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from repoctx.flow.ask import Question, ask
from repoctx.flow.map import NO_ROOM, map_of
from repoctx.flow.session import open_session
from repoctx.pack.treemap import MapData
from repos import make_repo, write

MODEL = "scripted/x"
BODY = "".join(f"    value_{n} = compute({n})\n" for n in range(60))
FILES = {
    "src/a.py": f"def first():\n{BODY}",
    "src/b.py": f"def second():\n{BODY}",
    "src/copy.py": f"def second():\n{BODY}",
    "docs/readme.md": "# Title\n\nText.\n",
    "logo.bin": b"\0\1\2" * 50,
    "Makefile": "all:\n\ttrue\n",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    script = tmp_path / "script.toml"
    script.write_text('[[replies]]\ntext = "Yes."\n')
    monkeypatch.setenv("REPOCTX_SCRIPT", str(script))
    return make_repo(tmp_path / "demo", FILES)


def mapped(root: Path, **flags: object) -> MapData:
    with open_session(root, {"model": MODEL, **flags}) as session:
        return map_of(session)


def states(data: MapData) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in data.files:
        found.setdefault(file.path, []).append(file.state)
    return found


def test_every_document_is_on_the_map(root: Path):
    found = mapped(root)
    assert states(found) == {
        "Makefile": ["base"],
        "docs/readme.md": ["base"],
        "src/a.py": ["base"],
        "src/b.py": ["base"],
        "src/copy.py": ["duplicate"],
    }
    assert {f.path: f.lang for f in found.files}["src/a.py"] == "python"
    assert [(o.path, o.reason) for o in found.left_out] == [("logo.bin", "binary")]
    assert (found.name, found.window) == ("demo", 1_000_000)
    assert [name for name, _ in found.segments] == ["preamble", "base"]
    # The section's opening and closing are all that no file takes.
    base = dict(found.segments)["base"]
    assert 0 < base - sum(f.tokens for f in found.files) < 20


def test_what_was_sent_is_cached_and_what_changed_is_not(root: Path):
    with open_session(root, {"model": MODEL}) as session:
        ask(session, Question("Is it so?"), lambda _: None)
    write(root, {"src/a.py": "def third():\n    pass\n", "new.go": "package x\n"})
    (root / "docs/readme.md").unlink()
    assert states(mapped(root)) == {
        "Makefile": ["cached"],
        "docs/readme.md": ["cached", "overlay"],
        "new.go": ["overlay"],
        "src/a.py": ["cached", "overlay"],
        "src/b.py": ["cached"],
        "src/copy.py": ["duplicate"],
    }


def test_over_budget_there_are_skeletons_and_files_without_room(tmp_path: Path):
    wide = {f"src/m{n}.py": f"def f{n}():\n{BODY}" + f"# {n}\n" for n in range(20)}
    flat = {f"data/d{n}.txt": f"{n}\n" + BODY for n in range(20)}
    root = make_repo(tmp_path / "wide", {**wide, **flat})
    found = mapped(root, model="offline", budget=8000)
    assert "skeleton" in {f.state for f in found.files}
    gone = {o.path for o in found.left_out if o.reason == NO_ROOM}
    assert gone
    assert not gone & {f.path for f in found.files}


def test_a_budget_that_nothing_fits_is_a_note(root: Path):
    write(root, {"new.txt": BODY})
    with open_session(root, {"model": "offline", "budget": 600}) as session:
        found = map_of(session)
        assert len(found.files) == 6
        assert "--budget" in session.notes[0]


def test_a_model_that_nobody_serves_has_its_own_tokens(root: Path):
    plain = mapped(root, model="offline")
    found = mapped(root, model="anthropic/claude-opus-5-5")
    assert found.window == 1_000_000
    assert not found.exact
    for one, other in zip(plain.segments, found.segments, strict=True):
        assert other[1] == pytest.approx(1.5 * one[1], rel=0.05)
