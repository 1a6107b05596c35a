"""Choices that follow from a seed alone: no hash seed, no clock, no random module,
whose results differ between versions of Python."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def digest(*parts: object) -> str:
    """Hexadecimal, from the text of the parts."""
    joined = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def number(low: int, high: int, *parts: object) -> int:
    """From ``low`` to ``high``, both included."""
    return low + int(digest(*parts), 16) % (high - low + 1)


def one(items: Sequence[T], *parts: object) -> T:
    """One of the items."""
    return items[number(0, len(items) - 1, *parts)]


def shuffled(items: Iterable[T], seed: object, key: Callable[[T], str]) -> list[T]:
    """The items by the digest of their keys: one more item moves no other."""
    return sorted(items, key=lambda item: (digest(seed, key(item)), key(item)))


# Words of planted names: each could stand in any project's source.
_FIRST = tuple(
    "pending idle stale batch upstream deferred partial shadow primary nested spare "  # noqa: SIM905
    "rolling virtual sparse eager frozen remote staged bounded queued adaptive warm "
    "secondary transient".split()
)
_SECOND = tuple(
    "lease cursor digest socket ledger quota shard window replica ticket packet "  # noqa: SIM905
    "beacon journal bucket manifest channel segment cluster snapshot pipeline tunnel "
    "gateway worker session".split()
)
_THIRD = tuple(
    "limit budget delay span depth ceiling floor weight margin backlog stride "  # noqa: SIM905
    "horizon threshold capacity interval retention".split()
)

Words = tuple[str, str, str]


def words(*parts: object) -> Words:
    """A name of three words."""
    return (
        one(_FIRST, "first", *parts),
        one(_SECOND, "second", *parts),
        one(_THIRD, "third", *parts),
    )


def near(name: Words, count: int, *parts: object) -> list[Words]:
    """``count`` other names that share two of the three words, each once."""
    others = [
        *((w, name[1], name[2]) for w in _FIRST if w != name[0]),
        *((name[0], w, name[2]) for w in _SECOND if w != name[1]),
        *((name[0], name[1], w) for w in _THIRD if w != name[2]),
    ]
    return shuffled(others, parts, "_".join)[:count]


def values(count: int, low: int, high: int, *parts: object) -> list[int]:
    """Different numbers."""
    found: dict[int, None] = {}
    at = 0
    while len(found) < count:
        found[number(low, high, "value", at, *parts)] = None
        at += 1
    return list(found)


Style = Callable[[Words], str]


def screaming(name: Words) -> str:
    """``IDLE_LEASE_LIMIT``"""
    return "_".join(name).upper()


def snake(name: Words) -> str:
    """``idle_lease_limit``"""
    return "_".join(name)


def camel(name: Words) -> str:
    """``idleLeaseLimit``"""
    return name[0] + "".join(word.title() for word in name[1:])


def pascal(name: Words) -> str:
    """``IdleLeaseLimit``"""
    return "".join(word.title() for word in name)


def ends_like_a_name(word: str) -> bool:
    """Whether a planted name, in any style, could be this word."""
    return word.casefold().endswith(_THIRD)


def spellings(name: Words) -> tuple[str, str]:
    """A name in all styles, case aside."""
    return "_".join(name), "".join(name)
