"""What each command says and does, and that its help tells the truth."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import PROGRAM, Machine
from repoctx.cli.app import COMMANDS
from repos import commit, git, write
from servers.chat import Behaviour, serving

HELPS = [[], *[[name] for name in COMMANDS]]
HELPS += [["config", name] for name in ("show", "set", "init", "trust")]
HELPS += [["eval", name] for name in ("show", "compare")]


# --- help -------------------------------------------------------------------------


@pytest.mark.parametrize("command", HELPS, ids=" ".join)
def test_help_is_short_and_narrow(machine: Machine, shared: Path, command: list[str]):
    env = {"COLUMNS": "80"}
    done = machine.run(*command, "--help", cwd=shared, env=env)
    assert (done.code, done.err) == (0, "")
    assert machine.run(*command, "-h", cwd=shared, env=env).out == done.out
    lines = done.text.splitlines()
    assert lines[0].startswith(" ".join(["Usage: repoctx", *command]))
    assert len(lines) < 65 and max(map(len, lines)) <= 80
    assert "--install-completion" not in done.text


def test_the_help_names_every_command(machine: Machine, shared: Path):
    done = machine.run("--help", cwd=shared)
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line[:30])}", done.text, re.M)
    bare = machine.run(cwd=shared)
    assert (bare.code, bare.out) == (2, b"") and "Usage: repoctx" in bare.err


def test_the_version(machine: Machine, shared: Path):
    from repoctx import __version__

    for flag in ("--version", "-V"):
        assert machine.run(flag, cwd=shared).text == f"repoctx {__version__}\n"


def examples(machine: Machine, command: str, folder: Path) -> list[str]:
    text = machine.run(command, "--help", cwd=folder, env={"COLUMNS": "200"}).text
    _, found, part = text.partition("Examples:")
    assert found, f"{command} has no examples"
    return [line.strip() for line in part.splitlines() if "repoctx" in line]


UNTRIED = {"apply", "edit", "eval", "undo"}
"""Commands whose examples need an answer, or a person who says yes."""


@pytest.mark.parametrize("command", sorted(UNTRIED))
def test_the_examples_have_the_options(machine: Machine, shared: Path, command: str):
    usage = machine.run(command, "--help", cwd=shared, env={"COLUMNS": "200"}).text
    usage = usage.partition("Examples:")[0]
    lines = [x.partition("#")[0] for x in examples(machine, command, shared)]
    flags = {flag for x in lines for flag in re.findall(r"(?<=\s)--?[a-z][a-z-]*", x)}
    assert flags
    assert [f for f in flags if not re.search(rf"(?<![\w-]){f}\b", usage)] == []


@pytest.mark.skipif(os.name != "posix", reason="the examples are for a shell")
@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - UNTRIED - {"plugins"}))
def test_the_examples_work(machine: Machine, repo: Path, tmp_path: Path, command: str):
    for n in range(11):
        commit(repo, f"commit {n}")
    write(repo, {"src/retry.py": (repo / "src/retry.py").read_text() + "\n# new\n"})
    tools = tmp_path / "tools"
    tools.mkdir()
    shim(tools / "repoctx", " ".join(PROGRAM))
    shim(tools / "xdg-open", "true")
    if shutil.which("jq") is None:
        shim(tools / "jq", f"{sys.executable} -m json.tool && :")
    for folder in (".zfunc", ".config/fish/completions"):
        (machine.home / folder).mkdir(parents=True)
    (machine.home / ".local/share/bash-completion/completions").mkdir(parents=True)
    write(repo, {"src/pool.c": "int taken;\n" * 90})
    answer = '{"findings": []}' if command == "review" else "It is so."
    with serving(Behaviour(text=answer)) as server:
        env = machine.env | {
            "PATH": f"{tools}:{machine.env['PATH']}",
            "REPOCTX_BASE_URL": server.url,
            "BROWSER": "true",
        }
        for line in examples(machine, command, repo):
            done = subprocess.run(
                ["bash", "-c", f"set -euo pipefail\n{line}"],
                cwd=repo,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
            )
            assert done.returncode == 0, (line, done.stderr.decode())


def shim(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n'.replace(' && : "$@"', ""))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


# --- status and search ------------------------------------------------------------


def test_status_tells_what_is_there(machine: Machine, repo: Path):
    write(repo, {"src/new.py": "def fresh():\n    return 1\n"})
    done = machine.run("status", cwd=repo / "src")
    assert (done.code, done.err) == (0, "")
    text = done.text
    assert f"root      {repo}\n" in text
    assert re.search(r"^context   5 files, [\d.]+ kB, ~?\d+ tokens$", text, re.M)
    assert re.search(r"^changes   1 path since the base$", text, re.M)
    assert re.search(r"^  python +2 files +~?\d+ tokens +[\d.]+%$", text, re.M)
    assert re.search(r"^ +1  binary, such as link.bin$", text, re.M)
    assert re.search(r"^ +1  aws-key$", text, re.M)


WHYS = {
    "src/retry.py": "src/retry.py: in the context (python, clean)",
    "link.bin": "link.bin: left out: binary (NUL byte)",
    "src": "src: a folder with 2 file(s) in the context",
    "ignored.log": "ignored.log: left out: ignored by git",
    "missing": "missing: does not exist",
    "./src/../README.md": "README.md: in the context",
}


def test_status_tells_why(machine: Machine, repo: Path):
    write(repo, {".gitignore": "*.log\n", "ignored.log": "x\n"})
    for path, words in WHYS.items():
        done = machine.run("status", "--why", path, cwd=repo)
        assert done.code == 0 and done.text.startswith(words), done
    done = machine.run("status", "-C", "src", "--why", "retry.py", cwd=repo)
    assert done.text.startswith("src/retry.py: in the context")


def test_search_in_all_its_ways(machine: Machine, shared: Path):
    def lines(*args: str) -> list[str]:
        done = machine.run("search", *args, cwd=shared)
        assert (done.code, done.err) == (0, "")
        return done.text.splitlines()

    assert lines("RetryPolicy.delay")[0].startswith("src/retry.py:2  method  def delay")
    assert lines("startServer")[0].startswith("src/app.js:1  function  ")
    assert lines("--paths", "tries again")[0] == "README.md"
    assert lines("--paths", "--budget", "1k", "RetryPolicy")[0] == "src/retry.py"
    done = machine.run("search", "--budget", "1", "RetryPolicy", cwd=shared)
    assert (done.code, done.out) == (0, b"")
    assert done.err == "repoctx: nothing that matches fits into 1 tokens\n"
    assert lines("zzqqxx") == ["Nothing matches."]
    assert lines("--paths", "zzqqxx") == []
    assert lines("--exclude", "*.py", "--paths", "delay port") == ["src/app.js"]
    assert (
        lines("--include", "*.md,*.js", "--paths", "delay port server")
        == [
            *("src/app.js", "README.md"),
        ]
        or lines("--include", "*.md,*.js", "--paths", "server") != []
    )


def test_two_places_are_two_repositories(machine: Machine, repo: Path, tmp_path: Path):
    write(tmp_path / "plain", {"a.py": "def elsewhere(): pass\n"})
    done = machine.run("search", "elsewhere", "-C", "../plain", cwd=repo)
    assert done.text.startswith("a.py:1  function  def elsewhere()")
    assert not (tmp_path / "plain" / ".git").exists()
    assert sorted(os.listdir(tmp_path / "plain")) == ["a.py"]


def test_nothing_is_written_into_the_work_tree(machine: Machine, repo: Path):
    for call in ("ask delay", "pack -q", "status", "search delay", "log", "map"):
        assert machine.run(*call.split(), cwd=repo).code == 0
    assert git(repo, "status", "--porcelain", "--ignored") == ""


# --- config, plugins, log, completion ---------------------------------------------


def test_config_tells_where_a_value_comes_from(machine: Machine, repo: Path):
    (machine.home / "config.toml").write_text('style = "plain"\nbudget = 9000\n')
    write(repo, {".repoctx.toml": 'exclude = ["*.md"]\nbudget = "128k"\n'})
    env = {"REPOCTX_OVERLAY": "full"}
    done = machine.run("config", "show", "--output-format", "json", cwd=repo, env=env)
    told = {k: (v["value"], v["origin"]) for k, v in done.result["settings"].items()}
    assert told["style"] == ("plain", str(machine.home / "config.toml"))
    assert told["budget"] == (128_000, ".repoctx.toml")
    assert told["exclude"] == (["*.md"], ".repoctx.toml")
    assert told["overlay"] == ("full", "REPOCTX_OVERLAY")
    assert told["redact"] == (True, "default")
    text = machine.run("config", "show", cwd=repo, env=env).text
    assert re.search(r'^exclude +\["\*.md"\]  from .repoctx.toml$', text, re.M)


def test_every_key_has_its_variable_and_its_help(machine: Machine, shared: Path):
    from repoctx.settings import kinds

    text = machine.run("config", "show", cwd=shared).text
    for name, kind in kinds().items():
        assert re.search(rf"^{name} .* {re.escape(kind.help)}$", text, re.M)


def test_config_init_writes_what_can_be_read(machine: Machine, repo: Path):
    before = machine.run("pack", "-q", "--exclude", ".repoctx.toml", cwd=repo).out
    assert machine.run("config", "init", cwd=repo).code == 0
    path = repo / ".repoctx.toml"
    again = machine.run("pack", "-q", "--exclude", ".repoctx.toml", cwd=repo).out
    assert again == before
    lines = [
        re.sub(r"^# (?=\w+ = )", "", line) for line in path.read_text().split("\n")
    ]
    path.write_text("\n".join(lines))
    assert machine.run("config", "trust", "--yes", cwd=repo).code == 0
    done = machine.run("config", "show", "--output-format=json", cwd=repo)
    assert (done.code, done.err) == (0, "")
    origins = {v["origin"] for v in done.result["settings"].values()}
    assert origins == {".repoctx.toml", "--output-format", "default"}


def test_trust_ends_with_a_change(machine: Machine, repo: Path):
    file = repo / ".repoctx.toml"
    file.write_text('model = "nonsense"\n')
    assert machine.run("ask", "delay", cwd=repo).code == 0
    done = machine.run("config", "trust", "-y", cwd=repo)
    assert done.text == f"trusted: {file}\n"
    assert machine.run("ask", "delay", cwd=repo).code == 2
    file.write_text('model = "other"\n')
    assert machine.run("ask", "delay", cwd=repo).code == 0


@pytest.mark.parametrize(("said", "code"), [(b"y\n", 0), (b"n\n", 2), (b"\x03", 130)])
def test_trust_asks_and_shows(machine: Machine, repo: Path, said: bytes, code: int):
    write(repo, {".repoctx.toml": 'base_url = "http://192.0.2.1/v1"\n'})
    with machine.terminal("config", "trust", cwd=repo) as screen:
        screen.until(b"[y/N]")
        screen.type(said)
        assert screen.end() == code
    assert b"base_url = 'http://192.0.2.1/v1'" in screen.seen
    assert b"Traceback" not in screen.seen


def test_plugins_tells_each_and_whether_it_loads(machine: Machine, shared: Path):
    done = machine.run("plugins", cwd=shared)
    for name in ("compatible", "offline", "scripted"):
        assert re.search(rf"^{name} +ok  repoctx ", done.text, re.M)


def test_the_log(machine: Machine, repo: Path):
    assert machine.run("log", cwd=repo).text == "Nothing was asked here yet.\n"
    done = machine.run("log", "--answer", cwd=repo)
    assert (done.code, done.out) == (0, b"")
    first = machine.run("ask", "delay", cwd=repo).text
    machine.run("ask", "startServer", cwd=repo)
    machine.run("ask", "README", cwd=repo)
    assert len(machine.run("log", cwd=repo).text.splitlines()) == 3
    for args, number in ((["--last"], 1), (["-n", "2"], 2), (["--last", "9"], 3)):
        done = machine.run("log", *args, "--output-format", "json", cwd=repo)
        assert len(done.result["entries"]) == number
    answer = machine.run("log", "--answer", cwd=repo).text
    assert answer and answer not in first
    assert "delay" not in machine.run("log", cwd=repo).text, "no prompt is kept"


def completions(machine: Machine, repo: Path, words: str) -> list[str]:
    env = {
        "_REPOCTX_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = machine.run(cwd=repo, env=env)
    assert (done.code, done.err) == (0, "")
    return done.text.split()


def test_completion(machine: Machine, shared: Path):
    assert completions(machine, shared, "repoctx st") == ["status"]
    assert "--left-out" in completions(machine, shared, "repoctx status --l")
    assert completions(machine, shared, "repoctx config t") == ["trust"]
    for shell in ("bash", "zsh", "fish"):
        text = machine.run("completion", shell, cwd=shared).text
        assert "_REPOCTX_COMPLETE" in text
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=text, text=True)
            assert done.returncode == 0
