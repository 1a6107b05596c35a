"""Twenty questions to one model while the repository is edited: what was foreseen of
each, and what the model's server then reported."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from repoctx.flow.ask import Question, ask
from repoctx.flow.check import check
from repoctx.flow.session import open_session
from repos import commit, make_repo, write

QUESTIONS = 20
FILES = 40
"""Enough that the base is longer than any vendor's smallest cached prefix."""


class Turned(NamedTuple):
    """One question's shares of cached tokens, foreseen and reported, and its tokens."""

    foreseen: float
    reported: float
    cached: int
    written: int
    total: int


def source(name: int, body: str = "delay * 2") -> str:
    """A file of some 1,000 tokens."""
    return "".join(
        f"def retry_{name}_{n}(delay, attempts={n}):\n"
        f'    """Wait between attempt {n} and the next one."""\n'
        f"    return min({body}, attempts + {n})\n\n"
        for n in range(25)
    )


def repository(path: Path) -> Path:
    """A repository in one commit."""
    return make_repo(path, {f"src/part_{n:02}.py": source(n) for n in range(FILES)})


def edit(root: Path, turn: int) -> None:
    """What happens to the files before a question: most of the time something."""
    kind = turn % 5
    if kind == 1:
        write(root, {f"src/part_{turn:02}.py": source(turn, "delay * 3")})
    elif kind == 2:
        write(root, {f"src/new_{turn}.py": source(turn)})
    elif kind == 3:
        commit(root, f"turn {turn}")
    elif kind == 4:
        (root / f"src/part_{20 + turn:02}.py").unlink()


def converse(root: Path, model: str, base_url: str) -> list[Turned]:
    """Ask one question after another; the key comes from the environment."""
    flags = {"model": model, "base_url": base_url}
    turns = []
    for turn in range(QUESTIONS):
        edit(root, turn)
        with open_session(root, flags) as session:
            seen = check(session)
            text = f"Where does retry_{turn}_3 end? ({turn})"
            used = ask(session, Question(text), lambda _: None).answer.usage
        foreseen = seen.cached.tokens / seen.count.tokens
        reported = used.cached / used.input
        turns.append(
            Turned(foreseen, reported, used.cached, used.cache_write, used.input)
        )
    return turns
