"""Defaults < user file < project file < environment < flags -> one frozen Settings.

The project file is ``.repoctx.toml``, or ``[tool.repoctx]`` in ``pyproject.toml``. It
came with the repository, so it may choose what is packed and how it looks, and nothing
that sends text elsewhere, takes a safeguard away or spends more: those keys count only
after `trust`. Secrets and the state folder never come from it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from repoctx.errors import SettingsError
from repoctx.settings import readers

PROJECT_FILE = ".repoctx.toml"
PREFIX = "REPOCTX_"
MAX_FILE = 1_000_000
"""Bytes; a settings file that is larger is refused unread."""

_OTHER_VARIABLES = {"SCRIPT", "SKIP", "CONFIG", "API_KEY"}


@dataclass(frozen=True, slots=True)
class Settings:
    """All that can be set. Tokens, bytes, seconds and USD are plain numbers; 0 or an
    empty text means that nothing was set."""

    model: str = ""
    base_url: str = ""
    api_key_env: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    budget: int = 0
    max_size: int = 0
    style: str = "xml"
    redact: bool = True
    output_format: str = "text"
    max_cost: float = 0.0
    ask_above: float = 0.5
    color: str = "auto"
    state_dir: Path | None = None
    timeout: float = 600.0
    overlay: str = "diff"
    strict: bool = False
    past_cliff: bool = False
    base: str = ""
    answer_room: int = 0
    rounds: int = 8
    window: int = 0
    effort: str = ""
    verbosity: str = ""
    prompts_dir: Path | None = None
    lint_cmd: str = ""
    test_cmd: str = ""


class Key(NamedTuple):
    """How one key is read, and what for. ``scope`` is ``any``, ``trusted`` (in a
    project file, only after trust) or ``own`` (never in a project file)."""

    parse: Callable[[Any, bool], Any]
    help: str
    scope: str = "any"


_KEYS: Mapping[str, Key] = {
    "model": Key(readers.line, "offline, auto or PROVIDER/MODEL", "trusted"),
    "base_url": Key(readers.url, "where `compatible` sends", "trusted"),
    "api_key_env": Key(
        readers.variable, "the variable that holds the API key", "trusted"
    ),
    "include": Key(readers.patterns, "only these paths"),
    "exclude": Key(readers.patterns, "never these paths"),
    "budget": Key(readers.amount, "most tokens of a prompt (128k)"),
    "max_size": Key(readers.amount, "most bytes of a file (1m)"),
    "style": Key(
        readers.one_of("xml", "markdown", "json", "plain"), "how files are written"
    ),
    "redact": Key(readers.flag, "take secrets out", "trusted"),
    "output_format": Key(
        readers.one_of("text", "json", "stream-json"), "how results look"
    ),
    "max_cost": Key(readers.decimal, "USD that one request may cost", "trusted"),
    "ask_above": Key(
        readers.decimal, "USD above which a cold cache is asked about", "trusted"
    ),
    "color": Key(readers.one_of("auto", "always", "never"), "on a terminal"),
    "state_dir": Key(readers.path, "folder for what can be rebuilt", "own"),
    "timeout": Key(readers.decimal, "seconds to wait for the first byte"),
    "overlay": Key(readers.one_of("diff", "blocks", "full"), "how changes are written"),
    "strict": Key(readers.flag, "no overlay: no stale line, less of it cached"),
    "past_cliff": Key(
        readers.flag,
        "let a prompt pass the size where each token costs more",
        "trusted",
    ),
    "base": Key(readers.revision, "commit that the unchanging part shows"),
    "answer_room": Key(readers.amount, "tokens kept free for the answer"),
    "rounds": Key(readers.amount, "most messages that one long answer may come in"),
    "window": Key(readers.amount, "tokens that the model can read"),
    "effort": Key(
        readers.one_of("", "none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "how much a model thinks; a change loses its cache",
        "trusted",
    ),
    "verbosity": Key(
        readers.one_of("", "low", "medium", "high"),
        "how much an OpenAI model says; a change loses its cache",
        "trusted",
    ),
    "prompts_dir": Key(readers.path, "folder of your own prompts", "trusted"),
    "lint_cmd": Key(readers.line, "run on a copy before edits are applied", "trusted"),
    "test_cmd": Key(readers.line, "run on a copy before edits are applied", "trusted"),
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, the origin of each key (``default``, a file, a variable, a flag), and
    what was ignored and why. ``keys`` are API keys by provider and ``mcp`` the table of
    MCP servers, both from the user file; see `servers`."""

    settings: Settings
    origins: Mapping[str, str]
    problems: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    mcp: Mapping[str, Any] = field(default_factory=dict, repr=False)


def kinds() -> Mapping[str, Key]:
    """Every key and how it is read, in the order in which they are shown."""
    return _KEYS


def user_file(environ: Mapping[str, str]) -> Path:
    """Where the user's settings are: ``REPOCTX_CONFIG``, else the platform's place."""
    if environ.get(f"{PREFIX}CONFIG"):
        return Path(environ[f"{PREFIX}CONFIG"]).expanduser()
    from platformdirs import user_config_path

    return user_config_path("repoctx", appauthor=False) / "config.toml"


def parse_budget(text: str) -> int:
    """Tokens of ``128k``, ``1m`` or ``200000``. Raises SettingsError."""
    try:
        return readers.amount(text, True)
    except ValueError as exc:
        raise SettingsError(f"{text[:40]!r} is no budget: expected {exc}") from None


def load(
    root: Path | None,
    user_file: Path,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
) -> Loaded:
    """The settings for the repository at ``root`` (None: no repository).

    ``flags`` are by key; None is a flag that was not given. Raises SettingsError
    naming the place, the key and the nearest right one.
    """
    values: dict[str, Any] = {}
    origins = dict.fromkeys(_KEYS, "default")
    problems: list[str] = []
    keys: dict[str, str] = {}
    mcp: dict[str, Any] = {}
    for layer in _layers(root, user_file, environ, flags, problems):
        if layer.project:
            layer = _guarded(layer, cast(Path, root), user_file, problems)
        else:
            keys |= _secrets(layer, problems)
            mcp |= _servers(layer)
        for name, value in layer.table.items():
            values[name] = _parsed(layer, name, value)
            origins[name] = layer.origin(name)
    return Loaded(
        Settings(**values),
        MappingProxyType(origins),
        tuple(problems),
        MappingProxyType(keys),
        MappingProxyType(mcp),
    )


class _Layer(NamedTuple):
    table: dict[str, Any]
    origin: Callable[[str], str]
    loose: bool = False
    project: bool = False
    path: Path | None = None


def _layers(
    root: Path | None,
    user_file: Path,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    problems: list[str],
) -> Iterator[_Layer]:
    own = _toml(user_file, str(user_file))
    if own is not None:
        yield _Layer(own, lambda _: str(user_file), path=user_file)
    if root is not None and (found := project(root, problems)) is not None:
        where, table = found
        yield _Layer(table, lambda _: where, project=True, path=root / where)
    yield _Layer(
        _variables(environ, problems), lambda n: PREFIX + n.upper(), loose=True
    )
    given = {k: v for k, v in flags.items() if v is not None and v != ()}
    yield _Layer(given, lambda n: "--" + n.replace("_", "-"), loose=True)


def _parsed(layer: _Layer, name: str, value: Any) -> Any:
    kind = _KEYS.get(name)
    where = layer.origin(name)
    if kind is None:
        raise SettingsError(
            f"{where}: unknown key {name[:60]!r}{readers.meant(name, tuple(_KEYS))}"
        )
    try:
        parsed = kind.parse(value, layer.loose)
    except (ValueError, OverflowError) as exc:
        raise SettingsError(f"{where}: {name} must be {exc}") from None
    if isinstance(parsed, Path) and layer.path is not None:
        return layer.path.parent / parsed
    return parsed


def _guarded(layer: _Layer, root: Path, user_file: Path, problems: list[str]) -> _Layer:
    """The project's layer without what it may not set."""
    where = layer.origin("")
    if "keys" in layer.table:
        raise SettingsError(
            f"{where}: keys never belong in a repository; remove them, and renew them"
        )
    if "mcp" in layer.table:
        raise SettingsError(
            f"{where}: mcp servers are named in {user_file}, or in .mcp.json"
        )
    own = [n for n, k in _KEYS.items() if k.scope == "own" and n in layer.table]
    if own:
        raise SettingsError(
            f"{where}: {own[0]} can only be set by you, in {user_file} or "
            f"{PREFIX}{own[0].upper()}"
        )
    asked = [n for n, k in _KEYS.items() if k.scope == "trusted" and n in layer.table]
    if not asked or is_known(root, layer.table, user_file):
        return layer
    problems.append(
        f"{where}: {', '.join(asked)} ignored until you run: repoctx config trust"
    )
    kept = {k: v for k, v in layer.table.items() if k not in asked}
    return _Layer(kept, layer.origin, project=True, path=layer.path)


def project_table(root: Path) -> str:
    """The name of the file that holds the project's settings; empty: there is none."""
    found = project(root)
    return found[0] if found else ""


def is_known(root: Path, table: dict[str, Any], user_file: Path) -> bool:
    """Whether the project's settings are those that were trusted; see `trusting`."""
    from repoctx.settings import notes  # Few projects ask for what needs trust.

    return notes.store(user_file).get(str(root.resolve())) == digest(table)


def digest(table: dict[str, Any]) -> str:
    """SHA-256 of the project's settings."""
    import hashlib
    import json

    # Of the settings, not of the file: a new dependency in pyproject.toml keeps them.
    text = json.dumps(table, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def project(
    root: Path, problems: list[str] | None = None
) -> tuple[str, dict[str, Any]] | None:
    """The project's settings and the name of the file that holds them; what was passed
    over is added to ``problems``."""
    table = _toml(root / PROJECT_FILE, PROJECT_FILE, follow=False)
    if table is not None:
        return PROJECT_FILE, table
    name = "pyproject.toml"
    try:
        whole = _toml(root / name, name, follow=False, holding=b"repoctx")
    except SettingsError as exc:
        # It is the project's file, not ours: that it is broken is not our error.
        if problems is not None:
            problems.append(str(exc))
        return None
    tools = (whole or {}).get("tool")
    found = tools.get("repoctx") if isinstance(tools, dict) else None
    return (name, found) if isinstance(found, dict) else None


def _toml(
    path: Path, name: str, *, follow: bool = True, holding: bytes = b""
) -> dict[str, Any] | None:
    """The file's table; None when it is absent or does not hold ``holding``."""
    try:
        status = path.stat() if follow else path.lstat()
        if holding and not stat.S_ISREG(status.st_mode):
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
            raise SettingsError(f"{name}: not a plain file of at most 1 MB")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise SettingsError(f"{name}: {exc.strerror}") from None
    if holding not in data:
        return None
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        reason = " ".join(str(exc).split())[:160]
        raise SettingsError(f"{name}: not valid TOML: {reason}") from None


def _secrets(layer: _Layer, problems: list[str]) -> dict[str, str]:
    """Takes the table of API keys out of the user's layer."""
    if layer.path is None or "keys" not in layer.table:
        return {}
    keys = layer.table.pop("keys")
    if not isinstance(keys, dict) or not all(isinstance(v, str) for v in keys.values()):
        raise SettingsError(f"{layer.path}: keys must be a table of PROVIDER = 'KEY'")
    if os.name == "posix" and layer.path.stat().st_mode & 0o077:
        problems.append(
            f"{layer.path}: keys ignored, others can read them: chmod 600 the file"
        )
        return {}
    return keys


def _servers(layer: _Layer) -> dict[str, Any]:
    """Takes the table of MCP servers out of the user's layer."""
    found = layer.table.pop("mcp", {}) if layer.path is not None else {}
    if not isinstance(found, dict):
        raise SettingsError(f"{layer.path}: mcp must hold tables: [mcp.NAME]")
    return found


def _variables(environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    known = {name.upper(): name for name in _KEYS}
    table = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or not environ[variable]:
            continue
        rest = variable[len(PREFIX) :]
        if rest in known:
            table[known[rest]] = environ[variable]
        elif rest not in _OTHER_VARIABLES:
            near = readers.meant(variable, tuple(PREFIX + name for name in known), 0.85)
            problems += [f"{variable} is no setting{near}"] if near else []
    return table
