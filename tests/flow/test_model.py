"""What is known of a model: the price list is asked once a day."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from repoctx.flow.model import choose_model
from repoctx.flow.session import open_session

MODEL = "anthropic/claude-haiku-5-5"
KEY = {"ANTHROPIC_API_KEY": "sk-ant-test"}
ASK = """
import json, sys, time
from pathlib import Path
if sys.argv[2] != "0":
    later = time.time() + float(sys.argv[2])
    time.time = lambda: later
from repoctx.flow.model import choose_model
from repoctx.flow.session import open_session
with open_session(Path(sys.argv[1]), {"model": sys.argv[3]}) as session:
    able = choose_model(session).able
loaded = "genai_prices.data_snapshot" in sys.modules
print(json.dumps([able.window, able.cliff, loaded]))
"""


@pytest.fixture(autouse=True)
def priced() -> None:
    pytest.importorskip("genai_prices", reason="the extra prices is missing")
    pytest.importorskip("anthropic", reason="the extra anthropic is missing")


def chosen(root: Path, later: int = 0, model: str = MODEL) -> list:
    """Window, cliff, and whether the price list was loaded, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(root), str(later), model],
        env={**os.environ, **KEY},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_the_price_list_is_loaded_once_a_day(tmp_path: Path) -> None:
    window, cliff, loaded = chosen(tmp_path)
    assert loaded
    assert window >= 200_000
    assert cliff == 100_000
    assert chosen(tmp_path) == [window, cliff, False]
    assert chosen(tmp_path, later=86_400) == [window, cliff, True]
    assert chosen(tmp_path, later=86_400, model="anthropic/claude-opus-5-5")[2]


def test_a_damaged_note_is_made_anew(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY["ANTHROPIC_API_KEY"])
    with open_session(tmp_path, {"model": MODEL}) as session:
        known = choose_model(session).able
        note = session.state.folder / "limits.json"
        whole = note.read_bytes()
        for data in (b"", b"{}", whole[:-3], whole.replace(b"100000", b"900000")):
            note.write_bytes(data)
            assert choose_model(session).able == known
            assert note.read_bytes() == whole
