"""What the SDKs of OpenAI and Anthropic share: how a client is made, how it fails.

Both are made by one generator from one mould; nothing here imports either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from repoctx.errors import AuthError, ProviderError, RepoctxError
from repoctx.values import Endpoint

from .failures import Refusal, error_of


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked: the endpoint with its URL filled in, the model, the variable that
    the key comes from, and what to do when nothing answers."""

    endpoint: Endpoint
    model: str
    variable: str = "REPOCTX_API_KEY"
    unreached: str = "is this machine on the network?"

    @property
    def url(self) -> str:
        """What messages call the server."""
        return self.endpoint.base_url


@contextmanager
def calling(
    sdk: Any, make: Any, asked: Asked, timeout: float, **more: Any
) -> Iterator[Any]:
    """A client of the class ``make``, closed at the end. It does not retry (the caller
    has its bounds), and whatever it raises becomes one of our errors. ``timeout`` is in
    seconds (0: none)."""
    endpoint = asked.endpoint
    connect = min(endpoint.connect_timeout, timeout or endpoint.connect_timeout)
    with our_errors(sdk, asked):
        client = make(
            base_url=endpoint.base_url,
            api_key=endpoint.key or "none",
            max_retries=0,
            timeout=sdk.Timeout(timeout or None, connect=connect),
            # A proxy cannot reach this machine's loopback, and a redirect would send
            # the repository to where nobody asked.
            http_client=sdk.DefaultHttpxClient(
                trust_env=not endpoint.local, follow_redirects=False
            ),
            **more,
        )
        with closing(client):
            yield client


def need_key(asked: Asked) -> None:
    """Raises AuthError where a vendor is asked without a key."""
    if not asked.endpoint.key and not asked.endpoint.local:
        raise AuthError(f"{asked.url} needs a key: set {asked.variable}")


@contextmanager
def our_errors(sdk: Any, asked: Asked) -> Iterator[None]:
    """Whatever the SDK raises inside becomes one of our errors, without the key."""
    import httpx2

    root = sdk.APIError.__mro__[1]
    try:
        yield
    except RepoctxError:
        raise
    except sdk.APIStatusError as exc:
        # A failure within a stream has the stream's status, which was good.
        status = exc.status_code if exc.status_code >= 300 else 0
        raise _refused(asked, exc, status, dict(exc.response.headers)) from exc
    except (sdk.APIConnectionError, httpx2.HTTPError) as exc:
        raise _unreached(asked, exc) from exc
    except sdk.APIError as exc:
        raise _refused(asked, exc, 0, {}) from exc
    except (root, ValueError, TypeError, AttributeError) as exc:
        raise ProviderError(f"{asked.url}: the answer is not understood") from exc


def refused(asked: Asked, body: Any) -> RepoctxError:
    """The error for a failure that came as an event of a stream."""
    endpoint = asked.endpoint
    return error_of(
        Refusal(0, body, asked.url, asked.model, {}, endpoint.key, asked.variable)
    )


def _refused(
    asked: Asked, exc: Any, status: int, headers: dict[str, str]
) -> RepoctxError:
    body, key = exc.body or exc.message, asked.endpoint.key
    return error_of(
        Refusal(status, body, asked.url, asked.model, headers, key, asked.variable)
    )


def _unreached(asked: Asked, exc: Exception) -> ProviderError:
    """The error for a connection that failed, was cut or stalled."""
    names = {type(exc).__name__, type(exc.__cause__).__name__}
    if "ProxyError" in names:
        return ProviderError(f"{asked.url}: the proxy does not let it through")
    if "ConnectError" in names:
        return ProviderError(f"nothing answers at {asked.url}: {asked.unreached}")
    if any("Timeout" in name for name in names):
        return ProviderError(f"{asked.url}: nothing came in time", retryable=True)
    return ProviderError(f"{asked.url}: the connection was cut", retryable=True)


def number(value: Any) -> int:
    """A count of tokens as a server tells it; 0 for anything else."""
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if good else 0
