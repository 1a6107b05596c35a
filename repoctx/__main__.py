"""The entry point: doors that must start at once are opened without the CLI library."""

from __future__ import annotations

import gc
import importlib
import sys

DOORS = {
    "hook": "repoctx.hook.door",
    "filter": "repoctx.editor.filter",
    "acp": "repoctx.editor.acp",
    "mcp": "repoctx.editor.mcp",
    "serve": "repoctx.editor.serve",
    "lsp": "repoctx.editor.lsp",
}
"""Commands that start at once; each module has a ``main(argv)``."""


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
        if sys.argv[1:] and sys.argv[1] in DOORS:
            door = importlib.import_module(DOORS[sys.argv[1]])
            return int(door.main(sys.argv[2:]))
        from repoctx.cli.app import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        # Before the command line stands, or a second one while it ends.
        return 130


if __name__ == "__main__":
    sys.exit(main())
