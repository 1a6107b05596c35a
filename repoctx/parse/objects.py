"""The JSON objects in an answer, whatever stands around them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

TRIES = 2000
"""Braces at which an object may begin that are tried; a bound on the work."""


def objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in ``text``; what is cut or broken is passed over."""
    decoder = json.JSONDecoder(strict=False)
    at = tries = 0
    while tries < TRIES and (at := text.find("{", at)) >= 0:
        tries += 1
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(value, dict):
            yield value
