"""``repoctx pack --check`` and the ribbon of ``repoctx status``, as people see them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.program import Machine
from repos import commit, make_repo, write

TEXT = "".join(f"value_{n} = compute({n})\n" for n in range(2000))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "r", {"a.py": TEXT, "b.py": "x = 1\n"})


@pytest.fixture
def scripted(tmp_path: Path, machine: Machine) -> Machine:
    script = tmp_path / "script.toml"
    script.write_text('record = "sent.jsonl"\n[[replies]]\ntext = "Yes."\n')
    machine.env["REPOCTX_SCRIPT"] = str(script)
    machine.env["REPOCTX_MODEL"] = "scripted/x"
    return machine


def test_nothing_is_written_to_stdout_but_the_check(scripted: Machine, root: Path):
    done = scripted.run("pack", "--check", cwd=root)
    assert (done.code, done.err) == (0, "")
    assert "last sent never" in done.text
    assert "cost      the price is not known" in done.text
    assert "<repository>" not in done.text


def test_before_and_after_a_question(scripted: Machine, root: Path):
    assert scripted.run("ask", "-q", "Why?", cwd=root).code == 0
    same = scripted.run("pack", "--check", cwd=root).text
    assert "differs   nowhere" in same
    assert "(100.0%)" in same
    write(root, {"b.py": "x = 2\n"})
    moved = scripted.run("pack", "--check", cwd=root).text
    assert "now     b.py, in the overlay" in moved
    assert "before  the prefix has ended" in moved
    assert (root.parent / "sent.jsonl").read_text().count("\n") == 1  # Only the ask.


def test_another_base_that_is_cached_too(scripted: Machine, root: Path):
    scripted.run("ask", "-q", "Why?", cwd=root)
    write(root, {"b.py": "x = 2\n"})
    commit(root, "two")
    scripted.run("ask", "-q", "--base", "HEAD", "Why?", cwd=root)
    found = scripted.run("pack", "--check", "--base", "HEAD~1", cwd=root).text
    assert "now     b.py, in the base" in found
    assert "before  b.py, in the base" in found
    assert "; sent earlier, over this base)" in found


def test_json_is_complete(scripted: Machine, root: Path):
    scripted.run("ask", "-q", "Why?", cwd=root)
    write(root, {"b.py": "x = 2\n"})
    result = scripted.run("pack", "--check", "--output-format", "json", cwd=root).result
    found = result["check"]
    assert result["status"] == "ok"
    assert result["digest"]
    assert not found["same"]
    assert found["last_sent"]["warm"] is True
    assert found["first_difference"]["now"] == {"segment": "overlay", "path": "b.py"}
    tokens = found["tokens"]
    parts = tokens["cached"] + tokens["written"] + tokens["uncached"]
    assert tokens["total"] == parts > tokens["cached"] > 0
    assert found["cost_usd"] is None


def test_offline_points_at_what_to_name(scripted: Machine, root: Path):
    scripted.run("ask", "-q", "Why?", cwd=root)
    done = scripted.run("pack", "--check", "-m", "offline", cwd=root)
    assert done.code == 0
    assert "nothing is sent" in done.text
    assert "sent to before: scripted/x" in done.text


def test_a_model_without_its_provider(machine: Machine, root: Path):
    name = "x-ai/grok-4"
    done = machine.run("pack", "--check", "-m", name, cwd=root)
    assert done.code == 0
    assert f"{name} (no provider here serves it" in done.text
    unknown = machine.run("pack", "--check", "-m", "x-ai/nobody", cwd=root)
    assert unknown.code == 2
    assert "unknown model" in unknown.err


def test_check_and_a_file_exclude_each_other(machine: Machine, root: Path):
    done = machine.run("pack", "--check", "-o", "x.txt", cwd=root)
    assert done.code == 2
    assert "--check" in done.err
    assert not (root / "x.txt").exists()


def ribbon(text: str) -> str:
    (line,) = re.findall(r"^layout +(.*)$", text, re.M)
    return line.rstrip("\r")


def test_the_ribbon_in_a_pipe_is_ascii(scripted: Machine, root: Path):
    before = scripted.run("status", cwd=root).text
    assert before.isascii()
    assert "\x1b" not in before
    line = ribbon(before)
    assert len(line) == 90  # COLUMNS less the label.
    assert set(line) == set("|=.")
    assert line.count("|") == 5
    scripted.run("ask", "-q", "Why?", cwd=root)
    write(root, {"b.py": "x = 2\n"})
    after = ribbon(scripted.run("status", cwd=root).text)
    assert after.startswith("|#|#")
    assert re.search(r"#\|=+\|\.", after)


def test_the_ribbon_as_data(scripted: Machine, root: Path):
    scripted.run("ask", "-q", "Why?", cwd=root)
    write(root, {"b.py": "x = 2\n"})
    layout = scripted.run("status", "--output-format", "json", cwd=root).result[
        "layout"
    ]
    kinds = {part["kind"]: part for part in layout["parts"]}
    assert list(kinds) == ["preamble", "base", "overlay"]
    assert kinds["base"]["cached"] == kinds["base"]["tokens"]
    assert kinds["overlay"]["cached"] == 0
    assert layout["tokens"] == sum(part["tokens"] for part in layout["parts"])
    assert (layout["window"], layout["warm"]) == (1_000_000, True)
    assert 0 < layout["room"] < 1_000_000


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_the_ribbon_on_a_terminal(scripted: Machine, root: Path, columns: int):
    with scripted.terminal("status", cwd=root, columns=columns) as seen:
        assert seen.end() == 0
    text = re.sub(r"\x1b\[[\d;]*m", "", seen.seen.decode())
    line = ribbon(text)
    assert "▒" in line
    assert len(line) == max(columns, 40) - 10
    assert "\x1b[33m" in seen.seen.decode()
    with scripted.terminal("status", "--no-color", cwd=root) as plain:
        assert plain.end() == 0
    assert b"\x1b[33m" not in plain.seen
    assert "▒".encode() in plain.seen


def test_status_when_nothing_fits(scripted: Machine, root: Path):
    env = {"REPOCTX_BUDGET": "100"}
    done = scripted.run("status", cwd=root, env=env)
    assert done.code == 0
    assert "--budget" in done.err
    assert ribbon(done.text)
