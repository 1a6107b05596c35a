"""Families about one function: found by what it does, or copied out exactly."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from repoctx.probe.draw import shuffled
from repoctx.probe.ground import LARGE, Draft, Ground
from repoctx.probe.probes import Scoring
from repoctx.probe.score import copied
from repoctx.probe.sets import RARE, batches
from repoctx.probe.survey import mentions
from repoctx.probe.tongues import CALLABLE, GROUP_OF
from repoctx.values import SourceFile, Symbol

LEFT = 6
"""Words of a description that must be left when the name's are taken out."""
ALIKE = 0.4
"""Descriptions that share more of their words than this may be mistaken."""
SHORTEST, LONGEST = 20, 80
"""Lines of a function that is to be copied."""
_STARRED = frozenset(
    {"c", "c-sharp", "cpp", "java", "javascript", "kotlin", "php", "scala", "tsx"}
    | {"typescript"}
)
_INSIDE = frozenset({"python", "starlark"})
"""Languages in which a description stands within its function."""
SENTENCE = 6
"""Lines of a description's first sentence at most."""
BODIES = 12
"""Other functions of which the chance of a copy is taken."""

_WORD = re.compile(r"[A-Za-z][A-Za-z']*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_HIDDEN = "…"
_MADE = re.compile(r"\b(?:def|fn|func|fun|function|sub)\s+(?:\([^)]*\)\s*)?$")
"""What stands before the name of a function that the index may not see."""
_ASIDE = re.compile(
    r"https?:|TODO|FIXME|eslint|noqa|type:|@\w+|^\W*(?:note|example)\b", re.IGNORECASE
)
"""Comments that do not say what a function does."""


class Function(NamedTuple):
    """A function or method and its file."""

    file: SourceFile
    symbol: Symbol


def functions(ground: Ground) -> Iterator[Function]:
    """All of them, of every language, in files that parse."""
    for file in ground.material.files:
        outline = ground.material.outline(file.path)
        if outline.errors == 0 and file.path not in ground.material.twins:
            for symbol in outline.definitions:
                if symbol.kind in CALLABLE:
                    yield Function(file, symbol)


# --- description ----------------------------------------------------------------------


def hidden(doc: str, name: str) -> str:
    """A description without the words of the name, nor words that begin like them."""
    parts = [part.casefold() for part in _PART.findall(name) if len(part) > 1]

    def tells(word: str) -> bool:
        low = word.casefold()
        return any(_root(low) == _root(part) for part in parts)

    def replaced(match: re.Match[str]) -> str:
        return _HIDDEN if tells(match[0]) else match[0]

    return re.sub(rf"{_HIDDEN}(?:\s+{_HIDDEN})+", _HIDDEN, _WORD.sub(replaced, doc))


def _root(word: str) -> str:
    """What words of one root begin with: ``parses``, ``parsed``, ``parser``."""
    for ending in ("ations", "ation", "ings", "ing", "ies", "ers", "ors", "ed", "es"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word.rstrip("esyrot")[:6] or word


_COMMENT = re.compile(r"\s*(?://[/!]?|\*(?!/)|#+|--)\s?(.*)")
_CLOSING = re.compile(r"\s*(?:\*/|\"{3}|'{3}).*")
_NO_PROSE = re.compile(r"$|[@<>#*|=:+\-]|```|\w+:$")


def sentence(lines: Sequence[str], symbol: Symbol, lang: str) -> str:
    """The first sentence of a description, of which the index has the first line; empty
    for a comment that is not in the form of the language's documentation."""
    start = symbol.doc[:60]
    before = range(symbol.start - 2, max(-1, symbol.start - 60), -1)
    within = range(symbol.start - 1, min(len(lines), symbol.start + 40))
    # A neighbour's may begin with the same words: its own is the nearest.
    near_by = (*within, *before) if lang in _INSIDE else (*before, *within)
    at = next((n for n in near_by if start in lines[n]), -1)
    if at < 0 or not _documents(lines[at], symbol, lang):
        return ""
    told = [symbol.doc]
    marked = bool(_COMMENT.match(lines[at]) or lines[at].lstrip().startswith("/*"))
    open_ended = not _CLOSING.search(lines[at].partition(start)[2])
    for line in lines[at + 1 : at + SENTENCE]:
        if not open_ended or told[-1].endswith((".", "!", "?", ":")):
            break
        match = _COMMENT.match(line) if marked else re.match(r"\s*(.*)", line)
        bare = match[1] if match else ""
        open_ended = not _CLOSING.search(bare)
        bare = _CLOSING.sub("", bare).strip()
        if _NO_PROSE.match(bare):
            break
        told.append(bare)
    text = " ".join(" ".join(told).split())
    return re.split(r"(?<=\w[.!?])\s", text)[0]


def _documents(line: str, symbol: Symbol, lang: str) -> bool:
    if lang == "go":
        return symbol.doc.startswith(f"{symbol.name} ")
    if lang == "rust":
        return line.lstrip().startswith("///")
    if lang in _STARRED:
        return line.lstrip().startswith(("*", "/**", "///"))
    return True


def _telling(doc: str) -> frozenset[str]:
    return frozenset(w.casefold() for w in _WORD.findall(doc) if len(w) > 3)


def description(ground: Ground, count: int) -> Iterator[Draft]:
    """The function that a description is about, its name's words left out."""
    named: dict[str, int] = defaultdict(int)
    documented = []
    by_word: dict[str, list[frozenset[str]]] = defaultdict(list)
    total = 0
    for (_, name), same in ground.survey.defined.items():
        named[name.casefold()] += len(same)
    for one in functions(ground):
        if one.file.lang not in GROUP_OF:
            named[one.symbol.name.casefold()] += 1
        total += 1
        if one.symbol.doc:
            documented.append(one)
            words = _telling(one.symbol.doc)
            for word in words:
                by_word[word].append(words)
    drawn = [
        one
        for one in shuffled(documented, (ground.seed, "description"), _key)
        if one.file.size <= ground.room
        and named[one.symbol.name.casefold()] == 1
        and ground.survey.rare(one.symbol.name, RARE)
    ]
    found = 0
    for batch in batches(drawn, count):
        places = mentions(ground.survey, {one.symbol.name for one in batch})
        for file, symbol in batch:
            lines = ground.material.text(file.path).split("\n")
            told = hidden(sentence(lines, symbol, file.lang), symbol.name).strip()
            made = [h for h in places[symbol.name] if _MADE.search(h.before)]
            unread = {h.path for h in places[symbol.name]} & ground.survey.broken
            if len(made) > 1 or unread or not _tells(told, symbol, by_word):
                continue
            yield Draft(
                "Which function or method of this repository is described like this? "
                f"The words of its name are left out ({_HIDDEN}).\n\n    {told}\n\n"
                "Answer with its name alone, without its class or module.",
                (symbol.name,),
                Scoring.EXACT,
                (file.path,),
                chance=1 / total,
            )
            found += 1
            if found == count:
                return


def _key(one: Function) -> str:
    return f"{one.file.path}\0{one.symbol.name}\0{one.symbol.start}"


def _tells(told: str, symbol: Symbol, by_word: dict[str, list[frozenset[str]]]) -> bool:
    """Whether a description is about one function only, and does not name it."""
    name = symbol.name
    if len(name) < 4 or not re.fullmatch(r"[A-Za-z]\w*", name):
        return False
    if name.casefold() in told.casefold() or len(_WORD.findall(told)) < LEFT:
        return False
    if _ASIDE.search(told):
        return False
    left = _telling(told)
    if len(left) < LEFT // 2:
        return False
    others = {id(words): words for word in left for words in by_word[word]}
    own = _telling(symbol.doc)
    # Its own words are among those of all documented functions, once.
    alike = [words for words in others.values() if _alike(left & own, words)]
    return alike == [own] if _alike(left & own, own) else not alike


def _alike(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether two descriptions share so much that one may pass for the other."""
    return len(some & others) > ALIKE * len(some | others)


# --- copy -----------------------------------------------------------------------------


def copy(ground: Ground, count: int) -> Iterator[Draft]:
    """One function, to be written out exactly."""
    usable = [
        one
        for one in functions(ground)
        if SHORTEST <= one.symbol.end - one.symbol.start + 1 <= LONGEST
        and one.file.size <= min(LARGE, ground.room)
    ]
    drawn = shuffled(usable, (ground.seed, "copy"), _key)
    bodies: list[tuple[Function, str]] = []
    for one in drawn:
        if len(bodies) == count + BODIES:
            break
        if body := _body(ground, one):
            bodies.append((one, body))
    for (file, symbol), body in bodies[:count]:
        others = [b for o, b in bodies if o.symbol is not symbol][:BODIES]
        yield Draft(
            f"Write out the function or method `{symbol.name}` of `{file.path}` "
            "exactly as it stands there, every line of it with its comments, from the "
            "line with its name to its last one, in one fenced block and with nothing "
            "around it.",
            (body,),
            Scoring.TEXT,
            (file.path,),
            chance=_mean([copied(body, other) for other in others]),
        )


def _mean(found: Sequence[float]) -> float:
    return sum(found) / len(found) if found else 0.0


def _body(ground: Ground, one: Function) -> str:
    """A function's lines; empty when it is in doubt which they are, or what it is."""
    file, symbol = one
    outline = ground.material.outline(file.path)
    if sum(s.name == symbol.name for s in outline.definitions) != 1:
        return ""
    lines = ground.material.text(file.path).split("\n")
    body = lines[symbol.start - 1 : symbol.end]
    if not re.search(rf"(?<!\w){re.escape(symbol.name)}(?!\w)", body[0]):
        return ""
    if body[0].lstrip().startswith(("@", "#[")):
        return ""  # A decorator that happens to name it.
    if _remark(body[-1]) or _trails(lines, symbol):
        return ""  # Whether such a comment is its last line is a matter of taste.
    text = "\n".join(body)
    if "```" in text or "~~~" in text or "[redacted:" in text:
        return ""
    filled = [line.strip() for line in body if line.strip()]
    # Mostly braces, or one line over and over: copying it shows nothing.
    return text if len(set(filled)) >= 0.7 * len(filled) else ""


def _remark(line: str) -> bool:
    return line.lstrip().startswith(("#", "//"))


def _trails(lines: Sequence[str], symbol: Symbol) -> bool:
    """Whether a comment behind a function is indented as if it were its own."""
    after = next((line for line in lines[symbol.end :] if line.strip()), "")
    return _remark(after) and _depth(after) > _depth(lines[symbol.start - 1])


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
