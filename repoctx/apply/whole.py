"""Whole files: what says that one was cut, or is only a part."""

from __future__ import annotations

from repoctx.apply.splice import Refused
from repoctx.values import Block


def lines_of(text: str) -> list[str]:
    """The lines of a whole file as it was sent."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def unbroken(block: Block, old: list[str], new: list[str]) -> None:
    """Raise Refused when what follows a whole file's fence is a part of the file."""
    have, kept = set(old), set(new)
    for line in block.after:
        if len(line.strip()) > 3 and line in have and line not in kept:
            raise Refused("malformed", "a fence inside closes the file's own")


def shrunk(block: Block, old: list[str], new: list[str]) -> tuple[str, ...]:
    """A warning for a whole file that lost more than half.

    Raises Refused for what looks like a part of the file: where only prose calls it the
    file and a third is lost, or where more than half is lost with both ends and most of
    what is left was there before.
    """
    size = sum(bool(line.strip()) for line in old)
    have = {line.strip() for line in new}
    kept = [line.strip() in have for line in old if line.strip()]
    if not block.sure and sum(kept) * 3 < size * 2 and len(new) < len(old):
        raise Refused("shrinks")
    if len(new) * 2 >= len(old) or size < 8:
        return ()
    there = {line.strip() for line in old}
    quoted = [line.strip() in there for line in new if line.strip()]
    if not kept[0] and not kept[-1] and sum(quoted) * 2 > len(quoted):
        raise Refused("shrinks")
    return ("more than half of the file goes",)
