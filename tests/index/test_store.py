from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.rows_of import indexed, oid_of, row
from repoctx.index import Row, Store, prepare
from repoctx.index.database import SCHEMA_VERSION
from repoctx.values import (
    BlobFacts,
    Kind,
    Outline,
    Reason,
    Redaction,
    Reference,
    Symbol,
)

NOBODY = 65534

FACTS = BlobFacts(
    9, Reason.BINARY, "NUL at byte 3", "latin-1", "crlf", 4, 8, (Redaction("aws", 2),)
)
OUTLINE = Outline(
    definitions=(
        Symbol("Retry", Kind.CLASS, 1, 9, "class Retry:", doc="Try \udc80 again."),
        Symbol("delay", Kind.METHOD, 2, 3, "def delay(self)", "Retry"),
    ),
    references=(Reference("sleep", 3, "call"), Reference("Retry", 7, "type")),
    skeleton="class Retry: …\n",
    body="sleep retri",
    defs="retri delai",
    errors=0,
)


def filled(path: Path, number: int, start: int = 0) -> None:
    with Store.open(path) as store:
        store.add(row("a.py", f"value = {n}\n") for n in range(start, start + number))


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "state" / "index.db"
    with Store.open(path) as store:
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
        store.add([prepare(Row("b" * 40, "", BlobFacts(0, None)))])
    with Store.open(path) as store:
        assert store.facts() == {"a" * 40: FACTS, "b" * 40: BlobFacts(0, None)}
        assert store.outlined() == {("a" * 40, "python")}
        found = store.outline("a" * 40, "python")
        assert found is not None
        assert found.definitions == OUTLINE.definitions
        assert found.references == OUTLINE.references
        assert (found.skeleton, found.errors) == (OUTLINE.skeleton, 0)
        assert store.outline("a" * 40, "java") is None
        assert (store.note, store.recovered) == ("", "")


def test_known_rows_are_skipped(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db") as store:
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)] * 2)
        other = Row("a" * 40, "python", BlobFacts(1, None), Outline(errors=5))
        store.add([other])
        assert store.facts()["a" * 40] == FACTS
        assert len(store.definitions("delay")) == 1


def test_one_blob_in_two_languages_has_two_outlines(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db") as store:
        for lang in ("c", "cpp"):
            store.add([Row("a" * 40, lang, FACTS, OUTLINE)])
        assert store.outlined() == {("a" * 40, "c"), ("a" * 40, "cpp")}


def test_other_index_versions_are_not_seen(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with Store.open(path, version=1) as store:
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
    with Store.open(path, version=2) as store:
        assert store.outlined() == set()
        assert store.facts() == {"a" * 40: FACTS}
        store.add([Row("a" * 40, "python", FACTS, Outline(errors=7))])
        assert store.definitions("delay") == []
    with Store.open(path, version=1) as store:
        assert len(store.definitions("delay")) == 1


def test_definitions_exact_before_other_case(tmp_path: Path) -> None:
    store, _ = indexed(
        tmp_path,
        {
            "a.py": "def Delay():\n    pass\n",
            "b.py": "x = 1\n\n\ndef delay():\n    pass\n",
            "c.py": "def delays():\n    pass\n",
        },
    )
    names = [(s.name, s.start) for *_, s in store.definitions("delay")]
    assert names == [("delay", 4), ("Delay", 1)]
    assert store.definitions("nothing") == []


def test_references_by_name_even_of_a_dropped_word(tmp_path: Path) -> None:
    store, _ = indexed(tmp_path, {"a.py": "update(1)\nother()\nupdate(2)\n"})
    calls = [u.line for *_, u in store.references("update") if u.kind == "call"]
    assert calls == [1, 3]
    assert [u.line for *_, u in store.references("other")] == [2]


def test_token_counts_by_tokenizer(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db") as store:
        store.put_counts("o200k", [(f"d{n}", n) for n in range(3000)])
        digests = [f"d{n}" for n in range(0, 4000, 2)]
        assert store.counts("o200k", digests) == {f"d{n}": n for n in range(0, 3000, 2)}
        assert store.counts("other", digests) == {}


def test_prune_forgets_dead_blobs_only_when_they_are_many(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db") as store:
        store.add(row("a.py", f"def name_{n}(): pass\n") for n in range(1100))
        store.put_counts("t", [("kept", 1), ("gone", 2)])
        live = {oid_of("def name_7(): pass\n")}
        assert store.prune(set(store.facts())) == 0
        assert store.prune(live, {"kept"}) == 1099
        assert set(store.facts()) == live == {oid for oid, _ in store.outlined()}
        assert len(store.definitions("name_7")) == 1
        assert store.definitions("name_8") == []
        assert store.counts("t", ["kept", "gone"]) == {"kept": 1}


@pytest.fixture
def broken(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "index.db"
    filled(path, 300)
    size = path.stat().st_size
    data = bytearray(path.read_bytes())
    if request.param == "not a database":
        data[:] = b"hello " * 1000
    elif request.param == "truncated":
        del data[size // 2 :]
    elif request.param == "zeroed head":
        data[:100] = bytes(100)
    elif request.param == "scrambled pages":
        data[4096:] = bytes(reversed(data[4096:]))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "broken",
    ["not a database", "truncated", "zeroed head", "scrambled pages"],
    indirect=True,
)
def test_a_broken_file_is_built_anew(broken: Path) -> None:
    with Store.open(broken) as store:
        store.facts()
        store.outlined()
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
        assert len(store.definitions("delay")) == 1
        assert store.recovered
        assert not store.note
    with Store.open(broken) as store:
        assert store.facts()["a" * 40] == FACTS
        assert not store.recovered


def test_a_column_that_cannot_be_decoded_is_a_broken_file(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "index.db"
    with Store.open(path) as store:
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
    con = sqlite3.connect(path)
    con.execute("UPDATE outlines SET definitions = ?", (b"not zlib",))
    con.commit()
    con.close()
    with Store.open(path) as store:
        assert store.outline("a" * 40, "python") is None
        assert store.recovered


def test_another_schema_is_built_anew(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "index.db"
    filled(path, 3)
    con = sqlite3.connect(path)
    con.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    con.close()
    with Store.open(path) as store:
        assert store.facts() == {}
        assert "schema" in store.recovered


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder, and a process that permissions hold for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            if os.geteuid() != os.getuid():
                os.seteuid(os.getuid())
            folder.chmod(0o755)


def drop_rights(folder: Path) -> None:
    folder.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(NOBODY)


def test_a_read_only_folder_is_read_and_continued_in_memory(unprivileged: Path) -> None:
    path = unprivileged / "index.db"
    filled(path, 20)
    drop_rights(unprivileged)
    with Store.open(path) as store:
        assert len(store.facts()) == 20
        assert "cannot be written" in store.note
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
        assert len(store.facts()) == 21
        assert len(store.definitions("delay")) == 1
    with Store.open(path) as store:
        assert len(store.facts()) == 20


def test_no_folder_to_write_means_memory(unprivileged: Path) -> None:
    drop_rights(unprivileged)
    with Store.open(unprivileged / "state" / "index.db") as store:
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
        assert len(store.definitions("delay")) == 1
        assert "cannot be written" in store.note


def test_a_folder_in_the_files_place_means_memory(tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()
    with Store.open(tmp_path / "index.db") as store:
        store.add([Row("a" * 40, "python", FACTS, OUTLINE)])
        assert store.facts() == {"a" * 40: FACTS}
        assert store.note


FULL_DISK = """
import resource, sys
from pathlib import Path
from index.rows_of import row
from repoctx.index import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
with Store.open(Path(sys.argv[1])) as store:
    for start in range(0, 20_000, 2000):
        texts = [f"value_{n} = {n}\\n" for n in range(start, start + 2000)]
        store.add(row("a.py", text) for text in texts)
    print(len(store.facts()), len(store.outlined()), bool(store.note))
"""

FILL = """
import sys
from pathlib import Path
from index.rows_of import row
from repoctx.index import Store
path, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with Store.open(path) as store:
    print("open", flush=True)
    for start in range(first, last, 50):
        texts = [f"def name_{n}(): pass\\n" for n in range(start, start + 50)]
        store.add(row("a.py", text) for text in texts)
    print(store.note or "done", flush=True)
"""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_means_memory_with_all_that_was_there(tmp_path: Path) -> None:
    done = python(FULL_DISK, tmp_path / "index.db")
    assert done.communicate(timeout=60)[0] == "20000 20000 True\n"
    with Store.open(tmp_path / "index.db") as store:
        assert len(store.facts()) % 2000 == 0


def test_two_processes_fill_one_index(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    both = [python(FILL, path, 0, 3000), python(FILL, path, 1000, 4000)]
    for process in both:
        assert process.communicate(timeout=120)[0] == "open\ndone\n"
    with Store.open(path) as store:
        assert len(store.facts()) == len(store.outlined()) == 4000
        for name in ("name_7", "name_2000", "name_3999"):
            assert len(store.definitions(name)) == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_a_usable_index(tmp_path: Path, end: int) -> None:
    path = tmp_path / "index.db"
    process = python(FILL, path, 0, 1_000_000)
    assert process.stdout is not None
    process.stdout.readline()
    known = 0
    waited = time.monotonic() + 60
    while known < 500 and time.monotonic() < waited:
        with Store.open(path) as store:
            known = len(store.facts())
    process.send_signal(end)
    process.communicate(timeout=60)
    with Store.open(path) as store:
        facts = store.facts()
        assert len(facts) >= known >= 500
        assert len(facts) % 50 == 0
        assert {oid for oid, _ in store.outlined()} == set(facts)
        assert len(store.definitions("name_499")) == 1
        store.add([row("b.py", "def later(): pass\n")])
        assert len(store.definitions("later")) == 1
        assert (store.note, store.recovered) == ("", "")


def test_the_format_is_written_down() -> None:
    import repoctx.index

    page = Path(repoctx.index.__file__).with_name("FORMAT.md").read_text("utf-8")
    title = re.match(r"# The index file, schema (\d+)\n", page)
    assert title is not None
    assert int(title[1]) == SCHEMA_VERSION
