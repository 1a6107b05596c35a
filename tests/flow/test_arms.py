"""What is tried besides length and depth, over real wires: for each value of each arm a
model whose ability hangs on what that value changes in the request that it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flow.house import PLANTED, flags, knows, planted, run
from repoctx.errors import UsageError
from repoctx.flow.evaluate import ask_all
from repoctx.flow.grids import Wanted, prepared
from repoctx.flow.session import open_session
from repoctx.probe.grid import ARMS
from repoctx.probe.report import Report, report_of
from repoctx.probe.tables import Row
from servers import anthropic, chat, gemini, ollama, openai, wire
from servers.ability import Mind, Seen, when

# --- what each value looks like in a prompt -------------------------------------------


def shape(seen: Seen) -> str:
    """How the changes of a prompt are shown; "strict": there are none."""
    shown = seen.text.partition("\n<changes>\n")[2]
    if not shown:
        return "strict"
    tag = shown[1:].partition(" ")[0]
    return {"patch": "diff", "blocks": "blocks", "file": "full"}[tag]


LOOKS: dict[str, Callable[[Seen], str]] = {
    "anchor": lambda s: "with" if "Based on the code above" in s.text else "without",
    "question": lambda s: "before" if s.text.startswith("Question: ") else "after",
    "overlay": shape,
    "distractors": lambda s: (
        "kept" if any(wrong in s.text for wrong in s.probe.wrong) else "removed"
    ),
    "context": lambda s: "skeleton" if ' show="skeleton">' in s.text else "full",
}
FAMILIES = {"overlay": ("superseded",), "distractors": ("distractors",)}
VALUES = [(arm, value) for arm, values in ARMS.items() for value in values]


def tells_apart(rows: tuple[Row, ...], good: str) -> None:
    """``good`` alone is always right, which each value's interval says."""
    usual, *others = rows
    assert [row.name for row in rows if row.score.mean == 1] == [good]
    assert [row.score.mean for row in rows if row.name != good] == [0] * len(others)
    for row in others:
        assert row.gain is not None
        better, worse = row.name == good, usual.name == good
        assert (row.gain.low > 0.3, row.gain.high < -0.3) == (better, worse), row


@pytest.mark.parametrize(("arm", "good"), VALUES)
def test_who_can_read_one_value_of_an_arm_alone(
    house: Path, tmp_path: Path, arm: str, good: str
):
    wanted = planted(
        8,
        families=FAMILIES.get(arm, PLANTED[:1]),
        arms=(arm,),
        lengths=(9000.0,),
    )
    found, mind = run(house, when(lambda s: LOOKS[arm](s) == good), wanted, tmp_path)
    assert {LOOKS[arm](seen) for seen in mind.seen} == set(ARMS[arm])
    tells_apart(found.arms[arm], good)
    if good == ARMS[arm][0]:
        # Nothing works better than what is usual: nothing is recommended.
        assert not found.settings
    elif arm == "overlay":
        assert found.settings == (
            {"strict": True} if good == "strict" else {"overlay": good}
        )
    said = [s for s in found.sentences if f"{found.run.arm_length:,} tokens" in s]
    assert any(" scores " in s for s in said), found.sentences


def test_who_reads_whole_files_only_where_they_are_retrieved(
    house: Path, tmp_path: Path
):
    """Beside skeletons a value is found where search found its file, and only there."""
    wanted = planted(8, families=("needle",), arms=("context",), lengths=(9000.0,))
    found, mind = run(house, when(lambda s: True), wanted, tmp_path)
    there = [
        s.probe.truth[0] in s.text for s in mind.seen if LOOKS["context"](s) != "full"
    ]
    full, skeleton = found.arms["context"]
    assert full.score.mean == 1 and len(there) == skeleton.score.n
    assert skeleton.score.mean == sum(there) / len(there) > 0.5


@pytest.mark.parametrize("depth", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_who_reads_all_but_one_depth(house: Path, tmp_path: Path, depth: float):
    def elsewhere(seen: Seen) -> bool:
        return abs(seen.depth - depth) > 0.13

    wanted = planted(10, families=("needle", "distractors"))
    found, _ = run(house, when(elsewhere), wanted, tmp_path)
    cells = {
        d: [found.cells[d, n] for n in found.run.lengths] for d in found.run.depths
    }
    assert [d for d in cells if max(c.mean for c in cells[d]) < 0.3] == [depth]
    assert all(c.high < 0.9 for c in cells[depth])
    [said] = [s for s in found.sentences if s.startswith("It loses")]
    assert f" at {depth:.0%} of the context" in said


# --- effort ---------------------------------------------------------------------------


class Wire(NamedTuple):
    """One vendor: the model that is asked, its server for a mind, where an effort
    stands in a request, and the SDK that is needed."""

    model: str
    serving: Callable[[Mind], AbstractContextManager[Any]]
    effort: Callable[[Mapping[str, Any]], Any]
    needs: str = ""


def compatible(mind: Mind) -> AbstractContextManager[Any]:
    return chat.serving(chat.Behaviour(answer=mind.answer))


def native(mind: Mind) -> AbstractContextManager[Any]:
    return ollama.serving(ollama.Behaviour(answer=mind.answer))


def googles(mind: Mind) -> AbstractContextManager[Any]:
    return gemini.serving(gemini.Behaviour(answer=mind.answer))


def level(request: Mapping[str, Any]) -> str:
    # The SDK writes the field as it is named in the protocol; both are taken.
    thinks = request.get("generationConfig", {}).get("thinkingConfig", {})
    return str(thinks.get("thinkingLevel") or thinks.get("thinking_level", "")).lower()


WIRES = {
    "compatible": Wire(
        "compatible/tried", compatible, lambda r: r.get("reasoning_effort", "")
    ),
    "ollama": Wire("ollama/tiny", native, lambda r: r.get("think", "")),
    "anthropic": Wire(
        f"anthropic/{anthropic.MODEL}",
        lambda mind: anthropic.serving(wire.Says(answer=mind.answer)),
        lambda r: r.get("output_config", {}).get("effort", ""),
        "anthropic",
    ),
    "responses": Wire(
        f"openai/{openai.MODEL}",
        lambda mind: openai.serving(wire.Says(answer=mind.answer)),
        lambda r: r.get("reasoning", {}).get("effort", ""),
        "openai",
    ),
    "chat": Wire(
        f"openai/{openai.OLDER}",
        lambda mind: openai.serving(wire.Says(answer=mind.answer)),
        lambda r: r.get("reasoning_effort", ""),
        "openai",
    ),
    "google": Wire("google/gemini-3.8-flash", googles, level, "google.genai"),
}
EFFORTS = ("", "low", "high")
THINKS = Wanted(
    probes=4, families=("needle",), lengths=(7000.0,), arms=(), efforts=EFFORTS[1:]
)


@contextmanager
def wired(name: str, mind: Mind, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if needs := WIRES[name].needs:
        pytest.importorskip(needs)
    monkeypatch.setenv("REPOCTX_API_KEY", gemini.KEY if name == "google" else wire.KEY)
    with WIRES[name].serving(mind) as server:
        yield server


def thought(
    house: Path, server: Any, folder: Path, name: str, mind: Mind, **more: str
) -> Report:
    given = flags(None, state_dir=str(folder), model=WIRES[name].model, **more)
    given |= {"base_url": server.url, "timeout": 20.0}
    with open_session(house, given) as session, prepared(session, THINKS) as grid:
        knows(mind, grid.sheets)
        ask_all(session, grid)
        return report_of(grid.result())


@pytest.mark.parametrize(
    ("name", "good"),
    [*((name, "high") for name in WIRES), ("ollama", "low"), ("compatible", "")],
)
def test_who_is_right_at_one_effort_alone(
    house: Path, tmp_path: Path, monkeypatch, name: str, good: str
):
    effort = WIRES[name].effort
    mind = Mind(when(lambda seen: effort(seen.request) == good))
    with wired(name, mind, monkeypatch) as server:
        found = thought(house, server, tmp_path, name, mind)
    told = [effort(seen.request) for seen in mind.seen]
    assert {value: told.count(value) for value in EFFORTS} == dict.fromkeys(EFFORTS, 8)
    tells_apart(found.arms["effort"], good)
    [said] = [s for s in found.sentences if "effort" in s]
    if good:
        assert said.startswith(f"Use effort {good}: ") and "the usual effort" in said
        assert found.settings == {"effort": good}
    else:
        assert "against the usual effort (100%" in said and not found.settings


def test_the_usual_effort_is_the_users(house: Path, tmp_path: Path, monkeypatch):
    effort = WIRES["compatible"].effort
    mind = Mind(when(lambda seen: effort(seen.request) == "high"))
    with wired("compatible", mind, monkeypatch) as server:
        found = thought(house, server, tmp_path, "compatible", mind, effort="high")
    assert [effort(seen.request) for seen in mind.seen].count("high") == 8
    assert len(mind.seen) == 16 and found.run.arms == {"effort": ("high", "low")}
    tells_apart(found.arms["effort"], "high")
    assert "against effort high (100%" in found.sentences[-1] and not found.settings


@pytest.mark.parametrize("name", ["ollama", "google"])
def test_an_effort_that_a_vendor_has_another_word_for(
    house: Path, tmp_path: Path, monkeypatch, name: str
):
    mind = Mind(when(lambda seen: True))
    given = flags(None, state_dir=str(tmp_path), model=WIRES[name].model)
    wanted = Wanted(
        probes=1, families=("needle",), lengths=(7000.0,), efforts=("none",)
    )
    with wired(name, mind, monkeypatch) as server:
        given |= {"base_url": server.url}
        with open_session(house, given) as session:
            if name == "google":  # Nothing is sent before it is known.
                with (
                    pytest.raises(UsageError, match="effort none: Gemini knows"),
                    prepared(session, wanted),
                ):
                    pass
                assert mind.seen == []
                return
            with prepared(session, wanted) as grid:
                knows(mind, grid.sheets)
                ask_all(session, grid)
    assert [s.request.get("think") for s in mind.seen].count(False) == 2
