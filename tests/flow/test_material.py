"""A session's snapshot as the probes see it, on a real repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probe.held import Held, project
from repoctx.flow.material import Indexed, material
from repoctx.flow.session import open_session
from repoctx.flow.survey import snapshot_now
from repoctx.probe import generate
from repos import git, make_repo, write


@contextmanager
def of(root: Path) -> Iterator[Indexed]:
    with open_session(root, {}) as session:
        now = snapshot_now(session)
        with material(session, now) as held:
            yield held


def test_it_is_the_tree_as_the_context_has_it(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7ABCDEFG"
    long = "def one():\n    return 1\n" + "# padding\n" * 200
    files = {
        "a.py": long,
        "copy.py": long,
        "crlf.py": "def two():\r\n    return 2\r\n",
        "key.py": f'KEY = "{key}"\n',
    }
    root = make_repo(tmp_path / "r", files)
    write(root, {"new.py": "def three():\n    return 3\n"})
    with of(root) as held:
        assert [f.path for f in held.files] == ["a.py", "crlf.py", "key.py", "new.py"]
        assert held.twins == {"a.py"}
        assert held.text("crlf.py") == "def two():\n    return 2\n"
        assert key not in held.text("key.py")
        assert [s.name for s in held.outline("new.py").definitions] == ["three"]
        (root / "new.py").unlink()
        assert held.text("new.py") == ""


def test_probes_of_a_clone_are_the_same(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", project())
    git(tmp_path, "clone", "-q", str(root), "clone")
    with of(root) as here, of(tmp_path / "clone") as there:
        found = generate(here, count=4)
        assert found == generate(there, count=4)
        assert found == generate(Held(project()), count=4)
    assert git(root, "status", "--porcelain") == ""
