"""What a model server's refusal means, from its status and its words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from repoctx.errors import (
    AuthError,
    ContextOverflow,
    ProviderError,
    RepoctxError,
    UnknownModel,
)

_OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length"
    r"|context (?:size|length|window)|prompt is too long|too many tokens"
    r"|input token count \(\d+\) exceeds",
    re.IGNORECASE,
)
_BUSY = (408, 409, 425, 429)
"""Refusals that may be over soon, like every status from 500 on."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status (0: none, as within a stream), the decoded body, the headers, and
    who was asked for what. ``key`` is never shown."""

    status: int
    body: Any
    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)

    @property
    def words(self) -> str:
        """What the server says, on one short line without the key."""
        error = _inner(self.body)
        said = error.get("message") if isinstance(error, dict) else error
        text = said if isinstance(said, str) else ""
        if self.key:
            text = text.replace(self.key, "[key]")
        text = "".join(c if c.isprintable() else " " for c in text[:2000])
        return " ".join(text.split())[:200]


def _inner(body: Any) -> Any:
    if isinstance(body, dict) and "error" in body:
        return body["error"]
    return body


def error_of(refusal: Refusal) -> RepoctxError:
    """The error to raise: AuthError, ContextOverflow, UnknownModel or ProviderError."""
    status = refusal.status or _status_within(refusal.body)
    said = f": {refusal.words}" if refusal.words else ""
    if status in (401, 403):
        return AuthError(
            f"{refusal.url} refuses the key ({status}){said}; set REPOCTX_API_KEY"
        )
    if status in (0, 400, 413, 422, 500) and _overflows(refusal):
        return ContextOverflow(
            f"the prompt is longer than the model's window{said}; lower --budget"
        )
    if status == 404 and "model" in refusal.words.lower():
        return UnknownModel(f"{refusal.url} has no model {refusal.model!r}{said}")
    if status == 404:
        return ProviderError(
            f"{refusal.url} has no chat completions (404){said}; "
            "most servers want a base URL that ends in /v1"
        )
    if status == 429 and "insufficient_quota" in str(_inner(refusal.body))[:2000]:
        return ProviderError(f"{refusal.url}: the quota is used up{said}")
    return ProviderError(
        f"{refusal.url} answered {status or 'an error'}{said}",
        retryable=status in _BUSY or status >= 500 or status == 0,
        retry_after=_seconds(refusal.headers.get("retry-after", "")),
    )


def _overflows(refusal: Refusal) -> bool:
    error = _inner(refusal.body)
    fields = error if isinstance(error, dict) else {"message": error}
    told = (str(fields.get(name, ""))[:2000] for name in ("code", "type", "message"))
    return any(_OVERFLOW.search(text) for text in told)


def _status_within(body: Any) -> int:
    error = _inner(body)
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isdigit() and len(code) == 3:
        return int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 0


def _seconds(header: str) -> float | None:
    """A retry-after in seconds; a date is left to our own waits."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
