"""Gemini by the official SDK (extra ``google``), which is imported when something is
sent, never before.

The prompt is one user content: the repository's text first, the question last. Where a
model keeps explicit caches the base lies in one (`gemini_cache`), else Gemini's
implicit cache is left to find the common prefix, without any promise of its own.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from repoctx.errors import (
    AuthError,
    MissingExtra,
    ProviderError,
    RepoctxError,
    UsageError,
)
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Turn, Usage

from .failures import Refusal, error_of
from .gemini_cache import ExplicitCaches, Held, split
from .prompt import last_bytes

if TYPE_CHECKING:
    from google.genai import Client

URL = "https://generativelanguage.googleapis.com"
VARIABLE = "GEMINI_API_KEY"
WINDOW = 1_000_000
OUTPUT = 65_536
MINIMUM = 4_096
"""Tokens below which neither cache holds anything (3.x and Argon)."""
DENSER = 1.25
"""Its tokens for one of o200k_base, at most; below `MINIMUM` no cache is asked for."""
EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
EXPLICIT = ("gemini-3.8-flash",)
"""Models that keep explicit caches and bill their storage; Argon keeps none."""

_STOPS = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "CONTINUATION": Stop.CONTINUE,
    "SAFETY": Stop.FILTER,
    "RECITATION": Stop.FILTER,
    "BLOCKLIST": Stop.FILTER,
    "PROHIBITED_CONTENT": Stop.FILTER,
    "SPII": Stop.FILTER,
    "ESCALATION": Stop.FILTER,
    "MODEL_ARMOR": Stop.FILTER,
}
TOKEN = "continuation_token"  # noqa: S105 (not a password)
"""The key in `Delta.raw` under which a continuation token stands, in base64."""


def provider(endpoint: Endpoint) -> Google:
    """The factory that the entry point names. Raises UsageError for an effort that
    Gemini does not know."""
    if endpoint.effort and endpoint.effort not in EFFORTS:
        raise UsageError(f"effort {endpoint.effort}: Gemini knows {', '.join(EFFORTS)}")
    return Google(endpoint)


class Google:
    """Gemini's Developer API."""

    name = "google"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = replace(endpoint, base_url=endpoint.base_url or URL)
        self._caches = ExplicitCaches()

    def prepare(self) -> None:
        """Import the SDK. Raises MissingExtra."""
        _sdk()

    def models(self) -> Sequence[str]:
        """What the key may ask. Raises as `stream` does."""
        with closing(self._client()) as client:
            try:
                rows = list(client.models.list(config={"page_size": 1000}))
            # The SDK lets the errors of its HTTP library through, whichever that is.
            except Exception as exc:
                raise self._failure(exc, "") from exc
        able = [r for r in rows if "generateContent" in (r.supported_actions or ())]
        return tuple((r.name or "").removeprefix("models/") for r in able)

    def capabilities(self, model: str) -> Capabilities:
        """What is known of Gemini models in general; the user's window counts."""
        explicit = model.startswith(EXPLICIT)
        return Capabilities(
            window=self._endpoint.window or WINDOW,
            output=OUTPUT,
            cache="explicit" if explicit else "automatic",
            minimum=MINIMUM,
            ttls=(self._caches.TTL,) if explicit else (),
        )

    def count(self, request: Request) -> int:
        """Input tokens of the whole request, by Gemini's own count."""
        head, rest = split(request.prefix)
        contents = self._contents(request, [head, rest])
        with closing(self._client()) as client:
            try:
                # Whatever may not stand beside the contents here stands in them.
                counted = client.models.count_tokens(
                    model=request.model, contents=contents
                )
            except Exception as exc:
                raise self._failure(exc, request.model) from exc
        return counted.total_tokens or 0

    def prewarm(self, request: Request) -> Usage:
        """Put the base in an explicit cache, or let its life begin anew; else have the
        implicit cache read the prefix."""
        with closing(self._client()) as client:
            held = self._held(client, request)
        if held is not None:
            return Usage(held.tokens, 0, held.tokens) if held.new else Usage()
        asked = replace(request, tail="", question="Say OK.\n", turns=(), max_output=1)
        last = Usage()
        for delta in self.stream(asked):
            last = delta.usage or last
        return last

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield text as it comes, then the usage with the reason of the end.

        A cut at the limit of one request ends with ``Stop.CONTINUE`` and the token that
        goes on in ``raw``: the same request, with that answer and any user's turn after
        it, goes on where it ended. An explicit cache that is gone is written anew once;
        then, or when it is refused, the whole prompt is sent. Raises AuthError,
        ContextOverflow, UnknownModel, ProviderError (also when Gemini blocks the
        prompt) or MissingExtra.
        """
        with closing(self._client()) as client:
            miss = ""
            for _ in range(2):
                held = self._held(client, request)
                if held is None:
                    break
                try:
                    yield from self._answer(client, request, held, miss)
                    return
                except _StaleCacheError:
                    miss = "Gemini's explicit cache was gone: written anew"
                    self._caches.forget(request)
            yield from self._answer(client, request, None, miss or self._caches.refused)

    def _held(self, client: Client, request: Request) -> Held | None:
        """The explicit cache that holds the base; None where there is none."""
        small = request.prefix.count.tokens * DENSER < MINIMUM
        if small or not request.model.startswith(EXPLICIT):
            return None
        try:
            return self._caches.held(client, request)
        except Exception as exc:
            raise self._failure(exc, request.model) from exc

    def _answer(
        self, client: Client, request: Request, held: Held | None, miss: str
    ) -> Iterator[Delta]:
        from google.genai import types

        head, rest = split(request.prefix)
        contents = self._contents(request, [rest] if held else [head, rest])
        level = self._endpoint.effort.upper()
        thinks = (
            types.ThinkingConfig(thinking_level=types.ThinkingLevel(level))
            if level
            else None
        )
        config = types.GenerateContentConfig(
            max_output_tokens=request.max_output,
            thinking_config=thinks,
            cached_content=held.name if held else None,
            continuation_token=_token(request.turns) or None,
            # Each hop would be billed again behind our back.
            automatic_continuation=False,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(
                disable=True
            ),
        )
        usage, reason, token, begun = Usage(), "", b"", False
        try:
            chunks: Any = client.models.generate_content_stream(
                model=request.model, contents=contents, config=config
            )
            with closing(chunks):
                for chunk in chunks:
                    begun = True
                    usage = _usage(chunk, held) or usage
                    text, ended, given = _said(chunk)
                    if text:
                        yield Delta(text)
                    reason, token = ended or reason, given or token
        except RepoctxError:
            raise
        except Exception as exc:
            # After the reason of the end only the usage can be missing.
            if not reason:
                if held and not begun and getattr(exc, "code", 0) in (403, 404):
                    raise _StaleCacheError from exc
                raise self._failure(exc, request.model) from exc
        yield Delta(usage=usage, stop=_stop(reason, token), raw=_raw(token), miss=miss)

    def _contents(self, request: Request, prefix: Sequence[str]) -> list[Any]:
        """The prompt as Gemini takes it: what a token continues is not said again."""
        from google.genai.types import Content, Part

        last = last_bytes(request).decode("utf-8", "replace")
        texts = [text for text in (*prefix, last) if text]
        turns = request.turns
        while _token(turns):
            turns = turns[:-2]
        said = [("user", texts), *((_role(turn), [turn.text]) for turn in turns)]
        return [
            Content(role=role, parts=[Part(text=text) for text in texts])
            for role, texts in said
        ]

    def _client(self) -> Client:
        endpoint = self._endpoint
        if not endpoint.key and endpoint.base_url == URL:
            raise AuthError(f"google needs a key: set {VARIABLE}")
        genai = _sdk()
        # It would tell the user's terminal which of two keys in the environment it
        # takes; it takes neither.
        logging.getLogger("google_genai").setLevel(logging.ERROR)
        patience = endpoint.timeout or None
        limits = {
            "connect": min(endpoint.connect_timeout, patience or 1e9),
            **dict.fromkeys(("read", "write", "pool"), patience),
        }

        def bounded(request: Any) -> None:
            # The SDK's own timeout would also end the answer on the server.
            request.extensions["timeout"] = limits

        options = genai.types.HttpOptions(
            base_url=endpoint.base_url,
            client_args={
                "event_hooks": {"request": [bounded]},
                # A proxy cannot reach this machine's loopback, and a redirect would
                # send the repository to where nobody asked.
                "trust_env": not endpoint.local,
                "follow_redirects": False,
            },
        )
        client: Client = genai.Client(
            api_key=endpoint.key or "none", vertexai=False, http_options=options
        )
        return client

    def _failure(self, exc: Exception, model: str) -> RepoctxError:
        """Our error for whatever the SDK or its HTTP library raised."""
        url, kinds = self._endpoint.base_url, {c.__name__ for c in type(exc).__mro__}
        if isinstance(exc, RepoctxError):
            return exc
        if "APIError" in kinds:
            return self._refused(exc, model)
        if "ConnectError" in kinds:
            return ProviderError(
                f"nothing answers at {url}: is the network reachable?", retryable=True
            )
        if "TimeoutException" in kinds:
            return ProviderError(f"{url}: nothing came in time", retryable=True)
        if "TransportError" in kinds:
            return ProviderError(f"{url}: the connection was cut", retryable=True)
        return ProviderError(f"{url}: the answer is not understood")

    def _refused(self, exc: Any, model: str) -> RepoctxError:
        endpoint, body = self._endpoint, exc.details
        code = exc.code if isinstance(exc.code, int) else 0
        headers = dict(getattr(exc.response, "headers", None) or {})
        told = str(body)[:4000]
        if "API_KEY_INVALID" in told or "API key" in told:
            code = 401  # Google says 400.
        if wait := _retry_delay(body):
            headers.setdefault("retry-after", wait)
        url, key = endpoint.base_url, endpoint.key
        refusal = Refusal(code, body, url, model, headers, key, VARIABLE)
        if code == 429 and "PerDay" in told:
            return ProviderError(f"{url}: the day's quota is used up: {refusal.words}")
        return error_of(refusal)


def _sdk() -> Any:
    """Google's SDK. Raises MissingExtra."""
    try:
        from google import genai
    except ImportError:
        raise MissingExtra("the provider google", "google") from None
    return genai


class _StaleCacheError(Exception):
    """The explicit cache that a request named is gone."""


def _role(turn: Turn) -> str:
    return "model" if turn.role == "assistant" else "user"


def _token(turns: Sequence[Turn]) -> bytes:
    """The token with which the last answer goes on; empty when it was not cut so."""
    raw = turns[-2].raw if len(turns) >= 2 else None
    text = raw.get(TOKEN) if isinstance(raw, dict) else None
    return base64.b64decode(text) if isinstance(text, str) else b""


def _raw(token: bytes) -> dict[str, str] | None:
    return {TOKEN: base64.b64encode(token).decode()} if token else None


def _said(chunk: Any) -> tuple[str, str, bytes]:
    """A chunk's text, the name of the reason of the end, the continuation token.

    Raises ProviderError when the prompt was blocked.
    """
    feedback = chunk.prompt_feedback
    if feedback is not None and feedback.block_reason:
        reason = _name(feedback.block_reason)
        raise ProviderError(f"Gemini blocked the prompt: {reason}")
    if not chunk.candidates:
        return "", "", b""
    candidate = chunk.candidates[0]
    parts = (candidate.content.parts if candidate.content else None) or ()
    text = "".join(p.text for p in parts if p.text and not p.thought)
    reason = candidate.finish_reason
    name = "" if reason is None else _name(reason)
    unset = name == "FINISH_REASON_UNSPECIFIED"
    return text, "" if unset else name, candidate.continuation_token or b""


def _name(word: Any) -> str:
    """The wire's word for one of the SDK's names."""
    return str(getattr(word, "value", word))


def _stop(reason: str, token: bytes) -> Stop | None:
    """Why the answer ended; None: the stream was cut.

    Raises ProviderError when Gemini says that something went wrong.
    """
    if not reason:
        return None
    if reason == "CONTINUATION" and not token:
        return Stop.LENGTH
    if reason not in _STOPS:
        raise ProviderError(f"Gemini ended the answer: {reason}", retryable=True)
    return _STOPS[reason]


def _usage(chunk: Any, held: Held | None) -> Usage | None:
    """Normalised: the prompt's count includes what was cached, thoughts are output, and
    an explicit cache is written by the request that made it."""
    told = chunk.usage_metadata
    if told is None:
        return None
    total = told.prompt_token_count or 0
    cached = min(told.cached_content_token_count or 0, total)
    output = (told.candidates_token_count or 0) + (told.thoughts_token_count or 0)
    if held and held.new:
        return Usage(total, 0, cached, output)
    return Usage(total, cached, 0, output)


def _retry_delay(body: Any) -> str:
    """Seconds to wait, where the error's details name them; else empty."""
    error = body.get("error") if isinstance(body, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for row in details if isinstance(details, list) else ():
        delay = row.get("retryDelay") if isinstance(row, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return delay.removesuffix("s")
    return ""
