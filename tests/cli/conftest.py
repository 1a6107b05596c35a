"""A machine for the program, and small repositories to try it on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.program import Machine
from repos import make_repo

FILES = {
    "src/retry.py": "class RetryPolicy:\n"
    "    def delay(self, attempt):\n"
    '        """Seconds before the next attempt."""\n'
    "        return min(2**attempt, 60)\n",
    "src/app.js": "export function startServer(port) {\n  return port;\n}\n",
    "README.md": "# Example\n\nA server that tries again.\n",
    "secret.py": 'AWS = "AKIA' + 'IOSFODNN7EXAMPLQ"\n',
    "link.bin": b"\0\1\2\3" * 40,
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    home.mkdir()
    return Machine(home)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One repository for all tests that change nothing in it."""
    return make_repo(tmp_path_factory.mktemp("shared") / "repo", FILES)
