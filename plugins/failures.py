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
    r"|input token count \(\d+\) exceeds|maximum model length"
    r"|tokens \+ `max_new_tokens` must be",
    re.IGNORECASE,
)
_OUT_OF_MONEY = re.compile(
    r"insufficient_quota|billing_error|credit balance|spend_limit", re.IGNORECASE
)
_STATUS = {
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Statuses by the names of failures, for those that come within a stream."""

_BUSY = (408, 409, 425, 429)
"""Refusals that may be over soon, like every status from 500 on."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status (0: none, as within a stream), the decoded body, the headers, and
    who was asked for what. ``key`` is never shown; ``variable`` is where it comes from.
    """

    status: int
    body: Any
    url: str
    model: str
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)
    variable: str = "REPOCTX_API_KEY"

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
            f"{refusal.url} refuses the key ({status}){said}; set {refusal.variable}"
        )
    if _OUT_OF_MONEY.search(_told(refusal)) or status == 402:
        return ProviderError(f"{refusal.url}: the quota is used up{said}")
    if status == 413 or (status in (0, 400, 422, 500) and _overflows(refusal)):
        return ContextOverflow(
            f"the prompt is longer than the model's window{said}; lower --budget"
        )
    if status == 404 and "model" in refusal.words.lower():
        return UnknownModel(f"{refusal.url} has no model {refusal.model!r}{said}")
    if status == 404:
        return ProviderError(
            f"{refusal.url} has no such path (404){said}; "
            "most servers want a base URL that ends in /v1"
        )
    return ProviderError(
        f"{refusal.url} answered {status or 'an error'}{said}",
        retryable=status in _BUSY or status >= 500 or status == 0,
        retry_after=_seconds(refusal.headers.get("retry-after", "")),
    )


def _overflows(refusal: Refusal) -> bool:
    return bool(_OVERFLOW.search(_told(refusal)))


def _told(refusal: Refusal) -> str:
    """What the body says in the fields that name a failure."""
    error = _inner(refusal.body)
    fields = error if isinstance(error, dict) else {"message": error}
    return "\n".join(str(fields.get(n, ""))[:2000] for n in ("code", "type", "message"))


def _status_within(body: Any) -> int:
    """The status that a failure within a stream would have had; 0: not known."""
    error = _inner(body)
    if not isinstance(error, dict):
        return 0
    code = error.get("code")
    if isinstance(code, str) and code.isdigit() and len(code) == 3:
        return int(code)
    if isinstance(code, int) and 400 <= code < 600:
        return code
    return _STATUS.get(str(code), _STATUS.get(str(error.get("type")), 0))


def _seconds(header: str) -> float | None:
    """A retry-after in seconds; a date is left to our own waits."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
