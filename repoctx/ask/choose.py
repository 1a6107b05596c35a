"""Which provider and model answer, and how they are reached.

Nothing here surprises: without a word from the user the answer is `offline`. A server
is asked for only when a base URL is set, and keys are used and ports tried only for
``model=auto``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from repoctx.errors import AuthError, UnknownModel
from repoctx.values import Endpoint

OFFLINE = "offline"
AUTO = "auto"
COMPATIBLE = "compatible"
OLLAMA = "ollama"

USUAL = tuple(f"http://127.0.0.1:{port}/v1" for port in (8080, 11434, 1234))
"""Where llama.cpp, Ollama and LM Studio listen unless told otherwise."""
OLLAMA_PORT = 11434
_OLLAMA_URL = f"http://127.0.0.1:{OLLAMA_PORT}"

PATIENCE = 0.15
"""Seconds that looking for local servers may take, all together."""

Probe = Callable[[Sequence[str]], str]
"""Given base URLs, the first that answers as a model server does, or ``""``."""


class Vendor(NamedTuple):
    """A service and its own names: the variables that hold its key (the first that is
    set counts) and its SDK's base URL, its host, and the model that ``auto`` asks."""

    keys: tuple[str, ...]
    base_url: str
    host: str
    model: str


VENDORS: Mapping[str, Vendor] = {
    "anthropic": Vendor(
        ("ANTHROPIC_API_KEY",),
        "ANTHROPIC_BASE_URL",
        "api.anthropic.com",
        "claude-sonnet-5-5",
    ),
    "openai": Vendor(
        ("OPENAI_API_KEY",), "OPENAI_BASE_URL", "api.openai.com", "gpt-6.1-terra"
    ),
    "google": Vendor(
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "GOOGLE_GEMINI_BASE_URL",
        "generativelanguage.googleapis.com",
        "gemini-3.8-flash",
    ),
}
"""In the order in which ``auto`` looks for a key."""

ROUTER = Vendor(("OPENROUTER_API_KEY",), "", "openrouter.ai", "")
"""Reached as `COMPATIBLE`, with a key of its own."""


class Choice(NamedTuple):
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
    return next(iter(listening(urls)), "")


def listening(urls: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Those of ``urls`` that list their models over HTTP within `PATIENCE`, in order,
    with the models' names."""
    found: dict[str, tuple[str, ...]] = {}
    threads = [
        threading.Thread(target=_ask_models, args=(url, found), daemon=True)
        for url in urls
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    came = dict(found)
    return {url: came[url] for url in urls if url in came}


def _ask_models(url: str, found: dict[str, tuple[str, ...]]) -> None:
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
        rows = [row for row in answer["data"] if isinstance(row, dict)]
        names = [row["id"] for row in rows if isinstance(row.get("id"), str)]
        found[url] = tuple(names)


def choose(
    model: str,
    base_url: str,
    providers: Collection[str],
    probe: Probe = answering,
    environ: Mapping[str, str] | None = None,
    keyed: Sequence[str] = (),
) -> Choice:
    """The provider and model for the setting ``model``.

    ``""`` is `offline` unless a base URL is set; ``auto`` is the base URL, else the
    first of ``keyed`` (providers with a key), else a local server; ``PROVIDER`` and
    ``PROVIDER/MODEL`` are taken literally. ``base_url`` is the setting; ``environ``
    holds what the SDKs' own variables say. Raises UnknownModel with the nearest names.
    """
    environ = environ or {}
    if model in ("", AUTO):
        url = base_url_of(base_url, environ)
        usable = [name for name in keyed if name in providers]
        if model == AUTO and usable and not url:
            name = usable[0]
            return Choice(name, VENDORS[name].model, why=f"there is a key for {name}")
        usual = () if model == "" else usual_urls(environ)
        found = _automatic(url, usual, probe)
        own = base_url_of("", environ, OLLAMA) or _OLLAMA_URL
        if not url and found.base_url == f"{own}/v1" and OLLAMA in providers:
            # Its compatible door drops what does not fit without a word.
            return Choice(OLLAMA, "", own, found.why)
        return found
    provider, _, name = model.partition("/")
    if provider not in providers:
        raise UnknownModel(_unknown(model, provider, providers))
    own = base_url_of(base_url, environ, provider)
    return Choice(provider, name, own, "asked for")


def _automatic(base_url: str, usual: Sequence[str], probe: Probe) -> Choice:
    if base_url and not Endpoint(base_url).local:
        return Choice(COMPATIBLE, "", base_url, "base_url is set")
    urls = [base_url] if base_url else usual
    if not urls:
        return Choice(OFFLINE, "", why="no model is configured")
    if found := probe(urls):
        return Choice(COMPATIBLE, "", found, f"{found} answers")
    where = base_url or "the usual local ports"
    return Choice(OFFLINE, "", why=f"no model server answers at {where}")


def usual_urls(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Where local servers are looked for: the usual ports, and where Ollama is said to
    listen, if that is this machine."""
    named = base_url_of("", environ, OLLAMA)
    own = (f"{named}/v1",) if named and Endpoint(named).local else ()
    return tuple(dict.fromkeys((*own, *USUAL)))


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


class Keys(NamedTuple):
    """Where API keys come from: the variable the user named, and those of his file."""

    variable: str = ""
    by_provider: Mapping[str, str] | None = None


def base_url_of(
    setting: str, environ: Mapping[str, str], provider: str = COMPATIBLE
) -> str:
    """The base URL that was set, by us or by the variable of the provider's SDK."""
    if provider == OLLAMA:
        return setting or _ollama_url(environ.get("OLLAMA_HOST", "").strip())
    vendor = VENDORS.get("openai" if provider == COMPATIBLE else provider)
    own = environ.get(vendor.base_url, "") if vendor else ""
    return setting or own.strip().rstrip("/")


def _ollama_url(host: str) -> str:
    """Where Ollama's own variable says that it listens; ``""`` when that is no host.

    It may be a host, a port, both, or a URL; all interfaces of a machine are one.
    """
    if not host:
        return ""
    try:
        parts = urlsplit(host if "://" in host else f"http://{host}")
        name, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        return ""
    name = "127.0.0.1" if name in ("0.0.0.0", "::") else name  # noqa: S104
    name = f"[{name}]" if ":" in name else name
    if port is None and "://" not in host:
        port = OLLAMA_PORT
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def keyed(keys: Keys, environ: Mapping[str, str]) -> dict[str, str]:
    """Vendors for which there is a key, in order, and where it stands: the name of a
    variable, or "your settings"."""
    found = {}
    for name, vendor in VENDORS.items():
        if (keys.by_provider or {}).get(name):
            found[name] = "your settings"
        elif variable := next((v for v in vendor.keys if environ.get(v)), ""):
            found[name] = variable
    return found


def key_for(choice: Choice, keys: Keys, environ: Mapping[str, str]) -> str:
    """The API key for ``choice``, ``""`` for none.

    The variable that the user named, else his file, else the vendor's own variable,
    else ``REPOCTX_API_KEY`` (which comes before the former for a base URL of his). A
    vendor's variable goes only where the vendor's SDK itself would send it: never to
    another server. Raises AuthError when the named variable is empty.
    """
    if keys.variable:
        if not environ.get(keys.variable):
            raise AuthError(f"api_key_env: the variable {keys.variable} is not set")
        return environ[keys.variable]
    ours = environ.get("REPOCTX_API_KEY", "")
    found = (
        (keys.by_provider or {}).get(choice.provider),
        ours if choice.provider == COMPATIBLE else "",
        _of_vendor(choice, environ),
        ours,
    )
    return next((key for key in found if key), "")


def _of_vendor(choice: Choice, environ: Mapping[str, str]) -> str:
    """The key in the variables of the vendor whose server is asked; ``""``: none."""
    url = choice.base_url
    parts = urlsplit(url)
    # Never in the clear: a base URL of http would hand the key to the network.
    host = parts.hostname if parts.scheme == "https" else None
    if choice.provider == COMPATIBLE:
        # OpenAI's own wire; without a URL it is a server on this machine.
        asked = [VENDORS["openai"], ROUTER] if url else []
    else:
        asked = [VENDORS[choice.provider]] if choice.provider in VENDORS else []
    for vendor in asked:
        of_sdk = environ.get(vendor.base_url, "").strip().rstrip("/")
        if not url or host == vendor.host or (of_sdk and url == of_sdk):
            return next((environ[v] for v in vendor.keys if environ.get(v)), "")
    return ""
