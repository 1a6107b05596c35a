"""Real editors, headless: filters in place, and the language server.

Debian's neovim, emacs-nox with elpa-eglot, kakoune and vim; `.ci/run` installs them
where it may. A test whose editor is missing skips and says so.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cli.program import PATIENCE, Machine
from editor.conftest import ANSWER, NEW, TEXT
from repoctx import __version__
from repoctx.editor import lsp_commands
from repoctx.review.render import text as render
from repoctx.values import Finding, Severity, Spot
from repos import commit, write

Says = Callable[..., dict[str, str]]
PLUGINS = Path(__file__).parents[2] / "plugins" / "editors"
PROGRAM = f"{shlex.quote(sys.executable)} -m repoctx"
BLOCK = f"@@@@ 1 replace selection\n{NEW}@@@@ end 1\n"
PROSE = "I would not do that."
USE = "from lib import load\n\nload(1)\n"


def needs(program: str) -> pytest.MarkDecorator:
    missing = shutil.which(program) is None
    return pytest.mark.skipif(missing, reason=f"{program} is not installed")


def run(machine: Machine, cwd: Path, env: Mapping[str, str], *argv: str) -> str:
    """Run an editor to its end; what it printed."""
    state = {"XDG_STATE_HOME": str(machine.home), "XDG_DATA_HOME": str(machine.home)}
    state["XDG_RUNTIME_DIR"] = str(machine.home)
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=machine.env | state | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=2 * PATIENCE,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")


def vim(name: str) -> list[str]:
    headless = ["--headless"] if name == "nvim" else ["-e", "-s"]
    return [name, "-u", "NONE", "-i", "NONE", "-n", *headless]


FILTERS: dict[str, list[str]] = {
    name: [
        *vim(name),
        "lib.py",
        *("-c", f"%!{PROGRAM} filter --path % --line 1 rename"),
        *("-c", "wq"),
    ]
    for name in ("vim", "nvim")
}
README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
COMMAND = next(x for x in README.splitlines() if x.startswith("command! -range"))
FILTERS["vim: README"] = [
    *vim("vim"),
    "lib.py",
    *("-c", COMMAND.replace("!repoctx filter", f"!{PROGRAM} filter")),
    *("-c", 'Repoctx rename it\'s "name"', "-c", "wq"),
]
FILTERS["kak"] = [
    *("kak", "-n", "-ui", "dummy", "-e"),
    f"source {PLUGINS / 'repoctx.kak'}; set-option global repoctx_program '{PROGRAM}'; "
    "execute-keys '%'; repoctx-filter rename it's name; write; quit",
    "lib.py",
]
FILTERS["emacs"] = [
    *("emacs", "-Q", "--batch", "-l", str(PLUGINS / "repoctx.el"), "lib.py"),
    *("--eval", f'(setq repoctx-program \'("{sys.executable}" "-m" "repoctx"))'),
    *("--eval", '(repoctx-filter "rename" (point-min) (point-max))'),
    *("-f", "save-buffer"),
]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs(n.partition(":")[0])) for n in FILTERS]
)
def test_a_filter_rewrites_or_leaves_alone(
    machine: Machine, small: Path, says: Says, name: str
) -> None:
    said = run(machine, small, says(PROSE), *FILTERS[name])
    assert (small / "lib.py").read_text() == TEXT, said
    said = run(machine, small, says(BLOCK), *FILTERS[name])
    assert (small / "lib.py").read_text() == NEW, said
    asked = (small.parent / "requests.jsonl").read_text().splitlines()
    assert "`lib.py`" in json.loads(asked[-1])["question"]


@needs("kak")
def test_kakoune_asks_about_the_selection(
    machine: Machine, small: Path, says: Says
) -> None:
    script = (
        f"source {PLUGINS / 'repoctx.kak'}; "
        f"set-option global repoctx_program '{PROGRAM}'; execute-keys '%'; "
        "repoctx-ask what is it; write! answer.txt; quit!"
    )
    argv = ("kak", "-n", "-ui", "dummy", "-e", script, "lib.py")
    said = run(machine, small, says("It reads a file."), *argv)
    assert "It reads a file." in (small / "answer.txt").read_text(), said
    assert "lines 1-2 of `lib.py`" in (small.parent / "requests.jsonl").read_text()


# --- the language server ----------------------------------------------------------

LUA = """
local repoctx = dofile("{plugin}")
local cmd = {{ "{python}", "-m", "repoctx", "lsp" }}
repoctx.setup({{ cmd = cmd, program = [[{program}]] }})
local function wait(what, done)
  if not vim.wait({patience}, done, 50) then
    print("no " .. what); vim.cmd("cquit")
  end
end
wait("finding", function() return #vim.diagnostic.get(0) == 1 end)
local found = vim.diagnostic.get(0)[1]
print(vim.fn.json_encode({{ found.lnum, found.end_col, found.severity, found.source }}))
vim.cmd("1,2RepoctxAsk what is it")
wait("answer", function() return vim.bo.buftype == "nofile" end)
print(vim.fn.json_encode(vim.api.nvim_buf_get_lines(0, 0, -1, false)[1]))
vim.cmd("bwipeout")
vim.cmd("1RepoctxEdit rename it")
wait("edit", function() return vim.fn.getline(1) == "def load(path):" end)
vim.cmd("write")
wait("end", function() return #vim.diagnostic.get(0) == 0 end)
print("done")
vim.cmd("qall!")
"""


def back(says: Says) -> dict[str, str]:
    """A model that answers what it is asked, and takes the renaming back."""
    env = says("It reads a file.")
    path = Path(env["REPOCTX_SCRIPT"])
    answer = ANSWER.replace("load", "X").replace("read(path)", "load(path)")
    answer = answer.replace("X", "read")
    script = json.loads(path.read_text())
    script["replies"].insert(0, {"text": answer, "match": "rename it"})
    path.write_text(json.dumps(script))
    return env


@pytest.fixture
def renamed(small: Path) -> Path:
    """The small repository with a caller of a function that was renamed since."""
    (small / "use.py").write_text("# \U0001f600\n" + USE)
    commit(small, "use")
    write(small, {"lib.py": NEW})
    return small


@needs("nvim")
def test_neovim_speaks_to_the_language_server(
    machine: Machine, renamed: Path, says: Says
) -> None:
    script = renamed.parent / "test.lua"
    script.write_text(
        LUA.format(
            plugin=PLUGINS / "repoctx.lua",
            python=sys.executable,
            program=PROGRAM,
            patience=int(PATIENCE * 1000),
        )
    )
    argv = [*vim("nvim"), "lib.py", "-c", f"luafile {script}"]
    said = run(machine, renamed, back(says), *argv).replace("\r", "").splitlines()
    found = [line for line in said if line.strip()]
    assert '[0, 15, 1, "repoctx"]' in said, said
    assert '"It reads a file."' in said, said
    assert found[-1].endswith("done"), said
    assert (renamed / "lib.py").read_text() == TEXT


LISP = """
(setq eglot-sync-connect 60 eglot-connect-timeout 60)
(setq eglot-confirm-server-initiated-edits nil)
(load "{plugin}")
(setq repoctx-program '("{python}" "-m" "repoctx"))
(require 'eglot)
(setq eglot-server-programs nil)
(repoctx-eglot)
(defun wait (what done)
  (let ((end (+ (float-time) {patience})))
    (while (not (funcall done))
      (when (> (float-time) end) (message "no %s" what) (kill-emacs 3))
      (accept-process-output nil 0.05))))
(find-file "lib.py")
(apply #'eglot (eglot--guess-contact))
(wait "server" #'eglot-current-server)
(wait "finding" (lambda () (flymake-start) (flymake-diagnostics)))
(let ((found (car (flymake-diagnostics))))
  (message "found %s %s" (line-number-at-pos (flymake-diagnostic-beg found))
           (flymake-diagnostic-text found)))
(repoctx-edit "rename it" (point-min) (line-end-position))
(wait "edit" (lambda () (string-prefix-p "def load" (buffer-string))))
(save-buffer)
(wait "end" (lambda () (flymake-start) (null (flymake-diagnostics))))
(eglot-shutdown (eglot-current-server))
(message "done")
"""


def has_eglot() -> bool:
    if shutil.which("emacs") is None:
        return False
    argv = ["emacs", "-q", "--batch", "--eval", "(require 'eglot)"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_eglot(), reason="emacs with eglot is not installed")
def test_emacs_speaks_to_the_language_server(
    machine: Machine, renamed: Path, says: Says
) -> None:
    script = renamed.parent / "test.el"
    script.write_text(
        LISP.format(
            plugin=PLUGINS / "repoctx.el",
            python=sys.executable,
            patience=int(PATIENCE),
        )
    )
    env = back(says)
    said = run(machine, renamed, env, "emacs", "-q", "--batch", "-l", str(script))
    assert "found 1 " in said and "is gone" in said, said
    assert (renamed / "lib.py").read_text() == TEXT


def tasks() -> list[dict[str, Any]]:
    text = (PLUGINS / "vscode-tasks.json").read_text(encoding="utf-8")
    plain = "\n".join(x for x in text.split("\n") if not x.lstrip().startswith("//"))
    found = json.loads(plain)["tasks"]
    assert isinstance(found, list)
    return found


def test_the_tasks_of_vs_code_read_a_finding() -> None:
    pattern = tasks()[0]["problemMatcher"]["pattern"]
    found = Finding("bug", Severity.ERROR, Spot("a b/c.py", 7), "it: [is] wrong")
    match = re.fullmatch(pattern["regexp"], render([found]).rstrip("\n"))
    assert match and match[pattern["file"]] == "a b/c.py"
    assert (match[pattern["line"]], match[pattern["code"]]) == ("7", "bug")
    assert match[pattern["message"]] == "it: [is] wrong"


def test_the_tasks_of_vs_code_run_on_a_terminal(
    machine: Machine, renamed: Path
) -> None:
    review = tasks()[0]
    pattern = re.compile(review["problemMatcher"]["pattern"]["regexp"])
    with machine.terminal(*review["args"], cwd=renamed, columns=40) as terminal:
        assert terminal.end() == 0
    lines = terminal.seen.decode().replace("\r", "").splitlines()
    found = [m for m in map(pattern.fullmatch, lines) if m]
    assert [(m[1], m[2], m[6]) for m in found] == [("lib.py", "1", "removed-but-used")]


def test_the_extension_of_vs_code_names_what_there_is() -> None:
    folder = PLUGINS / "vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    commands = {one["command"] for one in package["contributes"]["commands"]}
    # The other one, a fix, needs a finding: it comes as a quick fix.
    assert commands == {lsp_commands.ASK, lsp_commands.EDIT, lsp_commands.REVIEW}
    assert package["version"] == __version__
    program = (folder / package["main"]).read_text(encoding="utf-8")
    asked = dict(re.findall(r'"(repoctx\.\w+)": \["(\w+)"', program))
    assert asked == {lsp_commands.ASK: "question", lsp_commands.EDIT: "instruction"}
