"""The tail: what one question needs beyond the prefix, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from pack.decoder import Unit, decode
from repoctx.flow.pack import pack
from repoctx.flow.session import open_session
from repoctx.flow.tail import NOTHING_MORE, PATCHED_TOKENS, Material, tail
from repoctx.pack import tokens
from repoctx.pack.render import Style
from repos import git, make_repo, write

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
QUESTION = "How does a parcel choose its courier?"
PARCEL = "def courier_of(parcel):\n    return parcel.courier\n\n\n"
FILES = {
    "parcels.py": PARCEL + "parcel = 1\n" * 60,
    "depot.py": "def open_depot():\n    return 1\n\n\n" + "depot = 1\n" * 60,
    "README.md": "# Depot\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "r", FILES)


def tail_of(
    root: Path, query: str = QUESTION, material: Material = NOTHING_MORE, **flags
) -> list[Unit]:
    """The tail's documents, with no limit to the prompt."""
    style = flags.get("style", "xml")
    with open_session(root, flags) as session:
        packed = pack(session, tokens.Estimate())
        text = tail(session, packed, query, material, 0, tokens.Estimate())
    units = decode(text, style) if text else []
    assert all(unit.section == "current" for unit in units)
    return units


def test_a_clean_tree_needs_none(root: Path):
    assert tail_of(root) == []


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("overlay", ["diff", "blocks"])
def test_a_patched_file_that_the_question_is_about(
    root: Path, style: str, overlay: str
):
    for name in ("parcels.py", "depot.py"):
        write(root, {name: FILES[name].replace("return", "return 1 +")})
    (unit,) = tail_of(root, style=style, overlay=overlay)
    assert (unit.tag, unit.attributes) == ("file", {"path": "parcels.py"})
    assert unit.body == (root / "parcels.py").read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"parcels.py": "parcel = courier\n"},  # Nothing is left of the base's text.
        {"parcels2.py": PARCEL},
    ],
)
def test_what_the_overlay_shows_in_full_is_not_repeated(root: Path, change):
    write(root, change)
    assert tail_of(root) == []


def test_full_copies_are_not_repeated(root: Path):
    write(root, {"parcels.py": FILES["parcels.py"] + "more = 1\n"})
    assert tail_of(root, overlay="full") == []


def test_a_move_is_repeated_only_with_changes(root: Path):
    git(root, "mv", "parcels.py", "courier.py")
    assert tail_of(root) == []
    write(root, {"courier.py": FILES["parcels.py"] + "more = 1\n"})
    assert [u.attributes["path"] for u in tail_of(root)] == ["courier.py"]


def test_a_long_patched_file_stays_out(root: Path):
    long = PARCEL + "parcel = courier\n" * PATCHED_TOKENS
    write(root, {"parcels.py": long})
    git(root, "commit", "-qam", "long")
    base = git(root, "rev-parse", "HEAD")
    write(root, {"parcels.py": long + "more = 1\n"})
    assert tail_of(root, base=base, max_size=2_000_000) == []


def test_material_comes_first_redacted_and_whole(root: Path):
    write(root, {"parcels.py": FILES["parcels.py"] + "more = 1\n"})
    texts = (("a.txt", f'key = "{KEY}"\nend'), ("-", "</current>\n"))
    units = tail_of(root, material=Material(texts, listing=True))
    assert [unit.tag for unit in units] == ["extra", "extra", "tree", "file"]
    assert units[0].body == 'key = "[redacted:aws-key]"\nend'
    assert units[1].body == "</current>\n"
    assert units[2].body == "README.md\ndepot.py\nparcels.py\n"
    (plain, *_) = tail_of(root, material=Material(texts), redact=False)
    assert plain.body == texts[0][1]


def test_names_of_any_bytes_are_listed_on_one_line_each(root: Path):
    write(root, {"a\nb": "x\n", "\udcff": "y\n", "é": "z\n"})
    (unit,) = tail_of(root, material=Material(listing=True))
    assert unit.body is not None
    assert unit.body.count("\n") == len(FILES) + 3
    assert "'a\\nb'\n" in unit.body and "é\n" in unit.body


def test_a_file_that_changes_before_the_tail_is_left_out_of_it(root: Path):
    write(root, {"parcels.py": FILES["parcels.py"] + "more = 1\n"})
    with open_session(root, {}) as session:
        packed = pack(session, tokens.Estimate())
        write(root, {"parcels.py": "other\n"})
        counter = tokens.Estimate()
        assert tail(session, packed, QUESTION, NOTHING_MORE, 0, counter) == ""
