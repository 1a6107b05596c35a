"""The interfaces that plugins and rooms meet at. Shapes only, no behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from repoctx.values import Capabilities, Count, Delta, Endpoint, Request, Usage


@runtime_checkable
class Provider(Protocol):
    """A way to get an answer. Registered as an entry point ``repoctx.providers``.

    An entry point names a factory ``(endpoint: Endpoint) -> Provider``. Neither the
    module nor the factory may import an SDK, open a connection or read a file: that
    waits for ``stream``.
    """

    name: str

    def models(self) -> Sequence[str]:
        """Names that can be asked now; empty when any name is passed through."""
        ...

    def capabilities(self, model: str) -> Capabilities:
        """What ``model`` can do. Raises UnknownModel."""
        ...

    def stream(self, request: Request) -> Iterator[Delta]:
        """Send and yield the answer as it comes; the last delta has ``stop`` set.

        Raises ProviderError, AuthError, ContextOverflow or MissingExtra. Closing the
        iterator cancels the request.
        """
        ...


@runtime_checkable
class Learns(Protocol):
    """A provider that can ask its server what a model can do, when that is wanted."""

    def learn(self, model: str) -> Capabilities:
        """Ask the server (bounded, a few seconds); fall back to ``capabilities``."""
        ...


@runtime_checkable
class Prepares(Protocol):
    """A provider whose SDK takes long to import."""

    def prepare(self) -> None:
        """Import it, in a thread of its own while the prompt is made. What goes wrong
        is said by ``stream`` again."""
        ...


@runtime_checkable
class Prewarms(Protocol):
    """A provider that can fill its cache without an answer."""

    def prewarm(self, request: Request) -> Usage:
        """Send the prefix so that it is cached; bounded, raises as ``stream`` does."""
        ...


@runtime_checkable
class Counts(Protocol):
    """A provider whose server counts tokens exactly."""

    def count(self, request: Request) -> int:
        """Input tokens of the whole request; raises as ``stream`` does."""
        ...


@runtime_checkable
class ByHand(Protocol):
    """A provider whose model a person asks, in a window of another program."""

    def text(self, request: Request) -> str:
        """What the person is to give to the model."""
        ...

    def take(self, answer: str) -> None:
        """What the model said; ``stream``, which comes next, yields it."""
        ...


class Tokenizer(Protocol):
    """Counts tokens. ``name`` identifies the vocabulary (``o200k_base``)."""

    name: str
    exact: bool

    def count(self, text: str) -> int:
        """Tokens of ``text``; special-token spellings count as ordinary text."""
        ...

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, in order."""
        ...


class Detector(Protocol):
    """Names the language of a path (``""`` when unknown), from the path alone."""

    def __call__(self, path: str) -> str:
        """The language's name, for example ``python``."""
        ...


class Reader(Protocol):
    """Gives bytes by blob id, one file at a time."""

    def __call__(self, oid: str, path: str) -> bytes:
        """The blob's bytes. Raises KeyError when it is not to be had any more."""
        ...


class Opener(Protocol):
    """Opens a rendered segment's file for reading."""

    def __call__(self, path: Path) -> Iterator[bytes]:
        """The file's bytes in chunks."""
        ...


__all__ = [
    "ByHand",
    "Capabilities",
    "Count",
    "Counts",
    "Delta",
    "Detector",
    "Endpoint",
    "Learns",
    "Opener",
    "Prepares",
    "Prewarms",
    "Provider",
    "Reader",
    "Request",
    "Tokenizer",
    "Usage",
]
