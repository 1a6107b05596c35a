"""A true exact-prefix cache, for servers that speak a vendor's wire.

It holds no answers: it knows which prompts came, and says of a new one how many tokens
were read from and written to the cache, by the rules that the vendor gives. Tokens are
words, runs of white space and signs, another count than repoctx's own on purpose. Time
comes from a clock that is passed in, in seconds.

A prompt is a run of blocks. What is no text but invalidates (tools, a thinking mode, an
effort) is the ``salt`` of the first block that it changes: it enters the comparison
and counts nothing. What parts whole caches (the model, a key) is the ``scope``.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def tokens_of(text: str) -> list[str]:
    """The tokens of ``text``."""
    return TOKEN.findall(text)


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many tokens both begin with."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))


@dataclass(frozen=True)
class Block:
    """A piece of a prompt. ``ttl`` is set where a breakpoint stands at its end: the
    seconds that an entry written there lives."""

    text: str
    ttl: float | None = None
    salt: str = ""


@dataclass(frozen=True)
class Rules:
    """How a vendor's cache works.

    ``kind``: ``automatic`` serves the longest prefix of any earlier prompt, in whole
    ``step`` tokens; ``marks`` serves what was written at a breakpoint; ``none`` never
    serves. Below ``minimum`` tokens nothing is read or written. ``ttl`` is the lifetime
    of an automatic entry.

    For ``marks``: at most ``writes`` breakpoints of a request are written, the latest
    ones. An entry is read when a block of the new prompt ends where it ends: of the
    latest ``matched`` breakpoints each sees ``look_back`` blocks, its own the first.
    With ``cuts`` the same text in other blocks is another text: the stricter of the two
    ways to compare, and no vendor says which is theirs.
    """

    kind: str = "marks"
    minimum: int = 0
    ttl: float = 3600.0
    step: int = 1
    writes: int = 4
    look_back: int = 1
    matched: int = 80
    cuts: bool = True


ANTHROPIC = Rules(minimum=512, look_back=20, matched=4)
OPENAI = Rules(minimum=1024)
OPENAI_OLD = Rules("automatic", minimum=1024, step=128)
GEMINI_IMPLICIT = Rules("automatic", minimum=4096)


@dataclass
class Found:
    """What the cache did for one prompt. ``written`` is by lifetime in seconds.
    ``pending`` are entries that become readable when `PrefixCache.begin` is called."""

    total: int
    read: int = 0
    written: dict[float, int] = field(default_factory=dict)
    pending: list[tuple[Hashable, float, list[str]]] = field(default_factory=list)


class PrefixCache:
    """What a vendor's machines remember; safe to use from several threads."""

    def __init__(
        self, rules: Rules, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rules = rules
        self.clock = clock
        self._entries: dict[Hashable, tuple[float, float]] = {}
        self._prompts: list[tuple[float, Hashable, list[str]]] = []
        self._lock = threading.Lock()

    def ask(self, scope: Hashable, blocks: Sequence[Block]) -> Found:
        """Look ``blocks`` up. What is written is readable only after `begin`."""
        with self._lock:
            if self.rules.kind == "marks":
                return self._by_marks(scope, blocks)
            return self._automatic(scope, blocks)

    def begin(self, found: Found) -> None:
        """The response has begun: what the prompt wrote can be read from now on."""
        now = self.clock()
        with self._lock:
            for name, ttl, tokens in found.pending:
                if tokens:
                    self._prompts.append((now + ttl, name, tokens))
                else:
                    self._entries[name] = (now + ttl, ttl)
            found.pending = []

    def forget(self) -> None:
        """Lose everything, as a vendor may at any time."""
        with self._lock:
            self._entries.clear()
            self._prompts.clear()

    def _automatic(self, scope: Hashable, blocks: Sequence[Block]) -> Found:
        rules, now = self.rules, self.clock()
        salt = "\0".join(block.salt for block in blocks if block.salt)
        tokens = [token for block in blocks for token in tokens_of(block.text)]
        found = Found(len(tokens))
        if rules.kind == "none":
            return found
        name = (scope, salt)
        self._prompts = [row for row in self._prompts if row[0] > now]
        shared = [
            common(tokens, old) if of == name else 0 for _, of, old in self._prompts
        ]
        best = max(shared, default=0) // rules.step * rules.step
        if best >= max(1, rules.minimum):
            found.read = best
            self._prompts = [
                (now + rules.ttl if length >= best else ends, of, old)
                for length, (ends, of, old) in zip(shared, self._prompts, strict=True)
            ]
        if found.total >= rules.minimum:
            found.pending = [(name, rules.ttl, tokens)]
        return found

    def _by_marks(self, scope: Hashable, blocks: Sequence[Block]) -> Found:
        rules, now = self.rules, self.clock()
        split = [tokens_of(block.text) for block in blocks]
        names = [(scope, digest) for digest in self._chain(blocks, split)]
        counts = list(accumulate(map(len, split)))
        marked = [at for at, block in enumerate(blocks) if block.ttl is not None]
        self._entries = {n: (e, t) for n, (e, t) in self._entries.items() if e > now}
        seen = {
            at - back
            for at in marked[-rules.matched :]
            for back in range(rules.look_back)
            if at >= back and counts[at - back] >= rules.minimum
        }
        hit = max((at for at in seen if names[at] in self._entries), default=-1)
        for at in {hit, *marked}:
            # What is used lives on, for nothing.
            if 0 <= at <= hit and names[at] in self._entries:
                ttl = self._entries[names[at]][1]
                self._entries[names[at]] = (now + ttl, ttl)
        found = Found(counts[-1] if counts else 0, counts[hit] if hit >= 0 else 0)
        before = found.read
        for at in marked[-rules.writes :]:
            ttl = blocks[at].ttl or rules.ttl
            if counts[at] < rules.minimum or names[at] in self._entries:
                continue
            found.pending.append((names[at], ttl, []))
            new = max(0, counts[at] - before)
            found.written[ttl] = found.written.get(ttl, 0) + new
            before += new
        return found

    def _chain(
        self, blocks: Sequence[Block], split: Sequence[Sequence[str]]
    ) -> list[str]:
        """A digest of all up to the end of each block."""
        digest = hashlib.sha256()
        ends = []
        for block, tokens in zip(blocks, split, strict=True):
            digest.update(f"\0{block.salt}\0".encode() if block.salt else b"")
            text = "\1".join([*tokens, ""])
            digest.update(text.encode("utf-8", "surrogatepass"))
            digest.update(b"\2" if self.rules.cuts else b"")
            ends.append(digest.hexdigest())
        return ends
