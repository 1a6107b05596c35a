"""A repository ten times the window: the prompt is useful and never exceeds the limit.

The measure is the whole text that a provider sends, counted by the exact tokenizer.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from repoctx.errors import BudgetExceeded
from repoctx.flow.ask import Prompt, Question, prompt_for
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.pack import pack
from repoctx.flow.packing import room_for
from repoctx.flow.prefix import chunks
from repoctx.flow.session import open_session
from repoctx.flow.tail import Material
from repoctx.pack import tokens
from repos import commit, git, make_repo, write

MODULES = 400
BUDGETS = (8_000, 16_000, 32_000, 128_000)
WORDS = [
    *("account", "batch", "cache", "delay", "entry", "field", "graph", "header"),
    *("index", "job", "key", "limit", "merge", "node", "order", "parser", "queue"),
    *("retry", "state", "token", "update", "value", "window", "yield", "zone"),
]
NEEDLE = "quarantine_suspicious_parcel"
QUESTION = f"What does {NEEDLE} do with a parcel that is too heavy?"
OTHER = "How is the retry delay of a batch job limited?"


def module(dice: random.Random) -> str:
    """A module as people write them, of some 900 tokens."""
    rows = [f'"""Handle every {dice.choice(WORDS)} of a {dice.choice(WORDS)}."""', ""]
    for _ in range(10):
        one, two, three = dice.sample(WORDS, 3)
        rows += [
            f"def {one}_{two}_{dice.randrange(999)}({three}: int, {two}: str) -> int:",
            f'    """Return the {one} for {two}, or {dice.randrange(99)}."""',
            f"    if {three} > {dice.randrange(9999)}:",
            f'        raise ValueError(f"{one} of {{{two}}} is no {three}")',
            f"    total = {three} * {dice.randrange(99)} + len({two})",
            f"    return total if total else {dice.randrange(99)}",
            "",
        ]
    return "\n".join(rows)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 modules, some 330,000 tokens, a long history behind them, and one function
    that questions ask for. Its index is warm."""
    dice = random.Random(3)
    root = tmp_path_factory.mktemp("budget") / "r"
    files = {f"pkg{n % 20}/mod{n}.py": module(dice) for n in range(MODULES)}
    files["pkg7/parcels.py"] = (
        module(dice) + f"\n\ndef {NEEDLE}(parcel: object) -> str:\n"
        '    """Put a parcel aside."""\n    return "sent to the basement of Utrecht"\n'
    )
    files["README.md"] = "# Parcels\n\nThey are sent.\n"
    return make_repo(root, files)


@pytest.fixture
def big(grown: Path, tmp_path: Path) -> Path:
    """A copy to change; what is indexed already comes along."""
    return Path(shutil.copytree(grown, tmp_path / "r", symlinks=True))


Asks = Callable[..., Prompt]


@pytest.fixture
def asks(tmp_path: Path) -> Asks:
    """The prompt for a question: ``window`` is the model's, ``exact`` its counter."""
    script = tmp_path / "script.toml"

    def run(
        root: Path,
        text: str = QUESTION,
        material: Material | None = None,
        exact: bool = True,
        window: int = 10_000_000,
        **flags,
    ) -> Prompt:
        room = f"window = {window}"
        script.write_text(f'{room}\n[[replies]]\ntext = "yes"\n')
        flags = {"model": "scripted/m", "base_url": f"file:{script}", **flags}
        with open_session(root, flags) as session:
            model = known(choose_model(session), exact)
            return prompt_for(session, model, Question(text, material or Material()))

    return run


def known(model: Model, exact: bool) -> Model:
    """A model whose vocabulary is at hand, or one whose is not."""
    name = "o200k_base" if exact else "nobody's"
    return replace(model, able=replace(model.able, tokenizer=name))


def whole(prompt: Prompt) -> str:
    """All that is sent."""
    assert prompt.packed is not None
    parts = [b"".join(chunks(s)) for s in prompt.request.prefix.segments]
    return b"".join(parts).decode() + prompt.request.tail + prompt.request.question


def exactly(text: str, name: str = "o200k_base") -> int:
    counter = tokens.with_splintr(name)
    assert counter is not None and counter.exact
    return counter.count(text)


def base_bytes(prompt: Prompt) -> bytes:
    found = [s for s in prompt.request.prefix.segments if s.kind == "base"]
    return b"".join(b for s in found for b in chunks(s))


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("budget", BUDGETS)
def test_a_clean_tree(grown: Path, asks: Asks, budget: int, exact: bool):
    one = asks(grown, budget=budget, exact=exact)
    other = asks(grown, OTHER, budget=budget, exact=exact)
    for prompt in (one, other):
        assert exactly(whole(prompt)) <= budget
    assert exactly(whole(other)) > 0.7 * budget, "many files speak of that"
    assert base_bytes(one) == base_bytes(other)
    assert one.request.prefix.digest == other.request.prefix.digest
    assert one.request.tail != other.request.tail
    assert "basement of Utrecht" in whole(one)
    assert "They are sent." in base_bytes(one).decode(), "the readme comes first"


@pytest.mark.parametrize(
    ("budget", "exact", "overlay"),
    [
        *((budget, exact, "diff") for budget in BUDGETS for exact in (True, False)),
        *((budget, True, how) for budget in BUDGETS[:2] for how in ("blocks", "full")),
    ],
)
def test_uncommitted_work(
    big: Path, asks: Asks, budget: int, exact: bool, overlay: str
):
    dice = random.Random(5)
    clean = asks(big, budget=budget, exact=exact, overlay=overlay)
    for number in (7, 27, 99):
        path = big / f"pkg{number % 20}/mod{number}.py"
        path.write_text(path.read_text().replace("total if", "changed_total if"))
    write(big, {"pkg3/fresh.py": module(dice) + "NEW_WORK = 'at hand'\n"})
    (big / "pkg4/mod4.py").unlink()
    prompt = asks(big, budget=budget, exact=exact, overlay=overlay)
    assert exactly(whole(prompt)) <= budget
    if budget > 8000:  # There the changes take what the base had.
        assert base_bytes(prompt) == base_bytes(clean)
    assert "NEW_WORK" in whole(prompt), "new work is always shown"
    assert whole(prompt).count("changed_total if") >= 30
    assert "basement of Utrecht" in whole(prompt)


@pytest.mark.parametrize("budget", BUDGETS)
def test_many_commits_since_the_base(big: Path, asks: Asks, budget: int):
    base = git(big, "rev-parse", "HEAD")
    for number in range(0, MODULES, 2):
        path = big / f"pkg{number % 20}/mod{number}.py"
        path.write_text(path.read_text().replace("return total", "return 1 + total"))
    write(big, {"pkg7/parcels.py": f"def {NEEDLE}(x):\n    return 'to Gouda'\n"})
    commit(big, "second")
    prompt = asks(big, budget=budget, base=base)
    assert exactly(whole(prompt)) <= budget
    assert prompt.packed is not None and prompt.packed.commit == base
    assert "to Gouda" in whole(prompt)
    assert "basement of Utrecht" not in whole(prompt)


def test_what_is_kept_of_an_overlay_changes_no_byte(big: Path, asks: Asks):
    """Files come and go, move, change with and without a commit, under two budgets."""
    base = git(big, "rev-parse", "HEAD")
    kept = big / ".git" / "repoctx" / "overlay.json"
    dice = random.Random(11)
    used = 0
    for step in range(6):
        for number in dice.sample(range(MODULES), 8):
            path = big / f"pkg{number % 20}/mod{number}.py"
            if path.exists() and dice.random() < 0.2:
                path.rename(path.with_name(f"moved{number}.py"))
            elif path.exists():
                path.write_text(f"# {step}\n\ndef added{step}():\n    return 1\n")
            else:
                path.write_text(module(dice))
        if step % 3 != 2:
            commit(big, f"step {step}")
        for budget in (32_000, 128_000, 128_000):
            warm = whole(asks(big, budget=budget, base=base))
            used += kept.stat().st_size > 2000
            kept.unlink()
            assert whole(asks(big, budget=budget, base=base)) == warm
    assert used > 12


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("budget", BUDGETS)
def test_an_overlay_larger_than_the_budget(
    big: Path, asks: Asks, budget: int, exact: bool
):
    """A formatter went over everything, or half a day's work lies uncommitted."""
    for path in sorted(big.glob("pkg*/*.py")):
        path.write_text(path.read_text().replace("    ", "\t"))
    prompt = asks(big, budget=budget, exact=exact)
    assert exactly(whole(prompt)) <= budget
    assert "basement of Utrecht" in whole(prompt)
    assert prompt.packed is not None and prompt.packed.commit == ""


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("budget", BUDGETS)
def test_files_larger_than_the_budget(big: Path, asks: Asks, budget: int, exact: bool):
    dice = random.Random(8)
    many = "".join(module(dice) for _ in range(200))
    found = f"def unpack_frozen_crate(crate):\n    return 'in Delft'\n\n\n{many}"
    write(big, {"pkg1/huge.py": many, "pkg2/crates.py": found})
    commit(big, "huge files")
    write(big, {"pkg5/new_huge.py": many + "x = 1\n"})
    question = "Where does unpack_frozen_crate put a crate?"
    prompt = asks(big, question, budget=budget, exact=exact, max_size=2_000_000)
    assert exactly(whole(prompt)) <= budget
    assert "in Delft" in whole(prompt)


@pytest.mark.parametrize("style", ["xml", "markdown", "json", "plain"])
def test_every_style(grown: Path, asks: Asks, style: str):
    prompt = asks(grown, OTHER, budget=16_000, style=style)
    assert 0.7 * 16_000 < exactly(whole(prompt)) <= 16_000
    assert "basement of Utrecht" in whole(asks(grown, budget=16_000, style=style))


@pytest.mark.parametrize("share", [0.85, 0.9, 0.93, 0.96, 0.99, 1.0, 1.01, 1.04])
@pytest.mark.parametrize("exact", [True, False])
def test_a_repository_as_large_as_the_budget(
    tmp_path: Path, asks: Asks, share: float, exact: bool
):
    dice = random.Random(1)
    root = make_repo(tmp_path / "r", {f"m{n}.py": module(dice) for n in range(12)})
    free = whole(asks(root))
    budget = int(exactly(free) / share)
    write(root, {"m3.py": module(dice)})
    prompt = asks(root, "What is a batch?", budget=budget, exact=exact)
    assert exactly(whole(prompt)) <= budget


def test_the_window_is_a_limit_too(grown: Path, asks: Asks):
    prompt = asks(grown, OTHER, window=40_000, answer_room=8000)
    assert 0.7 * 32_000 < exactly(whole(prompt)) <= 32_000


@pytest.mark.parametrize("exact", [True, False])
def test_material_is_never_cut(grown: Path, asks: Asks, exact: bool):
    dice = random.Random(9)
    text = "".join(module(dice) for _ in range(4))
    given = Material((("notes.txt", text),), listing=True)
    prompt = asks(grown, material=given, budget=32_000, exact=exact)
    assert text in prompt.request.tail
    assert "pkg19/mod399.py" in prompt.request.tail
    assert exactly(whole(prompt)) <= 32_000
    same = asks(grown, budget=32_000, exact=exact)
    assert base_bytes(prompt) == base_bytes(same)


@pytest.mark.parametrize("exact", [True, False])
def test_too_much_material_is_said_in_one_line(grown: Path, asks: Asks, exact: bool):
    dice = random.Random(9)
    given = Material((("notes.txt", "".join(module(dice) for _ in range(40))),))
    with pytest.raises(BudgetExceeded, match=r"--budget") as failed:
        asks(grown, material=given, budget=16_000, exact=exact)
    assert "\n" not in str(failed.value)
    with pytest.raises(BudgetExceeded) as failed:
        asks(grown, "why? " * 20_000, budget=16_000, exact=exact)
    assert "\n" not in str(failed.value)


def test_a_budget_in_which_nothing_fits(grown: Path, asks: Asks):
    with pytest.raises(BudgetExceeded) as failed:
        asks(grown, budget=300)
    assert "--budget" in str(failed.value)


@pytest.mark.parametrize("name", ["o200k_base", "cl100k_base"])
def test_counts_of_a_real_prompt_add_up(grown: Path, name: str):
    """What the segments and their documents say is what the whole text has."""
    exact = tokens.with_splintr(name)
    assert exact is not None
    for limit in (0, 32_000):
        with open_session(grown, {}) as session:
            prefix = pack(session, exact, limit=limit).prefix
        text = b"".join(b for s in prefix.segments for b in chunks(s)).decode()
        assert prefix.count.exact and prefix.count.tokens == exact.count(text)
        for segment in prefix.segments:
            units = [unit.count.tokens for unit in segment.units]
            assert not units or sum(units) == segment.count.tokens


def test_the_room_is_what_the_settings_leave(grown: Path, tmp_path: Path):
    script = tmp_path / "s.toml"
    script.write_text('window = 100_000\n[[replies]]\ntext = "yes"\n')
    flags = {"model": "scripted/m", "base_url": f"file:{script}", "budget": 90_000}
    with open_session(grown, flags) as session:
        model = choose_model(session)
        exact = tokenizer_for(session, model).exact
        assert exact and room_for(session, model, exact).tokens == 75_000
