"""One job of a door: run in threads, reported on, cancelled at any time."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from editor.conftest import ANSWER, NEW, TEXT
from repoctx.editor.jobs import Hear, Job, Where
from repoctx.errors import Interrupted, OutsideRoot, SettingsError, UsageError
from repoctx.flow.edit import Order, Refused
from repoctx.flow.review import Options
from repoctx.flow.sides import Scope, Subject
from repos import git, make_repo, write

PATIENCE = 30.0


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("REPOCTX_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"lib.py": TEXT, "README.md": "# A\n"})


def says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, **reply: object
) -> Path:
    """Let the scripted provider say ``text``; the file that records requests."""
    script = tmp_path / "script.json"
    replies = [{"text": text, **reply}]
    script.write_text(json.dumps({"replies": replies, "record": "requests.jsonl"}))
    monkeypatch.setenv("REPOCTX_SCRIPT", str(script))
    monkeypatch.setenv("REPOCTX_MODEL", "scripted")
    return tmp_path / "requests.jsonl"


def requests(record: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in record.read_text().splitlines()]


def test_an_answer_streams_and_the_conversation_goes_on(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = says(tmp_path, monkeypatch, "It reads a file.")
    came: list[str] = []
    chat, asked = Job(repo, {}, Hear(text=came.append)).ask("what is load?")
    assert "".join(came) == asked.answer.text == "It reads a file."
    again, _ = Job(repo).ask("and who calls it?", conversation=chat.id)
    assert again.id == chat.id
    assert "what is load?" in json.dumps(requests(record)[1])


def test_the_place_stands_beside_the_question(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = says(tmp_path, monkeypatch, "yes")
    write(repo, {"lib.py": "# new\n" + TEXT})
    Job(repo).ask("is it right?", Where(str(repo / "lib.py"), 2, 3))
    [request] = requests(record)
    assert "This is about lines 2-3 of `lib.py`" in request["question"]
    selected = request["tail"].partition("selection")[2]
    assert "def load(path):" in selected and "# new" not in selected


def test_an_editors_text_goes_before_the_files(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = says(tmp_path, monkeypatch, "yes")
    Job(repo).ask("right?", Where("lib.py", 1, text="def unsaved():\r\n    pass\r\n"))
    [request] = requests(record)
    assert "def unsaved():" in request["tail"]


@pytest.mark.parametrize(
    ("where", "error"),
    [
        (Where("../x"), OutsideRoot),
        (Where("lib.py", 9), UsageError),
        (Where("lib.py", 2, 1), UsageError),
        (Where("gone.py", 1), UsageError),
        (Where(".git/config", 1), OutsideRoot),
    ],
)
def test_a_place_that_is_none(repo: Path, where: Where, error: type[Exception]) -> None:
    with pytest.raises(error):
        Job(repo, {"model": "offline"}).ask("what?", where)


def test_a_link_is_not_followed(repo: Path) -> None:
    (repo / "link.py").symlink_to("/etc/passwd")
    with pytest.raises((OutsideRoot, UsageError)):
        Job(repo, {"model": "offline"}).ask("what?", Where("link.py", 1))


def test_an_edit_is_applied_when_somebody_says_so(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, monkeypatch, ANSWER)
    done = Job(repo).edit(Order("rename load to read"))
    assert done.record is None and (repo / "lib.py").read_text() == TEXT
    [change] = done.located.patch.changes
    assert change.new == NEW.encode()
    applied = Job(repo).apply(done.edits)
    assert applied.record is not None and (repo / "lib.py").read_text() == NEW
    Job(repo).undo()
    assert (repo / "lib.py").read_text() == TEXT
    done = Job(repo).edit(Order("rename load to read"), confirm=lambda _: True)
    assert done.record is not None and (repo / "lib.py").read_text() == NEW


def test_what_does_not_fit_is_refused(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, monkeypatch, ANSWER.replace("def load", "def lead"))
    with pytest.raises(Refused):
        Job(repo).edit(Order("rename", repairs=0), confirm=lambda _: True)
    assert (repo / "lib.py").read_text() == TEXT


def test_cancelled_in_the_middle_of_a_stream(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, monkeypatch, "slow " * 1000, chunk=5, delay=0.05)
    begun = threading.Event()
    job = Job(repo, {}, Hear(text=lambda _: begun.set()))
    threading.Thread(
        target=lambda: begun.wait(PATIENCE) and job.cancel(), daemon=True
    ).start()
    with pytest.raises(Interrupted):
        job.ask("what?")


def test_cancelled_in_the_middle_of_an_edit_writes_nothing(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, monkeypatch, ANSWER + "and then\n" * 1000, chunk=40, delay=0.05)
    job = Job(repo)
    job.hear = Hear(block=lambda _: job.cancel())
    with pytest.raises(Interrupted):
        job.edit(Order("rename"), confirm=lambda _: True)
    assert (repo / "lib.py").read_text() == TEXT


def test_cancelled_while_the_index_is_made(tmp_path: Path) -> None:
    files = {f"m{n}.py": f"def f{n}():\n    return {n}\n" for n in range(300)}
    repo = make_repo(tmp_path / "many", files)
    job = Job(repo)
    job.hear = Hear(progress=lambda *_: job.cancel())
    with pytest.raises(Interrupted):
        job.search("f7")
    assert Job(repo).search("f7").definitions[0].path == "m7.py"


def test_cancelled_while_a_command_runs(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(tmp_path, monkeypatch, ANSWER)
    edits = Job(repo).edit(Order("rename")).edits
    job = Job(repo, {"test_cmd": "sleep 60"})
    job.hear = Hear(progress=lambda what, *_: "sleep" in what and job.cancel())
    began = time.monotonic()
    with pytest.raises(Interrupted):
        job.apply(edits)
    assert time.monotonic() - began < PATIENCE
    assert (repo / "lib.py").read_text() == TEXT


def test_a_job_that_was_cancelled_before_it_began(repo: Path) -> None:
    job = Job(repo)
    job.cancel()
    with pytest.raises(Interrupted):
        job.search("load")


def test_a_wrong_setting_is_told(repo: Path) -> None:
    with pytest.raises(SettingsError):
        Job(repo, {"budget": "many"}).ask("what?")


def test_many_at_once_on_a_cold_index(tmp_path: Path) -> None:
    files = {f"m{n}.py": f"def f{n}():\n    return g{n}()\n" for n in range(450)}
    repo = make_repo(tmp_path / "many", files)
    write(repo, {"m3.py": "def f3(\n", "m4.py": "def f4(a):\n    return a\n"})
    git(repo, "add", "m3.py")

    def one(number: int) -> object:
        if number % 3 == 0:
            found = Job(repo).search(f"f{number + 5}")
            return found.definitions[0].path
        if number % 3 == 1:
            done = Job(repo).review(Subject(Scope.UNCOMMITTED), Options())
            return [f.rule for f in done.findings]
        return len(Job(repo).status()[1].packed.now.files)

    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(one, range(12)))
    assert got[::3] == ["m5.py", "m8.py", "m11.py", "m14.py"]
    assert got[1::3] == [["syntax-error"]] * 4
    assert got[2::3] == [450] * 4
