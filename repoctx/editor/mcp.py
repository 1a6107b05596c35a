"""``repoctx mcp``: the repository for agents that speak MCP, read-only, on stdio."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from repoctx.errors import Interrupted, MissingExtra, RepoctxError, UsageError

MCP_VERSION = 1
"""Of what MCP.md promises."""

EPILOG = """\
register it, for example:
  claude mcp add repoctx -- repoctx mcp
  codex mcp add repoctx -- repoctx mcp
  gemini mcp add repoctx repoctx mcp

Tools: repo_overview, search, read_file, find_symbol, find_references, pack, diff,
review. They only read, only inside the repository, and never ask a model.
"""


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx mcp ARGV`` until stdin ends; the exit status."""
    args = _parser().parse_args(argv)
    try:
        _serve(args.repo)
    except RepoctxError as exc:
        if sys.stderr:
            sys.stderr.write(f"repoctx mcp: {exc}\n")
        return exc.code
    except KeyboardInterrupt:
        return Interrupted.code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repoctx mcp",
        description="Serve the repository to an agent by the Model Context Protocol.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-C",
        "--repo",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the repository, or a folder in it",
    )
    return parser


def _serve(repo: Path) -> None:
    if not repo.is_dir():
        raise UsageError(f"{repo} is not a folder")
    if sys.stdin and sys.stdin.isatty() and sys.stderr:
        sys.stderr.write("repoctx mcp: waiting for an agent; --help says how\n")
    gc.disable()  # A tenth of the SDK's import is looking for garbage.
    try:
        import mcp.server.lowlevel  # noqa: F401 - the extra, or the one line below
    except ImportError:
        raise MissingExtra("repoctx mcp", "mcp") from None
    from repoctx.editor.mcp_server import serve

    # The start sets what suits a run of a second: this one lasts for days.
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 10, 10)
    serve(repo.resolve())
