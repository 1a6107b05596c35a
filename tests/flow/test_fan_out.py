"""Fanning out over one prefix, against a script and on a real wire."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest

from repoctx.ask.ledger import last
from repoctx.errors import BudgetExceeded, Interrupted
from repoctx.flow.ask import Question, prompt_for
from repoctx.flow.fan_out import Piece, fan_out
from repoctx.flow.model import choose_model
from repoctx.flow.session import open_session
from repos import make_repo
from servers.chat import Behaviour, Fault, serving

LONG = 30.0


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"a.py": "A = 1\n" * 400})


def asked(root: Path, count: int, parallel: int = 3, **flags: Any):
    """``count`` questions at once; their pieces, the notes and the ledger's rows."""
    with open_session(root, flags) as session:
        model = choose_model(session)
        prompt = prompt_for(session, model, Question("which?"))
        requests = [
            replace(prompt.request, question=f"{prompt.request.question}part {n}\n")
            for n in range(count)
        ]
        pieces = fan_out(session, model, prompt.packed, requests, parallel)
        rows = last(session.state.ledger, 100)
        return pieces, session.notes, rows


def scripted(folder: Path, *replies: dict[str, Any], **fields: Any) -> dict[str, str]:
    file = folder / "script.json"
    given = {"record": "requests.jsonl", "cache": "seen", "bytes_per_token": 1}
    file.write_text(json.dumps(given | {"replies": replies} | fields))
    return {"model": "scripted", "base_url": f"file:{file}"}


def test_the_others_find_the_prefix_in_the_cache(repo: Path, tmp_path: Path):
    flags = scripted(tmp_path, {"text": "x", "cost": 0.5})
    pieces, _, rows = asked(repo, 4, **flags)
    usages = [piece.answer.usage for piece in pieces if piece.answer]
    assert usages[0].cached == 0
    assert all(used.cached > 0.9 * used.input for used in usages[1:])
    assert len(rows) == 4
    assert len(list((repo / ".git/repoctx/answers").glob("*.md"))) == 4
    assert not list((repo / ".git/repoctx/parts").iterdir())


def test_a_run_that_ended_early_goes_on(repo: Path, tmp_path: Path):
    bad = {"error": {"message": "no"}}
    flags = scripted(tmp_path, {"text": "one"}, bad, {"text": "three"})
    pieces, _, _ = asked(repo, 3, parallel=1, **flags)
    assert [p.answer.text if p.answer else str(p.error) for p in pieces] == [
        "one",
        "no",
        "three",
    ]
    flags = scripted(tmp_path, *[{"text": "x"}] * 3, {"text": "two"})
    again, _, rows = asked(repo, 3, **flags)
    assert [p.answer.text for p in again if p.answer] == ["one", "two", "three"]
    assert [p.resumed for p in again] == [True, False, True]
    assert len(rows) == 4
    # All are there now: whoever asks again wants to be answered again.
    anew, _, _ = asked(repo, 3, **flags)
    assert not any(p.resumed for p in anew)


def test_a_note_without_its_answer_is_no_answer(repo: Path, tmp_path: Path):
    bad = {"error": {"message": "no"}}
    asked(repo, 2, parallel=1, **scripted(tmp_path, {"text": "one"}, bad))
    (saved,) = (repo / ".git/repoctx/answers").iterdir()
    saved.write_text("another text")
    (tmp_path / "requests.jsonl").unlink()
    pieces, _, _ = asked(repo, 2, **scripted(tmp_path, {"text": "new"}))
    assert [p.answer.text for p in pieces if p.answer] == ["new", "new"]


def test_without_a_price_money_cannot_be_bounded(repo: Path, tmp_path: Path):
    flags = scripted(tmp_path, {"text": "x", "cost": 0.4})
    with pytest.raises(BudgetExceeded) as caught:
        raise asked(repo, 4, max_cost="1.0", **flags)[0][0].error
    # A script has no price, and what cannot be bounded is not sent.
    assert "not known" in str(caught.value)


def test_on_a_real_wire_they_overlap_after_the_first_has_begun(repo: Path):
    pytest.importorskip("openai")
    log: list[tuple[str, str]] = []
    followers, others_came = Barrier(2), Event()

    def watch(what: str, request: dict[str, Any]) -> None:
        part = request["messages"][-1]["content"].rstrip()[-1]
        log.append((what, part))
        if part == "0" and what == "begun":
            # The first answers on only when the others are there.
            assert others_came.wait(LONG)
        elif what == "asked" and part != "0":
            followers.wait(LONG)
            others_came.set()

    with serving(Behaviour(text="It is so.")) as server:
        server.watch = watch
        flags = {"model": "compatible/tiny", "base_url": server.url}
        pieces, _, rows = asked(repo, 3, **flags)
    assert [p.answer.text for p in pieces if p.answer] == ["It is so."] * 3
    assert log[:2] == [("asked", "0"), ("begun", "0")]
    usages = [p.answer.usage for p in pieces if p.answer]
    assert all(used.cached > 0.9 * used.input for used in usages[1:])
    assert len(rows) == 3


def test_a_busy_first_is_waited_for(repo: Path):
    pytest.importorskip("openai")
    busy = Fault(429, {}, {"retry-after": "0.1"})
    with serving(Behaviour(text="ok"), [busy]) as server:
        flags = {"model": "compatible/tiny", "base_url": server.url}
        pieces, notes, _ = asked(repo, 3, **flags)
        first = [r["messages"][-1]["content"][-2] for r in server.requests[:2]]
    assert all(piece.error is None for piece in pieces)
    assert first == ["0", "0"]
    assert "trying again in 0.1 s (1 of 2)" in notes


def test_ctrl_c_leaves_the_finished_for_the_next_run(repo: Path, tmp_path: Path):
    import os
    import signal

    pytest.importorskip("openai")
    held = Event()

    def watch(what: str, request: dict[str, Any]) -> None:
        if what == "asked" and len(server.requests) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            held.wait(LONG)

    with serving(Behaviour(text="ok")) as server:
        server.watch = watch
        flags = {"model": "compatible/tiny", "base_url": server.url}
        pieces, _, _ = asked(repo, 3, parallel=1, **flags)
        held.set()
        assert pieces[0].answer and pieces[0].answer.text == "ok"
        assert [type(p.error) for p in pieces[1:]] == [Interrupted, Interrupted]
        server.watch = lambda what, request: None
        pieces, _, _ = asked(repo, 3, **flags)
        assert [p.resumed for p in pieces] == [True, False, False]
        assert len(server.requests) == 4


def test_nothing_to_ask(repo: Path, tmp_path: Path):
    pieces: tuple[Piece, ...] = asked(repo, 0, **scripted(tmp_path, {"text": "x"}))[0]
    assert pieces == ()
