"""``repoctx filter``: a selection on stdin, exactly its replacement on stdout.

Editors put whatever comes on stdout, and some of them stderr, in the place of the
selection. So stderr stays empty whatever happens, and after a failure the input comes
back byte for byte, with an exit status that is not 0; `repoctx log --last` says why.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from repoctx.editor.stdio import write_all
from repoctx.errors import UsageError

MOST = 4_000_000
"""Bytes of a selection."""

EXAMPLES = """examples:
  :'<,'>!repoctx filter "make this iterative"           (vim, neovim)
  :pipe repoctx filter "add type hints"                 (helix)
  |repoctx filter --path %val{buffile} "simplify"       (kakoune)

The exit status is 0 only when the output is the replacement. What went wrong is in
`repoctx log --last`, never on the screen; wrong arguments give the input back too.
"""


class _Parser(argparse.ArgumentParser):
    """Raises UsageError, where others print into somebody's file."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx filter ARGV``; the exit status."""
    data, start = bytearray(), Path()
    try:
        args = _parsed(argv)
        start = args.repo or (args.path.parent if args.path else start)
        _heed_signals()
        _read(data, MOST + 1)
        if len(data) > MOST:
            raise UsageError("the selection is larger than 4 MB")
        out, code = _replaced(args, start, bytes(data)), 0
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - see _failed
        out, code = _failed(start, data, exc)
    try:
        write_all(1, out)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return code or 2
    return code


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments. Raises UsageError, but where a person types a selection: they are
    told. From then on nothing that anybody prints is seen."""
    parser = _Parser(
        prog="repoctx filter",
        description="Rewrite the selection on stdin; the repository is the context.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("instruction", nargs="+", help="what to make of it")
    parser.add_argument("-C", "--repo", type=Path, metavar="DIR")
    parser.add_argument("-m", "--model", metavar="NAME")
    parser.add_argument("--path", type=Path, metavar="FILE", help="where it stands")
    parser.add_argument("--line", type=int, default=0, metavar="N", help="first line")
    parser.add_argument("--max-cost", type=float, metavar="USD")
    try:
        return parser.parse_args(argv)
    except UsageError as exc:
        if sys.stdin and sys.stdin.isatty() and sys.stderr:
            sys.stderr.write(f"{parser.format_usage()}repoctx filter: {exc}\n")
            raise SystemExit(UsageError.code) from None
        raise
    finally:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _heed_signals() -> None:
    """An editor's plea to end is as good as a person's."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


def _failed(start: Path, data: bytearray, exc: BaseException) -> tuple[bytes, int]:
    """The input, all of it, and the exit status; why is noted for `repoctx log`."""
    with suppress(OSError):
        _read(data)
    with suppress(Exception):  # Where nothing can be noted the input counts.
        from repoctx.editor.jobs import failure
        from repoctx.flow.selection import note_failure

        error = failure(exc)
        note_failure(start, error)
        return bytes(data), error.code or 1
    return bytes(data), 2


def _read(data: bytearray, most: int = sys.maxsize) -> None:
    """Add stdin to ``data``, until its end or ``most`` bytes."""
    while len(data) < most and (piece := os.read(0, 1 << 16)):
        data += piece


def _replaced(args: argparse.Namespace, start: Path, data: bytes) -> bytes:
    from repoctx.flow.selection import Selection, rewrite
    from repoctx.flow.session import open_session

    flags = {"model": args.model, "max_cost": args.max_cost}
    with open_session(start, flags) as session:
        path = _inside(session.place.root, args.path) if args.path else ""
        selection = Selection(data, path, max(0, args.line))
        return rewrite(session, selection, " ".join(args.instruction))


def _inside(root: Path, path: Path) -> str:
    """The path below the root; its bare name for a file elsewhere, a scratch buffer."""
    try:
        return path.resolve().relative_to(root).as_posix()
    except (ValueError, OSError):
        return path.name
