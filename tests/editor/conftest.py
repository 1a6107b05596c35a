"""A machine for the program, a repository, and a model that says what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.program import Machine
from repos import make_repo

TEXT = "def load(path):\n    return open(path).read()\n"
NEW = "def read(path):\n    return open(path).read()\n"
ANSWER = (
    "I rename it.\n\n@@@@ 1 edit lib.py\n<<<<<<< SEARCH\ndef load(path):\n=======\n"
    "def read(path):\n>>>>>>> REPLACE\n@@@@ end 1\n"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    home.mkdir()
    return Machine(home)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository with one module."""
    return make_repo(tmp_path / "repo", {"lib.py": TEXT, "README.md": "# A\n"})


@pytest.fixture
def says(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The environment in which the scripted provider says a text."""

    def script(text: str, **reply: object) -> dict[str, str]:
        path = tmp_path / "script.json"
        replies = [{"text": text, **reply}]
        path.write_text(json.dumps({"replies": replies, "record": "requests.jsonl"}))
        return {"REPOCTX_SCRIPT": str(path), "REPOCTX_MODEL": "scripted"}

    return script
