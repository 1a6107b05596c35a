"""OpenAI's own models, by the official SDK (extra ``openai``).

From gpt-5.6 on by the Responses API: without an explicit breakpoint such a model's
cache serves nothing of "same repository, another question", so one stands at the end of
the base and one at each further mark of the prefix, under a key that stays the same
as long as the base does. Older models are asked by Chat Completions and find a common
prefix by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from repoctx.errors import RepoctxError
from repoctx.values import (
    Capabilities,
    Delta,
    Endpoint,
    Request,
    SegmentKind,
    Stop,
    Usage,
)

from .compatible import chunks, client, messages, said, sdk, usage_of, ways
from .prompt import last_bytes, pieces, prefix_bytes
from .sdk import Asked, need_key, number, refused

URL = "https://api.openai.com/v1"
EXPLICIT = re.compile(r"gpt-(5[.-][6-9]|[6-9])", re.IGNORECASE)
"""Models that want explicit breakpoints."""
MARKS = 4
"""Breakpoints that a request can write. More would be read, but only the latest would
be written, and the end of the base is the first of all."""
LONG = 43_200
"""Seconds of the longer of the two lifetimes."""
EXTRA = "openai"

_STOPS = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.FILTER}


def provider(endpoint: Endpoint) -> OpenAI:
    """The factory that the entry point names."""
    return OpenAI(endpoint)


class OpenAI:
    """Responses, or Chat Completions for a model that knows no explicit breakpoint."""

    name = "openai"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = replace(endpoint, base_url=endpoint.base_url or URL)

    def prepare(self) -> None:
        """Import the SDK. Raises MissingExtra."""
        sdk(EXTRA)

    def models(self) -> Sequence[str]:
        """What the account may ask. Raises as `stream` does."""
        asked = self._asked("")
        with client(asked, 10.0, EXTRA) as server:
            return tuple(sorted(str(model.id) for model in server.models.list()))

    def capabilities(self, model: str) -> Capabilities:
        """What holds for any model; the limits of those that are known come on top."""
        window = self._endpoint.window or 128_000
        if EXPLICIT.match(model):
            return Capabilities(window, 16_384, "marks", MARKS, minimum=1024)
        return Capabilities(window, 16_384, "automatic", minimum=1024)

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield the answer as it comes.

        The last delta has the usage, the reason of the end and, in ``raw``, the output
        items, which later turns give back. Raises AuthError, ContextOverflow,
        UnknownModel, ProviderError or MissingExtra.
        """
        if EXPLICIT.match(request.model):
            yield from self._responses(request)
        else:
            yield from self._chat(request)

    def prewarm(self, request: Request) -> Usage:
        """Write the prefix into the cache; an older model's is left as it is."""
        if not EXPLICIT.match(request.model):
            return Usage()
        asked = self._asked(request.model)
        fields = self._fields(request)
        fields["prompt_cache_options"]["prewarm"] = True
        with client(asked, self._endpoint.timeout, EXTRA) as server:
            done = server.responses.create(**fields, stream=False)
        return _usage(done.usage)

    def count(self, request: Request) -> int:
        """Input tokens of the whole request, counted by OpenAI."""
        asked = self._asked(request.model)
        fields = {"model": request.model, "input": _input(request)}
        with client(asked, 60.0, EXTRA) as server:
            return number(server.responses.input_tokens.count(**fields).input_tokens)

    def _asked(self, model: str) -> Asked:
        asked = Asked(self._endpoint, model, "OPENAI_API_KEY")
        need_key(asked)
        return asked

    def _responses(self, request: Request) -> Iterator[Delta]:
        asked = self._asked(request.model)
        fields = self._fields(request)
        with client(asked, self._endpoint.timeout, EXTRA) as server:
            stream = server.responses.create(
                **fields, stream=True, stream_options={"include_obfuscation": False}
            )
            with closing(stream):
                yield from _deltas(stream, asked)

    def _fields(self, request: Request) -> dict[str, Any]:
        ttl = "12h" if request.ttl >= LONG else "30m"
        options: dict[str, Any] = {"mode": "explicit", "ttl": ttl}
        if request.previous:
            options["comparison_response_id"] = request.previous
        fields: dict[str, Any] = {
            "model": request.model,
            "input": _input(request),
            "max_output_tokens": request.max_output,
            # What is sent is a private repository: nothing of it is kept for later.
            "store": False,
            "prompt_cache_key": cache_key(request),
            "prompt_cache_options": options,
        }
        if self._endpoint.effort:
            fields["reasoning"] = {"effort": self._endpoint.effort}
        if self._endpoint.verbosity:
            fields["text"] = {"verbosity": self._endpoint.verbosity}
        return fields

    def _chat(self, request: Request) -> Iterator[Delta]:
        prefix, last = prefix_bytes(request.prefix), last_bytes(request)
        fields = {
            "model": request.model,
            "messages": messages(request, prefix, last),
            "max_completion_tokens": request.max_output,
            "store": False,
            "prompt_cache_key": cache_key(request),
            **ways(self._endpoint),
        }
        usage, stop = Usage(), None
        asked = self._asked(request.model)
        for chunk in chunks(asked, self._endpoint.timeout, fields, EXTRA):
            usage = usage_of(chunk, False) or usage
            text, end = said(chunk)
            if text:
                yield Delta(text)
            stop = stop if stop is Stop.REFUSAL else end or stop
        yield Delta(usage=usage, stop=stop)


def cache_key(request: Request) -> str:
    """What sends all requests over one base to the same machines, and others apart."""
    bases = [s for s in request.prefix.segments if s.kind is SegmentKind.BASE]
    return f"repoctx-{(bases[0].digest if bases else request.prefix.digest)[:40]}"


def _input(request: Request) -> list[dict[str, Any]]:
    """The prefix in blocks with breakpoints, the question, then the later turns.

    A conversation has breakpoints after the last two messages that were sent before:
    the one reads what the last request wrote, the other writes for the next.
    """
    items = [_user(_decoded(last_bytes(request)))]
    for turn in request.turns:
        if turn.role == "user":
            items.append(_user(turn.text))
        elif isinstance(turn.raw, list):
            items.extend(turn.raw)
        else:
            items.append({"role": "assistant", "content": turn.text})
    earlier = [item for item in items if item.get("role") == "user"][:-1][-2:]
    for item in earlier:
        item["content"][-1] |= _BREAKPOINT
    parts = pieces(request.prefix, MARKS - len(earlier))
    prefix = [
        _text(piece.text) | (_BREAKPOINT if piece.marked else {}) for piece in parts
    ]
    return [{"role": "user", "content": prefix}, *items]


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [_text(text)]}


_BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def _text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _deltas(stream: Any, asked: Asked) -> Iterator[Delta]:
    """A Responses stream as deltas. Raises our errors for those within the stream."""
    declined = False
    for event in stream:
        kind = event.type
        if kind == "response.output_text.delta":
            yield Delta(event.delta)
        elif kind == "response.refusal.delta":
            declined = True
            yield Delta(event.delta)
        elif kind in ("response.completed", "response.incomplete"):
            yield _end(event.response, declined)
            return
        elif kind == "response.failed":
            raise _failure(event.response.error, asked)
        elif kind == "error":
            raise _failure(event, asked)


def _end(response: Any, declined: bool) -> Delta:
    reason = getattr(response.incomplete_details, "reason", None)
    stop = _STOPS.get(str(reason), Stop.LENGTH if reason else Stop.END)
    items = [item.model_dump(exclude_none=True) for item in response.output]
    usage = _usage(response.usage)
    return Delta(
        usage=usage,
        stop=Stop.REFUSAL if declined else stop,
        raw=items,
        miss=_miss(response, usage),
        id=str(response.id),
    )


def _usage(usage: Any) -> Usage:
    details = getattr(usage, "input_tokens_details", None)
    total = number(getattr(usage, "input_tokens", 0))
    cached = number(getattr(details, "cached_tokens", 0))
    written = number(getattr(details, "cache_write_tokens", 0))
    output = number(getattr(usage, "output_tokens", 0))
    return Usage(total, min(cached, total), written, output)


def _miss(response: Any, usage: Usage) -> str:
    """One line on why less came from the cache than might have, or ``""``."""
    found = getattr(response, "prompt_cache_diagnostics", None)
    if getattr(found, "type", "") != "cache_miss":
        return ""
    reusable = getattr(found, "comparison_reusable_tokens", None)
    if usage.cached >= number(reusable) and (reusable is not None or usage.cached):
        return ""
    reason = str(getattr(found, "reason", "")).replace("_", " ")
    return f"OpenAI's cache: {reason} since the last request"


def _failure(error: Any, asked: Asked) -> RepoctxError:
    fields = {name: getattr(error, name, None) for name in ("code", "message", "type")}
    inner = getattr(error, "error", None)
    if isinstance(inner, dict):
        fields = inner
    return refused(asked, fields)
