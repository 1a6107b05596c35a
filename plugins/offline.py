"""Answers without a model: the definitions and passages that local search found.

No network, no key, no cost, and the same answer every time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from repoctx.errors import UsageError
from repoctx.values import (
    Capabilities,
    Definition,
    Delta,
    Endpoint,
    Passage,
    Request,
    Stop,
    Usage,
)

DEFINITIONS = 8
"""The most definitions that are quoted."""
PASSAGES = 12
"""The most passages beside them."""
LEADING = 4
"""Passages that come before the definitions when the question names none of them."""
LINES = 40
"""The most lines of one quotation."""
COLUMNS = 400
"""The most characters of one line."""

_HEAD = (
    "*No model was asked: these are the places that the local index finds for the "
    "question. For a written answer start a model server and use "
    "`-m compatible/MODEL`, or `-m auto`.*\n"
)
_NOTHING = (
    "\nNothing in the index matches the question. Names and words as they stand in "
    "the code work best: a function, a file, a message.\n"
)
_EDIT = (
    "offline cannot edit: it has no model. Three ways on: a model server of your own "
    "(-m compatible/MODEL, with pip install 'repoctx[compatible]'); a provider with "
    "its key (-m auto takes the one that is set); or any chat window, by hand "
    "(-m clipboard)"
)


def provider(endpoint: Endpoint) -> Offline:
    """The factory that the entry point names."""
    return Offline()


class Offline:
    """The provider that needs nothing. Its answer is Markdown; quotations stand in
    fences under a line with ``path:start-end``."""

    name = "offline"

    def models(self) -> Sequence[str]:
        """There is one, and it is not a model."""
        return ("offline",)

    def capabilities(self, model: str) -> Capabilities:
        """It reads the evidence, not the context, and cannot edit."""
        return Capabilities(
            window=0,
            output=0,
            prices={"input": 0.0, "output": 0.0},
            tokenizer="o200k_base",
            reads_context=False,
            edits=False,
        )

    def stream(self, request: Request) -> Iterator[Delta]:
        """The definitions, then the other passages, as they were ranked.

        Raises UsageError for an edit, naming the ways on.
        """
        if request.mode == "edit":
            raise UsageError(_EDIT)
        yield Delta(_HEAD)
        found = False
        for part in _parts(request):
            found = True
            yield Delta(part)
        if not found:
            yield Delta(_NOTHING)
        yield Delta(usage=Usage(cost=0.0), stop=Stop.END)


def _parts(request: Request) -> Iterator[str]:
    """The answer after its head: what is named comes first. To a question in prose the
    best passages say more than definitions that merely sound like it."""
    definitions, evidence = request.definitions, request.evidence
    shown: list[Passage] = []
    if not any(_is_named(d.symbol.name, request.ask) for d in definitions):
        best = [p for p in evidence if p.score > 0][:LEADING]
        yield from _passages("Best passages", best, shown)
    used: set[int] = set()
    title = "\n## Definitions\n"
    for definition in definitions[:DEFINITIONS]:
        if _covered(shown, definition.path, definition.symbol.start):
            continue
        yield title
        title = ""
        at = _at(definition, evidence)
        if at < 0:
            yield _defined(definition, None)
            continue
        used.add(at)
        shown.append(_cut(evidence[at], definition))
        yield _defined(definition, shown[-1])
    rest = [p for at, p in enumerate(evidence) if at not in used]
    yield from _passages("Passages", rest, shown)


def _is_named(name: str, question: str) -> bool:
    """Whether the question spells the name; a plain word of prose is no name."""
    spelt = "_" in name or name != name.lower() or len(question.split()) <= 2
    inside = rf"(?<!\w){re.escape(name)}(?!\w)"
    return spelt and re.search(inside, question) is not None


def _passages(
    title: str, found: Sequence[Passage], shown: list[Passage]
) -> Iterator[str]:
    """Passages under a title; those that were shown already are passed over."""
    fresh = [p for p in found if not _covered(shown, p.path, p.start, p.end)]
    if fresh:
        yield f"\n## {title}\n"
    for passage in fresh[:PASSAGES]:
        shown.append(passage)
        yield _quoted(passage, f" — {_plain(passage.why)}" if passage.why else "")
    if len(fresh) > PASSAGES:
        yield f"\n{len(fresh) - PASSAGES} more: `repoctx search` lists them.\n"


def _at(definition: Definition, evidence: Sequence[Passage]) -> int:
    """Which passage shows the definition's first line; -1 for none."""
    path, start = definition.path, definition.symbol.start
    for at, passage in enumerate(evidence):
        if passage.path == path and passage.start <= start <= passage.end:
            return at
    return -1


def _cut(passage: Passage, definition: Definition) -> Passage:
    """The passage's lines that belong to the definition."""
    first, last = definition.symbol.start, definition.symbol.end
    begin = first - passage.start
    lines = passage.text.rstrip("\n").split("\n")[begin : begin + last - first + 1]
    return Passage(
        path=passage.path,
        start=first,
        end=first + max(len(lines), 1) - 1,
        text="\n".join(lines),
        score=passage.score,
    )


def _defined(definition: Definition, passage: Passage | None) -> str:
    symbol = definition.symbol
    name = f"{symbol.parent}.{symbol.name}" if symbol.parent else symbol.name
    why = f" — {symbol.kind} `{_plain(name)}`"
    if passage is not None:
        return _quoted(passage, why)
    alone = Passage(definition.path, symbol.start, symbol.end, symbol.signature, 0.0)
    return _quoted(alone, f"{why}: {_plain(symbol.doc)}" if symbol.doc else why)


def _quoted(passage: Passage, why: str) -> str:
    lines = passage.text.rstrip("\n").split("\n")
    more = len(lines) - LINES
    lines = [line[:COLUMNS] for line in lines[:LINES]]
    runs = [len(run) for line in lines for run in re.findall("`{3,}", line)]
    fence = "`" * max([3, *(run + 1 for run in runs)])
    end = f"\n*{more} more lines.*\n" if more > 0 else ""
    where = f"{_plain(passage.path)}:{passage.start}-{passage.end}"
    body = "\n".join(lines)
    return f"\n`{where}`{why}\n{fence}\n{body}\n{fence}\n{end}"


def _plain(text: str) -> str:
    """``text`` on one line of Markdown, whatever a file's name holds."""
    return "".join(c if c.isprintable() and c != "`" else "?" for c in text)


def _covered(shown: Sequence[Passage], path: str, start: int, end: int = 0) -> bool:
    last = end or start
    return any(p.path == path and p.start <= start and last <= p.end for p in shown)
