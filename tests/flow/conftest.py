"""Sessions on real repositories, apart from the user's own settings and caches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from flow.house import build
from repoctx.flow.pack import NOTHING, Memory, Packed, pack
from repoctx.flow.prefix import chunks
from repoctx.flow.session import open_session
from repoctx.pack import tokens


@pytest.fixture(autouse=True)
def own_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("REPOCTX_CONFIG", str(home / "config.toml"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in [n for n in os.environ if n.startswith("REPOCTX_")]:
        if name != "REPOCTX_CONFIG":
            monkeypatch.delenv(name)


Packs = Callable[..., tuple[bytes, Packed]]


@pytest.fixture
def packs() -> Packs:
    """Pack a folder with some settings: its bytes, and what they were made of."""

    def run(root: Path, memory: Memory = NOTHING, **flags) -> tuple[bytes, Packed]:
        with open_session(root, flags) as session:
            packed = pack(session, tokens.Estimate(), memory)
            segments = packed.prefix.segments
            return b"".join(b for s in segments for b in chunks(s)), packed

    return run


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small repository to ask about, the same for all tests."""
    return build(tmp_path_factory.mktemp("house") / "house")
