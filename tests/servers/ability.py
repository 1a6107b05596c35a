"""A loopback model with a known ability: it is given the truth and what to do with it.

It reads the request that it gets: how long the prompt is, where the evidence stands,
whether a stale copy or a rival is there, how much it is to think. What it knows besides
are the probes, by question. `Mind` answers on any vendor's wire.
"""

from __future__ import annotations

import hashlib
import random
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from repoctx.probe import Probe, Scoring
from repoctx.probe.grid import place
from servers.cache import tokens_of
from servers.chat import Behaviour, ChatServer
from servers.loopback import running


@dataclass(frozen=True)
class Seen:
    """A prompt as the model sees it, and the request that it came in; ``tokens`` are
    the server's own."""

    text: str
    tokens: int
    probe: Probe
    request: Mapping[str, Any] = field(default_factory=dict)

    @property
    def depth(self) -> float:
        """The share of the prompt before the evidence."""
        if self.probe.plants:
            line = self.probe.plants[0].text.strip().split("\n")[0]
            return self.text.find(line) / len(self.text)
        return self.text.find(f'path="{place(self.probe)}"') / len(self.text)

    def luck(self, *parts: object) -> float:
        """A number from 0 to 1 that is the same for the same question."""
        digest = hashlib.sha256(repr((self.probe.id, *parts)).encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32


Ability = Callable[[Seen], str]


def right(probe: Probe) -> str:
    """The truth, as a model writes it."""
    if probe.scoring is Scoring.TREE:
        blocks = []
        for number, item in enumerate(probe.truth, start=1):
            path, _, text = item.partition("\n")
            blocks.append(f"@@@@ {number} replace {path}\n{text}@@@@ end {number}\n")
        return "I change it everywhere.\n\n" + "\n".join(blocks)
    if probe.scoring is Scoring.TEXT:
        return f"```\n{probe.truth[0]}\n```\n"
    return "\n".join(probe.truth)


WRONG = "I cannot find that in the code above."


def perfect(seen: Seen) -> str:
    return right(seen.probe)


def when(able: Callable[[Seen], bool]) -> Ability:
    """Right where ``able`` holds and what was planted stands in the prompt."""

    def answer(seen: Seen) -> str:
        probe = seen.probe
        there = not probe.plants or all(item in seen.text for item in probe.truth)
        return right(probe) if able(seen) and there else WRONG

    return answer


def up_to(tokens: int) -> Ability:
    """Perfect in prompts of at most so many tokens, lost in longer ones."""
    return lambda seen: right(seen.probe) if seen.tokens <= tokens else WRONG


def loses_the_middle(seen: Seen) -> str:
    return WRONG if 0.3 < seen.depth < 0.7 else right(seen.probe)


def misled(share: float) -> Ability:
    """Takes the nearest rival for the truth in ``share`` of the questions with one."""

    def answer(seen: Seen) -> str:
        truth = seen.text.find(seen.probe.truth[0])
        there = {w: at for w in seen.probe.wrong if (at := seen.text.find(w)) >= 0}
        if there and seen.luck("misled") < share:
            return min(there, key=lambda w: abs(there[w] - truth))
        return right(seen.probe)

    return answer


def stale(mark: str = "") -> Ability:
    """Says what a superseded copy says, if there is one (and ``mark``)."""

    def answer(seen: Seen) -> str:
        old = [value for value in seen.probe.superseded if value in seen.text]
        return old[0] if old and mark in seen.text else right(seen.probe)

    return answer


def needs_the_anchor(seen: Seen) -> str:
    """Only "Based on the code above" makes it look there."""
    return right(seen.probe) if "Based on the code above" in seen.text else WRONG


def at_random(seen: Seen) -> str:
    """A guess among all that the prompt shows, in the form that is asked for: as many
    of them as there are right ones. It reads Python."""
    draw, probe = random.Random(seen.luck(seen.tokens)), seen.probe
    if probe.family == "count":
        return str(draw.randint(3, 24))
    if probe.family == "needles":
        names = [item.partition("=")[0] for item in probe.truth]
        return "\n".join(f"{name}={draw.randint(10_000, 99_999)}" for name in names)
    if probe.family in ("needle", "distractors", "superseded"):
        return str(draw.randint(10_000, 99_999))
    files = re.findall(r'<file path="([^"]+\.py)">\n(.*?)</file>', seen.text, re.S)
    word = r"class" if probe.family == "subclasses" else r"def"
    found = [(p, n) for p, t in files for n in re.findall(rf"{word} (\w+)", t)]
    if probe.family == "copy":
        bodies = [b for _, t in files for b in re.split(r"\n(?=def |class )", t)]
        long = [body for body in bodies if body.count("\n") >= 20]
        return f"```python\n{draw.choice(long).strip()}\n```"
    forms = {
        "description": [name for _, name in found],
        "path": [name for _, name in found],
        "definitions": [path for path, _ in files],
    }
    items = forms.get(probe.family, [f"{path}::{name}" for path, name in found])
    return "\n".join(draw.sample(items, len(probe.truth)))


class Mind:
    """Answers by ``ability``; ``seen`` keeps what was asked."""

    def __init__(self, ability: Ability, probes: Sequence[Probe] = ()) -> None:
        self.ability = ability
        self.seen: list[Seen] = []
        self._probes: dict[str, Probe] = {}
        self.learn(probes)

    def learn(self, probes: Iterable[Probe]) -> None:
        """Know these probes too."""
        self._probes |= {probe.question: probe for probe in probes}

    def answer(self, text: str, request: Mapping[str, Any]) -> str:
        """What is said to a prompt's text and its request."""
        ends = text[:4000] + text[-8000:]
        asked = [q for q in self._probes if q in ends]
        assert asked, ends[-800:]
        probe = self._probes[max(asked, key=len)]
        seen = Seen(text, len(tokens_of(text)), probe, request)
        self.seen.append(seen)
        return self.ability(seen)


class AbilityServer(ChatServer):
    """Chat Completions, answered by a ``mind``."""

    def __init__(self, mind: Mind) -> None:
        super().__init__(Behaviour(answer=mind.answer), ())
        self.mind = mind
        self._texts: list[str] = []
        self._guard = threading.Lock()

    @property
    def seen(self) -> list[Seen]:
        return self.mind.seen

    def measure(self, messages: list[dict[str, str]]) -> tuple[int, int]:
        """As the parent's, but quick on hundreds of long prompts."""
        text = "".join(f"<{m['role']}>{m['content']}" for m in messages)
        with self._guard:
            shared = max((_common(text, old) for old in self._texts), default=0)
            self._texts.append(text)
        return len(tokens_of(text)), len(tokens_of(text[:shared]))


def _common(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one.startswith(other[:middle]):
            low = middle
        else:
            high = middle - 1
    return low


def able(
    ability: Ability, probes: Sequence[Probe]
) -> AbstractContextManager[AbilityServer]:
    """A running server with an ability, stopped at the end of the block."""
    return running(AbilityServer(Mind(ability, probes)))
