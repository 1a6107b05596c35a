"""Count tokens: exactly when a vocabulary is at hand, otherwise by an estimate.

``load`` takes splintr (extra ``fast``) when it is installed, else tiktoken when its
rank file lies on this machine, else ``Estimate``. Nothing here ever fetches anything:
tiktoken's own loader, which does, is kept from running.

The estimate counts shapes of the text (words, capitals, digits, punctuation, lines),
because that is what pre-tokenizers split at. Measured on 22,394 files of six
repositories, each with weights fitted on the five others, o200k_base: the whole
repository 2.7% off in the mean, 5.6% at worst; a file of 200 tokens or more 6.1% in the
mean and 14% at the 95th percentile (gemma3: 1.6%, 3.7%, 3.4%, 8%). Bytes per token by
language, measured beside it, are 14% and 26% off for the whole, 19% and 39% for a file:
the same language runs from 3.3 to 4.4 bytes a token, and nothing was gained by adding
the language to the shapes. ``tests/bench/estimate.py`` measures all this again.
"""

from __future__ import annotations

import string
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

from repoctx.protocols import Tokenizer
from repoctx.values import Count

VERIFIED = frozenset({"o200k_base", "cl100k_base"})
"""Vocabularies of splintr compared with their reference, tiktoken, token by token."""

BUNDLED = VERIFIED | {
    *("gemma2", "gemma3", "gemma4", "llama3", "mistral_v3", "deepseek_v3", "qwen3"),
    *("glm4", "kimi_k2", "gpt_oss", "phi4", "olmo2"),
}
"""Vocabularies that splintr carries and over which ``safe_boundary`` holds."""

RANKS = {
    "o200k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
    "cl100k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
}
"""tiktoken's names of its rank files, and their SHA-256. Never opened, only hashed."""


def load(
    name: str = "o200k_base",
    allow_exact: bool = True,
    ranks: Path | None = None,
) -> Tokenizer:
    """The best counter of vocabulary ``name`` that this machine has.

    ``ranks`` is tiktoken's cache folder (``ranks_folder``); without it tiktoken is not
    tried. Vocabularies are read at the first count, not here. Never raises and never
    touches the network.
    """
    if allow_exact:
        found = with_splintr(name) or with_tiktoken(name, ranks)
        if found:
            return found
    return Estimate(name)


# --- the estimate -----------------------------------------------------------------

ESTIMATE_VERSION = 1
"""Part of an estimate's name, so that cached counts of other weights are not used."""

WEIGHTS = {
    "o200k_base": (0.048, 0.917, 0.634, 0.24, 1.307, 0.254, 0.516, 0.701, 0.677),
    "gemma3": (0.057, 0.992, 0.782, 0.959, 0.441, 0.141, 0.914, 0.925, 0.73),
}
"""Tokens by shape, in the order of ``shape``; fitted by ``tests/bench/estimate.py``."""

FAMILY = {"gemma2": "gemma3", "gemma4": "gemma3"}
"""Vocabularies that count like a fitted one; all others count like o200k_base."""

NARROW, WIDE, ASTRAL = 0.6, 0.9, 1.7
"""Tokens of a character outside ASCII by its length in UTF-8 (2, 3, 4 bytes): letters
of Greek, Cyrillic, Hebrew and Arabic take 0.4-0.65, Chinese, Japanese, Korean and
symbols 0.4-1.0, emoji 1-2 (o200k_base, localised messages)."""

LONGEST = 16
"""No text is estimated below one token for this many bytes (long runs of a letter)."""


class Estimate:
    """Guesses the number of tokens.

    Measured against o200k_base: cl100k_base, llama3 and qwen3 count 0.99-1.04 of it;
    gemma3 has weights of its own.
    """

    exact = False

    def __init__(self, name: str = "o200k_base") -> None:
        self.name = f"~{name}.{ESTIMATE_VERSION}"
        self._weights = WEIGHTS.get(FAMILY.get(name, name), WEIGHTS["o200k_base"])

    def count(self, text: str) -> int:
        """About how many tokens ``text`` has; 0 only for the empty text."""
        if not text:
            return 0
        return max(1, round(estimate(text, self._weights)))

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """About how many tokens each text has."""
        return [self.count(text) for text in texts]


def estimate(text: str, weights: Sequence[float] = WEIGHTS["o200k_base"]) -> float:
    """Tokens of ``text``, unrounded; about 80 MB of text a second."""
    data = (" " + text).encode("utf-8", "surrogatepass")
    guess = sum(w * n for w, n in zip(weights, shape(data), strict=True))
    if not text.isascii():
        guess += beyond_ascii(data)
    return max(guess, len(data) / LONGEST)


def _marks(fallback: str, **classes: str) -> bytes:
    """A table for ``bytes.translate`` that shows every byte as its class's mark."""
    table = bytearray(fallback.encode() * 256)
    for mark, characters in classes.items():
        for byte in characters.encode():
            table[byte] = ord(mark)
    return bytes(table)


_MIXED = _marks(
    ".",
    **{"a": string.ascii_lowercase, "A": string.ascii_uppercase, "0": string.digits},
    **{"\n": "\n", " ": " \t\r\f\v"},
)
_LETTERS = _marks(" ", a=string.ascii_letters)
_DIGITS = _marks(" ", **{"0": string.digits})
_PUNCTUATION = _marks(" ", **{".": string.punctuation})


def shape(data: bytes) -> tuple[int, ...]:
    """What a pre-tokenizer would see: numbers of capitals, words, humps (``aB``),
    digits, numbers, punctuation marks, runs of them, lines, indented lines.

    A word, number or run at the very beginning counts only after a white space.
    """
    mixed = data.translate(_MIXED)
    marks = data.translate(_PUNCTUATION)
    return (
        mixed.count(b"A"),
        data.translate(_LETTERS).count(b" a"),
        mixed.count(b"aA"),
        mixed.count(b"0"),
        data.translate(_DIGITS).count(b" 0"),
        marks.count(b"."),
        marks.count(b" ."),
        mixed.count(b"\n"),
        mixed.count(b"\n "),
    )


_NARROW = bytes(range(0xC2, 0xE0))
_WIDE = bytes(range(0xE0, 0xF0))
_ASTRAL = bytes(range(0xF0, 0xF5))


def beyond_ascii(data: bytes) -> float:
    """Tokens of the characters outside ASCII, told apart by their first byte."""
    size = len(data)
    narrow = size - len(data.translate(None, _NARROW))
    wide = size - len(data.translate(None, _WIDE))
    astral = size - len(data.translate(None, _ASTRAL))
    return NARROW * narrow + WIDE * wide + ASTRAL * astral


# --- what a model counts ----------------------------------------------------------

FACTORS = (0.5, 3.0)
"""Outside them a report is a mistake (a part of the prompt dropped, or only a part
counted), not a tokenizer."""

LEAST = 1000
"""Tokens: reports below say more about a chat template than about the text."""

REPORTS = 8
"""How many reports count; a tokenizer changes with its model alone."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many tokens a model counts for one of ours. ``error`` is by how much of the
    factor its reports were off it (0.03: 3%; None: nothing was reported yet)."""

    factor: float = 1.0
    error: float | None = None

    def of(self, count: Count) -> Count:
        """``count`` of our tokens as the model counts them."""
        if self.factor == 1:
            return count
        return Count(round(count.tokens * self.factor))


ONE = Scale()
"""The model's tokens are ours, or nothing is known of them."""


def learn(reports: Sequence[float], ours: int, counted: int) -> tuple[float, ...]:
    """``reports`` with one more: a provider ``counted`` what is ``ours`` in our tokens.

    Reports that say nothing about the tokenizer change nothing.
    """
    low, high = FACTORS
    if min(ours, counted) < LEAST or not low <= counted / ours <= high:
        return tuple(reports)
    return (*reports, counted / ours)[-REPORTS:]


def scale_of(prior: float, reports: Sequence[float]) -> Scale:
    """The factor by ``reports``, oldest first, where ``prior`` was believed before.

    It is their median with ``prior`` among them: one odd report moves it half of the
    way, two that agree all of it, and no later odd one moves it. The error is that of
    the worst report, of five or more without the worst.
    """
    if not reports:
        return Scale(prior)
    seen, many = sorted([prior, *reports]), len(reports)
    factor = (seen[many // 2] + seen[(many + 1) // 2]) / 2
    off = sorted(abs(report / factor - 1) for report in reports)
    return Scale(factor, off[-1] if len(off) < 5 else off[-2])


# --- exact counters ---------------------------------------------------------------


class Exact:
    """Counts with a real vocabulary, which is read at the first count."""

    def __init__(
        self, name: str, read: Callable[[], Callable[[str], int]], exact: bool = True
    ) -> None:
        self.name = name
        self.exact = exact
        self._read = read
        self._counter: Callable[[str], int] | None = None
        self._reading = threading.Lock()

    def count(self, text: str) -> int:
        """Tokens of ``text``; special tokens spelled in it are ordinary text."""
        with self._reading:
            if self._counter is None:
                self._counter = self._read()
        try:
            return self._counter(text)
        except UnicodeEncodeError:  # Of a lone surrogate: no vocabulary has a token.
            return self._counter(text.encode("utf-8", "replace").decode())

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [self.count(text) for text in texts]


@cache
def with_splintr(name: str) -> Exact | None:
    """splintr's counter; None when it is not installed or lacks the vocabulary."""
    if name not in BUNDLED:
        return None
    try:
        import splintr
    except ImportError:
        return None

    def read() -> Callable[[str], int]:
        vocabulary = splintr.Tokenizer.from_pretrained(name)
        # Its quick way turns the spelling of a special token into that token.
        quick = all("<|" in special for special in vocabulary.special_tokens())
        template = len(vocabulary.encode_ordinary(""))

        def count(text: str) -> int:
            if quick and "<|" not in text:
                return len(vocabulary.encode_flat(text)) // 4 - template
            return len(vocabulary.encode_ordinary(text)) - template

        return count

    return Exact(name, read, exact=name in VERIFIED)


def ranks_folder(env: Mapping[str, str], temporary: str) -> Path | None:
    """Where tiktoken keeps its rank files, by its own rules.

    ``temporary`` is the folder for temporary files. None: its cache is switched off.
    """
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in env:
            return Path(env[variable]) if env[variable] else None
    return Path(temporary, "data-gym-cache")


def with_tiktoken(name: str, folder: Path | None) -> Exact | None:
    """tiktoken with the rank file in ``folder``; None unless it is there and right."""
    if folder is None or name not in RANKS:
        return None
    url, digest = RANKS[name]
    try:
        ranks = (
            folder / sha1(url.encode(), usedforsecurity=False).hexdigest()
        ).read_bytes()
    except OSError:
        return None
    if sha256(ranks).hexdigest() != digest:
        return None
    try:
        import tiktoken
        import tiktoken.load
        from tiktoken_ext import openai_public
    except ImportError:
        return None

    def read() -> Callable[[str], int]:
        def held(blobpath: str, expected_hash: str | None = None) -> bytes:
            return ranks

        # The constructor's only way to bytes is this function, which fetches what it
        # does not find, without a timeout. It gets the bytes that were read above.
        with _LOADING:
            usual = tiktoken.load.read_file_cached
            tiktoken.load.read_file_cached = held
            try:
                parts: dict[str, Any] = openai_public.ENCODING_CONSTRUCTORS[name]()
            finally:
                tiktoken.load.read_file_cached = usual
        encoding = tiktoken.Encoding(**parts)
        return lambda text: sum(
            len(encoding.encode_ordinary(piece)) for piece in pieces(text)
        )

    return Exact(name, read)


_LOADING = threading.Lock()

PIECE = 200_000
"""Characters that tiktoken gets at once: 2,000,000 spaces overflow its stack."""


def pieces(text: str) -> list[str]:
    """``text`` cut into pieces of at most ``PIECE`` characters.

    Cut where tokens cannot merge; inside a piece without such a place, at its end,
    which may count a token or two too many.
    """
    found = []
    start = 0
    while len(text) - start > PIECE:
        cut = text.rfind("\n", start, start + PIECE - 1) + 1
        while cut > start and not safe_boundary(text[cut - 2 : cut], text[cut]):
            cut = text.rfind("\n", start, cut - 1) + 1
        end = cut if cut > start else start + PIECE
        found.append(text[start:end])
        start = end
    found.append(text[start:])
    return found


# --- where counts add up ----------------------------------------------------------


def safe_boundary(left: str, right: str) -> bool:
    """Whether ``count(left + right) == count(left) + count(right)`` is certain.

    So it is when ``left`` ends with ``\\n`` after a character that is not white space
    and ``right`` begins with one that is neither white space nor ``/``. Pre-tokenizers
    of the tiktoken kind end a piece there (``[\\r\\n/]*`` and ``\\s*[\\r\\n]+`` swallow
    what is excluded), and no token of a gemma vocabulary goes on after a newline with
    anything but white space. Holds for every vocabulary in ``BUNDLED``. It does NOT
    hold for those that put a space before each text (llama2, codellama, mistral_v1,
    mistral_v2): there a text alone may count one more, though not one that opens with
    a delimiter of the prefix, since a space and that delimiter's first character are
    one token.
    """
    return (
        len(left) > 1
        and left[-1] == "\n"
        and not left[-2].isspace()
        and right != ""
        and right[0] != "/"
        and not right[0].isspace()
    )
