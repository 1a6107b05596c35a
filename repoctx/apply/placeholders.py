"""Lines that stand for code left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARK = r"(?:#+|//+|/\*+|\*|--+|<!--|;+|%+|\{/\*|\{\{!--|\(\*|'|\"\"\"|rem\b)"
_DOTS = r"(?:\.{3,}|…)"
_WHAT = (
    r"(?:(?:the |all |your |keep |keeping )*(?:existing|rest|remaining|remainder|"
    r"unchanged|"
    r"omitted|previous|same|original|unmodified|elided|truncated|snip(?:ped)?|"
    r"as before|"
    r"no changes?|(?:other|more) (?:code|methods?|functions?|imports?|fields?|tests?|"
    r"cases?|content|lines?|implementations?)))"
)
_BARE = re.compile(
    rf"\s*(?:{_MARK}\s*)?[\[(<{{]?\s*{_DOTS}\s*[\])>}}]?\s*(?:\*/\}}?|-->|\*\))?\s*"
)
_SPOKEN = re.compile(
    rf"\s*(?:{_MARK}\s*)?[\[(<{{]*\s*(?:{_DOTS}\W*{_WHAT}\b.*|{_WHAT}\b.*{_DOTS}\W*)\s*",
    re.IGNORECASE,
)
_ENDS = (
    r"(?:\s+(?:code|here|the|same|as|is|are|was|were|be|before|above|below|unchanged|remains?|"
    r"stays?|omitted|goes|continues?|follows?|for|brevity|it|in|this|file|class|"
    r"function|method|content|not|shown|unmodified|elided|original))*"
)
_PLAIN = re.compile(
    rf"\s*{_MARK}\s*[\[(<]?\s*(?:(?:the\s+)?(?:rest|remainder) of (?:the )?"
    r"(?:file|code|class|function|method|module|implementation|content|document|body)s?|"
    r"(?:existing|remaining|unchanged|previous|other|original) "
    r"(?:code|methods?|functions?|imports?|content|lines?|implementation|fields?|tests?)"
    r"|(?:code|content|lines?|methods?|functions?|imports?) "
    r"(?:unchanged|omitted|remains?|stays?|elided)|unchanged|omitted|snip(?:ped)?)"
    rf"{_ENDS}[\])>]?\s*(?:\*/\}}?|-->|\*\))?\s*",
    re.IGNORECASE,
)
_BRACKETED = re.compile(
    rf"\s*[\[(<]\s*(?:{_DOTS}\s*)?(?:(?:the\s+)?{_WHAT})[\w ,'/-]*"
    rf"(?:{_DOTS})?\s*[\])>]\s*",
    re.IGNORECASE,
)


_FIRST = frozenset("#/*-<;%{(['\".…")
"""What a remark that says so begins with."""


def elides(line: str) -> bool:
    """Whether the line may stand for others: dots alone, or a remark about the rest."""
    if len(line) > 200 or not line.strip():
        return False
    dots = "..." in line or "…" in line
    return (dots and bool(_BARE.fullmatch(line))) or speaks(line)


def speaks(line: str) -> bool:
    """Whether the line says in words that code was left out."""
    if len(line) > 200:
        return False
    low = line.strip()
    if low[:1] not in _FIRST and low[:3].lower() != "rem":
        return False
    if ("..." in low or "…" in low) and _SPOKEN.fullmatch(line):
        return _is_remark(low)
    return bool(_PLAIN.fullmatch(line)) or (
        low[0] in "[(<" and "..." in low and bool(_BRACKETED.fullmatch(line))
    )


def _is_remark(line: str) -> bool:
    """A comment or nothing but words: not a call, a string or an assignment."""
    if re.match(_MARK, line, re.IGNORECASE) or line[0] in "[(<.…":
        return not re.search(r"[=;{}]|\w\(", line.strip("{}"))
    return False


def placeholders(lines: Sequence[str], known: Iterable[str]) -> list[str]:
    """The ``lines`` that say they stand for others, and are none of the ``known``."""
    found = [line for line in lines if speaks(line)]
    if not found:
        return found
    have = {line.strip() for line in known}
    return [line for line in found if line.strip() not in have]


def dotted(lines: Sequence[str], size: int) -> str:
    """The first of the ``lines``, put in the place of ``size`` others, that is dots
    alone and may stand for them; empty for none."""
    if len(lines) > size:
        return ""
    dots = (x for x in lines if ("..." in x or "…" in x) and _BARE.fullmatch(x))
    # Deep inside a comment dots belong to an example.
    return next((x for x in dots if not re.search(r"\S(?:\s{2}|\t)", x.strip())), "")


def stubs(lines: Sequence[str], path: str) -> str:
    """The first line of a new file that is dots alone and no code; empty for none."""
    plain = path.endswith((".py", ".pyi", ".pyx", ".md", ".mdx", ".rst", ".txt"))
    for line in lines:
        if "..." in line and _BARE.fullmatch(line):
            text = line.strip()
            if text.strip(" .") or not plain:
                return text
    return ""
