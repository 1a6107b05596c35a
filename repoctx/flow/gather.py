"""The job of gathering: what MCP servers say to a question, as material beside it.

Only what is configured is called, and of that only tools that their server marks as
read-only. What comes back is data: named, cut at the server's budget, redacted and
delimited like any other material. A server that fails costs a line, not the question.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repoctx.errors import MissingExtra, RepoctxError
from repoctx.flow.session import Session
from repoctx.pack.tokens import Estimate
from repoctx.settings.trusting import mcp_servers

if TYPE_CHECKING:
    from repoctx.settings.servers import Server

QUESTION = "{question}"
"""In an argument or a resource's address: the question's words."""

MOST_PAGES = 20
"""Pages of a server's list of tools that are read."""

Texts = tuple[tuple[str, str], ...]


class Failed(RepoctxError):
    """A server, or one of its tools, did not give what was asked for."""

    code = 3


def gather(session: Session, names: Sequence[str], question: str) -> Texts:
    """What the servers called ``names`` say to ``question``: named texts, in the order
    of the settings. What went wrong is noted, a line for each.

    Raises SettingsError for a server that is not known or not trusted, MissingExtra.
    """
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        return ()
    root = session.place.root
    servers = mcp_servers(root, session.loaded, os.environ, wanted)
    try:
        import anyio
        import mcp  # noqa: F401 - the extra
    except ImportError:
        raise MissingExtra("--mcp", "mcp") from None
    said: dict[str, list[tuple[str, str]]] = {server.name: [] for server in servers}

    async def all_of_them() -> None:
        async with anyio.create_task_group() as tasks:
            for server in servers:
                tasks.start_soon(_heard, session, server, question, said[server.name])

    session.progress(f"asking {', '.join(wanted)}", 0, 0)
    anyio.run(all_of_them)
    session.progress("", 0, 0)
    return tuple(
        (f"mcp {server.name} {what}", text)
        for server in servers
        for what, text in _fitted(session, server, said[server.name])
    )


async def _heard(
    session: Session, server: Server, question: str, said: list[tuple[str, str]]
) -> None:
    """Put what one server says into ``said``, in its time."""
    import anyio

    try:
        with anyio.fail_after(server.timeout):
            await _ask(session, server, question, said)
    except TimeoutError:
        session.notes.append(f"mcp {server.name}: no answer in {server.timeout:g} s")
    except Exception as exc:  # noqa: BLE001 - the question matters more
        session.notes.append(f"mcp {server.name}: {_reason(exc)}")


def _reason(exc: BaseException) -> str:
    """Why, in a line; of several at once the first."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    if isinstance(exc, OSError):
        return f"it cannot be started: {exc.strerror or type(exc).__name__}"
    return " ".join(str(exc).split())[:300] or type(exc).__name__


async def _ask(
    session: Session, server: Server, question: str, said: list[tuple[str, str]]
) -> None:
    from mcp import Client, StdioServerParameters, stdio_client

    start = StdioServerParameters(
        command=server.command,
        args=list(server.args),
        env=dict(server.env),
        cwd=session.place.root,
    )
    with Path(os.devnull).open("w") as nowhere:
        # What it writes to stderr is noise of its own.
        async with Client(stdio_client(start, errlog=nowhere)) as client:
            if not (server.tools or server.resources):
                raise Failed("nothing to ask: name tools or resources in its settings")
            reads = await _read_only(client) if server.tools else frozenset()
            for tool, arguments in server.tools.items():
                if tool not in reads:
                    why = "is not there, or not marked read-only: it is not called"
                    session.notes.append(f"mcp {server.name}: the tool {tool} {why}")
                    continue
                filled = _filled(arguments, question)
                result = await client.call_tool(tool, filled)
                said.append((tool, _text_of(tool, result)))
            for uri in server.resources:
                found = await client.read_resource(_spelt(uri, question))
                texts = [getattr(part, "text", "") for part in found.contents]
                said.append((uri, "\n".join(texts)))


async def _read_only(client: Any) -> frozenset[str]:
    """The names of the tools that say of themselves that they only read."""
    found: set[str] = set()
    cursor = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            if tool.annotations is not None and tool.annotations.read_only_hint is True:
                found.add(tool.name)
        cursor = page.next_cursor
        if not cursor:
            break
    return frozenset(found)


def _filled(value: Any, question: str) -> Any:
    """Arguments with the question in its places."""
    if isinstance(value, str):
        return value.replace(QUESTION, question)
    if isinstance(value, dict):
        return {key: _filled(inner, question) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, question) for inner in value]
    return value


def _spelt(uri: str, question: str) -> str:
    from urllib.parse import quote

    return uri.replace(QUESTION, quote(question, safe=""))


def _text_of(tool: str, result: Any) -> str:
    """The text of a tool's result. Raises Failed for an error."""
    parts = [
        getattr(part, "text", None) or getattr(getattr(part, "resource", 0), "text", "")
        for part in result.content
    ]
    text = "\n".join(filter(None, parts))
    if result.is_error:
        raise Failed(f"{tool}: {' '.join(text.split())[:200] or 'failed'}")
    if not text and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False, indent=1)
    return text


def _fitted(
    session: Session, server: Server, said: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The texts within the server's budget; what is cut says so."""
    left, counter = server.tokens, Estimate()
    fitted = []
    for what, text in said:
        text = text.encode("utf-8", "replace").decode()
        tokens = counter.count(text)
        if tokens > left:
            text = _beginning(text, left, tokens)
            said_of = f"cut at {server.tokens:,} tokens"
            session.notes.append(f"mcp {server.name}: {what} is {said_of}")
        left -= min(tokens, left)
        if text.strip():
            fitted.append((what, text))
    return fitted


def _beginning(text: str, most: int, tokens: int) -> str:
    """As many whole lines as make up about ``most`` of ``tokens``."""
    part = text[: len(text) * most // max(tokens, 1)]
    part = part[: part.rfind("\n") + 1] or part
    return f"{part.rstrip()}\n[the rest is cut]\n" if part.strip() else ""
