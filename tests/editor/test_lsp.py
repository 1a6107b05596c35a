"""`repoctx lsp`: findings, fixes, commands; and what it is when all around breaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from cli.program import PATIENCE, Machine, alive
from editor.conftest import ANSWER, NEW, TEXT
from editor.lsp_client import CAPABILITIES, Client, frame, served
from repoctx.editor.lsp import MOST_BODY, frames
from repoctx.editor.lsp_text import covered, lines_of, span, text_edits
from repos import commit, make_repo, write

Says = Callable[..., dict[str, str]]
USE = "from lib import load\n\nprint('\U0001f600', load(1))\n"


@pytest.fixture
def used(small: Path) -> Path:
    """The small repository with a caller."""
    (small / "use.py").write_text(USE)
    commit(small, "use")
    return small


def requests(repo: Path) -> list[str]:
    record = repo.parent / "requests.jsonl"
    return record.read_text().splitlines() if record.exists() else []


# --- findings ---------------------------------------------------------------------


def test_findings_come_on_open_and_go_when_saved(machine: Machine, used: Path) -> None:
    lib = used / "lib.py"
    write(used, {"lib.py": NEW})
    with served(machine, used) as client:
        client.open(lib)
        [found] = client.diagnostics(lib)
        assert (found["code"], found["severity"]) == ("removed-but-used", 1)
        assert found["source"] == "repoctx"
        write(used, {"lib.py": TEXT})
        since = client.save(lib)
        assert client.diagnostics(lib, since) == []
        assert client.close() == 0
        assert client.process.stderr.read() == b""


@pytest.mark.parametrize(("encoding", "end"), [("utf-16", 20), ("utf-8", 22)])
def test_columns_are_counted_as_the_client_counts(
    machine: Machine, used: Path, encoding: str, end: int
) -> None:
    write(used, {"lib.py": NEW})
    general = {"general": {"positionEncodings": [encoding]}}
    with served(machine, used, capabilities=CAPABILITIES | general) as client:
        client.open(used / "lib.py")
        [found] = client.diagnostics(used / "lib.py")
        place = found["relatedInformation"][1]["location"]
        assert place["uri"].endswith("use.py")
        assert place["range"]["end"] == {"line": 2, "character": end}


def test_only_what_is_not_committed_is_reviewed(
    machine: Machine, tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "repo", {"a.py": "def f(\n", "b.py": "x = 1\n"})
    write(repo, {"b.py": "x = (\n"})
    with served(machine, repo) as client:
        client.open(repo / "a.py")
        [found] = client.diagnostics(repo / "b.py")
        assert found["code"] == "syntax-error"
        assert str(repo / "a.py") not in json.dumps(client.said)


def test_several_folders_and_what_lies_outside(
    machine: Machine, tmp_path: Path
) -> None:
    repos = [make_repo(tmp_path / name, {"a.py": "x = 1\n"}) for name in "abc"]
    plain = tmp_path / "plain"
    plain.mkdir()
    for folder in (*repos, plain):
        write(folder, {"a.py": "x = (\n"})
    with served(machine, repos[0], repos[1], plain) as client:
        client.open(repos[2] / "a.py")
        client.open(plain / "a.py")
        for uri in ("untitled:Untitled-1", "file://host/x.py", "git:/x", "no uri"):
            item = {"uri": uri, "languageId": "python", "version": 1, "text": "x = ("}
            client.notify("textDocument/didOpen", textDocument=item)
            document = {"uri": uri}
            where = position(0, 0, 0, 1)
            found = client.call(
                "textDocument/codeAction",
                textDocument=document,
                range=where,
                context={"diagnostics": []},
            )
            assert found == []
        for repo in repos[:2]:
            client.open(repo / "a.py")
            assert client.diagnostics(repo / "a.py")
        folder = {"uri": repos[0].as_uri(), "name": "a"}
        before = len(client.said)
        event = {"added": [], "removed": [folder]}
        client.notify("workspace/didChangeWorkspaceFolders", event=event)
        assert client.diagnostics(repos[0] / "a.py", before) == []
        said = json.dumps(client.said)
        assert "Error" not in said and repos[2].as_uri() not in said
        assert client.close() == 0


def position(line: int, column: int, end: int, last: int) -> dict[str, Any]:
    return {
        "start": {"line": line, "character": column},
        "end": {"line": end, "character": last},
    }


def test_no_model_is_asked_unless_somebody_wants_it(
    machine: Machine, used: Path, says: Says
) -> None:
    write(used, {"lib.py": NEW})
    env = says("[]")
    with served(machine, used, env=env) as client:
        client.open(used / "lib.py")
        client.diagnostics(used / "lib.py")
        client.diagnostics(used / "lib.py", client.save(used / "lib.py"))
        assert requests(used) == []
        uri = (used / "lib.py").as_uri()
        client.answer(client.command("repoctx.review", uri=uri))
        assert len(requests(used)) == 1
    options = {"review_with_model": True, "settings": {"exclude": ["README.md"]}}
    with served(machine, used, env=env, options=options) as client:
        client.open(used / "lib.py")
        client.diagnostics(used / "lib.py")
        assert len(requests(used)) == 2


def test_wrong_options_are_told(machine: Machine, used: Path) -> None:
    with served(machine, used, options={"settings": {"redact": False}}) as client:
        client.until(lambda m: m.get("method") == "window/showMessage")
        assert client.close() == 0


# --- fixes, edits, questions ----------------------------------------------------------


FIX = (
    "@@@@ 1 edit lib.py\n<<<<<<< SEARCH\n    return open(path).read()\n=======\n"
    "    with open(path) as file:\n        return file.read()\n>>>>>>> REPLACE\n"
    "@@@@ end 1\n"
)
FOUND = {
    "rule": "resource-leak",
    "severity": "warning",
    "confidence": 0.9,
    "path": "lib.py",
    "line": 2,
    "quote": "return open(path).read()",
    "message": "the file is not closed",
    "fix": FIX,
}


def actions(client: Client, uri: str, where: dict[str, Any]) -> list[dict[str, Any]]:
    found = client.call(
        "textDocument/codeAction",
        textDocument={"uri": uri},
        range=where,
        context={"diagnostics": []},
    )
    assert isinstance(found, list)
    return found


def made(client: Client) -> dict[str, Any]:
    """The edit that the editor was asked to make."""
    asked = client.until(lambda m: m.get("method") == "workspace/applyEdit")
    edit = asked["params"]["edit"]
    assert isinstance(edit, dict)
    return edit


def test_a_fix_is_a_code_action(machine: Machine, small: Path, says: Says) -> None:
    write(small, {"lib.py": "# changed\n" + TEXT.replace("read()", "read() ")})
    answer = json.dumps({"findings": [FOUND | {"quote": "open(path).read()"}]})
    fix = FIX.replace("read()\n====", "read() \n====")
    answer = answer.replace(json.dumps(FIX)[1:-1], json.dumps(fix)[1:-1])
    with served(machine, small, env=says(f"```json\n{answer}\n```\n")) as client:
        uri = client.open(small / "lib.py")
        client.answer(client.command("repoctx.review", uri=uri))
        [found] = client.diagnostics(small / "lib.py")
        assert found["code"] == "resource-leak"
        [action] = actions(client, uri, position(2, 0, 2, 0))
        assert action["kind"] == "quickfix" and action["isPreferred"]
        command = action["command"]
        result = client.call(
            "workspace/executeCommand",
            command=command["command"],
            arguments=command["arguments"],
        )
        assert result["applied"] is True
        [change] = made(client)["documentChanges"]
        assert change["textDocument"] == {"uri": uri, "version": 1}
        text = (small / "lib.py").read_text()
        wanted = text.replace(
            "    return open(path).read() \n",
            "    with open(path) as file:\n        return file.read()\n",
        )
        assert patched(text, change["edits"]) == wanted
        assert (small / "lib.py").read_text() == text


def patched(text: str, edits: list[dict[str, Any]]) -> str:
    """``text`` after an editor's edits, in UTF-16 columns."""
    raw = [line.encode("utf-16-le") for line in lines_of(text)]
    starts = [sum(map(len, raw[:n])) for n in range(len(raw) + 1)]
    data = b"".join(raw)

    def at(place: dict[str, int]) -> int:
        line = min(place["line"], len(raw))
        start = starts[line]
        return min(start + 2 * place["character"], len(data))

    for edit in sorted(edits, key=lambda e: at(e["range"]["start"]), reverse=True):
        start, end = at(edit["range"]["start"]), at(edit["range"]["end"])
        data = data[:start] + edit["newText"].encode("utf-16-le") + data[end:]
    return data.decode("utf-16-le")


def test_an_edit_here_goes_to_the_editor(
    machine: Machine, small: Path, says: Says
) -> None:
    with served(machine, small, env=says(ANSWER)) as client:
        uri = client.open(small / "lib.py")
        where = position(0, 0, 1, 0)
        key = client.command(
            "repoctx.edit", uri=uri, range=where, instruction="rename load to read"
        )
        result = client.answer(key)["result"]
        assert result["applied"] is True and "+def read" in result["diff"]
        [change] = made(client)["documentChanges"]
        assert patched(TEXT, change["edits"]) == NEW
        assert (small / "lib.py").read_text() == TEXT
    assert "line 1 of `lib.py`" in requests(small)[0]


def test_files_are_made_moved_and_deleted_by_the_editor(
    machine: Machine, used: Path, says: Says
) -> None:
    answer = (
        "@@@@ 1 create new/a.py\nx = 1\n@@@@ end 1\n@@@@ 2 delete README.md\n"
        "@@@@ end 2\n@@@@ 3 move use.py -> uses.py\n@@@@ end 3\n"
    )
    env = says(answer)
    with served(machine, used, env=env) as client:
        uri = client.open(used / "lib.py")
        key = client.command("repoctx.edit", uri=uri, instruction="tidy up")
        assert client.answer(key)["result"]["applied"] is True
        changes = made(client)["documentChanges"]
        kinds = [(c.get("kind"), Path(c.get("uri", "")).name) for c in changes]
        assert ("create", "a.py") in kinds and ("delete", "README.md") in kinds
        [moved] = [c for c in changes if c.get("kind") == "rename"]
        assert moved["newUri"] == (used / "uses.py").as_uri()
        assert (used / "use.py").exists() and (used / "README.md").exists()
    with served(machine, used, env=env, capabilities={}) as client:
        uri = client.open(used / "lib.py")
        key = client.command("repoctx.edit", uri=uri, instruction="tidy up")
        assert "this editor cannot" in client.answer(key)["error"]["message"]


def test_an_open_text_that_is_not_saved_is_never_overwritten(
    machine: Machine, small: Path, says: Says
) -> None:
    with served(machine, small, env=says(ANSWER)) as client:
        uri = client.open(small / "lib.py", TEXT + "typed = 1\n")
        key = client.command("repoctx.edit", uri=uri, instruction="rename")
        assert "unsaved changes" in client.answer(key)["error"]["message"]
        key = client.command(
            "repoctx.ask", uri=uri, range=position(2, 0, 2, 5), question="what is it?"
        )
        client.answer(key)
    assert "typed = 1" in requests(small)[-1]


@pytest.mark.parametrize("shown", [TEXT, TEXT.replace("\n", "\r\n")])
def test_a_file_with_crlf_whatever_the_editor_shows(
    machine: Machine, small: Path, says: Says, shown: str
) -> None:
    (small / "lib.py").write_bytes(TEXT.replace("\n", "\r\n").encode())
    commit(small, "crlf")
    with served(machine, small, env=says(ANSWER)) as client:
        uri = client.open(small / "lib.py", shown)
        key = client.command("repoctx.edit", uri=uri, instruction="rename")
        answer = client.answer(key)
        assert answer.get("result", {}).get("applied") is True, answer
        [change] = made(client)["documentChanges"]
        assert patched(shown, change["edits"]) == shown.replace("load", "read")


def test_an_edit_that_the_editor_refuses(
    machine: Machine, small: Path, says: Says
) -> None:
    with served(machine, small, env=says(ANSWER)) as client:
        client.applies = False
        uri = client.open(small / "lib.py")
        key = client.command("repoctx.edit", uri=uri, instruction="rename")
        assert client.answer(key)["result"]["applied"] is False


def test_a_question_here(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        uri = client.open(small / "lib.py")
        [explain] = actions(client, uri, position(0, 0, 1, 3))
        command = explain["command"]
        arguments = command["arguments"]
        result = client.call(
            "workspace/executeCommand", command="repoctx.ask", arguments=arguments
        )
        assert "lib.py:1-2" in result["answer"] and result["model"] == "offline"
        shown = client.until(lambda m: m.get("method") == "window/showDocument")
        assert shown["params"]["uri"].endswith(".md")
    with served(machine, small, capabilities={}) as client:
        uri = client.open(small / "lib.py")
        client.answer(client.command("repoctx.ask", uri=uri, question="what is load?"))
        told = client.until(lambda m: m.get("method") == "window/showMessage")
        assert "def load" in told["params"]["message"]


WRONG: dict[str, dict[str, Any]] = {
    "no question": {"uri": "lib.py"},
    "a document without a file": {"uri": "untitled:1", "question": "x"},
    "a document outside": {"uri": "file:///etc/passwd", "question": "x"},
    "a range that is none": {"uri": "lib.py", "question": "x", "range": [1, 2]},
    "no such line": {"uri": "lib.py", "question": "x", "range": position(9, 0, 9, 1)},
}


def test_wrong_commands_are_told(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        uri = client.open(small / "lib.py")
        for name, argument in WRONG.items():
            given = argument | ({"uri": uri} if argument["uri"] == "lib.py" else {})
            answer = client.answer(client.command("repoctx.ask", **given))
            assert answer["error"]["code"] == -32803, (name, answer)
            assert "fault" not in answer["error"]["message"], (name, answer)
        key = client.command("repoctx.edit", uri=uri, instruction="x")
        assert "cannot edit" in client.answer(key)["error"]["message"]
        assert "error" in client.answer(client.command("repoctx.nope"))
        key = client.send("workspace/executeCommand", command="repoctx.ask")
        assert "error" in client.answer(key)
        assert client.close() == 0


@pytest.mark.parametrize("how", ["the bar", "the request"])
def test_a_command_is_cancelled_in_the_middle(
    machine: Machine, small: Path, says: Says, how: str
) -> None:
    env = says("slow " * 2000, chunk=5, delay=0.05)
    with served(machine, small, env=env) as client:
        uri = client.open(small / "lib.py")
        key = client.command("repoctx.ask", uri=uri, question="what?")
        waits = client.until(lambda m: "waiting for" in json.dumps(m))
        if how == "the bar":
            token = waits["params"]["token"]
            client.notify("window/workDoneProgress/cancel", token=token)
        else:
            client.notify("$/cancelRequest", id=key)
        assert "error" in client.answer(key)
        ended = {"token": waits["params"]["token"], "value": {"kind": "end"}}
        client.until(lambda m: m.get("params") == ended)
        assert client.close() == 0


# --- robust -----------------------------------------------------------------------


def test_garbage_is_passed_over(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        client.write(b"garbage\r\n\r\n" + b"x" * 100_000 + b"\r\n\r\n")
        for body in (b"{", b"[]", b"null", b"7", b"[" * 50_000, b"\xff"):
            client.write(frame(body))
        client.write(frame(b'{"jsonrpc":"2.0","id":"a","method":"nope"}'))
        client.write(
            frame(b'{"jsonrpc":"2.0","id":"b","method":"shutdown","x":{}}'[:-1])
        )
        bad = {"jsonrpc": "2.0", "id": "c", "method": "textDocument/codeAction"}
        client.post(bad | {"params": {"textDocument": 7}})
        for key in "ac":
            assert "error" in client.until(lambda m, k=key: m.get("id") == k)
        client.notify("textDocument/didOpen")
        assert actions(client, (small / "lib.py").as_uri(), position(0, 0, 0, 0)) == []
        assert client.close() == 0


@pytest.mark.parametrize("head", [b"Content-Length: %d\r\n\r\n" % (2 * MOST_BODY), b""])
def test_a_huge_message_costs_no_memory(
    machine: Machine, small: Path, head: bytes
) -> None:
    """Also one line of as much without a header."""
    with served(machine, small) as client:
        status = Path(f"/proc/{client.process.pid}/status")
        client.write(head)
        for _ in range(2 * MOST_BODY // 2**20):
            client.write(b"x" * 2**20)
        if head:
            client.until(lambda m: m.get("method") == "window/logMessage")
        else:
            client.write(b"\r\n\r\n")
        assert actions(client, (small / "lib.py").as_uri(), position(0, 0, 0, 0)) == []
        peak = next(x for x in status.read_text().splitlines() if "VmHWM" in x)
        assert int(peak.split()[1]) * 1024 < 2 * MOST_BODY
        assert client.close() == 0


def test_frames_are_cut_wherever_they_come() -> None:
    into, out = os.pipe()
    os.write(out, frame(b"one") + b"Content-Type: x\r\n" + frame(b"twelve chars"))
    os.write(out, b"\n\nnoise\n" + frame(b"two") + b"content-length:3\n\nend")
    os.write(out, b"Content-Length: 9\r\n\r\ncut")
    os.close(out)
    assert list(frames(into, most=10)) == [b"one", None, b"two", b"end", b"cut"]
    os.close(into)


def test_a_thousand_requests(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        uri = client.open(small / "lib.py")
        params = {"textDocument": {"uri": uri}, "range": position(0, 0, 1, 0)}
        params["context"] = {"diagnostics": []}
        keys = [client.send("textDocument/codeAction", **params) for _ in range(1000)]
        assert all(len(client.answer(key)["result"]) == 1 for key in keys)
        for _ in range(50):
            client.save(small / "lib.py")
        assert client.close() == 0


@pytest.mark.parametrize(
    "how", ["end of input", "exit", "SIGINT", "SIGTERM", "a closed stdout"]
)
def test_it_ends_in_good_order_whatever_runs(
    machine: Machine, small: Path, says: Says, how: str
) -> None:
    env = says("slow " * 5000, chunk=5, delay=0.05)
    with served(machine, small, env=env) as client:
        process = client.process
        uri = client.open(small / "lib.py")
        for _ in range(6):
            client.command("repoctx.ask", uri=uri, question="what?")
        client.until(lambda m: "waiting for" in json.dumps(m))
        if how == "end of input":
            process.stdin.close()
        elif how == "exit":
            client.notify("exit")
        elif how == "a closed stdout":
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, process.stdout.fileno())
            os.close(null)
            client.command("repoctx.nope")
        else:
            process.send_signal(getattr(signal, how))
        assert process.wait(PATIENCE) == (1 if how == "exit" else 0)
        assert process.stderr.read() == b""
        assert alive(process.pid) == []
    assert machine.run("status", cwd=small).code == 0


def test_two_servers_in_one_tree(machine: Machine, used: Path) -> None:
    write(used, {"lib.py": NEW})
    with served(machine, used) as one, served(machine, used) as two:
        for client in (one, two):
            client.open(used / "lib.py")
        for client in (one, two):
            assert len(client.diagnostics(used / "lib.py")) == 1
        assert one.close() == 0 and two.close() == 0


def test_without_pygls_the_command_that_installs_it_is_named() -> None:
    program = (
        "import sys; sys.modules['pygls'] = None; sys.argv = ['repoctx', 'lsp'];"
        "from repoctx.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.returncode == 2 and done.stdout == b""
    assert b"pip install 'repoctx[lsp]'" in done.stderr


def test_it_starts_without_the_command_line_library(machine: Machine) -> None:
    program = (
        "import sys, os; sys.argv = ['repoctx', 'lsp'];"
        "end = os._exit; err = os.dup(2)\n"
        "def say(code):\n"
        "    bad = {'typer', 'rich', 'click', 'git', 'tree_sitter', 'sqlite3'}\n"
        "    os.write(err, repr(sorted(bad & set(sys.modules))).encode()); end(code)\n"
        "os._exit = say\n"
        "from repoctx.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"", capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"[]")


# --- positions ------------------------------------------------------------------------


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


LINES = st.lists(st.sampled_from(["a", "bb", "", "\U0001f600 c", "\u00e9"]), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n"])


@given(LINES, LINES, ENDS, st.booleans(), st.booleans())
def test_the_edits_of_two_texts_make_one_of_the_other(
    old: list[str], new: list[str], end: str, old_open: bool, new_open: bool
) -> None:
    before = end.join(old) + ("" if old_open else end)
    after = end.join(new) + ("" if new_open else end)
    edits = [
        {
            "range": position(
                e.range.start.line,
                e.range.start.character,
                e.range.end.line,
                e.range.end.character,
            ),
            "newText": e.new_text,
        }
        for e in text_edits(before, after, utf16)
    ]
    assert patched(before, edits) == after


def test_spans_and_selections() -> None:
    lines = lines_of("a\r\n  \U0001f600b \nlast")
    got = span(lines, 2, 2, utf16)
    assert (got.start, got.end) == (types.Position(1, 2), types.Position(1, 6))
    assert span(lines, 9, 9, utf16).end == types.Position(2, 4)
    assert span([], 1, 1, utf16).end == types.Position(0, 0)
    whole = types.Range(types.Position(0, 0), types.Position(2, 0))
    assert covered(whole) == (1, 2)
    point = types.Range(types.Position(3, 0), types.Position(3, 0))
    assert covered(point) == (4, 4)
