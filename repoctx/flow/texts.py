"""Texts as they enter the prompt: read by blob id, decoded, redacted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from repoctx.errors import RepoctxError
from repoctx.scan import Contents, decode, redact
from repoctx.values import BlobFacts, SourceFile


class Changed(RepoctxError):
    """A file changed or vanished after it was listed; list again."""


class Texts:
    """Text by file. ``safe`` takes secrets out; only blobs known to hold one pay."""

    def __init__(
        self, contents: Contents, facts: Mapping[str, BlobFacts], safe: bool
    ) -> None:
        self._contents = contents
        self._facts = facts
        self._safe = safe

    def expect(self, files: Iterable[SourceFile]) -> None:
        """Announce the files whose texts will be read next, in order."""
        self._contents.expect((f.oid, f.path, f.size) for f in files)

    def __call__(self, file: SourceFile) -> str:
        """The text of ``file``. Raises Changed when its bytes are not to be had."""
        try:
            data = self._contents(file.oid, file.path)
        except KeyError:
            raise Changed(f"{file.path} changed while it was read") from None
        text, _, _ = decode(data)
        facts = self._facts.get(file.oid)
        if self._safe and (facts is None or facts.redactions):
            text, _ = redact(text)
        return text
