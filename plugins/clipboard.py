"""Any chat window as a provider: a person carries the prompt there and the answer back.

Nothing is sent from here. The door shows the prompt (`ByHand.text`), waits for the
answer and hands it over (`ByHand.take`) before `stream` is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repoctx.errors import UsageError
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Usage

from .prompt import last_bytes, prefix_bytes

WINDOW = 200_000
"""Tokens that a chat window is taken to read, where the user says nothing."""
OUTPUT = 65_536


def provider(endpoint: Endpoint) -> Clipboard:
    """The factory that the entry point names."""
    return Clipboard(endpoint)


class Clipboard:
    """A model that is asked by hand. What it costs, its window's owner knows."""

    name = "clipboard"

    def __init__(self, endpoint: Endpoint) -> None:
        self._window = endpoint.window or WINDOW
        self._answer: str | None = None
        self._shown = ""

    def models(self) -> Sequence[str]:
        """Any name will do."""
        return ()

    def capabilities(self, model: str) -> Capabilities:
        """A window to paste into; no cache that could be counted on."""
        return Capabilities(self._window, OUTPUT)

    def text(self, request: Request) -> str:
        """The whole prompt; later in a conversation only what is new: the window that
        was given the rest still has it."""
        if request.turns and self._shown == request.prefix.digest:
            return request.turns[-1].text
        self._shown = request.prefix.digest
        whole = prefix_bytes(request.prefix) + last_bytes(request)
        said = (f"\n\n[{turn.role}]\n{turn.text}" for turn in request.turns)
        return whole.decode("utf-8", "replace") + "".join(said)

    def take(self, answer: str) -> None:
        """What the model said."""
        self._answer = answer

    def stream(self, request: Request) -> Iterator[Delta]:
        """The answer that was taken. Raises UsageError when there is none."""
        if self._answer is None:
            raise UsageError("clipboard: nobody is here to carry the prompt")
        answer, self._answer = self._answer, None
        yield Delta(answer)
        yield Delta(usage=Usage(), stop=Stop.END)
