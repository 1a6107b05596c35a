from __future__ import annotations

from pathlib import Path

import pytest

from repoctx.errors import OutsideRoot
from repoctx.scan import inside
from repos import write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "r"
    write(root, {"a.py": "", "sub/b.py": "", ".git/config": "", ".gitignore": ""})
    write(tmp_path, {"outside/c": ""})
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "out-file").symlink_to(tmp_path / "outside" / "c")
    (root / "in").symlink_to("sub")
    (root / "alias.py").symlink_to("a.py")
    (tmp_path / "door").symlink_to(root)
    return root


@pytest.mark.parametrize(
    ("given", "cwd", "expected"),
    [
        ("a.py", "", "a.py"),
        ("./sub//b.py", "", "sub/b.py"),
        ("b.py", "sub", "sub/b.py"),
        ("../a.py", "sub", "a.py"),
        (".", "", ""),
        ("..", "sub", ""),
        ("new/file", "", "new/file"),
        ("in/b.py", "", "sub/b.py"),
        ("alias.py", "", "alias.py"),
        (".gitignore", "", ".gitignore"),
        ("n\udcff", "", "n\udcff"),
    ],
)
def test_inside(root: Path, given: str, cwd: str, expected: str) -> None:
    assert inside(root, given, root / cwd) == expected
    assert inside(root, str(root / cwd / given), Path("/")) == expected
    assert inside(root.parent / "door", given, root.parent / "door" / cwd) == expected


@pytest.mark.parametrize(
    "given",
    [
        "..",
        "../outside/c",
        "/etc/passwd",
        "out",
        "out/c",
        "out-file",
        "sub/../../outside",
        ".git/config",
        ".GIT/config",
        "sub/.git",
        ".git.",
        "a\0b",
        "~root/x/../../..",
    ],
)
def test_outside(root: Path, given: str) -> None:
    with pytest.raises(OutsideRoot) as caught:
        inside(root, given, root)
    assert "\n" not in str(caught.value)
