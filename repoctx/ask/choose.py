"""Which provider and model answer, and how they are reached.

Nothing here surprises: without a word from the user the answer is `offline`. A server
is asked for only when a base URL is set, and ports are tried only for ``model=auto``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from repoctx.errors import AuthError, UnknownModel
from repoctx.values import Endpoint

OFFLINE = "offline"
AUTO = "auto"
COMPATIBLE = "compatible"

USUAL = tuple(f"http://127.0.0.1:{port}/v1" for port in (8080, 11434, 1234))
"""Where llama.cpp, Ollama and LM Studio listen unless told otherwise."""

PATIENCE = 0.15
"""Seconds that looking for local servers may take, all together."""

Probe = Callable[[Sequence[str]], str]
"""Given base URLs, the first that answers as a model server does, or ``""``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider and its model (``""``: the server's own), and why in a few words."""

    provider: str
    model: str
    base_url: str = ""
    why: str = ""

    @property
    def name(self) -> str:
        """How the choice is spelled: ``provider/model``."""
        return f"{self.provider}/{self.model}" if self.model else self.provider


def answering(urls: Sequence[str]) -> str:
    """The first of ``urls`` that lists its models over HTTP within `PATIENCE`."""
    found: set[str] = set()
    threads = [
        threading.Thread(target=_ask_models, args=(url, found), daemon=True)
        for url in urls
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return next((url for url in urls if url in found), "")


def _ask_models(url: str, found: set[str]) -> None:
    import http.client
    import json

    parts = urlsplit(url)
    plain = parts.scheme == "http"
    kind = http.client.HTTPConnection if plain else http.client.HTTPSConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"{parts.path}/models")
            answer = json.loads(connection.getresponse().read(1_000_000))
        finally:
            connection.close()
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return
    # Any program may listen on these ports: only a model server gets the repository.
    if isinstance(answer, dict) and isinstance(answer.get("data"), list):
        found.add(url)


def choose(
    model: str,
    base_url: str,
    providers: Collection[str],
    probe: Probe = answering,
) -> Choice:
    """The provider and model for the setting ``model``.

    ``""`` is `offline` unless a base URL is set; ``auto`` also looks for a local
    server; ``PROVIDER`` and ``PROVIDER/MODEL`` are taken literally. Raises UnknownModel
    with the nearest names.
    """
    if model in ("", AUTO):
        return _automatic(model, base_url, probe)
    provider, _, name = model.partition("/")
    if provider not in providers:
        raise UnknownModel(_unknown(model, provider, providers))
    return Choice(provider, name, base_url, "asked for")


def _automatic(model: str, base_url: str, probe: Probe) -> Choice:
    if base_url and not Endpoint(base_url).local:
        return Choice(COMPATIBLE, "", base_url, "base_url is set")
    urls = [base_url] if base_url else [*USUAL] if model == AUTO else []
    if not urls:
        return Choice(OFFLINE, "", why="no model is configured")
    if found := probe(urls):
        return Choice(COMPATIBLE, "", found, f"{found} answers")
    where = base_url or "the usual local ports"
    return Choice(OFFLINE, "", why=f"no model server answers at {where}")


def _unknown(model: str, provider: str, providers: Collection[str]) -> str:
    from difflib import get_close_matches

    names = sorted(providers)
    near = get_close_matches(provider, [*names, AUTO], n=2, cutoff=0.6)
    if near:
        hint = "did you mean " + " or ".join(near) + "?"
    else:
        spelled = f"{COMPATIBLE}/{model[:60]}"
        hint = f"for a model server's own name say {spelled!r}"
    return (
        f"unknown model {model[:80]!r}: {hint} "
        f"(spelled PROVIDER/MODEL; providers here: {', '.join(names)})"
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """Where API keys come from: the variable the user named, and those of his file."""

    variable: str = ""
    by_provider: Mapping[str, str] | None = None


def base_url_of(setting: str, environ: Mapping[str, str]) -> str:
    """The base URL that was set, by us or by the OpenAI SDK's own variable."""
    return setting or environ.get("OPENAI_BASE_URL", "").strip().rstrip("/")


def key_for(choice: Choice, keys: Keys, environ: Mapping[str, str]) -> str:
    """The API key for ``choice``, ``""`` for none.

    The variable that the user named, else his file, else ``REPOCTX_API_KEY``. The
    OpenAI key goes only where the OpenAI SDK itself would send it: never to another
    server. Raises AuthError when the named variable is empty.
    """
    if keys.variable:
        if not environ.get(keys.variable):
            raise AuthError(f"api_key_env: the variable {keys.variable} is not set")
        return environ[keys.variable]
    own = (keys.by_provider or {}).get(choice.provider) or environ.get(
        "REPOCTX_API_KEY"
    )
    if own or choice.provider != COMPATIBLE or not choice.base_url:
        return own or ""
    of_sdk = choice.base_url == base_url_of("", environ)
    host = urlsplit(choice.base_url).hostname
    if of_sdk or host == "api.openai.com":
        return environ.get("OPENAI_API_KEY", "")
    return ""
