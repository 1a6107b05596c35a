"""Counting: exact where it says so, additive where it says so, never a fetch."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import splintr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from repoctx.pack import tokens

RANKED = {"o200k_base": 199_998, "cl100k_base": 100_256}
"""Sizes of tiktoken's vocabularies without special tokens."""

UNTIMED = settings(deadline=None)
"""Vocabularies load at the first count, and machines differ."""

EXACT = {
    name: tokens.with_splintr(name) for name in ("o200k_base", "cl100k_base", "gemma3")
}

CHARACTERS = st.sampled_from(
    "aZ09 _<>/\\\"'#.;:(){}[]=+-\t\n\r\x85\xa0\u3000é漢😀\u200d\u0301▁"
)
WORDS = st.sampled_from(
    ["</file>", "<|endoftext|>", "<bos>", "function", "\n\n", "    "]
)
TEXTS = st.lists(CHARACTERS | WORDS | st.text(max_size=4), max_size=12).map("".join)


def counter(name: str) -> tokens.Exact:
    found = EXACT[name]
    assert found is not None
    return found


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiktoken's cache folder, written from the vocabularies that splintr carries.

    The right SHA-256 proves that they are the same vocabularies.
    """
    folder = tmp_path_factory.mktemp("ranks")
    for name, size in RANKED.items():
        vocabulary = splintr.Tokenizer.from_pretrained(name)
        lines = (
            base64.b64encode(vocabulary.decode_token_bytes(i)) + b" %d\n" % i
            for i in range(size)
        )
        data = b"".join(lines)
        url, digest = tokens.RANKS[name]
        assert hashlib.sha256(data).hexdigest() == digest
        (folder / hashlib.sha1(url.encode()).hexdigest()).write_bytes(data)
    return folder


# --- exact ------------------------------------------------------------------------


@pytest.mark.parametrize("name", RANKED)
def test_splintr_and_tiktoken_count_the_same(name: str, ranks: Path) -> None:
    slow = tokens.with_tiktoken(name, ranks)
    assert slow is not None and slow.exact and slow.name == name

    @UNTIMED
    @given(TEXTS)
    @example("<|endoftext|>")
    @example("<|fim_prefix|> and \ud800 alone")
    def same(text: str) -> None:
        assert counter(name).count(text) == slow.count(text)

    same()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert counter(name).count(text) == slow.count(text)


@pytest.mark.parametrize("name", sorted(tokens.BUNDLED))
def test_every_bundled_vocabulary_loads(name: str) -> None:
    found = tokens.load(name)
    assert found.name == name
    assert found.exact == (name in tokens.VERIFIED)
    assert found.count("") == 0
    assert found.count_many(["a", "", "a b"])[::2] == [
        found.count("a"),
        found.count("a b"),
    ]


@pytest.mark.parametrize("character", ["a", " ", "\n", "{", "0", "😀", "aZ"])
def test_pathological_texts_are_counted(character: str, ranks: Path) -> None:
    text = character * 2_000_000
    slow = tokens.with_tiktoken("o200k_base", ranks)
    assert slow is not None
    exact = counter("o200k_base").count(text)
    assert exact <= slow.count(text) <= exact + 2 * len(text) // tokens.PIECE + 2
    assert tokens.Estimate().count(text) > 0


# --- never a fetch ----------------------------------------------------------------

WITHOUT_NETWORK = """
import sys
from itertools import pairwise
from pathlib import Path

def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit("touched the network: " + event)

sys.addaudithook(refuse)
from repoctx.pack import tokens
assert not {"splintr", "tiktoken"} & set(sys.modules), "imported too early"
sys.modules["splintr"] = None
found = tokens.load("o200k_base", ranks=Path(sys.argv[1]))
print(found.name, found.exact, found.count("hello world"))
"""


def without_network(folder: Path, tmp_path: Path) -> str:
    """What ``load`` finds in a process that has no splintr and must not connect."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NETWORK, str(folder)],
        env={"TMPDIR": str(tmp_path), "TIKTOKEN_CACHE_DIR": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_tiktoken_reads_the_local_ranks(ranks: Path, tmp_path: Path) -> None:
    assert without_network(ranks, tmp_path) == "o200k_base True 2"


def test_no_ranks_means_an_estimate(tmp_path: Path) -> None:
    assert without_network(tmp_path, tmp_path).startswith("~o200k_base.1 False")


def test_broken_ranks_mean_an_estimate_and_stay(ranks: Path, tmp_path: Path) -> None:
    url, _ = tokens.RANKS["o200k_base"]
    broken = tmp_path / hashlib.sha1(url.encode()).hexdigest()
    broken.write_bytes((ranks / broken.name).read_bytes()[:-1])
    assert without_network(tmp_path, tmp_path).startswith("~")
    assert broken.exists()


def test_ranks_folder_follows_tiktoken() -> None:
    assert tokens.ranks_folder({}, "t") == Path("t", "data-gym-cache")
    assert tokens.ranks_folder({"DATA_GYM_CACHE_DIR": "d"}, "t") == Path("d")
    both = {"DATA_GYM_CACHE_DIR": "d", "TIKTOKEN_CACHE_DIR": "c"}
    assert tokens.ranks_folder(both, "t") == Path("c")
    assert tokens.ranks_folder({"TIKTOKEN_CACHE_DIR": ""}, "t") is None


# --- additive ---------------------------------------------------------------------


@pytest.mark.parametrize("name", EXACT)
def test_counts_add_up_over_a_safe_boundary(name: str) -> None:
    @UNTIMED
    @given(TEXTS.map(lambda text: text + "\n"), TEXTS)
    @example("x\n", "<file>")
    @example(">\n", "\u200b")
    def adds_up(left: str, right: str) -> None:
        assume(tokens.safe_boundary(left, right))
        count = counter(name).count
        assert count(left + right) == count(left) + count(right)

    adds_up()


@pytest.mark.parametrize("name", EXACT)
def test_counts_add_up_over_the_delimiters(name: str) -> None:
    @UNTIMED
    @given(st.lists(TEXTS, min_size=2, max_size=4))
    def adds_up(bodies: list[str]) -> None:
        documents = [f'<file path="{i}">\n{b}\n</file>\n' for i, b in enumerate(bodies)]
        pairs = pairwise(documents)
        assert all(tokens.safe_boundary(a, b) for a, b in pairs)
        found = counter(name)
        assert found.count("".join(documents)) == sum(found.count_many(documents))

    adds_up()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x", "y"),
        ("x\n", "/y"),
        ("x\n", "\ny"),
        ("x\n", " y"),
        ("\n", "y"),
        ("x\n", ""),
    ],
)
def test_what_is_not_safe(left: str, right: str) -> None:
    assert not tokens.safe_boundary(left, right)


def test_the_excluded_slash_would_merge() -> None:
    count = counter("o200k_base").count
    assert count("};\n//") < count("};\n") + count("//")


def test_vocabularies_with_a_leading_space_are_not_offered() -> None:
    raw = splintr.Tokenizer.from_pretrained("llama2").encode_ordinary
    assert tokens.safe_boundary("x\n", "9")
    assert len(raw("x\n9")) < len(raw("x\n")) + len(raw("9"))
    assert "llama2" not in tokens.BUNDLED


@UNTIMED
@given(TEXTS)
@example(" " * 450_000)
@example("x\n" * 150_000)
@example("\n\n" * 150_000 + "x")
def test_pieces_join_to_the_text(text: str) -> None:
    found = tokens.pieces(text)
    assert "".join(found) == text
    assert all(len(piece) <= tokens.PIECE for piece in found)


def test_pieces_are_cut_where_counts_add_up() -> None:
    found = tokens.pieces("  if x:\n\n    return 1\n}\n" * 20_000)
    assert len(found) > 1
    for left, right in pairwise(found):
        assert tokens.safe_boundary(left, right)


# --- the estimate -----------------------------------------------------------------


@UNTIMED
@given(TEXTS)
@example("\ud800")
@example("\0")
def test_an_estimate_is_a_number_for_any_text(text: str) -> None:
    guess = tokens.Estimate()
    assert (guess.count(text) == 0) == (text == "")
    assert guess.count_many([text, ""]) == [guess.count(text), 0]


@pytest.mark.parametrize("name", ["o200k_base", "gemma3"])
def test_the_estimate_is_close_on_this_repository(name: str) -> None:
    root = Path(__file__).parents[2]
    files = sorted((root / "repoctx").rglob("*.py")) + sorted(root.rglob("*.md"))
    texts = [path.read_text("utf-8", "replace") for path in files]
    true = sum(counter(name).count_many(texts))
    guess = sum(tokens.load(name, allow_exact=False).count_many(texts))
    assert guess == pytest.approx(true, rel=0.12)


def test_an_estimate_has_a_name_of_its_own() -> None:
    plain = tokens.Estimate()
    assert plain.name == "~o200k_base.1" and not plain.exact
    assert tokens.Estimate("x").name == "~x.1"


def test_a_factor_is_learned_from_what_is_counted() -> None:
    def after(*counted: int, prior: float = 1.0) -> tokens.Scale:
        reports: tuple[float, ...] = ()
        for number in counted:
            reports = tokens.learn(reports, 100_000, number)
        return tokens.scale_of(prior, reports)

    assert after() == tokens.Scale(1.0, None)
    assert after(130_000).factor == pytest.approx(1.15)
    for prior in (1.0, 1.5):
        found = after(130_000, 131_000, 129_500, prior=prior)
        assert found.factor == pytest.approx(1.3, rel=0.01)
        assert found.error is not None and found.error < 0.01
    steady = after(*[130_000] * 5)
    assert steady == tokens.Scale(1.3, 0.0)
    # One odd report moves half of the way at most, and later ones nothing.
    assert after(250_000).factor == pytest.approx(1.75)
    assert after(*[130_000] * 4, 250_000) == steady
    # The model's tokenizer is another: soon the old reports are gone.
    assert after(*[130_000] * 8, *[105_000] * 8).factor == pytest.approx(1.05)


@pytest.mark.parametrize(
    ("ours", "counted"),
    [(999, 1300), (1300, 999), (100_000, 10**9), (10**9, 100_000), (0, 0), (2000, 0)],
)
def test_reports_that_say_nothing_change_nothing(ours: int, counted: int) -> None:
    assert tokens.learn((1.2,), ours, counted) == (1.2,)
