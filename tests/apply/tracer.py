"""Run a function in a child, and at its n-th system call kill it or let the call fail.

By ptrace(2) on Linux; failing calls on x86-64 only. The child dies at the entry of the
call, which is then not carried out: all n together are all states that a process can
leave behind.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

TRACEME, SYSCALL, GETREGS, SETREGS = 0, 24, 12, 13
SETOPTIONS, GET_SYSCALL_INFO = 0x4200, 0x420E
SYSGOOD, EXITKILL = 1, 0x100000
ENTRY = 1
X86 = platform.machine() == "x86_64"
# Places in x86-64's user_regs_struct, in words.
RAX, ORIG_RAX, WORDS = 10, 15, 27

_NAMES = """
0 read, 1 write, 3 close, 5 fstat, 73 flock, 74 fsync, 82 rename, 83 mkdir, 84 rmdir,
87 unlink, 91 fchmod, 93 fchown, 190 fsetxattr, 196 flistxattr, 217 getdents64,
257 openat, 258 mkdirat, 262 newfstatat, 263 unlinkat, 264 renameat, 316 renameat2
"""
FILES = {int(n): name for n, name in (p.split() for p in _NAMES.split(","))}
"""x86-64's numbers of the calls that work on files."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


@dataclass
class Traced:
    """What a child did: the numbers of its system calls, and how it ended: its exit
    code, or -9 when it was killed."""

    calls: list[int] = field(default_factory=list)
    code: int = 0


def possible() -> str:
    """Why nothing can be traced here; empty when it can."""
    if sys.platform != "linux":
        return "ptrace as Linux has it is needed"
    try:
        return "" if run(lambda: None).code == 0 else "ptrace does not work here"
    except OSError as exc:
        return f"ptrace is not allowed here: {exc}"


def run(
    work: Callable[[], object],
    kill_at: int = -1,
    fail: Callable[[int, int], int] = lambda _at, _number: 0,
) -> Traced:
    """Run ``work`` in a child. It is killed at its call number ``kill_at`` (from 0);
    ``fail`` gives the errno with which a call fails, from its index and its number; a
    negative one is a signal that comes with it.

    The exit code is 0, or 1 when ``work`` raises.
    """
    child = os.fork()
    if not child:
        _traced(work)
    return _follow(child, kill_at, fail)


def _traced(work: Callable[[], object]) -> None:
    code = 1
    try:
        if _libc.ptrace(TRACEME, 0, None, None) == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            work()
            code = 0
    except BaseException as exc:  # noqa: BLE001 - the child must not go on
        if os.environ.get("TRACER_SHOWS"):
            print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
    finally:
        os._exit(code)


def _follow(child: int, kill_at: int, fail: Callable[[int, int], int]) -> Traced:
    traced, error = Traced(), 0
    options = SYSGOOD | EXITKILL
    deliver = 0
    _, status = os.waitpid(child, 0)
    if not os.WIFSTOPPED(status):
        raise OSError("the child could not be traced")
    _ptrace(SETOPTIONS, child, 0, options)
    while True:
        with suppress(ProcessLookupError):  # Killed, and on its way out.
            _ptrace(SYSCALL, child, 0, deliver)
        _, status = os.waitpid(child, 0)
        deliver = 0
        if os.WIFSIGNALED(status):
            traced.code = -os.WTERMSIG(status)
            return traced
        if os.WIFEXITED(status):
            traced.code = os.WEXITSTATUS(status)
            return traced
        if os.WSTOPSIG(status) != signal.SIGTRAP | 0x80:
            deliver = os.WSTOPSIG(status)
            continue
        entering, number = _call(child)
        if entering:
            if len(traced.calls) == kill_at:
                os.kill(child, signal.SIGKILL)
            else:
                error = fail(len(traced.calls), number)
                if error > 0:
                    _set(child, ORIG_RAX, -1)
                elif error:
                    os.kill(child, -error)
            traced.calls.append(number)
        elif error > 0:
            _set(child, RAX, -error)
            error = 0


def _call(child: int) -> tuple[bool, int]:
    """Whether a system call begins (or ends), and which."""
    info = (ctypes.c_uint64 * 12)()
    _ptrace(GET_SYSCALL_INFO, child, ctypes.sizeof(info), ctypes.addressof(info))
    return info[0] & 0xFF == ENTRY, info[3]


def _set(child: int, place: int, value: int) -> None:
    words = (ctypes.c_int64 * WORDS)()
    _ptrace(GETREGS, child, 0, ctypes.addressof(words))
    words[place] = value
    _ptrace(SETREGS, child, 0, ctypes.addressof(words))


def _ptrace(request: int, child: int, address: int, data: int) -> None:
    if _libc.ptrace(request, child, address, data) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
