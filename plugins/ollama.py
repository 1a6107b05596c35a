"""Ollama by its native ``/api/chat``, with nothing but the standard library.

Its other door (``/v1``) cannot set the context's size and drops, without a word, what
does not fit. Here the size is set (``num_ctx``), dropping is forbidden (``truncate``,
``shift``), and because older servers know neither word the number of tokens that were
read is compared with the prompt's.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from repoctx.errors import ContextOverflow, ProviderError, RepoctxError, UnknownModel
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Usage

from .failures import Refusal, error_of
from .prompt import last_bytes, prefix_bytes

URL = "http://127.0.0.1:11434"
MODEST = 32_768
"""Tokens of context to ask for where neither the user, the model's own settings nor a
loaded model name more: the window that a model was trained for may need more memory
than the machine has, and another size than before means to load it anew."""
OUTPUT = 8_192
TTL = 300
"""Seconds that a model, and with it its cache, stays loaded unless told otherwise."""
LEARN = 3.0
"""Seconds that a question about the server itself may take."""
UNTOLD = "Ollama does not tell what its cache served"
LINE = 1_000_000
"""Bytes of one event; none is longer."""
FEWER = 0.75
"""The least tokens that a model counts for one of ours: fewer were dropped."""
NEAR = 32
"""Tokens of a template that they keep besides."""
SURE = 2_000
"""Tokens below which the template's own share hides what was dropped."""

_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)\s*$", re.MULTILINE)


def provider(endpoint: Endpoint) -> Ollama:
    """The factory that the entry point names."""
    return Ollama(endpoint)


class Ollama:
    """An Ollama server. The prefix is the system message and the rest the user's, so
    that the bytes a server can cache stand first."""

    name = "ollama"

    def __init__(self, endpoint: Endpoint) -> None:
        url = (endpoint.base_url or URL).removesuffix("/v1")
        self._endpoint = replace(endpoint, base_url=url)
        self._windows: dict[str, int] = {}

    def models(self) -> Sequence[str]:
        """The models that the server has. Raises as `stream` does."""
        return tuple(_names(self._ask("GET", "/api/tags")))

    def capabilities(self, model: str) -> Capabilities:
        """What is known without asking: the user's window, or what was learnt."""
        window = self._endpoint.window or self._windows.get(model, MODEST)
        output = min(OUTPUT, max(1, window // 4))
        return Capabilities(window, output, cache="automatic", ttls=(TTL,))

    def learn(self, model: str) -> Capabilities:
        """Ask the server for the model's window (a few seconds at most, no error)."""
        if not self._endpoint.window and model not in self._windows:
            with suppress(RepoctxError):
                self._windows[model] = self._window(model or self._first())
        return self.capabilities(model)

    def prewarm(self, request: Request) -> Usage:
        """Load the model and have it read the prefix."""
        asked = replace(request, tail="", question="Say OK.\n", turns=(), max_output=1)
        last = Usage()
        for delta in self.stream(asked):
            last = delta.usage or last
        return last

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield text as it comes, then the usage with the reason of the end.

        Ollama does not tell what its cache served: ``cached`` stays 0. An end without
        a reason means that the stream was cut. Raises ContextOverflow (also when the
        server dropped a part of the prompt unasked), UnknownModel or ProviderError.
        """
        model = request.model or self._first()
        window = self.learn(request.model).window
        usage, stop = Usage(), None
        with closing(self._events(model, self._body(request, model, window))) as events:
            for event in events:
                message = event.get("message")
                text = message.get("content") if isinstance(message, dict) else ""
                if text and isinstance(text, str):
                    yield Delta(text)
                if event.get("done") is True:
                    usage = self._usage(event)
                    cut = event.get("done_reason") == "length"
                    stop = Stop.LENGTH if cut else Stop.END
        _all_read(request, usage.input, window)
        yield Delta(usage=usage, stop=stop, miss=UNTOLD)

    def _body(self, request: Request, model: str, window: int) -> dict[str, Any]:
        prefix, last = prefix_bytes(request.prefix), last_bytes(request)
        body: dict[str, Any] = {
            "model": model,
            "messages": [
                {"role": "system", "content": prefix.decode("utf-8", "replace")},
                {"role": "user", "content": last.decode("utf-8", "replace")},
                *({"role": t.role, "content": t.text} for t in request.turns),
            ],
            "stream": True,
            "truncate": False,
            "shift": False,
            "options": {"num_ctx": window, "num_predict": request.max_output},
        }
        if request.ttl:
            body["keep_alive"] = f"{request.ttl}s"
        if effort := self._endpoint.effort:
            body["think"] = False if effort == "none" else effort
        return body

    def _events(
        self, model: str, body: Mapping[str, Any]
    ) -> Generator[dict[str, Any], None, None]:
        """The stream's objects; failures become our errors."""
        with closing(self._connect(self._endpoint.timeout)) as connection:
            try:
                answer = self._send(connection, "POST", "/api/chat", body)
                if answer.status != 200:
                    raise self._refused(answer.status, answer.read(LINE), model)
                while line := answer.readline(LINE):
                    event = json.loads(line)
                    if not isinstance(event, dict):
                        raise ValueError("no object")
                    if "error" in event:
                        raise self._refused(0, line, model)
                    yield event
            except (OSError, http.client.HTTPException) as exc:
                raise self._unreached(exc) from exc
            except (ValueError, RecursionError) as exc:
                raise ProviderError(f"{self._url}: the answer is not understood") from (
                    exc
                )

    @property
    def _url(self) -> str:
        return self._endpoint.base_url

    def _connect(self, patience: float) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
        if parts.scheme == "https":
            kind = http.client.HTTPSConnection
        limit = min(self._endpoint.connect_timeout, patience or 1e9)
        connection = kind(parts.hostname or "", parts.port, timeout=limit)
        try:
            connection.connect()
        except OSError as exc:
            if isinstance(exc, TimeoutError):
                raise self._unreached(exc) from exc
            raise ProviderError(
                f"nothing answers at {self._url}: start it (ollama serve), or set "
                "REPOCTX_BASE_URL"
            ) from exc
        connection.sock.settimeout(patience or None)
        return connection

    def _send(
        self,
        connection: http.client.HTTPConnection,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None,
    ) -> http.client.HTTPResponse:
        headers = {"content-type": "application/json"}
        if self._endpoint.key:
            headers["authorization"] = f"Bearer {self._endpoint.key}"
        data = None if body is None else json.dumps(body).encode()
        connection.request(verb, urlsplit(self._url).path + path, data, headers)
        return connection.getresponse()

    def _ask(
        self, verb: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One small answer. Raises as `stream` does."""
        with closing(self._connect(LEARN)) as connection:
            try:
                answer = self._send(connection, verb, path, body)
                data = answer.read(16 * LINE)
                if answer.status != 200:
                    name = str((body or {}).get("model", ""))
                    raise self._refused(answer.status, data, name)
                found = json.loads(data)
            except (OSError, http.client.HTTPException) as exc:
                raise self._unreached(exc) from exc
            except (ValueError, RecursionError) as exc:
                raise ProviderError(f"{self._url}: the answer is not understood") from (
                    exc
                )
        return found if isinstance(found, dict) else {}

    def _first(self) -> str:
        """A model that is loaded, else one that is there. Raises UnknownModel."""
        for path in ("/api/ps", "/api/tags"):
            if names := _names(self._ask("GET", path)):
                return names[0]
        raise UnknownModel(f"{self._url} has no model: ollama pull MODEL")

    def _window(self, model: str) -> int:
        """What the model's settings say, else what it is loaded with or `MODEST`,
        within what it was trained for."""
        shown = self._ask("POST", "/api/show", {"model": model})
        info = shown.get("model_info")
        sizes = info.items() if isinstance(info, dict) else ()
        trained = max(
            (_whole(n) for name, n in sizes if name.endswith(".context_length")),
            default=0,
        )
        own = _NUM_CTX.search(str(shown.get("parameters") or ""))
        if own:
            wanted = int(own[1])
        else:
            rows = self._ask("GET", "/api/ps").get("models")
            loaded = [
                _whole(row.get("context_length"))
                for row in (rows if isinstance(rows, list) else ())
                if isinstance(row, dict)
                and row.get("name") in (model, f"{model}:latest")
            ]
            wanted = max([MODEST, *loaded])
        return min(wanted, trained) if trained else wanted

    def _usage(self, event: Mapping[str, Any]) -> Usage:
        read, said = (_whole(event.get(f"{n}eval_count")) for n in ("prompt_", ""))
        return Usage(read, 0, 0, said, 0.0 if self._endpoint.local else None)

    def _unreached(self, exc: Exception) -> ProviderError:
        if isinstance(exc, TimeoutError):
            return ProviderError(f"{self._url}: nothing came in time", retryable=True)
        return ProviderError(f"{self._url}: the connection was cut", retryable=True)

    def _refused(self, status: int, data: bytes, model: str) -> RepoctxError:
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            body = data.decode("utf-8", "replace")
        refusal = Refusal(status, body, self._url, model, {}, self._endpoint.key)
        if "memory" in refusal.words:
            return ProviderError(
                f"{self._url}: {refusal.words}; a smaller window (REPOCTX_WINDOW) needs"
                " less memory"
            )
        return error_of(refusal)


def _all_read(request: Request, read: int, window: int) -> None:
    """Raises ContextOverflow when the server read less than it was sent."""
    rest = len(last_bytes(request)) + sum(len(t.text) for t in request.turns)
    sent = request.prefix.count.tokens + rest // 6
    full = read >= window - 1
    # Older servers keep half of the window when a prompt does not fit.
    half = abs(read - window // 2) <= NEAR and sent > read * 1.2
    if read and (full or half or (sent >= SURE and read < sent * FEWER)):
        raise ContextOverflow(
            f"Ollama dropped a part of the prompt: it read {read:,} tokens of about "
            f"{sent:,}; use a smaller --budget, or set REPOCTX_WINDOW to what it has"
        )


def _names(listed: Mapping[str, Any]) -> list[str]:
    rows = listed.get("models")
    found = [r.get("name") for r in rows if isinstance(r, dict)] if rows else []
    return [name for name in found if isinstance(name, str)]


def _whole(value: Any) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return max(0, value) if whole else 0
