"""What an answer may cost, what it did, and what is learnt from it."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flow.test_check import any_lines, edit, files
from repoctx.ask.ledger import Entry, record, since
from repoctx.errors import BudgetExceeded, CutAnswer
from repoctx.flow.ask import Question, ask
from repoctx.flow.check import Check, check
from repoctx.flow.sending import KEPT_ANSWERS
from repoctx.flow.sent import last_sent, remember
from repoctx.flow.session import open_session
from repoctx.values import Usage
from repos import make_repo

MODEL = "scripted/x"
PRICES = "[prices]\ninput = 4.0\ncache_read = 0.4\ncache_write = 5.0\noutput = 20.0\n"
REPLIES = '[[replies]]\ntext = "Yes."\n'


class Bench:
    """A repository, and a provider that says what a script says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = make_repo(folder / "r", files(50, 200))
        self.notes: list[str] = []

    def script(self, head: str = "", tail: str = REPLIES) -> None:
        """Write the script: settings before the replies, and the replies."""
        text = 'cache = "seen"\nrecord = "sent.jsonl"\n' + head + tail
        (self.folder / "script.toml").write_text(text)

    def ask(self, confirm: Callable[[str], bool] | None = None, **flags: Any) -> Usage:
        with open_session(self.root, {"model": MODEL, **flags}) as session:
            session.confirm = confirm
            try:
                asked = ask(session, Question("Is it so?"), lambda _: None)
            finally:
                self.notes = session.notes
            return asked.answer.usage

    def foresee(self, **flags: Any) -> Check:
        with open_session(self.root, {"model": MODEL, **flags}) as session:
            return check(session)

    def sent(self) -> list[dict[str, Any]]:
        """Every request that came."""
        path = self.folder / "sent.jsonl"
        return [json.loads(line) for line in path.open()] if path.exists() else []

    def ledger(self) -> list[Entry]:
        with open_session(self.root, {}) as session:
            return since(session.state.ledger, 0)

    def wait(self, seconds: float) -> None:
        """As if so much time had passed since the last request."""
        with open_session(self.root, {}) as session:
            sent = last_sent(session.state, MODEL)
            assert sent is not None
            remember(session.state, replace(sent, time=sent.time - seconds))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("REPOCTX_SCRIPT", str(tmp_path / "script.toml"))
    made = Bench(tmp_path)
    made.script(PRICES)
    return made


# --- learning ---------------------------------------------------------------------


def counting(bench: Bench, times: float, head: str = "") -> None:
    """Let the provider count so many times our tokens, by a tokenizer of its own."""
    bench.script()
    prefix = bench.foresee().packed.prefix
    per = prefix.size / prefix.count.tokens / times
    bench.script(f'tokenizer = ""\nbytes_per_token = {per}\n{head}')


@pytest.mark.parametrize("times", [1.3, 0.8])
def test_after_three_usages_the_next_is_foreseen(bench: Bench, times: float):
    counting(bench, times)
    before = bench.foresee()
    assert (before.count.exact, before.error) == (False, None)
    for number in range(3):
        bench.ask()
        edit(bench.root, number)
    found = bench.foresee()
    usage = bench.ask()
    # The question and its instructions are not in the prefix.
    assert found.count.tokens == pytest.approx(usage.input, rel=0.02)
    assert not found.count.exact
    assert found.error is not None and found.error < 0.02
    assert found.cached.tokens == pytest.approx(usage.cached, rel=0.02)
    last = bench.ledger()[-1]
    assert last.estimated * times == pytest.approx(usage.input, rel=0.02)
    assert last.predicted == pytest.approx(usage.cached, rel=0.02)


def test_an_exact_tokenizer_learns_nothing(bench: Bench):
    pytest.importorskip("splintr", reason="the extra fast is missing")
    bench.script('bytes_per_token = 2\ntokenizer = "o200k_base"\n')
    for _ in range(3):
        bench.ask()
    found = bench.foresee()
    assert (found.count.exact, found.error) == (True, None)
    assert found.count == found.packed.prefix.count


def test_what_is_learnt_does_not_move_a_warm_prefix(bench: Bench):
    """The budget is tight, so that another factor would show other files."""
    counting(bench, 1.3)
    budget = int(bench.foresee().packed.prefix.count.tokens * 1.02)
    digests = []
    for _ in range(4):
        usage = bench.ask(budget=budget)
        digests.append(bench.sent()[-1]["digest"])
    found = bench.foresee(budget=budget)
    assert found.model.scale.factor == pytest.approx(1.3, rel=0.03)
    assert len({*digests, found.packed.prefix.digest}) == 1
    assert usage.cached / usage.input > 0.95
    base = found.packed.name
    # The cache ends: now the prompt is made to fit as the model counts.
    bench.wait(90_000)
    usage = bench.ask(budget=budget)
    assert bench.sent()[-1]["digest"] != digests[0]
    assert bench.foresee(budget=budget).packed.name == base
    assert 0.4 * budget < usage.input <= budget
    assert bench.ask(budget=budget).cached / usage.input > 0.95


# --- money ------------------------------------------------------------------------


def test_an_answer_is_priced_and_what_the_cache_saved_is_known(bench: Bench):
    first, second = bench.ask(), bench.ask()
    rows = bench.ledger()
    for usage, row in zip((first, second), rows, strict=True):
        plain = usage.input - usage.cached - usage.cache_write
        parts = (plain * 4, usage.cached * 0.4, usage.cache_write * 5)
        whole = (sum(parts) + usage.output * 20) / 1e6
        assert row.usage == usage and usage.cost == pytest.approx(whole)
        assert row.without == pytest.approx((usage.input * 4 + usage.output * 20) / 1e6)
        assert row.repository == str(bench.root)
    assert rows[0].without < rows[0].usage.cost  # Writing is dearer.
    assert rows[1].without > 5 * rows[1].usage.cost
    assert rows[0].predicted == 0 < rows[1].predicted


def test_no_price_is_no_cost_and_no_error(bench: Bench):
    bench.script()
    usage = bench.ask()
    row = bench.ledger()[-1]
    assert (usage.cost, row.without) == (None, None)
    assert row.usage.input == usage.input > 0


def test_max_cost_stops_before_it_is_sent(bench: Bench):
    with pytest.raises(BudgetExceeded, match="nothing was sent"):
        bench.ask(max_cost="0.1")
    assert bench.sent() == [] == bench.ledger()
    cold = bench.ask(max_cost="1").cost
    assert cold is not None and 0.1 < cold < 1
    # Warm it is cheap enough.
    warm = bench.ask(max_cost="0.1").cost
    assert warm is not None and warm < 0.1


def test_max_cost_bounds_the_answer(bench: Bench):
    counting(bench, 1.2, PRICES)
    for _ in range(3):
        bench.ask()
    usage = bench.ask(max_cost="0.05")
    longest = bench.sent()[-1]["max_output"]
    assert 256 <= longest < 65_536
    assert (usage.cost or 0) + (longest - usage.output) * 20e-6 <= 0.05


def test_max_cost_without_a_price_sends_nothing(bench: Bench):
    bench.script()
    with pytest.raises(BudgetExceeded, match="price of scripted/x is not known"):
        bench.ask(max_cost="5")
    assert bench.sent() == []


def test_the_rest_of_a_cut_answer_is_paid_from_the_same_purse(bench: Bench):
    cut = '[[replies]]\ntext = "{}"\nstop = "length"\noutput = 2000\n'
    replies = cut.format("Once more") + cut.format(", and again: ") + REPLIES
    bench.script(PRICES, replies)
    assert bench.ask().output > 4000
    (bench.folder / "sent.jsonl").unlink()
    with pytest.raises(CutAnswer, match="asking for the rest") as caught:
        bench.ask(max_cost="0.1")
    assert caught.value.code == BudgetExceeded.code
    assert len(bench.sent()) == 1
    row = bench.ledger()[-1]
    assert row.usage.cost is not None and row.usage.cost < 0.1
    with open_session(bench.root, {}) as session:
        saved = sorted(session.state.answers.iterdir())[-1]
    assert saved.read_text() == "Once more"


def test_all_that_one_run_sends_is_paid_from_one_purse(bench: Bench):
    bench.ask()
    flags = {"model": MODEL, "max_cost": "0.12"}
    with open_session(bench.root, flags) as session:
        ask(session, Question("Is it so?"), lambda _: None)
        ask(session, Question("Is it so?"), lambda _: None)
        assert 0.08 < session.spent < 0.12
        with pytest.raises(BudgetExceeded, match="are spent; nothing was sent"):
            ask(session, Question("Is it so?"), lambda _: None)
    assert len(bench.sent()) == 3


def test_a_cold_cache_is_asked_about(bench: Bench):
    questions: list[str] = []

    def no(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(BudgetExceeded, match="nothing was sent"):
        bench.ask(no, ask_above="0.1")
    assert bench.sent() == []
    assert "cold" in questions[0] and "$" in questions[0]
    bench.ask(lambda _: True)
    # Warm, below the threshold, switched off, without a price: nobody is asked.
    bench.ask(no, ask_above="0.1")
    bench.wait(90_000)
    bench.ask(no, ask_above="5")
    bench.wait(90_000)
    bench.ask(no, ask_above="0")
    bench.wait(90_000)
    bench.script()
    bench.ask(no, ask_above="0.1")
    assert len(questions) == 1


# --- misses -----------------------------------------------------------------------


def missed(bench: Bench) -> list[str]:
    return [note for note in bench.notes if "cache" in note]


def test_a_hit_that_did_not_come_is_explained_once(bench: Bench):
    bench.ask()
    bench.ask()
    assert missed(bench) == []
    shutil.rmtree(bench.folder / "seen")
    bench.ask()
    (note,) = missed(bench)
    assert "foreseen from the cache, 0 came" in note and "dropped it early" in note


def test_the_providers_own_reason_comes_first(bench: Bench):
    bench.ask()
    shutil.rmtree(bench.folder / "seen")
    said = '[[replies]]\ntext = "No."\nmiss = "the tools changed"\n'
    bench.script(PRICES, said)
    bench.ask()
    (note,) = missed(bench)
    assert note.endswith("0 came: the tools changed")


def test_a_miss_that_was_foreseen_says_why(bench: Bench):
    bench.ask()
    bench.wait(200_000)
    bench.ask()
    assert missed(bench) == ["the cache was cold: what it held was sent 2 d ago"]
    for path in (bench.root / "src").iterdir():
        path.write_text(any_lines(random.Random(path.name), 200))
    bench.ask()
    (note,) = missed(bench)
    assert "the cache was cold: the prefix differs from byte" in note
    assert "src/m00.py" in note


def test_a_provider_that_never_tells_of_hits_is_not_nagged_about(bench: Bench):
    told = []
    for _ in range(6):
        shutil.rmtree(bench.folder / "seen", ignore_errors=True)
        bench.ask()
        told.append(len(missed(bench)))
    assert told == [0, 1, 1, 0, 0, 0]


# --- lifetimes --------------------------------------------------------------------

TTLS = "ttls = [300, 3600]\n"
DEARER = PRICES.replace(
    "cache_write = 5.0", "cache_write = 5.0\ncache_write_3600 = 8.0"
)


def habit(bench: Bench, gap: float, many: int = 20) -> None:
    """A past of questions, each so long after the one before."""
    with open_session(bench.root, {}) as session:
        now = time.time() - gap * (many + 1)
        for number in range(many):
            used = Usage(1000, 0, 0, 1)
            entry = Entry(now + number * gap, "ask", MODEL, "", used)
            record(session.state.ledger, entry)


@pytest.mark.parametrize(("gap", "ttl"), [(60, 300), (1500, 3600), (80_000, 300)])
def test_the_lifetime_follows_the_gaps(bench: Bench, gap: float, ttl: int):
    bench.script(TTLS + DEARER)
    habit(bench, gap)
    bench.ask()
    assert bench.sent()[-1]["ttl"] == ttl
    assert bench.ledger()[-1].ttl == ttl
    with open_session(bench.root, {}) as session:
        sent = last_sent(session.state, MODEL)
    assert sent is not None and sent.ttl == ttl
    bench.wait(ttl - 60)
    assert bench.foresee().warm
    bench.wait(120)
    assert not bench.foresee().warm


def test_while_it_is_warm_its_lifetime_stays(bench: Bench):
    bench.script(TTLS + DEARER)
    bench.ask()
    habit(bench, 1500)
    bench.ask()
    assert [row["ttl"] for row in bench.sent()] == [300, 300]
    bench.wait(400)
    bench.ask()
    assert bench.sent()[-1]["ttl"] == 3600


def test_old_answers_make_room_for_new_ones(bench: Bench):
    bench.ask()
    with open_session(bench.root, {}) as session:
        folder = session.state.answers
    for n in range(KEPT_ANSWERS + 5):
        old = folder / f"20200101T000000.000Z-{n:06x}.md"
        old.write_text("old")
        os.utime(old, (n, n))
    before = set(folder.iterdir())
    bench.ask()
    after = set(folder.iterdir())
    assert len(after) == KEPT_ANSWERS
    assert len(after - before) == 1
    gone = sorted(path.name for path in before - after)
    assert gone[0].endswith("-000000.md") and len(gone) == 7
