"""What a project asks for beyond its own look, and whether the user trusts it.

Apart from reading settings, which every start does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repoctx.errors import SettingsError
from repoctx.settings import (
    PROJECT_FILE,
    Loaded,
    digest,
    is_known,
    kinds,
    notes,
    project,
    servers,
)
from repoctx.settings import (
    user_file as own_file,
)

if TYPE_CHECKING:
    from repoctx.settings.servers import Server


def trusted(root: Path, user_file: Path) -> bool:
    """Whether all that the project asks for, as it is now, has been trusted."""
    found, store = project(root), notes.store(user_file)
    theirs = servers.digest(root)
    known = found is None or is_known(root, found[1], user_file)
    same = not theirs or store.get(_servers_of(root)) == theirs
    return known and same and bool(found or theirs)


def wanted(root: Path, user_file: Path) -> Mapping[str, Any]:
    """What the project asks for that counts only after `trust`. Raises SettingsError
    for a file that is broken."""
    asked: dict[str, Any] = {}
    found = project(root)
    if found is not None and not is_known(root, found[1], user_file):
        named = found[1].items()
        asked |= {n: v for n, v in named if n in kinds() and kinds()[n].scope != "any"}
    theirs = servers.digest(root)
    if theirs and notes.store(user_file).get(_servers_of(root)) != theirs:
        asked |= {f"mcp {n}": v for n, v in servers.commands(root).items()}
    return asked


def trust(root: Path, user_file: Path) -> tuple[str, ...]:
    """Trust the project's settings and MCP servers as they are now; the files' names.

    Any later change of them takes the trust away. Raises SettingsError when there are
    none, StorageError when it cannot be noted beside the user's settings.
    """
    names, digests = [], {}
    if (found := project(root)) is not None:
        names.append(found[0])
        digests[str(root.resolve())] = digest(found[1])
    if theirs := servers.digest(root):
        names.append(servers.FILE)
        digests[_servers_of(root)] = theirs
    if not names:
        raise SettingsError(
            f"no {PROJECT_FILE}, no [tool.repoctx] and no {servers.FILE} in {root}"
        )
    notes.keep(user_file, digests)
    return tuple(names)


def mcp_servers(
    root: Path, loaded: Loaded, environ: Mapping[str, str], names: tuple[str, ...]
) -> tuple[Server, ...]:
    """The MCP servers called ``names``; see `servers.find_servers`."""
    known = notes.store(own_file(environ)).get(_servers_of(root), "")
    return servers.find_servers(root, loaded.mcp, known, environ, names)


def _servers_of(root: Path) -> str:
    return str(root.resolve() / servers.FILE)
