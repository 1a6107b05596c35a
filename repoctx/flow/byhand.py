"""A prompt that a person carries to a model, and the answer that comes back."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from repoctx.errors import StorageError, UsageError
from repoctx.flow.model import Model
from repoctx.flow.session import Handed, Session
from repoctx.protocols import ByHand
from repoctx.values import Count, Request

PROMPT = "prompt.md"
"""The file in the state folder that holds the last prompt to be carried."""


def carried(session: Session, model: Model, request: Request) -> None:
    """Have the person here carry the prompt, where the provider needs one; its answer
    is with the provider then.

    Raises UsageError where there is no person or no answer, StorageError when the
    prompt cannot be written down.
    """
    provider = model.provider
    if not isinstance(provider, ByHand):
        return
    if session.carry is None:
        raise UsageError(f"{model.name} needs a person, and there is none here")

    def hand() -> Handed:
        text = provider.text(request)
        rest = len(text.encode("utf-8", "replace")) - request.prefix.size
        path = session.state.folder / PROMPT
        _write(path, text)
        if rest < 0:  # The window still has the prefix.
            return Handed(text, Count(len(text) // 4), path)
        return Handed(text, request.prefix.count + Count(rest // 4), path)

    provider.take(session.carry(hand))


def _write(path: Path, text: str) -> None:
    """The whole text or nothing, for its owner alone to read. Raises StorageError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".prompt")
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
        Path(name).replace(path)
    except OSError as exc:
        raise StorageError(f"{path}: {exc.strerror}") from None
