"""How much of a probe's truth an answer holds, 0 to 1, whatever form it comes in.

Models put backticks, bullets, numbers, fences, a sentence or a label around what was
asked for. All of that is taken off; what is left must be the truth, and a right item
among wrong ones is worth less or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from difflib import SequenceMatcher

from repoctx.probe.probes import Applied, Probe, Scoring

_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.S | re.I)
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$", re.M)
_LABEL = re.compile(
    r"^\W*(?:the\s+)?(?:final\s+)?(?:answers?|result|value|output)\b(?:\s+(?:is|are))?"
    r"[*_`]*\s*[:=][*_]*[ \t]*",
    re.I,
)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\(?\d{1,3}[.)])\s+")
_COMMA = re.compile(r"(?:,|;|\s(?:and|&)\s)(?![^()]*\))")
_CODE = re.compile(r"`+([^`]+)`+")
_PLACE = re.compile(r":\d+(?:[-:]\d+)*$")
_LINE_WORDS = re.compile(r"\s*[,(:]?\s*\b(?:at\s+)?lines?\s+\d+.*$", re.I)
_CALLED = re.compile(r"\([^()]*\)$")
_PAIR = re.compile(r"^(\w+)\s*(?:=>|->|→|:=|[=:|]|\bis\b)\s*(.+)$")
_MEMBER = re.compile(r"^(.*?\.\w+)(?:::|:|#|\s+[-–—]\s+|\s*[|>]\s*|\s+)(.+)$")
_NUMBER = re.compile(r"(?<![\w.])\d+(?!\w|\.\w)")
_THOUSANDS = re.compile(r"(?<=\d)[,_](?=\d{3}(?!\w))")
_WRAPS = "*_\"'“”‘’`"


def score(probe: Probe, answer: str, applied: Applied | None = None) -> float:
    """The share of ``probe.truth`` that ``answer`` holds, lowered by what is wrong.

    ``applied`` is needed for `Scoring.TREE` only: what the answer's edits make of the
    tree with the probe's plants.
    """
    text = _THOUGHT.sub("", answer.replace("\r\n", "\n"))
    if probe.scoring is Scoring.EXACT:
        return _exact(probe, text)
    if probe.scoring is Scoring.SET:
        return _f1(frozenset(probe.truth), items(probe, text))
    if probe.scoring is Scoring.TEXT:
        return copied(probe.truth[0], text)
    if applied is None:
        raise ValueError("an edit probe is scored by the tree that results")
    return _f1(
        frozenset(probe.truth),
        frozenset(f"{path}\n{text or ''}" for path, text in applied(text).items()),
    )


def _f1(truth: frozenset[str], given: frozenset[str]) -> float:
    if not truth or not given:
        return 0.0
    return 2 * len(truth & given) / (len(truth) + len(given))


# --- one item -----------------------------------------------------------------------


def _exact(probe: Probe, text: str) -> float:
    """1 when the one thing that is answered is the truth, else 0.

    A line labelled as the answer decides. Without one, what is left may be a sentence
    around the truth, but hold no other answer: none that is known to be wrong, and no
    other number, or nothing else in backticks that could be a name.
    """
    truth = probe.truth[0]
    whole = _FENCE.sub("", text)
    lines = [_BULLET.sub("", x).strip() for x in whole.split("\n") if x.strip()]
    labelled = [(n, _LABEL.sub("", x)) for n, x in enumerate(lines) if _LABEL.match(x)]
    if labelled:
        at, rest = labelled[-1]
        lines = [rest] if rest.strip(_WRAPS + " ") else lines[at + 1 : at + 2]
    whole = _THOUSANDS.sub("", "\n".join(lines))
    if any(holds(whole, rival) for rival in (*probe.wrong, *probe.superseded)):
        return 0.0
    if truth.isdigit():
        return float(set(_NUMBER.findall(whole)) == {truth})
    return float(truth in _named(lines))


def _named(lines: Sequence[str]) -> list[str]:
    """The one name that an answer gives; none when it gives several, or hides it."""
    if not lines:
        return []
    spans = [_last(_bare(s)) for s in _CODE.findall("\n".join(lines)) if "/" not in s]
    if len(set(spans)) > 1:
        return []
    prose = all(len(line.split()) > 3 for line in lines[1:])
    first = _bare(lines[0])
    if prose and not re.search(r"\s", first):
        return [_last(first)]
    if spans:
        return spans[:1]
    tail = re.search(r"(?:\bis|:|=)\s+(\S+)$", lines[0]) if len(lines) == 1 else None
    return [_last(_bare(tail[1]))] if tail else []


def _last(name: str) -> str:
    """A name without its class or module."""
    return re.split(r"::|[.#]", name)[-1]


def holds(text: str, item: str) -> bool:
    """Whether an item stands in a text as a whole, not as a part of another."""
    return bool(re.search(rf"(?<![\w.]){re.escape(item)}(?!\w|\.\w)", text))


def _bare(line: str) -> str:
    """A line without what models put around an item."""
    text = _BULLET.sub("", line).strip()
    code = _CODE.fullmatch(text.rstrip(".,;:!"))
    text = code[1] if code else text
    text = text.strip(" \t" + _WRAPS).rstrip(".,;:!").strip(" \t" + _WRAPS)
    return _CALLED.sub("", text)


# --- a set --------------------------------------------------------------------------


def items(probe: Probe, text: str) -> frozenset[str]:
    """The items that an answer lists, in the form of the probe's truth.

    What the question itself names is no item: it tells nothing.
    """
    form = _form(probe.truth)
    spaced = any(" " in item for item in probe.truth)
    found = set()
    for piece in _pieces(text):
        item = form(piece)
        if not item or (" " in item and not spaced):
            continue
        if not holds(probe.question, item):
            found.add(item)
    return frozenset(found)


def _pieces(text: str) -> Iterator[str]:
    """What stands between line ends and commas."""
    for line in _FENCE.sub("", text).split("\n"):
        body = _BULLET.sub("", _LABEL.sub("", line)).strip()
        if not body or (body.endswith(":") and " " in body):
            continue
        for piece in _COMMA.split(body):
            if piece.strip():
                yield piece.strip()


def _form(truth: Sequence[str]) -> Callable[[str], str]:
    """How a piece is read, by what the truth looks like."""
    if all("::" in item for item in truth):
        return _member
    if all(re.fullmatch(r"\w+=\S+", item) for item in truth):
        return _pair
    return _name


def _pair(piece: str) -> str:
    """``NAME=VALUE`` out of ``NAME: VALUE``, ``| NAME | VALUE |`` and the like."""
    text = re.sub(r"[`*\"']", "", piece).strip("| .")
    match = _PAIR.match(text)
    return f"{match[1]}={match[2].strip(' .')}" if match else ""


def _member(piece: str) -> str:
    """``path::name`` out of a path and a name that may be qualified or called."""
    text = re.sub(r"[`*\"']", "", piece).strip("| .").removeprefix("./")
    text = re.sub(r":\d+(?:-\d+)?(?=$|::|[:\s])", "", text)
    match = _MEMBER.match(text)
    if not match:
        return ""
    name = re.split(r"[\s(]", match[2].strip(": "))[0]
    return f"{match[1]}::{re.split(r'::|[.#]', name)[-1]}"


def _name(piece: str) -> str:
    """A path, a name or a value: the first thing in backticks, else the first word
    before an explanation."""
    code = _CODE.search(piece)
    text = code[1] if code else re.split(r"\s+[-–—(]|:\s", piece)[0]
    text = _LINE_WORDS.sub("", text).strip(" \t|" + _WRAPS).rstrip(".,;:!")
    text = text.strip(_WRAPS).removeprefix("./")
    return _CALLED.sub("", _PLACE.sub("", text))


# --- a copy -------------------------------------------------------------------------


def copied(truth: str, answer: str) -> float:
    """2 x common lines / all lines, in order, blank lines and common indentation
    aside. Of several fenced blocks the best one counts when it is the only long one."""
    blocks = _blocks(answer)
    want = _lines(truth)
    return max((_similar(want, _lines(block)) for block in blocks), default=0.0)


def _blocks(answer: str) -> Collection[str]:
    """The fenced block with the most lines, or the whole answer when none is."""
    parts = _FENCE.split(answer)
    fenced = [body.strip("\n") for body in parts[2::4]]
    return [max(fenced, key=lambda body: body.count("\n"))] if fenced else [answer]


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    cut = min(indents, default=0)
    return [line[cut:] for line in lines]


def _similar(want: Sequence[str], given: Sequence[str]) -> float:
    if not want or not given:
        return 0.0
    return SequenceMatcher(None, want, given, autojunk=False).ratio()
