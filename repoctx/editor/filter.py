"""``repoctx filter``: a selection on stdin, exactly its replacement on stdout.

Editors put whatever comes on stdout, and some of them stderr, in the place of the
selection. So stderr stays empty whatever happens, and after a failure the input comes
back byte for byte, with an exit status that is not 0; `repoctx log --last` says why.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from repoctx.errors import Interrupted, RepoctxError, UsageError

MOST = 4_000_000
"""Bytes of a selection."""

EXAMPLES = """examples:
  :'<,'>!repoctx filter "make this iterative"           (vim, neovim)
  :pipe repoctx filter "add type hints"                 (helix)
  |repoctx filter --path %val{buffile} "simplify"       (kakoune)

The exit status is 0 only when the output is the replacement. What went wrong is in
`repoctx log --last`, never on the screen.
"""


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx filter ARGV``; the exit status."""
    args = _parser().parse_args(argv)
    data = b""
    try:
        data = sys.stdin.buffer.read(MOST + 1)
        if len(data) > MOST:
            raise UsageError("the selection is larger than 4 MB")
        out, code = _replaced(args, data), 0
    except RepoctxError as exc:
        out, code = data + _rest(), exc.code or 1
    except KeyboardInterrupt:
        out, code = data + _rest(), Interrupted.code
    except Exception:  # noqa: BLE001 - a traceback would stand in somebody's file
        out, code = data + _rest(), 2
    try:
        sys.stdout.buffer.write(out)
        sys.stdout.buffer.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return code or 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
    return parser


def _rest() -> bytes:
    """What of the input was not read: it must come back too."""
    with suppress(OSError, ValueError):
        return sys.stdin.buffer.read()
    return b""


def _replaced(args: argparse.Namespace, data: bytes) -> bytes:
    from repoctx.flow.selection import Selection, rewrite
    from repoctx.flow.session import open_session

    flags = {"model": args.model, "max_cost": args.max_cost}
    start = args.repo or (args.path.parent if args.path else Path())
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
