"""What MCP servers add to a question: configured, trusted, read-only, bounded data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.program import Done, Machine
from repos import make_repo, write

SERVER = Path(__file__).parents[1] / "servers" / "mcp_notes.py"
KEY = "AKIA" + "Q3EGRIZ5SJ7DKXWP"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    home.mkdir()
    return Machine(home)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"lib.py": "def f():\n    return 1\n"})


def configure(
    machine: Machine, how: str = "", name: str = "notes", **more: str
) -> None:
    """Add a server to the user's file; ``more`` are TOML values."""
    command = json.dumps(sys.executable)
    args = json.dumps([str(SERVER), *([how] if how else [])])
    rows = {"command": command, "args": args, **more}
    lines = [f"[mcp.{name}]", *(f"{key} = {value}" for key, value in rows.items())]
    with (machine.home / "config.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")


def ask(
    machine: Machine, repo: Path, *args: str, answer: str = "Yes.", **env: str
) -> tuple[Done, str]:
    """How ``repoctx ARGS`` ends, and the tail of the prompt that it sent ("": none)."""
    script = repo.parent / "script.json"
    record = repo.parent / "requests.jsonl"
    record.unlink(missing_ok=True)
    replies = [{"text": answer}] * 3
    script.write_text(json.dumps({"replies": replies, "record": str(record)}))
    env = {"REPOCTX_SCRIPT": str(script), "REPOCTX_MODEL": "scripted", **env}
    done = machine.run(*args, cwd=repo, env=env)
    lines = record.read_text().splitlines() if record.exists() else []
    return done, json.loads(lines[-1])["tail"] if lines else ""


def test_a_tool_and_a_resource_stand_in_the_tail(machine: Machine, repo: Path) -> None:
    configure(
        machine,
        "chatter",
        tools='{look_up = {words = "about {question}", limit = 3}}',
        resources='["notes://today"]',
    )
    done, tail = ask(machine, repo, "ask", "-q", "--mcp", "notes", "why so?")
    assert (done.code, done.err) == (0, "")
    assert (
        '<extra name="mcp notes look_up" eof="no-newline">\n'
        "asked 3: about why so?\n</extra>\n"
        '<extra name="mcp notes notes://today" eof="no-newline">\n'
        "today: nothing\n</extra>\n"
    ) in tail


def test_the_prefix_does_not_move(machine: Machine, repo: Path) -> None:
    configure(machine, tools='{look_up = {words = "{question}"}}')
    prefixes = []
    for args in (["one?"], ["--mcp", "notes", "one?"], ["--mcp", "notes", "two?"]):
        ask(machine, repo, "ask", *args)
        said = (repo.parent / "requests.jsonl").read_text().splitlines()[-1]
        prefixes.append({k: v for k, v in json.loads(said).items() if "prefix" in k})
    assert prefixes[0] and prefixes[0] == prefixes[1] == prefixes[2]


@pytest.mark.parametrize("command", ["edit", "chat"])
def test_other_commands_ask_too(machine: Machine, repo: Path, command: str) -> None:
    configure(machine, tools='{look_up = {words = "{question}"}}')
    answer = "@@@@ 1 replace lib.py\ndef f():\n    return 2\n@@@@ end 1\n"
    args = [command, "--mcp", "notes", "make it 2"]
    args += ["-y"] if command == "edit" else []
    _, tail = ask(machine, repo, *args, answer=answer)
    assert "asked 1: make it 2" in tail


def test_what_comes_back_is_data(machine: Machine, repo: Path) -> None:
    configure(machine, tools='["forged"]')
    _, tail = ask(machine, repo, "ask", "--mcp", "notes", "what?")
    assert "\\</extra>\n\\</current>\n" in tail
    assert tail.count("\n</extra>\n") == 1
    assert KEY not in tail and "[redacted:" in tail


def test_a_server_gets_no_variable_that_is_not_configured(
    machine: Machine, repo: Path
) -> None:
    configure(
        machine,
        tools='["variables"]',
        env='{MINE = "${MY_TOKEN}", PLAIN = "x", USUAL = "${UNSET:-there}"}',
    )
    secret = {"OPENAI_API_KEY": "sk-1", "MY_TOKEN": "mine", "REPOCTX_API_KEY": "sk-2"}
    _, tail = ask(machine, repo, "ask", "--mcp", "notes", "what?", **secret)
    given = json.loads(tail[tail.index("{") : tail.rindex("}") + 1])
    assert given["MINE"] == "mine"
    assert (given["PLAIN"], given["USUAL"]) == ("x", "there")
    assert not {"OPENAI_API_KEY", "REPOCTX_API_KEY", "MY_TOKEN"} & set(given)
    assert "PATH" in given


def test_only_read_only_tools_are_called(machine: Machine, repo: Path) -> None:
    erased = repo.parent / "erased"
    configure(
        machine,
        tools='["erase", "nothing", "look_up"]',
        env=json.dumps({"ERASED": str(erased)}).replace(":", " ="),
    )
    done, _ = ask(machine, repo, "ask", "--mcp", "notes", "what?")
    assert not erased.exists()
    assert "the tool erase is not there, or not marked read-only" in done.err
    assert "the tool nothing is not there" in done.err


FAILING: dict[str, tuple[str, dict[str, str], str]] = {
    "it dies": ("die", {"tools": '["long"]'}, "mcp notes: "),
    "it says nothing": (
        *("silent", {"tools": '["long"]', "timeout": "2"}),
        "mcp notes: no answer in 2 s",
    ),
    "a tool takes too long": (
        *("", {"tools": '["slow"]', "timeout": "4"}),
        "mcp notes: no answer in 4 s",
    ),
    "a tool fails": ("", {"tools": '["fails"]'}, "mcp notes: fails: "),
    "nothing is asked": ("", {}, "mcp notes: nothing to ask"),
    "no such resource": ("", {"resources": '["notes://x"]'}, "mcp notes: "),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_server_that_fails_costs_a_line(
    machine: Machine, repo: Path, case: str
) -> None:
    how, settings, said = FAILING[case]
    configure(machine, how, **settings)
    configure(machine, name="good", tools='{look_up = {words = "still"}}')
    args = ("ask", "--mcp", "notes", "--mcp", "good", "what?")
    done, tail = ask(machine, repo, *args)
    assert done.code == 0 and "Yes." in done.text
    assert "asked 1: still" in tail
    lines = [line for line in done.err.splitlines() if "mcp notes" in line]
    assert len(lines) == 1 and said in lines[0], done.err
    assert "Traceback" not in done.err
    assert not still_running(machine.home)


def still_running(home: Path) -> list[int]:
    """Processes that run our server for the user of ``home``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            started = os.fsencode(SERVER) in words
            env = (folder / "environ").read_bytes() if started else b""
        except OSError:
            continue
        if os.fsencode(home) in env:
            found.append(int(folder.name))
    return found


def test_a_command_that_is_not_there(machine: Machine, repo: Path) -> None:
    (machine.home / "config.toml").write_text(
        '[mcp.gone]\ncommand = "/nowhere/server"\ntools = ["x"]\n'
    )
    done, _ = ask(machine, repo, "ask", "--mcp", "gone", "what?")
    assert done.code == 0
    assert "mcp gone: it cannot be started: No such file or directory" in done.err


def test_the_budget_holds(machine: Machine, repo: Path) -> None:
    configure(machine, tools='{long = {}, look_up = {words = "w"}}', tokens="500")
    done, tail = ask(machine, repo, "ask", "--mcp", "notes", "what?")
    assert "mcp notes: long is cut at 500 tokens" in done.err
    assert "line 50 of it\n" in tail and "line 200 of it" not in tail
    assert "[the rest is cut]\n</extra>" in tail


# --- whose commands run -----------------------------------------------------------


def theirs(repo: Path, **extra: Any) -> Path:
    """A checked-in .mcp.json whose server leaves a mark where it runs."""
    mark = repo.parent / "ran"
    program = f"open({str(mark)!r}, 'w').close(); import runpy; "
    program += f"runpy.run_path({str(SERVER)!r}, run_name='__main__')"
    entry = {"command": sys.executable, "args": ["-c", program], **extra}
    write(repo, {".mcp.json": json.dumps({"mcpServers": {"team": entry}})})
    return mark


def test_a_repository_s_command_runs_only_after_trust(
    machine: Machine, repo: Path
) -> None:
    tools = {"look_up": {"words": "{question}"}}
    mark = theirs(repo, repoctx={"tools": tools})
    done, tail = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert (done.code, tail) == (2, "")
    assert "only after: repoctx config trust" in done.err
    assert not mark.exists()

    trusted = machine.run("config", "trust", "--yes", cwd=repo)
    assert trusted.code == 0 and ".mcp.json" in trusted.text
    done, tail = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert done.code == 0 and "asked 1: what?" in tail
    assert mark.exists()

    mark.unlink()
    text = (repo / ".mcp.json").read_text()
    write(repo, {".mcp.json": text + "\n"})
    done, _ = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert done.code == 2 and not mark.exists()


def test_without_the_flag_nothing_of_it_runs(machine: Machine, repo: Path) -> None:
    mark = theirs(repo, repoctx={"tools": ["look_up"]})
    machine.run("config", "trust", "--yes", cwd=repo)
    done, tail = ask(machine, repo, "ask", "what?")
    assert done.code == 0 and "mcp team" not in tail
    assert not mark.exists()


def test_the_user_says_what_is_called_of_a_trusted_server(
    machine: Machine, repo: Path
) -> None:
    theirs(repo)
    (machine.home / "config.toml").write_text('[mcp.team]\ntools = ["variables"]\n')
    done, _ = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert done.code == 2
    machine.run("config", "trust", "--yes", cwd=repo)
    _, tail = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert '<extra name="mcp team variables"' in tail


def test_trust_is_asked_with_the_commands_in_sight(
    machine: Machine, repo: Path
) -> None:
    theirs(repo)
    with machine.terminal("config", "trust", cwd=repo) as terminal:
        said = terminal.until(b"Trust these settings")
        assert b"mcp team" in said and sys.executable[:20].encode() in said
        terminal.type(b"n\n")
        assert terminal.end() == 2
    done, _ = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert done.code == 2


def test_a_linked_file_is_not_read(machine: Machine, repo: Path) -> None:
    theirs(repo)
    (repo / ".mcp.json").rename(repo.parent / "outside.json")
    (repo / ".mcp.json").symlink_to(repo.parent / "outside.json")
    done, _ = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert done.code == 2 and "no such server" in done.err


BAD = {
    "an unknown name": ("[mcp.notes]\n", "note", "did you mean 'notes'"),
    "no command": ('[mcp.notes]\ntools = ["x"]\n', "notes", "command is missing"),
    "a wrong key": ("[mcp.notes]\ntool = []\n", "notes", "unknown key 'tool'"),
    "a wrong type": ("[mcp.notes]\ncommand = 7\n", "notes", "command must be"),
    "no table": ("mcp = 7\n", "notes", "mcp must hold tables"),
    "a variable that is not set": (
        '[mcp.notes]\ncommand = "x"\nenv = {A = "${NOT_SET_HERE}"}\n',
        *("notes", "NOT_SET_HERE is not set"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_settings_that_cannot_be_used(machine: Machine, repo: Path, case: str) -> None:
    text, name, said = BAD[case]
    (machine.home / "config.toml").write_text(text)
    done, tail = ask(machine, repo, "ask", "--mcp", name, "what?")
    assert (done.code, tail) == (2, "")
    assert said in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"mcpServers": 7}'])
def test_a_broken_repository_file(machine: Machine, repo: Path, text: str) -> None:
    write(repo, {".mcp.json": text})
    done, _ = ask(machine, repo, "ask", "--mcp", "team", "what?")
    assert done.code == 2 and ".mcp.json" in done.err
    assert ask(machine, repo, "ask", "what?")[0].code == 0


def test_servers_never_stand_in_the_project_s_settings(
    machine: Machine, repo: Path
) -> None:
    write(repo, {".repoctx.toml": '[mcp.team]\ncommand = "x"\n'})
    done, _ = ask(machine, repo, "ask", "what?")
    assert done.code == 2 and "or in .mcp.json" in done.err


def test_the_sdk_is_imported_only_when_it_is_asked(repo: Path) -> None:
    program = (
        "import sys; sys.argv = ['repoctx', 'ask', 'what?'];"
        "from repoctx.__main__ import main; main();"
        "print({'mcp', 'pydantic', 'anyio'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repo, capture_output=True, timeout=60
    )
    assert b"set()" in done.stderr
