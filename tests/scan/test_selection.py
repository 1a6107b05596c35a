from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoctx.errors import SettingsError, UsageError
from repoctx.scan import (
    Chosen,
    Contents,
    Entry,
    Listing,
    Selection,
    StatCache,
    blob_id,
    discover,
    list_worktree,
    select,
)
from repoctx.scan.known import LOCK_FILES
from repos import make_repo

EVERYTHING = Selection()


def choose(
    files: Mapping[str, str], selection: Selection = EVERYTHING, size: int = -1
) -> Chosen:
    """Select among files that exist in memory only, as if all had ``size`` bytes."""
    data = {path: text.encode() for path, text in files.items()}
    entries = tuple(
        Entry(p, blob_id(d), 0o100644, len(d) if size < 0 else size)
        for p, d in sorted(data.items())
    )

    def read(oid: str, path: str) -> bytes:
        assert oid == blob_id(data[path])
        return data[path]

    return select(Listing(entries), selection, read)


def verdicts(chosen: Chosen) -> dict[str, str]:
    kept = {e.path: "kept" for e in chosen.files}
    return kept | {o.path: o.reason.name for o in chosen.left_out}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        *((f"sub/{name}", "LOCK") for name in sorted(LOCK_FILES)),
        ("yarn.lock.md", "kept"),
        ("lock", "kept"),
        ("web/node_modules/x/index.js", "VENDORED"),
        ("node_modules.py", "kept"),
        ("ios/Pods/A/a.m", "VENDORED"),
        (".yarn/releases/yarn-4.cjs", "VENDORED"),
        (".yarn/patches/mine.patch", "kept"),
        ("gradle/wrapper/gradle-wrapper.properties", "VENDORED"),
        ("vendor/mine.go", "kept"),
        ("third_party/own.c", "kept"),
        ("dist/index.js", "kept"),
        ("logo.PNG", "BINARY"),
        ("png", "kept"),
        (".png", "BINARY"),
        ("drawing.svg", "kept"),
        ("jquery.min.js", "MINIFIED"),
        ("admin.js", "kept"),
        ("bundle.js.map", "GENERATED"),
        ("sourcemap.py", "kept"),
    ],
)
def test_names_that_speak_for_themselves(path: str, reason: str) -> None:
    assert verdicts(choose({path: "x"})) == {path: reason}


@pytest.mark.parametrize(
    ("marker", "inside", "outside"),
    [
        ("vendor/modules.txt", "vendor/github.com/a/a.go", "a.go"),
        ("x/vendor/modules.txt", "x/vendor/b/b.go", "vendor/own.go"),
        ("vendor/autoload.php", "vendor/acme/A.php", "src/A.php"),
        ("vendor/bundle/ruby/3.3/a.rb", "vendor/bundle/ruby/b.rb", "vendor/own.rb"),
        ("vendor/serde/.cargo-checksum.json", "vendor/serde/lib.rs", "vendor/x/lib.rs"),
        ("pip/_vendor/vendor.txt", "pip/_vendor/six.py", "pip/six.py"),
        ("vendor/golang.org/x/a.go", "vendor/golang.org/x/b.go", "vendor/own/x.go"),
    ],
)
def test_vendored_by_a_package_manager(marker: str, inside: str, outside: str) -> None:
    found = verdicts(choose(dict.fromkeys((marker, inside, outside), "x")))
    assert found == {marker: "VENDORED", inside: "VENDORED", outside: "kept"}


def test_attributes_decide() -> None:
    files = {
        ".gitattributes": "gen/** linguist-generated\nlib/** linguist-vendored=true\n"
        "node_modules/** -linguist-vendored\nown.min.js linguist-generated=false\n"
        "docs/** linguist-documentation\n",
        "gen/a.py": "a",
        "gen/.gitattributes": "kept.py -linguist-generated\n",
        "gen/kept.py": "b",
        "lib/c.py": "c",
        "node_modules/d.js": "d",
        "own.min.js": "e",
        "docs/f.md": "f",
    }
    chosen = choose(files)
    left = {o.path: (o.reason.name, o.detail) for o in chosen.left_out}
    assert left == {
        "gen/a.py": ("GENERATED", "linguist-generated"),
        "gen/.gitattributes": ("GENERATED", "linguist-generated"),
        "lib/c.py": ("VENDORED", "linguist-vendored"),
    }
    assert chosen.wanted == {"gen/kept.py", "own.min.js"}


FILES = {
    "a.py": "a",
    "src/b.py": "b",
    "src/c.js": "c",
    "src/gen/d.min.js": "d",
    "node_modules/e.js": "e",
    "yarn.lock": "f",
}


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        ((), (), {"a.py", "src/b.py", "src/c.js"}),
        (("*.py",), (), {"a.py", "src/b.py"}),
        (("src",), (), {"src/b.py", "src/c.js", "src/gen/d.min.js"}),
        (("./src/*.js",), (), {"src/c.js"}),
        (("src/", "!src/gen/"), (), {"src/b.py", "src/c.js"}),
        (("node_modules/",), (), {"node_modules/e.js"}),
        (("yarn.lock", "a.py"), ("a.*",), {"yarn.lock"}),
        ((), ("src/", "!src/b.py"), {"a.py", "src/b.py"}),
        ((), ("*",), set()),
        (("nothing",), (), set()),
        (("",), (), {"a.py", "src/b.py", "src/c.js"}),
    ],
)
def test_flags(
    include: tuple[str, ...], exclude: tuple[str, ...], kept: set[str]
) -> None:
    chosen = choose(FILES, Selection(include, exclude))
    assert {e.path for e in chosen.files} == kept
    assert {o.path for o in chosen.left_out} == set(FILES) - kept
    given_by_hand = any(include)
    assert chosen.wanted == (kept if given_by_hand else frozenset())


def test_repoctxignore() -> None:
    files = FILES | {
        ".repoctxignore": "# mine\n*.py\n!yarn.lock\n!node_modules/\n",
        "src/.repoctxignore": "!b.py\n",
    }
    chosen = choose(files)
    kept = {e.path for e in chosen.files}
    assert kept == {
        ".repoctxignore",
        "node_modules/e.js",
        "src/.repoctxignore",
        "src/b.py",
        "src/c.js",
        "yarn.lock",
    }
    assert chosen.wanted == {"node_modules/e.js", "src/b.py", "yarn.lock"}
    left = {o.path: o for o in chosen.left_out}
    assert left["a.py"].detail == ".repoctxignore:2:*.py"
    flag = choose(files, Selection(include=("a.py",)))
    assert [e.path for e in flag.files] == ["a.py"]
    without = choose(files, Selection(use_ignore=False))
    assert "a.py" in {e.path for e in without.files}


def test_size_limits() -> None:
    big = {"big.json": "{}"}
    assert verdicts(choose(big, size=2**20)) == {"big.json": "kept"}
    assert verdicts(choose(big, size=2**20 + 1)) == {"big.json": "TOO_LARGE"}
    assert verdicts(choose(big, Selection(max_size=10), 11)) == {
        "big.json": "TOO_LARGE"
    }
    asked = Selection(include=("big.json",))
    assert verdicts(choose(big, asked, 2**24)) == {"big.json": "kept"}
    assert verdicts(choose(big, asked, 2**26)) == {"big.json": "TOO_LARGE"}


@pytest.mark.parametrize("pattern", ["[a", "a\\"])
def test_a_bad_pattern_is_one_line_that_names_it(pattern: str) -> None:
    for selection in (Selection(include=(pattern,)), Selection(exclude=(pattern,))):
        with pytest.raises(UsageError, match="clude") as caught:
            choose(FILES, selection)
        assert repr(pattern) in str(caught.value)
    with pytest.raises(SettingsError, match=r"^x/\.repoctxignore:2: "):
        choose({"x/.repoctxignore": f"ok\n{pattern}\n"})


@given(
    st.dictionaries(st.sampled_from([*FILES, ".gitattributes"]), st.text(), min_size=1)
)
def test_every_path_is_accounted_for(files: dict[str, str]) -> None:
    chosen = choose(files)
    seen = [*(e.path for e in chosen.files), *(o.path for o in chosen.left_out)]
    assert sorted(seen) == sorted(files)


def test_on_a_real_repository(tmp_path: Path) -> None:
    files = {".repoctxignore": "secret/\n", "a.py": "a\n", "secret/b.py": "b\n"}
    place = discover(make_repo(tmp_path / "r", files))
    listing = list_worktree(place, StatCache())
    with Contents(place) as contents:
        found = select(listing, Selection(), contents)
    assert verdicts(found) == {
        ".repoctxignore": "kept",
        "a.py": "kept",
        "secret/b.py": "REPOCTXIGNORE",
    }
