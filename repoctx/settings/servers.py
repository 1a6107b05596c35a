"""MCP servers that may be asked for context: from the user's file, or a trusted
``.mcp.json``.

A server is a command, so one that a repository names runs only after `trust`, which is
of the file's exact bytes. What is called, with which arguments, and how much of it
enters a prompt is configured here too: nothing else is ever called.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repoctx.errors import SettingsError
from repoctx.settings import readers

FILE = ".mcp.json"
"""A repository's own servers, as other clients of MCP read them too."""

EXTRA = "repoctx"
"""The key of an entry in that file that says what we call."""

MAX_FILE = 1_000_000

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_KNOWN = ("command", "args", "env", "tools", "resources", "tokens", "timeout")


@dataclass(frozen=True, slots=True)
class Server:
    """A server: how it is started, what of it is called (tools with their arguments,
    in which ``{question}`` is replaced) and read, in how many tokens and seconds.
    ``env`` is all that it gets beside PATH, HOME and the like."""

    name: str
    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resources: tuple[str, ...] = ()
    tokens: int = 8_000
    timeout: float = 20.0


def find_servers(
    root: Path,
    own: Mapping[str, Any],
    trusted: str,
    environ: Mapping[str, str],
    names: tuple[str, ...],
) -> tuple[Server, ...]:
    """The servers called ``names``. ``own`` is the ``mcp`` table of the user's file;
    what it leaves out comes from the repository's file, of which ``trusted`` is the
    digest that the user trusts ("": none).

    Raises SettingsError for an unknown name, for what cannot be read, and for a
    repository's command that is not trusted.
    """
    data = _bytes(root)
    theirs, found = _theirs(data), []
    for name in names:
        table = _table(f"[mcp.{name}]", own.get(name, {}), _KNOWN)
        if name not in own and name not in theirs:
            hint = readers.meant(name, tuple({**own, **theirs}))
            raise SettingsError(f"--mcp {name}: no such server{hint}")
        if "command" not in table:
            if name not in theirs:
                raise SettingsError(f"[mcp.{name}]: command is missing")
            if _digest(data) != trusted:
                raise SettingsError(
                    f"--mcp {name}: {FILE} of this repository names its command, "
                    "which runs only after: repoctx config trust"
                )
            table = {**theirs[name], **table}
        found.append(_server(name, table, environ))
    return tuple(found)


def digest(root: Path) -> str:
    """SHA-256 of the repository's file; "" when there is none that can be read."""
    return _digest(_bytes(root))


def commands(root: Path) -> dict[str, str]:
    """What the repository's file would start, by name, for a person to judge.

    Raises SettingsError.
    """
    return {
        name: json.dumps({k: v for k, v in table.items() if v}, ensure_ascii=True)
        for name, table in _theirs(_bytes(root)).items()
    }


def _digest(data: bytes | None) -> str:
    if data is None:
        return ""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def _bytes(root: Path) -> bytes | None:
    path = root / FILE
    try:
        status = path.lstat()
        # Never through a link: it would be another file's bytes that are trusted.
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            return None
        return path.read_bytes()
    except OSError:
        return None


def _theirs(data: bytes | None) -> dict[str, dict[str, Any]]:
    """The servers of the repository's file, as our own table would hold them."""
    if data is None:
        return {}
    try:
        servers = json.loads(data)["mcpServers"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise SettingsError(f'{FILE}: not JSON with "mcpServers"') from None
    if not isinstance(servers, dict):
        raise SettingsError(f"{FILE}: mcpServers must be an object")
    found = {}
    for name, entry in servers.items():
        where = f"{FILE}: {name[:60]}"
        if not isinstance(entry, dict):
            raise SettingsError(f"{where} must be an object")
        plain = {k: entry[k] for k in ("command", "args", "env") if k in entry}
        if "command" not in plain:
            continue  # A server on the network: other clients' business.
        extra = entry.get(EXTRA, {})
        found[name] = plain | _table(f"{where}: {EXTRA}", extra, _KNOWN[3:])
    return found


def _table(where: str, value: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where} must be a table")
    for key in value:
        if key not in known:
            hint = readers.meant(key, known)
            raise SettingsError(f"{where}: unknown key {key[:60]!r}{hint}")
    return dict(value)


def _server(name: str, table: Mapping[str, Any], environ: Mapping[str, str]) -> Server:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name[:60]!r} is no name of an MCP server")

    def read(key: str, usual: Any, check: Any) -> Any:
        try:
            return check(table[key]) if key in table else usual
        except ValueError as exc:
            raise SettingsError(f"mcp {name}: {key} must be {exc}") from None

    def filled(text: str) -> str:
        try:
            return _filled(text, environ)
        except KeyError as exc:
            raise SettingsError(f"mcp {name}: {exc.args[0]} is not set") from None

    env = read("env", {}, _texts_by_name)
    return Server(
        name,
        filled(read("command", "", lambda v: readers.line(v, False))),
        tuple(filled(text) for text in read("args", (), _texts)),
        {key: filled(text) for key, text in env.items()},
        read("tools", {}, _tools),
        read("resources", (), _texts),
        read("tokens", 8_000, lambda v: readers.amount(v, False)),
        read("timeout", 20.0, lambda v: readers.decimal(v, False)),
    )


def _filled(text: str, environ: Mapping[str, str]) -> str:
    """``${NAME}`` and ``${NAME:-usual}`` replaced, as other clients do. Raises KeyError
    for a variable that is not set."""

    def value(found: re.Match[str]) -> str:
        name, usual = found[1], found[2]
        return environ[name] if usual is None else environ.get(name) or usual

    return _VARIABLE.sub(value, text)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _texts_by_name(value: Any) -> dict[str, str]:
    good = isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    if not good:
        raise ValueError("a table of texts")
    return dict(value)


def _tools(value: Any) -> dict[str, dict[str, Any]]:
    """Tools with their arguments; a list names tools that take none."""
    if isinstance(value, list):
        return {name: {} for name in _texts(value)}
    good = isinstance(value, dict) and all(isinstance(v, dict) for v in value.values())
    if not good:
        raise ValueError("a table of tools, each with a table of its arguments")
    return {name: dict(arguments) for name, arguments in value.items()}
