"""Models of known abilities over a real wire: the report finds out what they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flow.house import LENGTHS, PLANTED, flags, knows, planted, run
from probe.held import project
from repoctx.errors import UsageError
from repoctx.flow.contexts import context
from repoctx.flow.evaluate import ask_all
from repoctx.flow.grids import Wanted, prepared
from repoctx.flow.runs import KEPT_ANSWERS, begin, keep_run, read_run, runs_folder
from repoctx.flow.session import Session, open_session
from repoctx.probe.probes import FAMILIES
from repos import make_repo
from servers.ability import (
    AbilityServer,
    able,
    at_random,
    loses_the_middle,
    misled,
    needs_the_anchor,
    perfect,
    stale,
    up_to,
)


def test_a_perfect_model_gets_all_of_it_right(house: Path, tmp_path: Path):
    wanted = Wanted(probes=2, lengths=LENGTHS, seed=1)
    found, _ = run(house, perfect, wanted, tmp_path)
    wrong = [o for o in found.run.outcomes if o.score < 1]
    assert wrong == [] and len(found.run.outcomes) == found.run.wanted
    assert {*PLANTED, "needles", "callers", "edit", "copy"} <= {*found.run.families}
    assert found.fall and found.fall.drop.low <= 0 and not found.settings
    # Every answer over a prefix but the first comes out of the cache.
    used = [o for o in found.run.outcomes if o.input]
    served = sum(o.cached for o in used) / sum(o.input for o in used)
    assert served > 0.7
    assert abs(found.run.foreseen.cached / found.run.foreseen.input - served) < 0.1


@pytest.mark.parametrize("good", [1, 2])
def test_the_length_at_which_it_breaks(house: Path, tmp_path: Path, good: int):
    # The server counts tokens its own way: 1.9 of it are one of ours here.
    first, _ = run(house, perfect, planted(), tmp_path / "a")
    counted = [use.tokens for use in first.uses]
    limit = (counted[good - 1] + counted[good]) / 2
    found, _ = run(house, up_to(int(limit)), planted(), tmp_path / "b")
    assert found.fall and found.fall.at == good
    assert found.fall.low <= good <= found.fall.high and found.fall.drop.low > 0.3
    assert found.settings == {"budget": found.run.lengths[good - 1]}
    said = f"keep the context under {found.run.lengths[good - 1]:,} tokens"
    assert said in found.sentences[0]


def test_depths_are_those_of_the_bytes(house: Path, tmp_path: Path):
    """Not those that were meant, where files are too large for them."""
    given, moved = flags(None, state_dir=str(tmp_path)), 0
    wanted = planted(12, lengths=(4000.0, 12_000.0))
    with open_session(house, given) as session, prepared(session, wanted) as grid:
        for page in grid.pages:
            made = context(grid.desk, page.sheet)
            for one in page.questions:
                real = made.depths.get(one.ask.probe.id)
                if one.depth is None or real is None:
                    assert one.depth is real is None
                    continue
                assert abs(one.depth - real) < 0.125 + 0.02
                moved += one.depth != one.ask.depth
    assert moved > 0


def test_the_lost_middle(house: Path, tmp_path: Path):
    found, _ = run(house, loses_the_middle, planted(), tmp_path)
    assert found.middle.high < -0.1
    lost = [s for s in found.sentences if s.startswith("It loses what stands at 50%")]
    assert lost and "25%" not in lost[0]
    depths = {
        depth: [found.cells[depth, n].mean for n in found.run.lengths]
        for depth in found.run.depths
    }
    assert max(depths[0.5]) == 0 and min(depths[0.0] + depths[1.0]) == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_who_is_misled_by_the_nearest_rival(house: Path, tmp_path: Path, share: float):
    wanted = planted(10, arms=("distractors",))
    found, server = run(house, misled(share), wanted, tmp_path)
    assert found.misled.low <= _true_share(server, share) <= found.misled.high
    assert abs(found.misled.mean - _true_share(server, share)) < 0.01
    _, removed = found.arms["distractors"]
    assert removed.score.mean == 1
    assert removed.gain is not None
    assert (removed.gain.low > 0) == (share > 0)


def _true_share(server: AbilityServer, share: float) -> float:
    lucks = {s.probe.id: s.luck("misled") < share for s in server.seen if s.probe.wrong}
    return sum(lucks.values()) / len(lucks)


@pytest.mark.parametrize(
    ("mark", "better", "setting"),
    [
        ("", {"strict"}, {"strict": True}),
        ("<patch path=", {"blocks", "full", "strict"}, None),
    ],
)
def test_who_reads_stale_copies(
    house: Path, tmp_path: Path, mark: str, better: set[str], setting
):
    found, _ = run(house, stale(mark), planted(10, arms=("overlay",)), tmp_path)
    assert found.stale.mean == 1 and found.stale.low > 0.7
    rows = found.arms["overlay"]
    assert {r.name for r in rows if r.gain and r.gain.low > 0} == better
    assert [r.score.mean for r in rows if r.name == "diff"] == [0]
    if setting:
        assert found.settings == setting
        assert any(s.startswith("Use --strict") for s in found.sentences)
    else:
        assert found.settings.keys() <= {"overlay", "strict"} and found.settings


def test_who_needs_to_be_pointed_at_the_code(house: Path, tmp_path: Path):
    found, _ = run(house, needs_the_anchor, planted(arms=("anchor",)), tmp_path)
    without = found.arms["anchor"][1]
    assert without.gain is not None and without.gain.high < -0.5
    # The same prefix: all of the arm came out of the cache but the questions.
    used = [o for o in found.run.outcomes if o.arm == "anchor"]
    assert sum(o.cached for o in used) / sum(o.input for o in used) > 0.95


GUESSED = tuple(family for family in FAMILIES if family != "edit")


def test_a_guess_scores_at_chance_in_every_family(tmp_path: Path):
    """Also where a context shows but a part of what there is to choose from."""
    more = {
        f"lib/rest_{n}.py": "\n\n".join(
            f"def rest_{n}_{k}(a):\n    return a + {k}\n" for k in range(12)
        )
        for n in range(60)
    }
    root = make_repo(tmp_path / "parts", project() | more)
    wanted = Wanted(12, GUESSED, (4500.0, 1.0), arms=(), seed=3)
    found, _ = run(root, at_random, wanted, tmp_path / "state")
    chances: dict[int, dict[str, float]] = {n: {} for n in found.run.lengths}
    for (family, n), score in found.kinds.items():
        of = [o for o in found.run.scored if (o.family, o.length) == (family, n)]
        chances[n][family] = chance = sum(o.chance for o in of) / len(of)
        assert score.low <= chance <= score.high, (family, n, score, chance)
    short, whole = chances.values()
    assert {*short} == {*GUESSED}
    larger = {family for family in short if short[family] > whole[family] * 1.2}
    assert larger == {
        *("description", "callers", "subclasses", "definitions", "path", "copy")
    }
    assert "no better than chance" in found.sentences[0] and not found.settings


def test_few_probes_tell_little_and_it_says_so(house: Path, tmp_path: Path):
    wanted = planted(1, families=("needle",), arms=("anchor",))
    found, _ = run(house, perfect, wanted, tmp_path)
    said = " ".join(found.sentences)
    assert "Not enough probes to tell" in said and not found.settings


def test_the_question_before_and_skeletons(house: Path, tmp_path: Path):
    wanted = planted(2, families=("needle", "callers"), arms=("question", "context"))
    found, server = run(house, perfect, wanted, tmp_path)
    before = [s for s in server.seen if s.text.startswith("Question: ")]
    asked = [o for o in found.run.outcomes if o.arm == "question"]
    assert len(before) == len(asked) > 0
    skeletons = [s for s in server.seen if ' show="skeleton">' in s.text]
    assert (
        len(skeletons) == len([o for o in found.run.outcomes if o.arm == "context"]) > 0
    )
    # Retrieved beside the skeletons: the needle's own file, whole.
    planted_ones = [s for s in skeletons if s.probe.plants]
    assert all(s.probe.plants[0].text.strip() in s.text for s in planted_ones)


# --- how it is asked ------------------------------------------------------------------


def test_what_was_answered_is_not_asked_again(house: Path, tmp_path: Path):
    wanted = planted(2)
    first, server = run(house, perfect, wanted, tmp_path)
    asked = len(server.seen)
    again, server = run(house, perfect, wanted, tmp_path)
    assert (asked, len(server.seen)) == (first.run.wanted, 0)
    assert again.run.foreseen.requests == 0
    assert [o.score for o in again.run.outcomes] == [
        o.score for o in first.run.outcomes
    ]
    assert all(o.resumed for o in again.run.outcomes)
    # More of it asks for what is new alone.
    longer = planted(2, lengths=(*LENGTHS, 16_000.0))
    more, server = run(house, perfect, longer, tmp_path)
    assert len(server.seen) == more.run.wanted - asked == len(more.run.outcomes) // 4
    anew, server = run(house, perfect, planted(2, fresh=True), tmp_path)
    assert len(server.seen) == anew.run.wanted


def test_it_goes_on_where_it_was_stopped(house: Path, tmp_path: Path):
    wanted, asked = planted(2, parallel=1), 0

    def stops(seen):
        nonlocal asked
        asked += 1
        if asked == 5:
            raise ConnectionResetError  # the wire breaks and stays broken
        return perfect(seen)

    with able(stops, ()) as server:
        given = flags(server, state_dir=str(tmp_path), timeout=5.0)
        with open_session(house, given) as session, prepared(session, wanted) as grid:
            knows(server.mind, grid.sheets)
            ask_all(session, grid)
            failed = [o for o in grid.found if o.verdict == "failed"]
            done = len(grid.found) - len(failed)
    assert len(failed) <= 1 and done >= 4
    assert len(unfinished(tmp_path)) == len(failed)
    again, server = run(house, perfect, wanted, tmp_path)
    assert len(server.seen) == again.run.wanted - done
    assert unfinished(tmp_path) == []


def unfinished(folder: Path) -> list[Path]:
    return [*folder.rglob("eval/unfinished/*.json")]


def test_old_answers_go_but_not_those_of_a_run_to_be_resumed(
    house: Path, tmp_path: Path
):
    given = flags(None, state_dir=str(tmp_path))
    with open_session(house, given) as session:
        answers = runs_folder(session) / "answers"
        answers.mkdir(parents=True)

        def kept(name: str, count: int, age: int) -> list[Path]:
            paths = [answers / f"{name}{n}.json" for n in range(count)]
            for n, path in enumerate(paths):
                path.write_text("{}")
                os.utime(path, (1e9 - age - n, 1e9 - age - n))
            return paths

        stopped, others = kept("stopped", 30, 90_000), kept("other", KEPT_ANSWERS, 0)
        oldest = kept("old", 50, 80_000)
        begin(session, "stopped", stopped)
        assert not any(path.exists() for path in oldest)
        finished = begin(session, "now", kept("now", 20, 95_000))
        assert all(path.exists() for path in (*stopped, *others))
        assert len([*answers.iterdir()]) == KEPT_ANSWERS + 50
        finished()
        # Whoever finishes it needs its answers no more than others do.
        begin(session, "stopped", stopped)()
        begin(session, "next", [])()
        assert len([*answers.iterdir()]) == KEPT_ANSWERS
        assert not others[-1].exists() and stopped[-1].exists()


def test_a_run_is_kept_and_read(house: Path, tmp_path: Path):
    with (
        able(perfect, ()) as server,
        open_session(house, flags(server, state_dir=str(tmp_path))) as session,
    ):
        with pytest.raises(UsageError, match="nothing was evaluated"):
            read_run(session)
        with prepared(session, planted(1)) as grid:
            knows(server.mind, grid.sheets)
            ask_all(session, grid)
            kept = keep_run(session, grid.result())
            result = grid.result()
        assert read_run(session) == read_run(session, result.id) == result
        assert read_run(session, str(kept)) == result
        with pytest.raises(UsageError, match="no run"):
            read_run(session, "nonsense")
        (tmp_path / "bad.json").write_text("[1]")
        with pytest.raises(UsageError, match="not an evaluation"):
            read_run(session, str(tmp_path / "bad.json"))
        # The user's answers are not buried under those of probes.
        assert list(session.state.answers.glob("*")) == []
        _ledger_has(session, len(result.outcomes))


def _ledger_has(session: Session, number: int) -> None:
    from repoctx.ask.ledger import of_model

    rows = of_model(session.state.ledger, "compatible/tried", 1000)
    assert len([row for row in rows if row.door == "eval"]) == number


@pytest.mark.parametrize(
    ("model", "wanted", "message"),
    [
        ("offline", planted(), "name a model"),
        ("compatible/x", planted(families=("riddle",)), "no family 'riddle'"),
        ("compatible/x", planted(arms=("legs",)), "no arm 'legs'"),
        ("compatible/x", planted(lengths=(10**8,)), "no length"),
        ("compatible/x", planted(efforts=("hgih",)), "--efforts hgih: it must be one"),
    ],
)
def test_what_cannot_be_measured(house: Path, tmp_path: Path, model, wanted, message):
    given = flags(None, state_dir=str(tmp_path), model=model)
    with (
        open_session(house, given) as session,
        pytest.raises(UsageError, match=message),
        prepared(session, wanted),
    ):
        pass
