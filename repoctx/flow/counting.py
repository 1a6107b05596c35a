"""Token counts that are taken once: by digest of the text, kept in the index."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

from repoctx.flow.session import Session
from repoctx.protocols import Tokenizer

RARE = " xqzvkq"
"""No vocabulary has it as one token: counting it readies all that merging needs."""


class Counted:
    """A Tokenizer over another that remembers what it counted.

    Loading an exact vocabulary takes 0.2 s: a warm run, which counts nothing new, never
    does. ``exact`` says whether its tokens are those of the model it counts for.
    """

    def __init__(self, tokenizer: Tokenizer, session: Session, *, exact: bool) -> None:
        self.name = tokenizer.name
        self.exact = exact
        self._tokenizer = tokenizer
        self._session = session

    def prepare(self) -> None:
        """Read the vocabulary now, beside other work: its 0.2 s do not hold Python."""
        count = self._tokenizer.count
        threading.Thread(target=count, args=(RARE,), daemon=True).start()

    def count(self, text: str) -> int:
        """Tokens of ``text``."""
        return self.count_many([text])[0]

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, in order."""
        digests = [_digest(text) for text in texts]
        known = self._session.rows.counts(self.name, digests)
        new = {d: t for d, t in zip(digests, texts, strict=True) if d not in known}
        if new:
            fresh = self._tokenizer.count_many(list(new.values()))
            pairs = list(zip(new, fresh, strict=True))
            self._session.rows.put_counts(self.name, pairs)
            known |= dict(pairs)
        return [known[digest] for digest in digests]


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
