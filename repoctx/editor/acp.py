"""``repoctx acp``: the agent that editors start, over the Agent Client Protocol.

Nothing but the protocol stands on stdout, and nothing on stderr but a usage error.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from repoctx.editor.stdio import take_stdio
from repoctx.errors import MissingExtra

EXAMPLES = """examples, in the settings of the editor:
  Zed         "agent_servers": {"repoctx": {"type": "custom", "command": "repoctx",
              "args": ["acp"]}}
  JetBrains   ~/.jetbrains/acp.json
  Neovim      CodeCompanion: adapters.acp.repoctx; Avante: acp_providers.repoctx

Which model answers, and its key, come from the settings and the environment as for
every command; README.md has the whole of each editor's part.
"""


def main(argv: Sequence[str]) -> int:
    """Run ``repoctx acp ARGV`` until the client goes; the exit status."""
    parser = argparse.ArgumentParser(
        prog="repoctx acp",
        description="Serve an editor over stdin and stdout (Agent Client Protocol 1).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(argv)
    gc.disable()  # A quarter of what it takes to build the SDK's thousands of models.
    try:
        import acp.schema
    except ImportError:
        sys.stderr.write(f"repoctx: {MissingExtra('repoctx acp', 'acp')}\n")
        return MissingExtra.code
    del acp
    gc.freeze()
    gc.enable()
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        source, sink = take_stdio()
    except OSError:
        return 2  # There is nobody to talk to.
    try:
        asyncio.run(_served(source, sink))
    except KeyboardInterrupt:
        return 130


async def _served(source: int, sink: int) -> NoReturn:
    from acp import AgentSideConnection

    from repoctx.editor.acp_agent import Agent
    from repoctx.editor.acp_wire import Wire

    agent, wire = Agent(), Wire(source, sink)
    connection = AgentSideConnection(
        agent,
        wire,
        listening=False,
        use_unstable_protocol=True,
    )
    serving = asyncio.ensure_future(connection.listen())
    with suppress(NotImplementedError, RuntimeError, AttributeError):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving
    await connection.close()
    await asyncio.to_thread(agent.stop)
    # All that was written is whole, and to take thousands of models apart, or to wait
    # for a thread that waits for nobody any more, would only let the editor wait.
    os._exit(0)
