"""How the value of one key is read: from a file's TOML, or loosely from text.

Every reader takes ``(value, loose)`` and returns the typed value. It raises ValueError
with what was expected, in words that follow "must be".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_NUMBER = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*([kmg]?)b?")
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def line(value: Any, _loose: bool) -> str:
    """One line of printable text, without white space around it."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("a line of text")
    return value.strip()


def revision(value: Any, loose: bool) -> str:
    """A commit's name; never something that git could take for an option."""
    text = line(value, loose)
    if text.startswith("-"):
        raise ValueError("a commit, not an option")
    return text


def url(value: Any, loose: bool) -> str:
    """A URL without credentials and without a slash at its end."""
    text = line(value, loose)
    if not text:
        return text
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise ValueError("a URL without a user name or password (use api_key_env)")
    known = parts.scheme in ("http", "https", "file")
    if not known or not (parts.netloc or parts.path):
        raise ValueError("a URL such as http://127.0.0.1:8080/v1")
    return text.rstrip("/")


def variable(value: Any, loose: bool) -> str:
    """The name of an environment variable."""
    text = line(value, loose)
    if text and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError("the name of an environment variable")
    return text


def patterns(value: Any, loose: bool) -> tuple[str, ...]:
    """A list; each of its texts may hold several patterns between commas."""
    given = [value] if loose and isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise ValueError("a list of patterns")
    if not all(isinstance(v, str) for v in given):
        raise ValueError("a list of patterns")
    parts = (part.strip() for v in given for part in v.split(","))
    return tuple(part for part in parts if part)


def amount(value: Any, _loose: bool) -> int:
    """A number of tokens or bytes; ``k``, ``m`` and ``g`` are powers of 1,000."""
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip().lower()) if len(value) < 30 else None
        if match:
            return int(float(match[1].replace("_", "")) * _UNITS[match[2]])
    elif isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("a number such as 200000, 128k or 1m")


def decimal(value: Any, loose: bool) -> float:
    """A finite number, 0 or more."""
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str) and loose:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
    if not math.isfinite(number) or number < 0:
        raise ValueError("a number, 0 or more")
    return number


def flag(value: Any, loose: bool) -> bool:
    """True or false; in text also yes, no, on, off, 1, 0."""
    if isinstance(value, bool):
        return value
    if loose and str(value).lower() in (*_TRUE, *_FALSE):
        return str(value).lower() in _TRUE
    raise ValueError("true or false")


def path(value: Any, loose: bool) -> Path | None:
    """A path, ``~`` expanded; None for an empty text."""
    if isinstance(value, Path):
        return value
    text = line(value, loose)
    return Path(text).expanduser() if text else None


def one_of(*choices: str) -> Callable[[Any, bool], str]:
    """A reader of one of these words; an empty one among them is not spelled out."""

    def parse(value: Any, _loose: bool) -> str:
        if value not in choices:
            known = ", ".join(filter(None, choices))
            raise ValueError(f"one of {known}{meant(value, choices)}")
        return str(value)

    return parse


def meant(word: object, choices: tuple[str, ...], cutoff: float = 0.6) -> str:
    """The words `` (did you mean 'x'?)``, or nothing when no choice is near."""
    from difflib import get_close_matches

    near = get_close_matches(str(word)[:60], choices, n=1, cutoff=cutoff)
    return f" (did you mean {near[0]!r}?)" if near else ""
