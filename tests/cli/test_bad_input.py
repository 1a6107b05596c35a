"""Every bad input ends in one clear line, the right exit code, and nothing broken."""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.program import Done, Machine
from repos import git, make_repo, write

ONE_LINE = re.compile(r"repoctx: [^\n]{5,400}\n")


def check(done: Done, code: int, *words: str) -> None:
    """It ended with ``code`` and one line that holds ``words``."""
    assert done.code == code, done
    assert ONE_LINE.fullmatch(done.err), done.err
    for word in words:
        assert word in done.err
    assert done.out == b""


# --- the command line -------------------------------------------------------------

CALLS: list[tuple[str, int, str]] = [
    ("stauts", 2, "Did you mean status?"),
    ("nonsense", 2, "No such command 'nonsense'. See: repoctx --help"),
    ("'where is it computed'", 2, 'repoctx ask "where is it computed"'),
    ("-C . status", 2, "Options stand after the command"),
    ("status --bogus", 2, "No such option: --bogus. See: repoctx status --help"),
    ("search x --bugdet 5", 2, "Did you mean --budget"),
    ("status more", 2, "unexpected extra argument"),
    ("ask", 2, "Missing argument 'QUESTION'"),
    ("ask ''", 2, "the question is empty"),
    ("ask '  '", 2, "the question is empty"),
    ("search ''", 2, "the query is empty"),
    ("search --paths ' '", 2, "the query is empty"),
    ("config nonsense", 2, "No such command 'nonsense'. See: repoctx config --help"),
    ("log --last none", 2, "not a valid int"),
    ("log --last 0", 2, "not in the range"),
    ("completion tcsh", 2, "bash, zsh or fish"),
    ("status -C missing", 2, "missing does not exist"),
    ("status -C README.md", 2, "README.md is not a folder"),
    ("status --output-format yaml", 2, "one of text, json, stream-json"),
    ("plugins --output-format yaml", 2, "one of text, json, stream-json"),
    ("pack --style html", 2, "one of xml, markdown, json, plain"),
    ("pack --overlay none", 2, "one of diff, blocks, full"),
    ("pack --budget much", 2, "a number such as 200000, 128k or 1m"),
    ("pack --budget -5", 2, "a number such as"),
    ("pack --budget 3", 5, "--budget"),
    ("search x --budget much", 2, "a number such as"),
    ("pack --base missing", 2, "git knows no commit 'missing'"),
    ("pack --base=--exec", 2, "not an option"),
    ("pack --no-redact", 2, "--no-redact needs --yes"),
    ("config trust", 2, "--yes"),
    ("status --include '['", 2, "cannot read the pattern '['"),
    ("pack --exclude '**'", 2, "all files are left out"),
    ("pack -o missing/file", 2, "there is no folder"),
    ("pack -o src", 2, "cannot write src"),
    ("pack -o /dev/full", 2, "No space left on device"),
    ("status --why ../x", 2, "../x leads out of"),
    ("status --why /etc/passwd", 2, "leads out of"),
    ("status --why .git/config", 2, "belongs to git"),
    ("status --why ''", 2, "needs a path"),
    ("ask x --with missing", 2, "--with missing: No such file or directory"),
    ("ask x --with src", 2, "--with src: Is a directory"),
    ("ask -m compatibel/x hi", 2, "did you mean compatible?"),
    ("ask -m qwen3 hi", 2, "compatible/qwen3"),
    ("ask -m scripted hi", 2, "REPOCTX_SCRIPT"),
]


@pytest.mark.parametrize(("call", "code", "words"), CALLS, ids=[c[0] for c in CALLS])
def test_a_wrong_call(machine: Machine, shared: Path, call: str, code: int, words: str):
    check(machine.run(*shlex.split(call), cwd=shared), code, words)


def test_a_wrong_call_is_a_result_in_json(machine: Machine, shared: Path):
    for call in (["nonsense"], ["status", "--bogus"], ["status", "-C", "missing"]):
        for form in ("--output-format=json", "--output-format=stream-json"):
            done = machine.run(*call, form, cwd=shared)
            assert (done.code, done.err) == (2, ""), done
            assert done.result["type"] == "result"
            assert done.result["status"] == "error"
            assert len(done.objects) == (2 if "stream" in form else 1)


# --- settings ---------------------------------------------------------------------

SETTINGS: list[tuple[bytes, str]] = [
    (b"style = ", ".repoctx.toml: not valid TOML"),
    (b"\xff\xfe", ".repoctx.toml: not valid TOML"),
    (b'styel = "xml"', "unknown key 'styel' (did you mean 'style'?)"),
    (b"style = 5", "style must be one of"),
    (b'state_dir = "/x"', "can only be set by you"),
    (b'[keys]\nopenai = "k"', "keys never belong in a repository"),
]


@pytest.mark.parametrize(("text", "words"), SETTINGS)
def test_wrong_settings(machine: Machine, repo: Path, text: bytes, words: str):
    (repo / ".repoctx.toml").write_bytes(text)
    for command in (["status"], ["config", "show"], ["ask", "x"]):
        check(machine.run(*command, cwd=repo), 2, words)


VARIABLES = {"STYLE": "x", "TIMEOUT": "soon", "OUTPUT_FORMAT": "yaml", "BUDGET": "x"}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_wrong_variable(machine: Machine, shared: Path, name: str):
    variable = f"REPOCTX_{name}"
    done = machine.run("status", cwd=shared, env={variable: VARIABLES[name]})
    check(done, 2, variable, name.lower())


def test_untrusted_settings_send_nothing(machine: Machine, repo: Path):
    write(repo, {".repoctx.toml": 'model = "scripted"\n'})
    done = machine.run("ask", "delay", cwd=repo)
    assert done.code == 0 and "No model was asked" in done.text
    assert "model ignored until you run: repoctx config trust" in done.err


# --- repositories -----------------------------------------------------------------


def broken(path: Path, name: str, data: bytes) -> None:
    for file in path.glob(name):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(data)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "garbage index": (
        lambda r: broken(r, ".git/index", b"garbage"),
        ".git/index: index file smaller than expected",
    ),
    "empty index": (
        lambda r: broken(r, ".git/index", b""),
        ".git/index: index file smaller than expected",
    ),
    "garbage HEAD": (
        lambda r: broken(r, ".git/HEAD", b"garbage"),
        ".git is there, but git cannot read it",
    ),
    "no objects folder": (
        lambda r: shutil.rmtree(r / ".git" / "objects"),
        ".git is there, but git cannot read it",
    ),
    "no objects": (
        lambda r: [p.unlink() for p in r.glob(".git/objects/*/*")],
        "nothing to read",
    ),
    "garbage objects": (
        lambda r: broken(r, ".git/objects/*/*", b"x"),
        "nothing to read",
    ),
    "garbage config": (lambda r: broken(r, ".git/config", b"[core"), "bad config"),
    "empty": (
        lambda r: shutil.rmtree(r) or git(make_dir(r), "init", "-q"),
        "there are no files",
    ),
    "an empty folder": (
        lambda r: shutil.rmtree(r) or make_dir(r),
        "there are no files",
    ),
    "bare": (
        lambda r: shutil.rmtree(r) or git(make_dir(r), "init", "-q", "--bare"),
        "has no work tree",
    ),
    "elsewhere": (
        lambda r: shutil.rmtree(r / ".git") or write(r, {".git": "gitdir: /missing"}),
        "not a git repository: /missing",
    ),
}


def make_dir(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_repository(machine: Machine, repo: Path, what: str):
    damage, words = BROKEN[what]
    damage(repo)
    for command in (["pack"], ["ask", "delay"], ["search", "delay"]):
        done = machine.run(*command, cwd=repo)
        assert done.code == 2 and done.out == b"", done
        assert words in done.err.splitlines()[-1]
        assert "Traceback" not in done.err


def test_without_git(machine: Machine, shared: Path):
    check(
        machine.run("status", cwd=shared, env={"PATH": ""}), 2, "git is not installed"
    )


def test_no_commit_yet_is_no_error(machine: Machine, tmp_path: Path):
    root = make_repo(tmp_path / "unborn", {})
    write(root, {"a.py": "def first():\n    return 1\n"})
    done = machine.run("search", "first", cwd=root)
    assert (done.code, done.err) == (0, "")
    assert done.text == "a.py:1  function  def first()\n"


# --- files ------------------------------------------------------------------------

ODD: dict[str, str | bytes] = {
    "a b.py": "def spaced(): pass\n",
    "new\nline.py": "def newline(): pass\n",
    "q\"uo'te.py": "def quotes(): pass\n",
    "back\\slash.py": "def backslash(): pass\n",
    "-dash.py": "def dashed(): pass\n",
    "ünï.py": "def accents(): pass\n",
    "文件/汉字.py": "def hanzi(): pass\n",
    "raw\udcff\udc9b31m.py": "def rawbytes(): pass\n",
    "esc\x1b[31mred.py": "def escapes(): pass\n",
    "bidi\u202etxt.py": "def reorders(): pass\n",
    "latin.py": b'def latin(): return "\xe9\xff"\n',
    "crlf.py": b"def windows():\r\n    return 1\r\n",
    "line.js": "var x = '" + "a" * 4_000_000 + "';\n",
    "short.min.js": "var y='" + "b" * 40_000 + "';\n",
    "nul.py": b'x = "\0"\n',
}

SHOWN = {
    "spaced": "a b.py:1",
    "newline": '"new\\nline.py":1',
    "quotes": '"q\\"uo\'te.py":1',
    "backslash": '"back\\\\slash.py":1',
    "dashed": "-dash.py:1",
    "accents": "ünï.py:1",
    "hanzi": "文件/汉字.py:1",
    "rawbytes": '"raw\\377\\23331m.py":1',
    "escapes": '"esc\\033[31mred.py":1',
    "reorders": '"bidi\\342\\200\\256txt.py":1',
    "latin": "latin.py:1",
    "windows": "crlf.py:1",
}


def test_odd_names_and_contents(machine: Machine, tmp_path: Path):
    root = make_repo(tmp_path / "odd", ODD)
    for name, place in SHOWN.items():
        done = machine.run("search", name, cwd=root)
        assert (done.code, done.err) == (0, "")
        assert done.text.splitlines()[0] == f"{place}  function  def {name}()"
    every = " ".join(SHOWN)
    done = machine.run("search", "--paths", every, cwd=root)
    assert sorted(done.text.splitlines()) == sorted(p[:-2] for p in SHOWN.values())
    done = machine.run("search", every, "--output-format", "json", cwd=root)
    assert done.out.isascii() and b"\\ufffd" in done.out and b"\\udcff" not in done.out
    done = machine.run("status", "--left-out", cwd=root)
    assert sorted(line.split("  ")[0] for line in done.text.splitlines()) == [
        *("line.js", "nul.py", "short.min.js"),
    ]
    for style in ("xml", "markdown", "json", "plain"):
        done = machine.run("pack", "-q", "--style", style, cwd=root)
        assert (done.code, done.err) == (0, "")
        done.out.decode("utf-8")


@pytest.mark.parametrize("name", [n for n in ODD if n != "-dash.py"])
def test_why_takes_any_name(machine: Machine, tmp_path: Path, name: str):
    root = make_repo(tmp_path / "odd", {name: "x\n"})
    raw = name.encode("utf-8", "surrogateescape")
    done = machine.run(b"status", b"--why", raw, cwd=root)
    assert (done.code, done.err) == (0, "")
    assert "in the context" in done.text or "left out" in done.text


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads all")
def test_an_unreadable_file(machine: Machine, repo: Path):
    write(repo, {"locked.py": "x = 1\n"})
    (repo / "locked.py").chmod(0)
    done = machine.run("pack", cwd=repo)
    assert done.code == 0
    assert "1 file(s) could not be read, such as locked.py" in done.err


# --- what it runs on --------------------------------------------------------------


def test_a_damaged_state_folder(machine: Machine, repo: Path):
    def found() -> str:
        done = machine.run("search", "delay", cwd=repo)
        assert done.code == 0 and "Traceback" not in done.err, done
        return done.text

    expected = found()
    machine.run("ask", "delay", cwd=repo)
    state = repo / ".git" / "repoctx"
    for path in [p for p in state.rglob("*") if p.is_file()]:
        path.write_bytes(b"garbage")
    assert found() == expected
    shutil.rmtree(state)
    state.write_bytes(b"a file where the folder should be")
    assert found() == expected
    state.unlink()
    (state / "index.db").mkdir(parents=True)
    (state / "ledger.db").mkdir()
    (state / "stats").mkdir()
    (state / "answers").write_bytes(b"")
    done = machine.run("ask", "delay", cwd=repo)
    assert done.code in (0, 2) and "Traceback" not in done.err
    assert all(line.startswith("repoctx: ") for line in done.err.splitlines())


def too_small() -> None:
    """Every write beyond 8 kB fails, as on a full disk."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


def test_a_full_disk(machine: Machine, tmp_path: Path):
    files = {f"f{n}.py": f"def f{n}():\n    return {n}\n" * 40 for n in range(20)}
    root = make_repo(tmp_path / "repo", files)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for command in (["pack"], ["ask", "f1"], ["search", "f1"], ["status"]):
        process = machine.start(*command, cwd=root, preexec_fn=too_small, **pipes)
        _, err = process.communicate(timeout=60)
        lines = err.decode().splitlines()
        assert process.returncode in (0, 2), lines
        assert lines and all(line.startswith("repoctx: ") for line in lines)
        assert len(lines) < 4
    done = machine.run("search", "f1", cwd=root)
    assert (done.code, done.err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
@pytest.mark.parametrize("command", [["status"], ["pack"], ["ask", "delay"]])
def test_a_full_stdout(machine: Machine, shared: Path, command: list[str], form: str):
    with open("/dev/full", "wb") as full:
        done = machine.run(
            *command, "-q", "--output-format", form, cwd=shared, stdout=full
        )
    check(done, 2, "No space left on device")


@pytest.mark.parametrize("command", [["pack"], ["status"], ["ask", "delay"]])
def test_a_reader_that_goes_away(machine: Machine, shared: Path, command: list[str]):
    read, wrote = os.pipe()
    os.close(read)
    try:
        done = machine.run(*command, "-q", cwd=shared, stdout=wrote)
    finally:
        os.close(wrote)
    assert (done.code, done.err) == (0, "")


def closed(*descriptors: int) -> Callable[[], None]:
    def close() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return close


@pytest.mark.parametrize("gone", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams(machine: Machine, shared: Path, gone: tuple[int, ...]):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for command in (["ask", "delay"], ["status"]):
        process = machine.start(*command, cwd=shared, preexec_fn=closed(*gone), **pipes)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        assert bool(out) == (1 not in gone)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts")
def test_a_read_only_repository(machine: Machine, repo: Path, tmp_path: Path):
    """With a read-only bind mount where that is allowed, else by the rights."""
    for path in (repo, repo / ".git"):
        path.chmod(0o555)
    probe = subprocess.run(["touch", str(repo / ".git" / "probe")], capture_output=True)
    if probe.returncode == 0:
        (repo / ".git" / "probe").unlink()
        bind = ["mount", "--bind", "-o", "ro", str(repo), str(repo)]
        if subprocess.run(bind, capture_output=True).returncode:
            pytest.skip("root, and may not mount")
    try:
        done = machine.run("search", "delay", cwd=repo)
        assert done.code == 0 and "src/retry.py:2" in done.text
        assert "using " in done.err and len(done.err.splitlines()) == 1
        nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache"}
        check(machine.run("pack", cwd=repo, env=nowhere), 2, "cannot write")
    finally:
        if probe.returncode == 0:
            subprocess.run(["umount", str(repo)], capture_output=True)
        for path in (repo, repo / ".git"):
            path.chmod(0o755)
