"""Anthropic's models by Messages and the official SDK (extra ``anthropic``).

The repository's text lies in ``system`` blocks, which the question, a thinking mode or
a tool choice never invalidate. Few large blocks end at the prefix's marks; the best
four of them carry a breakpoint, the question never does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from typing import Any

from repoctx.errors import MissingExtra
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Turn, Usage

from .prompt import last_bytes, pieces
from .sdk import Asked, calling, need_key, number

URL = "https://api.anthropic.com"
MARKS = 4
"""Breakpoints that a request may have."""
HOUR = 3600

_STOPS = {
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "pause_turn": Stop.CONTINUE,
    "refusal": Stop.REFUSAL,
}

_CHANGED = {
    "model_changed": "the model changed",
    "system_changed": "the repository's text changed",
    "tools_changed": "the tools changed",
    "messages_changed": "an earlier message changed",
}


def provider(endpoint: Endpoint) -> Anthropic:
    """The factory that the entry point names."""
    return Anthropic(endpoint)


class Anthropic:
    """Messages at Anthropic, or at the base URL that its SDK's variable names."""

    name = "anthropic"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = replace(endpoint, base_url=endpoint.base_url or URL)

    def prepare(self) -> None:
        """Import the SDK. Raises MissingExtra."""
        _sdk()

    def models(self) -> Sequence[str]:
        """What the account may ask. Raises as `stream` does."""
        asked = self._asked("")
        with self._client(asked, 10.0) as client:
            return tuple(sorted(str(row.id) for row in client.models.list(limit=1000)))

    def capabilities(self, model: str) -> Capabilities:
        """What holds for any model; the limits of those that are known come on top."""
        window = self._endpoint.window or 200_000
        return Capabilities(
            window, 8192, "marks", MARKS, look_back=20, minimum=4096, ttls=(300, HOUR)
        )

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield the answer as it comes.

        The last delta has the usage, the reason of the end and, in ``raw``, the content
        blocks (thinking too), which later turns give back unchanged. Raises AuthError,
        ContextOverflow, UnknownModel, ProviderError or MissingExtra.
        """
        asked = self._asked(request.model)
        fields = {
            **self._fields(request),
            "max_tokens": request.max_output,
            # A fingerprint is kept, also where there is nothing to compare with yet.
            "diagnostics": {"previous_message_id": request.previous or None},
        }
        with self._client(asked, self._endpoint.timeout) as client:
            stream = client.messages.create(**fields, stream=True)
            with closing(stream):
                yield from _Message().deltas(stream)

    def prewarm(self, request: Request) -> Usage:
        """Write the prefix into the cache without an answer."""
        asked = self._asked(request.model)
        fields = self._fields(request)
        with self._client(asked, self._endpoint.timeout) as client:
            done = client.messages.create(**fields, max_tokens=0, stream=False)
            return _usage(Usage(), done.usage)

    def count(self, request: Request) -> int:
        """Input tokens of the whole request, counted by Anthropic."""
        asked = self._asked(request.model)
        fields = self._fields(request)
        with self._client(asked, 60.0) as client:
            return number(client.messages.count_tokens(**fields).input_tokens)

    def _asked(self, model: str) -> Asked:
        asked = Asked(self._endpoint, model, "ANTHROPIC_API_KEY")
        need_key(asked)
        return asked

    def _client(self, asked: Asked, timeout: float) -> AbstractContextManager[Any]:
        sdk = _sdk()
        return calling(sdk, sdk.Anthropic, asked, timeout)

    def _fields(self, request: Request) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "model": request.model,
            "system": _system(request),
            "messages": _messages(request),
        }
        if self._endpoint.effort:
            fields["output_config"] = {"effort": self._endpoint.effort}
        return fields


def _sdk() -> Any:
    try:
        import anthropic
    except ImportError:
        raise MissingExtra("the provider anthropic", "anthropic") from None
    return anthropic


def _breakpoint(request: Request) -> dict[str, Any]:
    ttl = "1h" if request.ttl >= HOUR else "5m"
    return {"cache_control": {"type": "ephemeral", "ttl": ttl}}


def _system(request: Request) -> list[dict[str, Any]]:
    mark = _breakpoint(request)
    most = MARKS - bool(request.turns)
    return [
        {"type": "text", "text": piece.text} | (mark if piece.marked else {})
        for piece in pieces(request.prefix, most)
    ]


def _messages(request: Request) -> list[dict[str, Any]]:
    """The question, then the later turns.

    A conversation gets one more breakpoint, before its last two turns: all that
    stands before them was sent already and is sent again.
    """
    question = last_bytes(request).decode("utf-8", "replace")
    turns = [Turn("user", question), *request.turns]
    found: list[dict[str, Any]] = [
        {"role": turn.role, "content": _content(turn)} for turn in turns
    ]
    asked = [message for message in found if message["role"] == "user"]
    if len(asked) > 1:
        asked[-2]["content"][-1] |= _breakpoint(request)
    return found


def _content(turn: Turn) -> list[dict[str, Any]]:
    if turn.role == "assistant" and isinstance(turn.raw, list) and turn.raw:
        return turn.raw
    return [{"type": "text", "text": turn.text}]


class _Message:
    """One answer, as its events come."""

    def __init__(self) -> None:
        self._id = ""
        self._reason = ""
        self._usage = Usage()
        self._miss: Any = None
        self._blocks: list[dict[str, Any]] = []
        self._parts: list[str] = []

    def deltas(self, stream: Any) -> Iterator[Delta]:
        """The stream's events as deltas; the last one only after ``message_stop``."""
        for event in stream:
            if event.type == "message_start":
                self._id = str(event.message.id)
                self._miss = event.message.diagnostics
                self._usage = _usage(self._usage, event.message.usage)
                yield Delta(usage=self._usage)  # It is billed, whatever comes of it.
            elif event.type == "content_block_start":
                self._blocks.append(event.content_block.model_dump(exclude_none=True))
                self._parts = []
            elif event.type == "content_block_delta":
                text = self._more(event.delta)
                if text:
                    yield Delta(text)
            elif event.type == "content_block_stop":
                self._close()
            elif event.type == "message_delta":
                self._reason = str(event.delta.stop_reason or "")
                self._usage = _usage(self._usage, event.usage)
            elif event.type == "message_stop" and self._reason:
                yield self._end()

    def _more(self, delta: Any) -> str:
        if delta.type == "text_delta":
            self._parts.append(delta.text)
            return str(delta.text)
        if delta.type == "thinking_delta":
            self._parts.append(delta.thinking)
        elif delta.type == "signature_delta":
            self._blocks[-1]["signature"] = delta.signature
        return ""

    def _close(self) -> None:
        block = self._blocks[-1]
        if block.get("type") in ("text", "thinking"):
            name = str(block["type"])
            block[name] = block.get(name, "") + "".join(self._parts)

    def _end(self) -> Delta:
        # An empty text is refused when it is sent back.
        kept = [b for b in self._blocks if b.get("type") != "text" or b.get("text")]
        return Delta(
            usage=self._usage,
            stop=_STOPS.get(self._reason, Stop.END),
            raw=kept,
            miss=_line(self._miss, self._usage),
            id=self._id,
        )


def _usage(before: Usage, told: Any) -> Usage:
    """Anthropic counts the uncached remainder; ours is the total. What an event leaves
    out stays as it was."""
    names = ("cache_read_input_tokens", "cache_creation_input_tokens", "input_tokens")
    found = [getattr(told, name, None) for name in names]
    old = (before.cached, before.cache_write, before.input)
    old = (*old[:2], old[2] - old[0] - old[1])
    cached, written, rest = (
        was if now is None else number(now) for was, now in zip(old, found, strict=True)
    )
    return Usage(
        input=cached + written + rest,
        cached=cached,
        cache_write=written,
        output=number(getattr(told, "output_tokens", 0)) or before.output,
    )


def _line(diagnostics: Any, usage: Usage) -> str:
    """One line on why the cache served less than the last request left there."""
    reason = getattr(diagnostics, "cache_miss_reason", None)
    kind = str(getattr(reason, "type", ""))
    lost = number(getattr(reason, "cache_missed_input_tokens", 0))
    # Another question is another message: nothing was missed by that.
    if kind not in _CHANGED or (kind == "messages_changed" and usage.cached):
        return ""
    return f"Anthropic's cache: {_CHANGED[kind]} (~{lost:,} tokens missed)"
