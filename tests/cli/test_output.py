"""The JSON formats of every command, and what never stands in a pipe."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from cli.program import Done, Machine
from repoctx.cli.app import COMMANDS
from repos import write

NUMBER, TEXT = (int, float), str

RESULT: dict[str, Any] = {
    "schema_version": {1},
    "type": {"result"},
    "status": {"ok", "error", "interrupted"},
    "error": None,
    "session_id": TEXT,
    "usage": dict.fromkeys(("input", "cached", "cache_write", "output"), int),
    "cost_usd": NUMBER,
    "duration_ms": int,
    "findings": list,
    "files_changed": list,
    "context": {"files": int, "tokens": int, "truncated": bool},
}
"""Each field's type, its set of values, or its own fields; None is checked apart."""

ERROR: dict[str, Any] = {"type": TEXT, "message": TEXT, "retryable": bool}
MAY_BE_NULL = {"cost_usd"}


def conforms(value: Any, schema: Any, where: str = "") -> None:
    if isinstance(schema, dict):
        assert isinstance(value, dict), where
        assert schema.keys() <= value.keys(), where
        for name, part in schema.items():
            if part is not None and not (name in MAY_BE_NULL and value[name] is None):
                conforms(value[name], part, f"{where}.{name}")
    elif isinstance(schema, set):
        assert value in schema, where
    else:
        assert isinstance(value, schema), (where, value)
        assert schema is not int or not isinstance(value, bool), where


def is_result(result: dict[str, Any], status: str = "ok") -> None:
    conforms(result, RESULT)
    assert result["status"] == status
    if status == "ok":
        assert result["error"] is None
    else:
        conforms(result["error"], ERROR)


CALLS: dict[str, tuple[str, set[str]]] = {
    "ask": ("ask delay", {"answer", "citations", "model"}),
    "pack": ("pack", {"digest", "base", "segments"}),
    "pack --check": ("pack --check", {"digest", "base", "segments", "check"}),
    "search": ("search delay", {"definitions", "passages"}),
    "search --paths": ("search --paths delay", {"paths"}),
    "search --budget": ("search --budget 1k delay", {"picks"}),
    "status": ("status", {"root", "digest", "languages", "left_out", "redacted"}),
    "status --why": ("status --why link.bin", {"why"}),
    "status --left-out": ("status --left-out", {"left_out"}),
    "map": ("map", set()),
    "config show": ("config show", {"settings", "user_file"}),
    "config set": ("config set --dry-run style markdown", {"set"}),
    "config init": ("config init", set()),
    "config trust": ("config trust --yes", {"trusted"}),
    "plugins": ("plugins", {"plugins"}),
    "log": ("log", {"entries"}),
    "cost": ("cost", set()),
    "models": ("models", {"models"}),
    "review": ("review", {"findings", "files_reviewed"}),
    "eval --offline": ("eval --offline --commits 2", {"offline"}),
    "log --answer": ("log --answer", {"answer", "file"}),
}


ELSEWHERE = {"apply", "chat", "completion", "edit", "undo", "warm"}
"""Commands that have no such result, or need more than a repository for it."""


def test_every_command_is_here():
    here = {call.split()[0] for call in CALLS}
    assert here | ELSEWHERE == set(COMMANDS)


def plain_bytes(done: Done) -> None:
    assert b"\x1b" not in done.out and b"\r" not in done.out
    assert "\x1b" not in done.err


@pytest.mark.parametrize("name", CALLS)
def test_a_result_in_both_formats(machine: Machine, repo: Path, name: str):
    call, fields = CALLS[name]
    if name == "config trust":
        write(repo, {".repoctx.toml": 'model = "offline"\n'})
    done = machine.run(*call.split(), "--output-format", "json", cwd=repo)
    assert done.code == 0, done
    plain_bytes(done)
    (result,) = done.objects
    is_result(result)
    assert fields <= result.keys()
    if name == "config init":
        (repo / ".repoctx.toml").unlink()
    done = machine.run(*call.split(), "--output-format", "stream-json", cwd=repo)
    assert done.code == 0, done
    kinds = [one["type"] for one in done.objects]
    assert kinds[0] == "init" and kinds[-1] == "result"
    assert {"init", "result"}.isdisjoint(kinds[1:-1])
    assert all(one["schema_version"] == 1 for one in done.objects)
    assert done.result.keys() == result.keys()
    assert done.objects[0]["session_id"] == done.result["session_id"]


FAILURES = {
    "ask ''": ("UsageError", 2),
    "pack --base missing": ("UnknownRevision", 2),
    "status -C missing": ("NotARepository", 2),
    "pack --style html": ("SettingsError", 2),
    "pack --budget 3": ("BudgetExceeded", 5),
    "ask -m nonsense x": ("UnknownModel", 2),
    "search ''": ("UsageError", 2),
    "config show -C missing": ("NotARepository", 2),
    "log -C missing": ("NotARepository", 2),
    "plugins --bogus": ("UsageError", 2),
}


@pytest.mark.parametrize("call", FAILURES)
def test_an_error_is_a_result(machine: Machine, shared: Path, call: str):
    kind, code = FAILURES[call]
    done = machine.run(*shlex.split(call), "--output-format=stream-json", cwd=shared)
    assert done.code == code
    is_result(done.result, "error")
    assert done.result["error"]["type"] == kind
    assert [one["type"] for one in done.objects].count("result") == 1


def test_the_variable_and_the_file_choose_the_format(machine: Machine, repo: Path):
    done = machine.run("status", cwd=repo, env={"REPOCTX_OUTPUT_FORMAT": "json"})
    is_result(done.result)
    write(repo, {".repoctx.toml": 'output_format = "json"\n'})
    is_result(machine.run("status", cwd=repo).result)
    done = machine.run("status", "--output-format", "text", cwd=repo)
    assert done.text.startswith("root ")


def test_notes_stand_on_stderr_and_can_be_silenced(machine: Machine, shared: Path):
    done = machine.run("pack", cwd=shared)
    assert done.err.startswith("repoctx: ") and "tokens, digest" in done.err
    assert machine.run("pack", "-q", cwd=shared).err == ""
    done = machine.run("pack", "--output-format", "json", cwd=shared)
    assert "digest" in done.err and len(done.objects) == 1


@pytest.mark.parametrize("name", [n for n in CALLS if n.split()[0] != "config"])
def test_a_pipe_gets_no_escape(machine: Machine, shared: Path, name: str):
    plain_bytes(machine.run(*CALLS[name][0].split(), cwd=shared))


def test_pack_writes_the_same_bytes_everywhere(
    machine: Machine, shared: Path, tmp_path
):
    piped = machine.run("pack", "-q", cwd=shared).out
    for target in (tmp_path / "prompt.txt", tmp_path / "link"):
        if target.name == "link":
            target.symlink_to(tmp_path / "aim")
        done = machine.run("pack", "-q", "-o", str(target), cwd=shared)
        assert (done.code, done.out) == (0, b"")
        assert target.read_bytes() == piped
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "prompt.txt").stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert machine.run("pack", "-q", "-o", "-", cwd=shared).out == piped
    assert machine.run("pack", "-q", "-o", os.devnull, cwd=shared).code == 0
    assert not Path(os.devnull).is_file()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
