"""What is foreseen, against a provider that keeps a true prefix cache."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from repoctx.errors import UnknownModel
from repoctx.flow.ask import Question, ask
from repoctx.flow.check import Check, check, served, tokens_before
from repoctx.flow.differs import Seen, Spot, path_of
from repoctx.flow.model import choose_model
from repoctx.flow.packing import pack_for
from repoctx.flow.prefix import chunks
from repoctx.flow.sent import all_sent, last_sent, models_sent, remember
from repoctx.flow.session import Session, open_session
from repoctx.pack.render import Doc, Style, Tag, render
from repoctx.values import Capabilities, Usage
from repos import commit, git, make_repo, write

MODEL = "scripted/x"
OPENED = b"<changes>\n"
WORDS = ["load", "store", "retry", "delay", "cache", "token", "prefix", "byte", "file"]


def any_lines(dice: random.Random, many: int) -> str:
    return "".join(" ".join(dice.choices(WORDS, k=8)) + "\n" for _ in range(many))


def files(many: int, lines: int) -> dict[str, str]:
    dice = random.Random(7)
    return {f"src/m{n:02}.py": any_lines(dice, lines) for n in range(many)}


@pytest.fixture(autouse=True)
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that answers every question and remembers every prompt."""
    path = tmp_path / "script.toml"
    path.write_text('cache = "seen"\n[[replies]]\ntext = "Yes."\n')
    monkeypatch.setenv("REPOCTX_SCRIPT", str(path))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "r", files(12, 60))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Half a megabyte: a question is small against it."""
    return make_repo(tmp_path / "r", files(50, 200))


def foreseen(root: Path, **flags: object) -> Check:
    with open_session(root, {"model": MODEL, **flags}) as session:
        return check(session)


def asked(root: Path, **flags: object) -> Usage:
    with open_session(root, {"model": MODEL, **flags}) as session:
        return ask(session, Question("Is it so?"), lambda _: None).answer.usage


def sent_bytes(root: Path, **flags: object) -> bytes:
    with open_session(root, {"model": MODEL, **flags}) as session:
        prefix = pack_for(session, choose_model(session)).prefix
        return b"".join(b for s in prefix.segments for b in chunks(s))


def edit(root: Path, number: int, text: str = "changed\n") -> None:
    path = root / f"src/m{number:02}.py"
    path.write_text(path.read_text() + text)


def append_everywhere(root: Path) -> None:
    for path in sorted((root / "src").iterdir()):
        path.write_text(path.read_text().replace(" ", "  "))


STEPS: list[tuple[str, Callable[[Path], object]]] = [
    ("nothing yet", lambda root: None),
    ("nothing", lambda root: None),
    ("one edit", lambda root: edit(root, 30)),
    ("another edit in the same file", lambda root: edit(root, 30, "again\n")),
    ("an edit in an earlier file", lambda root: edit(root, 3)),
    ("commit", lambda root: commit(root, "two")),
    ("a new file", lambda root: write(root, {"src/new.py": "new = 1\n"})),
    ("a deletion", lambda root: (root / "src/m10.py").unlink()),
    ("a move", lambda root: git(root, "mv", "src/m11.py", "src/z.py")),
    ("all undone", lambda root: git(root, "reset", "-q", "--hard")),
    ("a formatter's run", append_everywhere),
    ("taken back", lambda root: git(root, "checkout", "-q", ".")),
    ("committed again", lambda root: commit(root, "three")),
]


def test_the_foreseen_share_is_the_reported_one(large: Path):
    root = large
    before = b""
    for step, change in STEPS:
        change(root)
        found = foreseen(root)
        now = sent_bytes(root)
        usage = asked(root)
        share = found.cached.tokens / found.count.tokens
        assert share == pytest.approx(usage.cached / usage.input, abs=0.01), step
        assert found.cached + found.written + found.plain == found.count
        same = same_bytes(before, now)
        if found.sent is None:
            assert not before
        elif now == before:
            assert found.difference is None
        else:
            assert found.difference is not None
            assert found.difference.offset == same, step
            assert found.difference.now.path == path_at(now, same), step
            assert found.difference.before.path == path_at(before, same), step
        before = now
        again = foreseen(root)
        assert again.sent is not None
        assert (again.difference, again.cached) == (None, again.count)


def same_bytes(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def path_at(prompt: bytes, at: int) -> str:
    """The path of the document that holds byte ``at``, found in the bytes alone."""
    head = re.compile(rb'^<(?:file|patch|moved|deleted) path="([^"]*)"', re.M)
    starts = [m for m in head.finditer(prompt) if m.start() <= at]
    tail = re.compile(rb"^</(?:changes|repository)>$", re.M)
    ended = [m for m in tail.finditer(prompt) if m.start() <= at]
    if prompt[at:].startswith(OPENED):  # The first document stands for its opening.
        return path_at(prompt, at + len(OPENED))
    if at >= len(prompt) or not starts:
        return ""
    if ended and ended[-1].start() > starts[-1].start():
        return ""
    return starts[-1][1].decode()


@pytest.mark.parametrize("style", list(Style))
def test_a_base_that_moved_is_named_on_both_sides(root: Path, style: str):
    first = git(root, "rev-parse", "HEAD")
    (root / "src/m05.py").rename(root / "src/m050 é\udcff.py")
    second = commit(root, "moved")
    asked(root, base=first, style=style)
    old = sent_bytes(root, base=first, style=style)
    # With --base the overlay vanishes and the base is another.
    found = foreseen(root, base=second, style=style)
    new = sent_bytes(root, base=second, style=style)
    assert found.difference is not None
    assert found.difference.exact
    assert found.difference.offset == same_bytes(old, new)
    assert found.difference.now == Spot("base", "src/m050 é\udcff.py")
    assert found.difference.before == Spot("base", "src/m05.py")
    assert 0.3 < found.cached.tokens / found.count.tokens < 0.5


def test_a_base_that_is_kept_no_more_is_a_lower_bound(root: Path):
    first = git(root, "rev-parse", "HEAD")
    edit(root, 6)
    second = commit(root, "edit")
    asked(root, base=first)
    with open_session(root, {}) as session:
        shutil.rmtree(session.state.folder / "base")
    found = foreseen(root, base=second)
    assert found.difference is not None
    assert not found.difference.exact
    assert found.difference.offset == found.packed.prefix.segments[0].size
    assert found.difference.now == found.difference.before == Spot("base")


def test_going_back_finds_the_earlier_base_warm(root: Path):
    first = git(root, "rev-parse", "HEAD")
    edit(root, 0)
    second = commit(root, "edit")
    for base in (first, second):
        asked(root, base=base)
    found = foreseen(root, base=first)
    usage = asked(root, base=first)
    assert found.difference is not None
    assert found.cached == found.count
    assert usage.cached / usage.input > 0.9


@pytest.mark.parametrize(("age", "warm"), [(60, True), (90_000, False), (-60, False)])
def test_a_cache_ends_and_clocks_jump(root: Path, age: float, warm: bool):
    asked(root)
    with open_session(root, {"model": MODEL}) as session:
        sent = last_sent(session.state, MODEL)
        assert sent is not None
        remember(session.state, replace(sent, time=sent.time - age))
    found = foreseen(root)
    assert found.warm is warm
    assert found.age == pytest.approx(age, abs=30)
    assert (found.cached.tokens > 0) is warm
    assert found.difference is None


def note(session: Session) -> Path:
    (path,) = (session.state.folder / "sent").iterdir()
    return path


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda d: b"",
    lambda d: b"\xff\xfe{",
    lambda d: d[: len(d) // 2],
    lambda d: b"[" * 100_000,
    lambda d: b"[]",
    lambda d: b"null",
    lambda d: d.replace(b'"size":', b'"size":-'),
    lambda d: d.replace(b'"size":', b'"size":"x","no":'),
    lambda d: d.replace(b'"time":', b'"time":NaN,"no":'),
    lambda d: re.sub(rb'"time":[\d.]+', b'"time":1e999', d),
    lambda d: re.sub(rb'"key":"\w+"', b'"key":"../../config"', d),
    lambda d: re.sub(rb'"parts":\[', b'"parts":[7,', d),
    lambda d: re.sub(rb'"overlay":"[^"]*"', b'"overlay":7', d),
    lambda d: re.sub(rb'"marks":\[', b'"marks":["x",', d),
    lambda d: re.sub(rb'"model":"[^"]*"', b'"model":"other"', d),
    lambda d: re.sub(rb'"sent":\[', b'"sent":[[],', d),
]


def test_a_damaged_note_is_as_if_nothing_was_sent(root: Path):
    asked(root)
    with open_session(root, {"model": MODEL}) as session:
        path = note(session)
        data = path.read_bytes()
        for number, damage in enumerate(DAMAGES):
            assert damage(data) != data, number
            path.write_bytes(damage(data))
            found = check(session)
            assert found.sent is None, number
            assert found.cached.tokens == 0
        assert session.notes == []


def test_a_note_that_lies_about_its_bytes_never_fails(root: Path):
    """Digests, sizes and texts of another prompt: what is read stays within bounds."""
    asked(root)
    edit(root, 5)
    asked(root)
    dice = random.Random(3)
    with open_session(root, {"model": MODEL}) as session:
        path = note(session)
        whole = json.loads(path.read_text())
    for _ in range(15):
        lie = json.loads(json.dumps(whole))
        for part in lie["sent"][0]["parts"]:
            if dice.random() < 0.6:
                part[dice.choice(["size", "tokens"])] = dice.randrange(10**7)
            if dice.random() < 0.6:
                part["digest"] = "0" * 64
        lie["sent"][0]["overlay"] = dice.choice(["", "<changes>\n", "x" * 5000])
        path.write_text(json.dumps(lie))
        found = foreseen(root)
        assert 0 <= found.cached_bytes <= found.packed.prefix.size
        assert found.cached.tokens <= found.count.tokens


def test_offline_says_that_nothing_is_sent_and_who_was(root: Path):
    asked(root)
    found = foreseen(root, model="offline")
    assert not found.sends
    assert found.others == (MODEL,)
    assert found.cached.tokens == 0
    with open_session(root, {}) as session:
        assert models_sent(session.state) == (MODEL,)
        assert all_sent(session.state, "offline") == ()


def test_a_model_that_nobody_here_serves_is_foreseen(root: Path):
    pytest.importorskip("genai_prices", reason="the extra prices is missing")
    found = foreseen(root, model="x-ai/grok-4")
    assert not found.served
    assert found.window == 256_000
    assert found.count.tokens == found.packed.prefix.count.tokens
    with pytest.raises(UnknownModel):
        foreseen(root, model="x-ai/no-such-model")


def test_a_vendors_model_has_the_vendors_limits(root: Path):
    found = foreseen(root, model="anthropic/claude-opus-5-5")
    assert found.served
    assert found.model.able.marks == 4
    assert found.model.able.look_back == 20
    assert not found.count.exact
    plain = found.packed.prefix.count.tokens
    assert found.count.tokens == pytest.approx(1.5 * plain, rel=0.001)
    assert found.written.tokens == found.count.tokens
    assert found.window == 1_000_000
    assert found.count.tokens + found.room <= found.window - 64_000  # The answer's.
    assert found.model.able.output == 128_000


def test_costs_of_a_known_model(root: Path):
    pytest.importorskip("genai_prices", reason="the extra prices is missing")
    found = foreseen(root, model="anthropic/claude-opus-5-5")
    assert found.cost is not None
    assert 0 < found.cost == found.cold_cost < 1
    # As if it had been asked a moment ago.
    sent = replace(note_of_scripted(root), model=found.model.name)
    with open_session(root, {}) as session:
        remember(session.state, sent)
    warm = foreseen(root, model=found.model.name)
    assert warm.cached.tokens > 0
    assert warm.cost is not None
    assert warm.cost < 0.1 * (warm.cold_cost or 0)


def note_of_scripted(root: Path):
    asked(root)
    with open_session(root, {}) as session:
        sent = last_sent(session.state, MODEL)
    assert sent is not None
    return sent


def test_kinds_of_caches(root: Path):
    edit(root, 7)
    sent = note_of_scripted(root)
    edit(root, 9)
    found = foreseen(root)
    prefix = found.packed.prefix
    first = Seen(sent, found.difference)
    base_end = sum(s.size for s in prefix.segments[:2])
    base = tokens_before(prefix, base_end)
    whole = prefix.count.tokens
    # The line that closes the changes stands behind the last place for an entry.
    last = max(prefix.marks)
    top = tokens_before(prefix, last)
    assert 0 < whole - top < 10
    able = Capabilities(10**6, 0, cache="marks", marks=4, minimum=512)

    def result(able: Capabilities, warm=(first,)) -> tuple[int, int, int]:
        return served(prefix, able, prefix.marks, warm)

    assert result(replace(able, cache="none")) == (0, 0, 0)
    # The second file's patch stands behind the first: its end was no place to write,
    # the first one's was not either, so the base's is what can be read.
    cached, written, held = result(able)
    assert cached + written == top
    assert base <= cached < top
    assert held >= base_end
    assert result(able, ()) == (0, top, 0)
    assert result(replace(able, minimum=whole + 1)) == (0, 0, 0)
    assert result(replace(able, cache="explicit", marks=0)) == (base, 0, base_end)
    assert result(replace(able, cache="explicit", marks=0), ()) == (0, base, 0)
    exact = result(replace(able, cache="automatic"))
    assert exact[0] + exact[1] == whole
    assert exact[0] >= cached
    # The same again: an entry was written at its end.
    same = Seen(replace(sent, marks=prefix.marks), None)
    assert result(able, (same,)) == (top, 0, last)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("path", ['a "b" &<>.py', "x\ny", "é\udcff", "\u2028", "a\\b"])
def test_a_path_is_read_from_a_documents_first_line(style: Style, path: str):
    doc = Doc(Tag.FILE, (("path", path),), 'path="no"\n')
    assert path_of(render(doc, style).partition("\n")[0]) == path
    assert path_of("") == path_of("</changes>") == path_of('{"section": "x"}') == ""
    assert path_of('{"path": "broken') == ""
