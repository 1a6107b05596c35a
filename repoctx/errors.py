"""Every error that repoctx raises on purpose, with its exit code.

::

    RepoctxError                  (code)  what it means
    ├── UsageError                  2     the call, the settings or the input is wrong
    │   ├── NotARepository          2     no such folder, or nothing in it to read
    │   ├── OutsideRoot             2     a path leads out of the repository
    │   ├── UnknownRevision         2     git does not know the commit asked for
    │   ├── SettingsError           2     a settings file or variable cannot be used
    │   ├── UnknownModel            2     no provider serves that model
    │   └── MissingExtra            2     an optional dependency is not installed
    ├── StorageError                2     the state folder or an output is unusable
    ├── GitError                    2     git itself failed
    ├── ProviderError               3     the provider or the network failed
    │   ├── ContextOverflow         3     the prompt is longer than the model's window
    │   ├── CutAnswer               3     an answer broke off; what came is kept
    │   └── AuthError               4     the key is missing or refused
    ├── BudgetExceeded              5     a limit of time, tokens or money was reached
    ├── NotApplied                  1     edits were not applied; nothing was changed
    │   ├── PathRefused             1     a path must not be written; ``code`` says why
    │   └── Drifted                 1     files are not what the edits were made against
    └── Interrupted               130     the user stopped it

A message is one line, says what is wrong and what to do, and never holds a key, a
prompt or an answer. ``retryable`` tells a program whether the same call may work later.
"""

from __future__ import annotations

from pathlib import Path


class RepoctxError(Exception):
    """Base of all expected failures; ``code`` is the process's exit status."""

    code = 2
    retryable = False


class UsageError(RepoctxError):
    """The call, the settings or the input is wrong."""


class NotARepository(UsageError):
    """The folder does not exist or holds nothing that could be read."""


class OutsideRoot(UsageError):
    """A path leads out of the repository's root."""


class UnknownRevision(UsageError):
    """Git does not know the commit that was asked for."""


class SettingsError(UsageError):
    """A settings file, variable or flag holds something unusable."""


class UnknownModel(UsageError):
    """No provider serves the model that was asked for."""


class MissingExtra(UsageError):
    """An optional dependency is missing; the message names the pip command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs: pip install 'repoctx[{extra}]'")
        self.extra = extra


class StorageError(RepoctxError):
    """The state folder or an output file cannot be read or written."""


class GitError(RepoctxError):
    """Git itself failed; the message holds its last line."""


class ProviderError(RepoctxError):
    """The provider or the network failed. ``retry_after`` is in seconds, if named."""

    code = 3

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after


class ContextOverflow(ProviderError):
    """The prompt is longer than the model's window."""


class CutAnswer(ProviderError):
    """An answer broke off after it had begun; ``text`` and ``saved`` hold what came."""

    def __init__(self, message: str, *, text: str, saved: Path | None) -> None:
        super().__init__(message, retryable=True)
        self.text = text
        self.saved = saved


class AuthError(ProviderError):
    """The key is missing or refused."""

    code = 4


class BudgetExceeded(RepoctxError):
    """A limit of time, tokens or money was reached."""

    code = 5


class NotApplied(RepoctxError):
    """Edits were not applied; nothing was changed."""

    code = 1


class PathRefused(NotApplied):
    """A path must not be written. ``reason`` is a code, ``path`` relative."""

    def __init__(self, path: str, reason: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.reason = reason
        self.detail = detail


class Drifted(NotApplied):
    """Files are not what the edits were made against; ``paths`` names them."""

    def __init__(self, message: str, paths: tuple[str, ...]) -> None:
        super().__init__(message)
        self.paths = paths


class Interrupted(RepoctxError):
    """The user stopped the run."""

    code = 130
