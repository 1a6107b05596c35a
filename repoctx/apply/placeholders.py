"""Lines that stand for code left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARK = r"(?:#+|//+|/\*+|\*|--+|<!--|;+|%+|\{/\*|\{\{!--|\(\*|'|\"\"\"|rem\b)"
_DOTS = r"(?:\.{3,}|…)"
_WHAT = (
    r"(?:existing|rest|remaining|remainder|unchanged|omitted|previous|other|same|"
    r"original|unmodified|elided|skipped|truncated|snip(?:ped)?|above|below|more|"
    r"continues?|etc|your|code|as before|no changes?|goes here|stays?|remains?|"
    r"implementation|methods?|functions?|imports?|fields?|lines?|contents?|keep|kept)"
)
_BARE = re.compile(
    rf"\s*(?:{_MARK}\s*)?[\[(<{{]?\s*{_DOTS}\s*[\])>}}]?\s*(?:\*/\}}?|-->|\*\))?\s*"
)
_SPOKEN = re.compile(
    rf"\s*(?:{_MARK}\s*)?[\[(<{{]?\s*(?:{_DOTS}[^\w]*.*\b{_WHAT}\b.*|"
    rf"(?:\W*\b{_WHAT}\b.*){_DOTS}.*)\s*",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    rf"\s*{_MARK}\s*[\[(<]?\s*(?:(?:the\s+)?(?:rest|remainder) of (?:the )?"
    r"(?:file|code|class|function|method|module|implementation|content|document|body)s?|"
    r"(?:existing|remaining|unchanged|previous|other|original) "
    r"(?:code|methods?|functions?|imports?|content|lines?|implementation|fields?|tests?)"
    r"|(?:code|content|lines?|methods?|functions?|imports?) "
    r"(?:unchanged|omitted|remains?|stays?|elided)|unchanged|omitted|snip(?:ped)?)"
    r"\b[^=;{}()]*[\])>]?\s*(?:\*/\}?|-->|\*\))?\s*",
    re.IGNORECASE,
)
_BRACKETED = re.compile(
    rf"\s*[\[(<]\s*(?:{_DOTS}\s*)?(?:(?:the\s+)?{_WHAT})[\w ,'/-]*"
    rf"(?:{_DOTS})?\s*[\])>]\s*",
    re.IGNORECASE,
)


_HINT = re.compile(
    r"(?i)\b(?:rest|remainder|existing|remaining|unchanged|omitted|previous|other|"
    r"original|remains?|stays?|elided|snip)\b"
)


def elides(line: str) -> bool:
    """Whether the line may stand for others: dots alone, or a remark about the rest."""
    if len(line) > 200 or not line.strip():
        return False
    return bool(_BARE.fullmatch(line)) or speaks(line)


def speaks(line: str) -> bool:
    """Whether the line says in words that code was left out."""
    if len(line) > 200:
        return False
    low = line.strip()
    if not low:
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


def placeholders(
    lines: Sequence[str], known: Iterable[str], bare: bool = False
) -> list[str]:
    """The ``lines`` that stand for others and are none of the ``known`` lines.

    With ``bare`` also dots alone, where they are no code of their own.
    """
    have: set[str] | None = None
    found = []
    for n, line in enumerate(lines):
        if "..." not in line and "…" not in line and not _HINT.search(line):
            continue
        if speaks(line) or (bare and _BARE.fullmatch(line) and not _own(lines, n)):
            have = {text.strip() for text in known} if have is None else have
            if line.strip() not in have:
                found.append(line)
    return found


def _own(lines: Sequence[str], at: int) -> bool:
    """Whether dots alone are code: a Python body or parameter, a doctest's prompt."""
    before = next((lines[n] for n in range(at - 1, -1, -1) if lines[n].strip()), "")
    if lines[at].strip() != "...":
        return False
    return before.rstrip().endswith(
        (":", "(", ",", '"""')
    ) or before.lstrip().startswith((">>>", "..."))
