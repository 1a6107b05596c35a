"""Any server that speaks OpenAI's Chat Completions, by the official SDK.

llama.cpp, vLLM, LM Studio, Ollama's ``/v1``, OpenRouter. The SDK (extra ``compatible``)
is imported when something is sent, never before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from repoctx.errors import ContextOverflow, MissingExtra, ProviderError, RepoctxError
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Usage

from .failures import Refusal, error_of
from .prompt import last_bytes, prefix_bytes

if TYPE_CHECKING:
    from openai import OpenAI

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

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield text as it comes, then the usage with the reason of the end.

        An end without a reason means that the stream was cut. Raises AuthError,
        ContextOverflow (also when the server dropped a part of the prompt unasked),
        UnknownModel, ProviderError or MissingExtra.
        """
        prefix = prefix_bytes(request.prefix)
        last = last_bytes(request)
        model = request.model or next(iter(self.models()), "default")
        client = self._client(self._endpoint.timeout)
        usage, stop = Usage(), None
        with closing(client):
            for chunk in self._chunks(client, model, prefix, last, request.max_output):
                usage = self._usage(chunk) or usage
                text, end = _said(chunk)
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

    def _chunks(
        self, client: OpenAI, model: str, prefix: bytes, last: bytes, output: int
    ) -> Iterator[Any]:
        """The stream's chunks; failures become our errors."""
        import openai

        ended = False
        limit = "max_completion_tokens" if self._is_openai() else "max_tokens"
        try:
            stream = client.chat.completions.create(
                model=model,
                messages=[
                    {"role": "system", "content": prefix.decode("utf-8", "replace")},
                    {"role": "user", "content": last.decode("utf-8", "replace")},
                ],
                stream=True,
                stream_options={"include_usage": True},
                extra_body={limit: output},
            )
            with closing(stream):
                for chunk in stream:
                    ended = ended or _said(chunk)[1] is not None
                    yield chunk
        except openai.APIConnectionError as exc:
            # After the reason of the end only the usage can be missing.
            if not ended:
                raise self._unreached(exc) from exc
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as exc:
            raise self._refused(exc, model) from exc

    def _client(self, timeout: float) -> OpenAI:
        try:
            import openai
        except ImportError:
            raise MissingExtra("the provider compatible", "compatible") from None
        endpoint = self._endpoint
        connect = min(endpoint.connect_timeout, timeout or endpoint.connect_timeout)
        return openai.OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.key or "none",
            max_retries=0,
            timeout=openai.Timeout(timeout or None, connect=connect),
            # The account of another service is nobody else's business.
            default_headers={
                "OpenAI-Organization": openai.Omit(),  # type: ignore[dict-item]
                "OpenAI-Project": openai.Omit(),  # type: ignore[dict-item]
            },
            # A proxy cannot reach this machine's loopback, and a redirect would send
            # the repository to where nobody asked.
            http_client=openai.DefaultHttpxClient(
                trust_env=not endpoint.local, follow_redirects=False
            ),
        )

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
                if _positive(row.get(name)):
                    return int(row[name])
        root = self._endpoint.base_url.removesuffix("/v1")
        props = self._get(f"{root}/props")
        settings = props.get("default_generation_settings") if props else None
        size = settings.get("n_ctx") if isinstance(settings, dict) else None
        return int(size) if size is not None and _positive(size) else 0

    def _get(self, path: str) -> dict[str, Any]:
        with closing(self._client(LEARN)) as client:
            import openai

            try:
                data = client.get(path, cast_to=object)
            except openai.APIConnectionError as exc:
                raise self._unreached(exc) from exc
            except (openai.OpenAIError, ValueError) as exc:
                raise self._refused(exc, "") from exc
        return data if isinstance(data, dict) else {}

    def _is_openai(self) -> bool:
        return self._endpoint.base_url.startswith("https://api.openai.com")

    def _unreached(self, exc: Exception) -> ProviderError:
        """The error for a connection that failed, was cut or stalled."""
        url, cause = self._endpoint.base_url, type(exc.__cause__).__name__
        if cause == "ConnectError":
            return ProviderError(
                f"nothing answers at {url}: start a model server there (llama-server "
                "-m MODEL.gguf, or ollama serve), or set REPOCTX_BASE_URL"
            )
        if "Timeout" in cause or "Timeout" in type(exc).__name__:
            return ProviderError(f"{url}: nothing came in time", retryable=True)
        return ProviderError(f"{url}: the connection was cut", retryable=True)

    def _refused(self, exc: Exception, model: str) -> RepoctxError:
        import openai

        endpoint = self._endpoint
        if not isinstance(exc, openai.APIError):
            return ProviderError(f"{endpoint.base_url}: the answer is not understood")
        status, headers = 0, {}
        if isinstance(exc, openai.APIStatusError):
            status, headers = exc.status_code, dict(exc.response.headers)
        body = exc.body or exc.message
        return error_of(
            Refusal(status, body, endpoint.base_url, model, headers, endpoint.key)
        )

    def _usage(self, chunk: Any) -> Usage | None:
        cost = 0.0 if self._endpoint.local else None
        usage = getattr(chunk, "usage", None)
        timings = _timings(chunk)
        cache_n = _number(timings.get("cache_n"))
        if usage is None and timings:
            read = _number(timings.get("prompt_n")) + cache_n
            return Usage(read, cache_n, 0, _number(timings.get("predicted_n")), cost)
        if usage is None:
            return None
        details = getattr(usage, "prompt_tokens_details", None)
        cached = _number(getattr(details, "cached_tokens", 0)) or cache_n
        written = _number(getattr(details, "cache_write_tokens", 0))
        total = _number(getattr(usage, "prompt_tokens", 0))
        output = _number(getattr(usage, "completion_tokens", 0))
        return Usage(total, min(cached, total), written, output, cost)


def _said(chunk: Any) -> tuple[str, Stop | None]:
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


def _timings(chunk: Any) -> Mapping[str, Any]:
    extra = getattr(chunk, "model_extra", None) or {}
    timings = extra.get("timings")
    return timings if isinstance(timings, dict) else {}


def _number(value: Any) -> int:
    return int(value) if _positive(value) else 0


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _capabilities(window: int) -> Capabilities:
    return Capabilities(
        window=window, output=min(OUTPUT, max(1, window // 4)), cache="automatic"
    )
