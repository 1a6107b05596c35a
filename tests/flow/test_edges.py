"""What may go wrong around a pack: damage, races, missing objects, clocks."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import repoctx_prompts as prompts

from pack.tree import tree_of
from repoctx.errors import RepoctxError, StorageError
from repoctx.flow.model import choose_model
from repoctx.flow.pack import Memory, pack
from repoctx.flow.packing import pack_for
from repoctx.flow.prefix import chunks
from repoctx.flow.sending import note_of
from repoctx.flow.sent import last_sent, remember
from repoctx.flow.session import open_session
from repoctx.pack import tokens
from repos import commit, git, make_repo, write

PREAMBLE = prompts.load(prompts.PREAMBLE)
FILES = {f"f{n:02}.py": f"x = {n}\n" * 60 for n in range(20)}


def shown(prompt: bytes) -> dict[str, str]:
    return tree_of(prompt.decode(), "xml", PREAMBLE)


def on_disk(root: Path) -> dict[str, str]:
    names = git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    return {n: (root / n).read_text() for n in names if n and (root / n).is_file()}


def busy(tmp_path: Path) -> Path:
    """A repository with some history and uncommitted work."""
    root = make_repo(tmp_path / "r", FILES)
    for number in range(4):
        write(root, {f"f{number:02}.py": f"y = {number}\n" * 60})
        commit(root, "more")
    write(root, {"f09.py": "mine\n", "new.py": "new\n"})
    return root


# --- damaged state ------------------------------------------------------------------

Damage = Callable[[Path], object]


def flipped(path: Path) -> None:
    """One bit is not what it was; the size is."""
    data = bytearray(path.read_bytes())
    if data:
        data[len(data) // 2] ^= 1
    path.write_bytes(data)


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Damage] = {
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"\xff\x00 no state \x80" * 99),
    "object": lambda path: path.write_text("{}"),
    "list": lambda path: path.write_text("[[1, [2]], null]"),
    "number": lambda path: path.write_text("1e999"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": flipped,
    "zeroed": zeroed,
    "longer": lambda path: path.write_bytes(path.read_bytes() * 2),
    "folder": replaced_by_a_folder,
    "gone": lambda path: path.unlink(),
}


def lived_in(root: Path, packs) -> list[bytes]:
    """Prompts over a commit, over the work tree and stale-free: every kind of state."""
    found = [
        packs(root)[0],
        packs(root, overlay="blocks")[0],
        packs(root, Memory(cold=True))[0],
    ]
    shutil.copytree(root, root.with_name("copy"), dirs_exist_ok=True, symlinks=True)
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_state_never_shows(tmp_path: Path, packs, damage: str):
    root = busy(tmp_path)
    expected = lived_in(root, packs)
    state = root / ".git" / "repoctx"
    files = [p for p in state.rglob("*") if p.is_file()]
    kinds = {p.suffix or p.name for p in files}
    assert {".db", ".json", ".txt"} <= kinds
    for path in files:
        if path.exists():
            DAMAGES[damage](path)
    if damage == "folder":  # Nothing can be written there: one line says so.
        with pytest.raises(StorageError):
            lived_in(root, packs)
        return
    assert lived_in(root, packs) == expected
    for path in files:  # One at a time: the others are what they should be.
        if path.is_file():
            DAMAGES[damage](path)
            assert packs(root)[0] == expected[0], path.name


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_base(tmp_path: Path, packs, damage: str):
    folder = tmp_path / "plain"
    write(folder, FILES)
    state = tmp_path / "state"
    packs(folder, state_dir=str(state))
    for kind in ("*.txt", "*.json", "tree.json"):
        for path in list(state.rglob(kind)):
            if path.is_file():
                DAMAGES[damage](path)
        write(folder, {"f01.py": f"changed {kind}\n"})
        if damage == "folder" and kind == "*.json":
            with pytest.raises(StorageError):
                packs(folder, state_dir=str(state))
            return
        prompt, _ = packs(folder, state_dir=str(state))
        texts = {n: (folder / n).read_text() for n in FILES}
        assert shown(prompt) == texts, kind


@pytest.mark.parametrize("seed", range(10))
def test_notes_with_any_values(tmp_path: Path, packs, seed: int):
    """Valid JSON of the right shape and wrong content is damage too."""
    dice = random.Random(seed)
    root = busy(tmp_path)
    expected = packs(root)[0]
    state = root / ".git" / "repoctx"
    odd = ["", "HEAD", "main", "-x", "tree:" + "0" * 64, "0" * 40, 7, None, [], {}]
    for name in ("rule.json", "tree.json", "strict.json"):
        path = state / name
        kept = json.loads(path.read_text()) if path.exists() else {}
        kept = kept if isinstance(kept, dict) else {}
        for key in {*kept, "name", "base"} - {"asked"}:
            kept[key] = dice.choice(odd)
        path.write_text(json.dumps(kept))
    prompt, _ = packs(root)
    assert shown(prompt) == on_disk(root)
    packs(root, strict=True)
    git(root, "stash", "-uq")
    git(root, "stash", "pop", "-q")
    assert shown(packs(root)[0]) == shown(expected)


def test_a_warm_name_that_is_no_commit_id(tmp_path: Path, packs):
    """A branch's name as a kept base would go stale when the branch moves."""
    root = busy(tmp_path)
    for name in ("main", "HEAD", "HEAD~2", "tree:nothing", "", "\0", "0" * 40):
        prompt, packed = packs(root, Memory(warm=(name,)))
        assert shown(prompt) == on_disk(root)
        assert packed.name != name


# --- while it runs ------------------------------------------------------------------


@pytest.mark.parametrize("moment", range(6))
def test_the_state_folder_is_deleted_meanwhile(tmp_path: Path, packs, moment: int):
    root = busy(tmp_path)
    expected = packs(root)[0]
    state = root / ".git" / "repoctx"
    calls = 0
    warm = moment % 2
    if not warm:
        shutil.rmtree(state)

    def progress(_what: str, _done: int, _total: int) -> None:
        nonlocal calls
        calls += 1
        if calls == moment // 2 + 1:
            shutil.rmtree(state, ignore_errors=True)

    with open_session(root, {}, progress) as session:
        if warm:
            shutil.rmtree(state)
        try:
            packed = pack(session, tokens.Estimate())
            prompt = b"".join(b for s in packed.prefix.segments for b in chunks(s))
        except RepoctxError as exc:  # One line, and the next run is well.
            assert "\n" not in str(exc)
        else:
            assert prompt == expected
    assert packs(root)[0] == expected


def rewriting(root: Path, stop: threading.Event, texts: list[str]) -> None:
    """Give two files one text after another, each whole at every moment."""
    turn = 0
    while not stop.is_set():
        turn += 1
        for name in ("f05.py", "new.py"):
            fresh = root.parent / "fresh"
            fresh.write_text(texts[turn % len(texts)])
            os.replace(fresh, root / name)
        stop.wait(0.001)


def test_a_file_changing_while_it_is_packed(tmp_path: Path, packs):
    root = busy(tmp_path)
    texts = [f"version = {n}\n" * (20 + n) for n in range(40)]
    write(root, {"f05.py": texts[0], "new.py": texts[0]})
    expected = on_disk(root)
    stop = threading.Event()
    writer = threading.Thread(target=rewriting, args=(root, stop, texts))
    writer.start()
    try:
        for _ in range(20):
            tree = shown(packs(root)[0])
            for name in ("f05.py", "new.py"):
                assert tree.pop(name) in texts
            rest = {n: t for n, t in expected.items() if n in tree}
            assert tree == rest and len(rest) == len(expected) - 2
    finally:
        stop.set()
        writer.join()
    assert shown(packs(root)[0]) == on_disk(root)


def test_files_that_come_and_go_while_they_are_packed(tmp_path: Path, packs):
    root = busy(tmp_path)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            # Moved into place whole: a file being written may be read while empty.
            write(tmp_path, {"made/here/today.py": "gone tomorrow\n"})
            write(tmp_path, {"made/f07.py": "back\n"})
            os.replace(tmp_path / "made" / "here", root / "here")
            os.replace(tmp_path / "made" / "f07.py", root / "f07.py")
            stop.wait(0.002)
            shutil.rmtree(root / "here")
            (root / "f07.py").unlink()

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for _ in range(20):
            tree = shown(packs(root)[0])
            assert tree.pop("here/today.py", "gone tomorrow\n") == "gone tomorrow\n"
            assert tree.pop("f07.py", "back\n") in ("back\n", FILES["f07.py"])
            assert tree["f09.py"] == "mine\n" and tree["f08.py"] == FILES["f08.py"]
    finally:
        stop.set()
        writer.join()


# --- objects that are not here --------------------------------------------------------


def partial_clone(tmp_path: Path, *how: str) -> Path:
    origin = make_repo(tmp_path / "origin", FILES)
    for number in range(6):
        write(origin, {f"f{number:02}.py": f"y = {number}\n" * 60})
        commit(origin, "more")
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "clone"
    url = origin.as_uri()
    git(tmp_path, "clone", "-q", "--filter=blob:none", *how, url, str(clone))
    return clone


def test_a_partial_clone_without_a_checkout(tmp_path: Path, packs):
    clone = partial_clone(tmp_path, "--no-checkout")
    origin = tmp_path / "origin"
    shutil.move(origin, tmp_path / "away")  # Whoever fetches, fails.
    write(clone, {"new.py": "new\n"})
    prompt, _ = packs(clone)
    assert shown(prompt) == {"new.py": "new\n"}
    git(clone, "read-tree", "HEAD")  # An index whose blobs are all missing.
    prompt, _ = packs(clone)
    assert shown(prompt) == {"new.py": "new\n"}


def test_a_partial_clone_with_an_older_base(tmp_path: Path, packs):
    clone = partial_clone(tmp_path)
    shutil.move(tmp_path / "origin", tmp_path / "away")
    write(clone, {"f11.py": "mine\n"})
    prompt, _ = packs(clone)
    assert shown(prompt) == on_disk(clone)
    old = git(clone, "rev-parse", "HEAD~4")
    prompt, packed = packs(clone, base=old)
    assert packed.commit == old and shown(prompt) == on_disk(clone)


def test_a_missing_blob(tmp_path: Path, packs):
    root = busy(tmp_path)
    oid = git(root, "rev-parse", "HEAD:f08.py")
    lost = root / ".git" / "objects" / oid[:2] / oid[2:]
    lost.unlink()
    prompt, packed = packs(root)
    tree = on_disk(root)
    del tree["f08.py"]
    assert shown(prompt) == tree
    assert [d.path for d in packed.now.left_out] == ["f08.py"]


# --- clocks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "why"),
    [
        (60, "the default branch's base"),  # Sent in the future: nothing is known.
        (10**9, "the default branch's base"),
        (0, "still cached"),
        (-3600, "still cached"),
        (-(10**9), "HEAD: the cache has ended"),
    ],
)
def test_a_clock_that_jumps(tmp_path: Path, shift: int, why: str):
    root = busy(tmp_path)
    script = tmp_path / "script.toml"
    script.write_text('[[replies]]\ntext = "yes"\n')
    flags = {"model": "scripted/m", "base_url": f"file:{script}"}
    with open_session(root, {**flags, "base": "HEAD~1"}) as session:
        model = choose_model(session)
        packed = pack_for(session, model)
        now = (root / "f09.py").stat().st_mtime
        sent = note_of(model, packed, now)
        remember(session.state, replace(sent, time=sent.time + shift))
    with open_session(root, flags) as session:
        found = last_sent(session.state, model.name)
        packed = pack_for(session, model)
        assert packed.why == why
        if shift in (0, -3600):
            assert found is not None and packed.commit == found.base
        prompt = b"".join(b for s in packed.prefix.segments for b in chunks(s))
    assert shown(prompt) == on_disk(root)


def test_file_times_in_the_future(tmp_path: Path, packs):
    root = busy(tmp_path)
    for turn in range(3):
        write(root, {"f09.py": f"turn {turn}\n", "f10.py": f"turn {turn}\n"})
        for name, when in (("f09.py", 2**32), ("f10.py", 1)):
            os.utime(root / name, (when, when))
        assert shown(packs(root)[0]) == on_disk(root)
