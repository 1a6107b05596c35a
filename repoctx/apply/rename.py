"""Renames that plain ``rename`` cannot do: swap two names, or replace nothing.

Linux has them as ``renameat2`` (glibc 2.28), macOS as ``renameatx_np``; not every file
system takes part. Python offers neither.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from typing import Any

EXCHANGE = 2
"""RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS."""
NOREPLACE = 4 if sys.platform == "darwin" else 1
"""RENAME_NOREPLACE on Linux, RENAME_EXCL on macOS."""

_CALL = "renameatx_np" if sys.platform == "darwin" else "renameat2"
_UNABLE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}
# EPERM is what an old sandbox says to a call that it does not know.


def rename_with(flag: int, folder: int | None, name: Any, to: Any) -> bool:
    """Rename ``name`` to ``to`` in the open ``folder``; False, and nothing done, where
    the system or the file system cannot. Raises OSError."""
    call = _call()
    if folder is None or call is None:
        return False
    if call(folder, name, folder, to, flag) == 0:
        return True
    import ctypes

    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), os.fsdecode(to))


@cache
def _call() -> Any:
    try:
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        call = getattr(library, _CALL)
    except (ImportError, OSError, AttributeError, TypeError):
        return None
    text, number = ctypes.c_char_p, ctypes.c_int
    call.argtypes = [number, text, number, text, ctypes.c_uint]
    return call
