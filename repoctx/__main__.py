"""The entry point: doors that must start at once are opened without the CLI library."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    # Tens of thousands of small values live until the end: to look for cycles among
    # them takes a twentieth of a warm run.
    gc.set_threshold(100_000, 50, 50)
    if sys.argv[1:] in (["--version"], ["-V"]):
        from repoctx import __version__

        sys.stdout.write(f"repoctx {__version__}\n")
        return 0
    try:
        if sys.argv[1:2] == ["hook"]:
            from repoctx.hook.door import main as hook

            return hook(sys.argv[2:])
        if sys.argv[1:2] == ["filter"]:
            from repoctx.editor.filter import main as rewrite

            return rewrite(sys.argv[2:])
        if sys.argv[1:2] == ["acp"]:
            from repoctx.editor.acp import main as serve

            return serve(sys.argv[2:])
        if sys.argv[1:2] == ["mcp"]:
            from repoctx.editor.mcp import main as mcp

            return mcp(sys.argv[2:])
        from repoctx.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # Before the command line stands, or a second one while it ends.
        return 130


if __name__ == "__main__":
    sys.exit(main())
