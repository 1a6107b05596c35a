"""Raw answers on disk: appended while they stream, renamed when they are whole.

``TIME-ID.part`` is being written (or was, when the process was killed), ``TIME-ID.md``
is a whole answer and ``TIME-ID.cut.md`` one that broke off. Names sort by time.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO


class AnswerFile:
    """One answer's file in ``folder``; nothing is created before there is text.

    A disk that refuses does not end the answer: ``problem`` then says why it is not
    saved. ``now`` is in seconds since 1970.
    """

    def __init__(self, folder: Path, now: float) -> None:
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
        self.name = f"{stamp}Z-{secrets.token_hex(3)}"
        self.problem = ""
        self._folder = folder
        self._path = folder / f"{self.name}.part"
        self._file: BinaryIO | None = None

    def append(self, text: str) -> None:
        """Write ``text`` through to the file."""
        if not text or self.problem:
            return
        try:
            if self._file is None:
                self._file = self._create()
            self._file.write(text.encode("utf-8", "replace"))
        except OSError as exc:
            self.problem = f"the answer is not saved: {self._path}: {exc.strerror}"

    def _create(self) -> BinaryIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An answer quotes private code: nobody else reads it.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return os.fdopen(os.open(self._path, flags, 0o600), "wb", buffering=0)

    def close(self, *, whole: bool) -> Path | None:
        """Name the file for what it holds; None when nothing was written."""
        if self._file is None:
            return None
        try:
            if whole and not self.problem:
                os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            ending = ".md" if whole and not self.problem else ".cut.md"
            final = self._folder / f"{self.name}{ending}"
            self._path.replace(final)
        except OSError as exc:
            self.problem = f"the answer is not saved: {self._path}: {exc.strerror}"
            return self._path if self._path.exists() else None
        return final
