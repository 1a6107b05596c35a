"""One key is set, and every other byte stays."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from repoctx.errors import SettingsError
from repoctx.settings.write import put, with_key

TOOL = "tool.repoctx"
CASES = {
    "empty": ("", "", "budget = 7\n"),
    "replaced": ("# a\nbudget = 1 # b\nx = 2\n", "", "# a\nbudget = 7 # b\nx = 2\n"),
    "added": ("# a\nx = 2\n", "", "# a\nx = 2\nbudget = 7\n"),
    "commented out": ("# budget = 1\n", "", "# budget = 1\nbudget = 7\n"),
    "before a table": (
        "x = 1\n\n[keys]\na = 'b'\n",
        "",
        "x = 1\nbudget = 7\n\n[keys]\na = 'b'\n",
    ),
    "only a table": ("[keys]\nbudget = 1\n", "", "budget = 7\n[keys]\nbudget = 1\n"),
    "no newline": ("x = 1", "", "x = 1\nbudget = 7\n"),
    "crlf": ("x = 1\r\nbudget = 1\r\n", "", "x = 1\r\nbudget = 7\r\n"),
    "a table": (
        "[tool.repoctx]\nbudget = 1\n\n[tool.x]\nbudget = 2\n",
        TOOL,
        "[tool.repoctx]\nbudget = 7\n\n[tool.x]\nbudget = 2\n",
    ),
    "a new table": (
        "[tool.x]\na = 1\n",
        TOOL,
        "[tool.x]\na = 1\n\n[tool.repoctx]\nbudget = 7\n",
    ),
    "longer key": ("budgets = 1\n", "", "budgets = 1\nbudget = 7\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_key_is_set(tmp_path: Path, name: str):
    before, table, after = CASES[name]
    assert with_key(before, "budget", "7", table) == after
    path = tmp_path / "new" / "config.toml"
    if before:
        path.parent.mkdir()
        path.write_bytes(before.encode())
        path.chmod(0o600)
    assert put(path, "budget", "7", table)
    assert path.read_bytes() == after.encode()
    assert not put(path, "budget", "7", table)
    assert [p.name for p in path.parent.iterdir()] == ["config.toml"]
    if before:
        assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        'include = [\n  "a",\n]\n',
        'include = """\nbudget = 1\n"""\n',
        '"include" = ["a"]\n',
    ],
)
def test_what_only_a_person_can_edit_is_left(tmp_path: Path, text: str):
    path = tmp_path / "config.toml"
    path.write_text(text)
    for key, literal in (("include", '["b"]'), ("budget", "7")):
        try:
            put(path, key, literal)
        except SettingsError:
            assert path.read_text() == text
        else:
            assert (
                tomllib.loads(path.read_text())[key]
                == tomllib.loads(f"x={literal}")["x"]
            )
            path.write_text(text)


def test_links_and_broken_files_are_refused(tmp_path: Path):
    (tmp_path / "aim.toml").write_text("")
    (tmp_path / "link.toml").symlink_to(tmp_path / "aim.toml")
    (tmp_path / "bad.toml").write_text("x = = 1\n")
    for name in ("link.toml", "bad.toml"):
        with pytest.raises(SettingsError):
            put(tmp_path / name, "budget", "7")
    assert (tmp_path / "aim.toml").read_text() == ""
