"""`repoctx serve`: the protocol, and what it is when everything around it breaks."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.program import PATIENCE, Machine, alive
from editor.conftest import ANSWER, NEW, TEXT
from editor.wire import Client, served
from repoctx.editor.methods import METHODS, SETTINGS
from repoctx.editor.serve import WAITING, WORKERS
from repoctx.editor.stdio import MOST_LINE, TOO_LONG, lines
from repos import git, make_repo, write

Says = Callable[..., dict[str, str]]
DOCUMENT = Path(__file__).parents[2] / "repoctx" / "editor" / "PROTOCOL.md"


# --- what it does -----------------------------------------------------------------


def test_an_answer_streams_as_tokens(machine: Machine, small: Path, says: Says) -> None:
    with served(machine, small, env=says("It reads a file.", chunk=4)) as client:
        key = client.send("ask", question="what is load?", path="lib.py", line=1)
        result = client.answer(key)["result"]
        assert result["answer"] == "It reads a file."
        assert (
            "".join(t["text"] for t in client.notes("token", key)) == result["answer"]
        )
        assert len(client.notes("token", key)) > 1
        more = client.call(
            "ask", question="and then?", conversation=result["conversation"]
        )
        assert more["conversation"] == result["conversation"]
    [first, second] = (small.parent / "requests.jsonl").read_text().splitlines()
    assert "line 1 of `lib.py`" in first and "what is load?" in second


def test_an_edit_is_shown_then_applied_then_undone(
    machine: Machine, small: Path, says: Says
) -> None:
    with served(machine, small, env=says(ANSWER)) as client:
        shown = client.call("edit", instruction="rename load to read")
        [change] = shown["changes"]
        assert (change["path"], change["what"], change["text"]) == ("lib.py", "M", NEW)
        assert "-def load(path):\n+def read(path):\n" in shown["diff"]
        assert not shown["applied"] and (small / "lib.py").read_text() == TEXT
        done = client.call("apply", id=shown["id"])
        assert done["files_changed"] == ["lib.py"]
        assert (small / "lib.py").read_text() == NEW
        assert client.error("apply", id=shown["id"])["data"]["type"] == "UsageError"
        undone = client.call("undo")
        assert undone["journal"] == done["journal"]
        assert (small / "lib.py").read_text() == TEXT
        client.call("undo", redo=True)
        assert (small / "lib.py").read_text() == NEW


def test_an_edit_is_merged_with_what_was_typed_meanwhile(
    machine: Machine, small: Path, says: Says
) -> None:
    with served(machine, small, env=says(ANSWER)) as client:
        shown = client.call("edit", instruction="rename load to read")
        write(small, {"lib.py": TEXT + "\n\nMORE = 1\n"})
        client.call("apply", id=shown["id"])
        assert (small / "lib.py").read_text() == NEW + "\n\nMORE = 1\n"
        client.call("undo")
        shown = client.call("edit", instruction="rename load to read")
        write(small, {"lib.py": "nothing of it\n"})
        assert client.error("apply", id=shown["id"])["data"]["report"]["resend"]
        assert (small / "lib.py").read_text() == "nothing of it\n"


def test_an_answer_from_anywhere_is_applied(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        client.call("apply", answer=ANSWER)
        assert (small / "lib.py").read_text() == NEW
        error = client.error("apply", answer=ANSWER.replace("load", "lead"))
        assert error["data"]["type"] == "Unapplied" and error["data"]["repair"]
        assert client.error("apply", answer="no edit")["data"]["exit_code"] == 1


def test_an_edit_that_does_not_fit_is_reported(
    machine: Machine, small: Path, says: Says
) -> None:
    env = says(ANSWER.replace("def load", "def lead"))
    with served(machine, small, env=env) as client:
        error = client.error("edit", instruction="rename", repairs=0)
        assert error["code"] == -32000
        [block] = error["data"]["report"]["blocks"]
        assert block["code"] == "not-found" and "def load" in error["data"]["repair"]


def test_a_check_that_fails_leaves_the_tree(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        settings = {"test_cmd": "echo no; false"}
        error = client.error("apply", answer=ANSWER, settings=settings)
        assert "test fails" in error["message"] and "no" in error["data"]["repair"]
        assert (small / "lib.py").read_text() == TEXT


def test_review_search_and_status(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        [found] = client.call("search", query="load")["definitions"]
        assert (found["path"], found["start"]) == ("lib.py", 1)
        write(small, {"lib.py": "def load(\n"})
        [finding] = client.call("review")["findings"]
        assert (finding["rule"], finding["path"]) == ("syntax-error", "lib.py")
        assert client.call("review", scope="staged")["findings"] == []
        assert client.call("review", scope="commit", rev="HEAD")["files_reviewed"] == 2
        status = client.call("status")
        assert status["files"] == 2 and status["root"] == str(small)


def test_settings_hold_for_all_or_for_one(
    machine: Machine, small: Path, says: Says
) -> None:
    with served(machine, small, env=says("yes")) as client:
        one = client.call("ask", question="load?", settings={"model": "offline"})
        assert one["model"] == "offline"
        assert client.call("ask", question="load?")["model"] == "scripted"
        client.call("initialize", settings={"model": "offline", "include": ["*.md"]})
        assert client.call("status")["files"] == 1


# --- what it refuses ---------------------------------------------------------------


WRONG = {
    "no such method": ("nope", {}, -32601),
    "no question": ("ask", {}, -32000),
    "a question that is none": ("ask", {"question": 7}, -32000),
    "an unknown parameter": ("search", {"query": "x", "limits": 3}, -32000),
    "a limit that is none": ("search", {"query": "x", "limit": -1}, -32000),
    "an unknown setting": ("status", {"settings": {"redact": False}}, -32602),
    "settings that are none": ("status", {"settings": []}, -32602),
    "a setting of another kind": ("status", {"settings": {"budget": []}}, -32000),
    "a place outside": ("ask", {"question": "x", "path": "../../etc/passwd"}, -32000),
    "no place for a line": (
        "ask",
        {"question": "x", "path": "a", "line": True},
        -32000,
    ),
    "context that is none": ("ask", {"question": "x", "context": [1]}, -32000),
    "an unknown scope": ("review", {"scope": "all"}, -32000),
    "a line of nothing": ("ask", {"question": "x", "line": 3}, -32000),
    "a scope without a revision": ("review", {"scope": "commit"}, -32000),
    "an unknown revision": ("review", {"scope": "commit", "rev": "--x"}, -32000),
    "an unknown rule": ("review", {"rules": ["nope"]}, -32000),
    "nothing to undo": ("undo", {}, -32000),
    "no such edit": ("apply", {"id": "edit-9"}, -32000),
    "an edit and an answer": ("apply", {"id": "e", "answer": "a"}, -32000),
    "nothing to apply": ("apply", {}, -32000),
    "no model that edits": ("edit", {"instruction": "x"}, -32000),
}


def test_what_is_wrong_is_told_and_it_goes_on(machine: Machine, small: Path) -> None:
    with served(machine, small, "-m", "offline") as client:
        for name, (method, params, code) in WRONG.items():
            error = client.error(method, **params)
            assert (name, error["code"]) == (name, code), error
            assert "fault of repoctx" not in error["message"], (name, error)
        assert client.call("status")["files"] == 2
        assert client.close() == 0


GARBAGE = {
    b"not json\n": -32700,
    b'{"jsonrpc":"2.0"\n': -32700,
    b"\xff\xfe\x00\n": -32700,
    b"[" * 100_000 + b"\n": -32700,
    b"9" * 10_000 + b"\n": -32700,
    b"[]\n": -32600,
    b'[{"jsonrpc":"2.0","id":1,"method":"status"}]\n': -32600,
    b'"text"\n': -32600,
    b'{"jsonrpc":"1.0","method":"status"}\n': -32600,
    b'{"jsonrpc":"2.0","method":7}\n': -32600,
    b'{"jsonrpc":"2.0","id":[1],"method":"status"}\n': -32600,
    b'{"jsonrpc":"2.0","id":null,"method":"status"}\n': -32600,
    b'{"jsonrpc":"2.0","method":"status","params":[1]}\n': -32602,
}


def test_garbage_is_answered_and_it_goes_on(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        for data, code in GARBAGE.items():
            before = len(client.said)
            client.write(data)
            answer = client.until(lambda m, b=before: m in client.said[b:])
            assert answer["error"]["code"] == code, (data[:50], answer)
            assert answer["id"] is None
        client.write(b"\n \r\n")
        client.write(b'{"jsonrpc":"2.0","id":99,"result":{}}\n')
        client.write(b'{"jsonrpc":"2.0","method":"unknown"}\n')
        assert client.call("status")["files"] == 2
        assert client.close() == 0


def test_nothing_comes_before_initialize(machine: Machine, small: Path) -> None:
    pipe = subprocess.PIPE
    process = machine.start("serve", "--stdio", cwd=small, stdin=pipe, stdout=pipe)
    client = Client(process)
    assert client.error("status")["code"] == -32002
    assert client.error("initialize", root="/nowhere/at/all")["code"] == -32602
    assert client.error("initialize", root=7)["code"] == -32602
    assert client.error("status")["code"] == -32002
    root = client.call("initialize", root=str(small), client={"name": "x"})["root"]
    assert root == str(small)
    assert client.call("status")["files"] == 2
    assert client.call("shutdown") is None
    assert process.wait(PATIENCE) == 0


# --- bounded, cancelled, ended ------------------------------------------------------


def test_a_line_of_50_mb_costs_no_memory(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        before = peak(client)
        client.write(b'{"jsonrpc":"2.0","id":1,"x":"')
        for _ in range(50):
            client.write(b"x" * 1_000_000)
        client.write(b'"}\n')
        assert client.answer(None)["error"]["code"] == -32600
        assert client.call("initialize")["root"] == str(small)
        assert peak(client) - before < 2.5 * MOST_LINE
        assert client.close() == 0


def peak(client: Client) -> int:
    """The most bytes that the program has had in memory so far."""
    text = Path(f"/proc/{client.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def test_lines_are_cut_wherever_they_come() -> None:
    into, out = os.pipe()
    os.write(out, b"one\ntwo\n\n" + b"x" * 11 + b"\nabc\n" + b"y" * 10 + b"\nlast")
    os.close(out)
    assert list(lines(into, most=10)) == [
        *(b"one", b"two", b"", TOO_LONG, b"abc", b"y" * 10, b"last")
    ]
    os.close(into)


def test_cancelled_in_the_middle_of_a_stream(
    machine: Machine, small: Path, says: Says
) -> None:
    env = says("slow " * 2000, chunk=5, delay=0.05)
    with served(machine, small, env=env) as client:
        keys = [client.send("ask", question="what?") for _ in range(2)]
        for key in keys:
            client.until(lambda m, k=key: m.get("params", {}).get("id") == k)
        assert client.call("cancel", id=keys[0]) == {"cancelled": True}
        assert client.answer(keys[0])["error"]["code"] == -32800
        note = {
            "jsonrpc": "2.0",
            "method": "$/cancelRequest",
            "params": {"id": keys[1]},
        }
        client.write(json.dumps(note).encode() + b"\n")
        assert client.answer(keys[1])["error"]["code"] == -32800
        assert client.call("cancel", id=77) == {"cancelled": False}
        assert client.call("search", query="load")["definitions"]


def test_an_id_in_use_is_refused(machine: Machine, small: Path, says: Says) -> None:
    with served(machine, small, env=says("slow " * 99, chunk=5, delay=0.05)) as client:
        key = client.send("ask", question="what?")
        line = {"jsonrpc": "2.0", "id": key, "method": "status"}
        client.write(json.dumps(line).encode() + b"\n")
        assert "in use" in client.answer(None)["error"]["message"]
        client.call("cancel", id=key)


def test_a_thousand_requests(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        methods = ("search", "status", "nope", "review")
        params = {"search": {"query": "load"}}
        keys = []
        for n in range(1000):
            method = methods[n % 4] if n < 100 else ("search", "nope")[n % 2]
            keys.append(client.send(method, **params.get(method, {})))
        answers = [client.answer(key) for key in keys]
        found = [a for a in answers if "result" in a]
        assert len(found) == 75 + 450
        assert {a["error"]["code"] for a in answers if "error" in a} == {-32601}
        assert client.close() == 0


def test_shutdown_lets_what_runs_end(machine: Machine, small: Path) -> None:
    with served(machine, small) as client:
        keys = [client.send("search", query="load") for _ in range(20)]
        last = client.send("shutdown")
        assert client.close() == 0
        assert client.answer(last)["result"] is None
        assert [m["id"] for m in client.said if "result" in m][-1] == last
        assert all("result" in client.answer(key) for key in keys)


STOPS = ("end of input", "SIGINT", "SIGTERM", "a closed stdout")


@pytest.mark.parametrize("how", STOPS)
def test_it_ends_in_good_order_whatever_runs(
    machine: Machine, small: Path, says: Says, how: str
) -> None:
    env = says("slow " * 5000, chunk=5, delay=0.05)
    with served(machine, small, env=env) as client:
        process = client.process
        for _ in range(WORKERS + 3):
            client.send("ask", question="what?")
        client.until(lambda m: m.get("method") == "token")
        if how == "end of input":
            client.process.stdin.close()
        elif how == "a closed stdout":
            close_stdout(client)
        else:
            process.send_signal(getattr(signal, how))
        assert process.wait(PATIENCE) == 0
        if how != "a closed stdout":
            assert process.stderr.read() == b""
        assert alive(process.pid) == []
    assert machine.run("status", cwd=small).code == 0
    with served(machine, small) as client:
        client.call("apply", answer=ANSWER)
        client.call("undo")
    assert (small / "lib.py").read_text() == TEXT


def close_stdout(client: Client) -> None:
    """Take the reading end of the program's stdout away."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, client.process.stdout.fileno())
    os.close(null)


def changed(n: int) -> str:
    return f"def f{n}():\n    return -1\n"


def test_two_servers_in_one_tree(machine: Machine, tmp_path: Path) -> None:
    files = {f"m{n}.py": f"def f{n}():\n    return {n}\n" for n in range(60)}
    repo = make_repo(tmp_path / "many", files)
    with served(machine, repo) as one, served(machine, repo) as two:
        keys = []
        for n in range(30):
            for client in (one, two):
                keys.append((client, client.send("search", query=f"f{n}")))
                text = (
                    f"@@@@ 1 replace m{n}.py\ndef f{n}():\n    return -1\n@@@@ end 1\n"
                )
                keys.append((client, client.send("apply", answer=text)))
        answers = [client.answer(key) for client, key in keys]
        assert all("result" in a for a in answers[::2])
        assert one.close() == 0 and two.close() == 0
    for n in range(30):
        assert (repo / f"m{n}.py").read_text() == changed(n)
    assert list((repo / ".git/repoctx/journal").glob("*.applying")) == []


def test_killed_while_it_writes_leaves_all_or_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    files = {f"m{n}.py": f"def f{n}():\n    return {n}\n" for n in range(200)}
    repo = make_repo(tmp_path / "many", files)
    answer = "".join(
        f"@@@@ {n} replace m{n}.py\n{changed(n)}@@@@ end {n}\n" for n in range(200)
    )
    for wait in (0.0, 0.05, 0.2, 0.4):
        with served(machine, repo) as client:
            client.send("apply", answer=answer)
            folder = repo / ".git/repoctx/journal"
            deadline = time.monotonic() + PATIENCE
            while not any(folder.glob("*.*")) and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(wait / 10)
            client.process.kill()
            client.process.wait(PATIENCE)
        assert machine.run("status", cwd=repo).code == 0
        now = git(repo, "status", "--porcelain").splitlines()
        assert len(now) in (0, 200)
        git(repo, "checkout", "-q", ".")


def test_killed_while_workers_index_leaves_nobody(
    machine: Machine, tmp_path: Path
) -> None:
    body = "".join(f"def g{k}(a):\n    return h{k}(a)\n\n" for k in range(60))
    files = {f"m{n}.py": f"def f{n}():\n    pass\n\n{body}" for n in range(500)}
    repo = make_repo(tmp_path / "many", files)
    with served(machine, repo) as client:
        for end in ("cancel", "kill"):
            key = client.send("search", query="f7")
            client.until(
                lambda m, k=key: (
                    m.get("method") == "progress" and m["params"]["id"] == k
                )
            )
            if end == "cancel":
                client.call("cancel", id=key)
                client.answer(key)
        client.process.kill()
        client.process.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while alive(client.process.pid):
            assert time.monotonic() < deadline, alive(client.process.pid)
            time.sleep(0.05)
    assert machine.run("search", "f7", cwd=repo).code == 0


def test_the_verbose_one_tells_on_stderr_alone(machine: Machine, small: Path) -> None:
    with served(machine, small, "-v") as client:
        client.call("search", query="load")
        client.close()
        assert b"search: " in client.process.stderr.read()


def test_what_a_library_prints_stays_out_of_the_protocol() -> None:
    program = (
        "import os, sys\n"
        "from repoctx.editor.stdio import Writer, take_stdio\n"
        "into, out = take_stdio()\n"
        "print('noise', flush=True); os.system('echo noise; echo noise >&2')\n"
        "sys.stderr.write('noise')\n"
        "Writer(out)({'a': '\\udcff'})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert done.stderr == b"" and json.loads(done.stdout) == {"a": "\ufffd"}


# --- the document, the start ---------------------------------------------------------


def test_the_document_names_all() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for method in (*METHODS, "initialize", "cancel", "shutdown"):
        assert re.search(rf"^\| `{method}`", text, re.M), method
    for name in SETTINGS:
        assert f"`{name}`" in text, name
    assert f"{MOST_LINE // 1024**2} MiB" in text
    assert f"up to {WORKERS} at once" in text and f"up to {WAITING:,} more" in text


def test_it_starts_without_the_command_line_library() -> None:
    program = (
        "import sys; sys.argv = ['repoctx', 'serve', '--stdio'];"
        "from repoctx.__main__ import main; code = main();"
        "bad = {'typer', 'rich', 'click', 'git', 'tree_sitter', 'sqlite3'};"
        "sys.exit(','.join(sorted(bad & set(sys.modules))) or code)"
    )
    line = b'{"jsonrpc":"2.0","id":1,"method":"initialize"}\n'
    done = subprocess.run([sys.executable, "-c", program], input=line, stdout=-1)
    assert done.returncode == 0
    assert json.loads(done.stdout)["result"]["protocol_version"] == 1
