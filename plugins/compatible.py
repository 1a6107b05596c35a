"""Any server that speaks OpenAI's Chat Completions, by the official SDK.

llama.cpp, vLLM, LM Studio, Ollama's ``/v1``, OpenRouter. The SDK (extra ``compatible``)
is imported when something is sent, never before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from typing import Any

from repoctx.errors import (
    ContextOverflow,
    MissingExtra,
    ProviderError,
    RepoctxError,
)
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Usage

from .prompt import last_bytes, prefix_bytes
from .sdk import Asked, calling, number

DEFAULT_URL = "http://127.0.0.1:8080/v1"
DEFAULT_WINDOW = 32_768
"""Tokens to assume when neither the user nor the server says it."""
OUTPUT = 8_192
LEARN = 3.0
"""Seconds that a question about the server itself may take."""
DENSE = 12
"""Bytes per token that no text reaches (code has 3.2 to 4.4): beyond it, and from
`LONG` bytes on, the server must have dropped a part of the prompt."""
LONG = 40_000

START = (
    "start a model server there (llama-server -m MODEL.gguf, or ollama serve), or set "
    "REPOCTX_BASE_URL"
)

_STOPS = {
    "length": Stop.LENGTH,
    "content_filter": Stop.FILTER,
}


def provider(endpoint: Endpoint) -> Compatible:
    """The factory that the entry point names."""
    return Compatible(endpoint)


class Compatible:
    """Chat Completions at one base URL. The prefix is the system message and the rest
    the user message, so that the bytes a server can cache stand first."""

    name = "compatible"

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = replace(endpoint, base_url=endpoint.base_url or DEFAULT_URL)
        self._learnt: dict[str, Capabilities] = {}

    def prepare(self) -> None:
        """Import the SDK. Raises MissingExtra."""
        sdk("compatible")

    def models(self) -> Sequence[str]:
        """What the server lists. Raises as `stream` does."""
        return tuple(row["id"] for row in self._listed())

    def capabilities(self, model: str) -> Capabilities:
        """What is known without asking: the user's window, or what was learnt."""
        known = self._learnt.get(model, _capabilities(DEFAULT_WINDOW))
        window = self._endpoint.window
        return _capabilities(window) if window else known

    def learn(self, model: str) -> Capabilities:
        """Ask the server for its window (a few seconds at most, never an error)."""
        if not self._endpoint.window and model not in self._learnt:
            try:
                window = self._window(model)
            except RepoctxError:
                window = 0
            if window:
                self._learnt[model] = _capabilities(window)
        return self.capabilities(model)

    def prewarm(self, request: Request) -> Usage:
        """Have the server read the prefix, for an answer of one token."""
        asked = replace(request, tail="", question="Say OK.\n", turns=(), max_output=1)
        last = Usage()
        for delta in self.stream(asked):
            last = delta.usage or last
        return last

    def count(self, request: Request) -> int:
        """Input tokens of the whole request, by the server's own ``/tokenize``
        (llama.cpp, vLLM). Raises ProviderError where it has none."""
        prefix, last = prefix_bytes(request.prefix), last_bytes(request)
        said = messages(request, prefix, last)
        body: dict[str, Any] = {"messages": said}
        try:
            # llama.cpp counts a text: the one that its template makes.
            text = self._post("/apply-template", body).get("prompt")
        except ProviderError:
            text = None
        body["content"] = text or "".join(row["content"] for row in said)
        found = self._post(
            "/tokenize", {**body, "model": request.model, "add_special": True}
        )
        tokens = found.get("tokens")
        counted = number(found.get("count"))
        if not counted and not isinstance(tokens, list):
            raise ProviderError(f"{self._endpoint.base_url} counts no tokens")
        return counted or len(tokens or ())

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield text as it comes, then the usage with the reason of the end.

        An end without a reason means that the stream was cut. Raises AuthError,
        ContextOverflow (also when the server dropped a part of the prompt unasked),
        UnknownModel, ProviderError or MissingExtra.
        """
        prefix = prefix_bytes(request.prefix)
        last = last_bytes(request)
        model = request.model or next(iter(self.models()), "default")
        usage, stop = Usage(), None
        fields = {
            "model": model,
            "messages": messages(request, prefix, last),
            "extra_body": {
                self._limit: request.max_output,
                **ways(self._endpoint),
                **({"usage": {"include": True}} if self._is_router else {}),
            },
        }
        for chunk in chunks(self._asked(model), self._endpoint.timeout, fields):
            usage = usage_of(chunk, self._endpoint.local) or usage
            text, end = said(chunk)
            if text:
                yield Delta(text)
            stop = stop if stop is Stop.REFUSAL else end or stop
        if 0 < usage.input * DENSE < len(prefix) + len(last) > LONG:
            raise ContextOverflow(
                f"the server read only {usage.input:,} tokens of a prompt of "
                f"{len(prefix) + len(last):,} bytes: raise its context size (Ollama: "
                "OLLAMA_CONTEXT_LENGTH) or use a smaller --budget"
            )
        yield Delta(usage=usage, stop=stop)

    @property
    def _is_router(self) -> bool:
        """Whether the server tells on request what it bills."""
        return self._endpoint.base_url.startswith("https://openrouter.ai/")

    @property
    def _limit(self) -> str:
        of_openai = self._endpoint.base_url.startswith("https://api.openai.com/")
        return "max_completion_tokens" if of_openai else "max_tokens"

    def _asked(self, model: str) -> Asked:
        return Asked(self._endpoint, model, unreached=START)

    def _listed(self) -> list[dict[str, Any]]:
        data = self._get("/models")
        rows = data.get("data") if isinstance(data, dict) else None
        found = [row for row in rows or () if isinstance(row, dict)]
        return [row for row in found if isinstance(row.get("id"), str)]

    def _window(self, model: str) -> int:
        """The window that the server tells in one of the ways in use, or 0."""
        rows = self._listed()
        named = [row for row in rows if row["id"] == model] or rows[:1]
        for row in named:
            for name in ("max_model_len", "context_length", "loaded_context_length"):
                if number(row.get(name)):
                    return int(row[name])
        root = self._endpoint.base_url.removesuffix("/v1")
        props = self._get(f"{root}/props")
        settings = props.get("default_generation_settings") if props else None
        size = settings.get("n_ctx") if isinstance(settings, dict) else None
        return number(size)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        root = self._endpoint.base_url.removesuffix("/v1")
        with client(self._asked(""), self._endpoint.timeout) as server:
            data = server.post(f"{root}{path}", cast_to=object, body=body)
        return data if isinstance(data, dict) else {}

    def _get(self, path: str) -> dict[str, Any]:
        asked = self._asked("")
        with client(asked, LEARN) as server:
            data = server.get(path, cast_to=object)
        return data if isinstance(data, dict) else {}


def sdk(extra: str) -> Any:
    """OpenAI's SDK. Raises MissingExtra."""
    try:
        import openai
    except ImportError:
        raise MissingExtra(f"the provider {extra}", extra) from None
    return openai


def client(
    asked: Asked, timeout: float, extra: str = "compatible"
) -> AbstractContextManager[Any]:
    """A client of OpenAI's SDK, as `calling` gives it. Raises MissingExtra."""
    openai = sdk(extra)
    more = {}
    if asked.variable != "OPENAI_API_KEY":
        # The account of another service is nobody else's business.
        omit = openai.Omit()
        names = ("OpenAI-Organization", "OpenAI-Project")
        more["default_headers"] = dict.fromkeys(names, omit)
    return calling(openai, openai.OpenAI, asked, timeout, **more)


def messages(request: Request, prefix: bytes, last: bytes) -> list[dict[str, str]]:
    """The conversation for Chat Completions: the prefix stands first and alone."""
    first = [("system", prefix), ("user", last)]
    texts = [(role, data.decode("utf-8", "replace")) for role, data in first]
    texts += [(turn.role, turn.text) for turn in request.turns]
    return [{"role": role, "content": text} for role, text in texts]


def chunks(
    asked: Asked, timeout: float, fields: Mapping[str, Any], extra: str = "compatible"
) -> Iterator[Any]:
    """The chunks of a Chat Completions stream; failures are our errors."""
    openai, ended = sdk(extra), False
    with client(asked, timeout, extra) as server:
        stream = server.chat.completions.create(
            **fields, stream=True, stream_options={"include_usage": True}
        )
        try:
            with closing(stream):
                for chunk in stream:
                    ended = ended or said(chunk)[1] is not None
                    yield chunk
        except openai.APIConnectionError:
            # After the reason of the end only the usage can be missing.
            if not ended:
                raise


def usage_of(chunk: Any, local: bool) -> Usage | None:
    """What a chunk says of the tokens used; on this machine they cost nothing."""
    cost = 0.0 if local else None
    usage = getattr(chunk, "usage", None)
    timings = _timings(chunk)
    cache_n = number(timings.get("cache_n"))
    if usage is None and timings:
        read = number(timings.get("prompt_n")) + cache_n
        return Usage(read, cache_n, 0, number(timings.get("predicted_n")), cost)
    if usage is None:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    # DeepSeek has a name of its own for it.
    hits = number(getattr(usage, "prompt_cache_hit_tokens", 0))
    cached = number(getattr(details, "cached_tokens", 0)) or hits or cache_n
    written = number(getattr(details, "cache_write_tokens", 0))
    total = number(getattr(usage, "prompt_tokens", 0))
    output = number(getattr(usage, "completion_tokens", 0))
    billed = getattr(usage, "cost", None)  # OpenRouter says what it bills, in USD.
    if isinstance(billed, int | float) and 0 <= billed < math.inf:
        cost = float(billed)
    return Usage(total, min(cached, total), written, output, cost)


def said(chunk: Any) -> tuple[str, Stop | None]:
    """A chunk's text and the reason of the end, where it has them."""
    choices = getattr(chunk, "choices", None)
    if not choices:
        return "", None
    choice = choices[0]
    delta = getattr(choice, "delta", None)
    refusal = getattr(delta, "refusal", None)
    text = refusal or getattr(delta, "content", None) or ""
    reason = getattr(choice, "finish_reason", None)
    stop = _STOPS.get(str(reason), Stop.END) if reason else None
    return text if isinstance(text, str) else "", Stop.REFUSAL if refusal else stop


def ways(endpoint: Endpoint) -> dict[str, str]:
    """What the user wants of every answer, as Chat Completions spells it."""
    ways = {"reasoning_effort": endpoint.effort, "verbosity": endpoint.verbosity}
    return {name: way for name, way in ways.items() if way}


def _timings(chunk: Any) -> Mapping[str, Any]:
    extra = getattr(chunk, "model_extra", None) or {}
    timings = extra.get("timings")
    return timings if isinstance(timings, dict) else {}


def _capabilities(window: int) -> Capabilities:
    return Capabilities(
        window=window, output=min(OUTPUT, max(1, window // 4)), cache="automatic"
    )
