"""Set one key in a settings file and leave every other byte as it is.

The file is edited by lines; what comes out is read again and must say what it said
before but for the key, else nothing is written.
"""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from pathlib import Path
from typing import Any

from repoctx.errors import SettingsError, StorageError
from repoctx.settings import MAX_FILE

_HEADER = re.compile(r"^\s*\[")


def put(path: Path, key: str, literal: str, table: str = "") -> bool:
    """Give ``key`` the TOML ``literal`` in ``table`` (empty: the top) of the file at
    ``path``, which is made if need be; whether anything changed.

    Raises SettingsError where that cannot be done without a person, StorageError when
    it cannot be written.
    """
    old = _read(path)
    new = with_key(old, key, literal, table)
    if _values(new, path) != _wanted(_values(old, path), key, literal, table):
        raise SettingsError(
            f"{path}: set {key} = {literal} by hand; it is written there"
        )
    if new == old:
        return False
    replaced(path, new)
    return True


def with_key(text: str, key: str, literal: str, table: str = "") -> str:
    """``text`` with the line of ``key``, which takes the place of an older one."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    start, end = _span(lines, table)
    if start < 0:
        head = "" if not text or text.endswith("\n") else newline
        gap = newline if text.strip() else ""
        return f"{text}{head}{gap}[{table}]{newline}{key} = {literal}{newline}"
    own = re.compile(rf"^(\s*){re.escape(key)}\s*=[^#\n\r]*?(\s+#[^\n\r]*)?(\r?\n)?$")
    for at in range(start, end):
        if match := own.match(lines[at]):
            end_of = match[3] or ""
            lines[at] = f"{match[1]}{key} = {literal}{match[2] or ''}{end_of}"
            return "".join(lines)
    while end > start and not lines[end - 1].strip():
        end -= 1
    if end and not lines[end - 1].endswith("\n"):
        lines[end - 1] += newline
    lines.insert(end, f"{key} = {literal}{newline}")
    return "".join(lines)


def _span(lines: list[str], table: str) -> tuple[int, int]:
    """Where the lines of ``table`` stand; -1 when it is not there."""
    heads = [at for at, line in enumerate(lines) if _HEADER.match(line)]
    if not table:
        return 0, heads[0] if heads else len(lines)
    for at in heads:
        if re.sub(r"\s|#.*", "", lines[at]) == f"[{table}]":
            return at + 1, next((n for n in heads if n > at), len(lines))
    return -1, -1


def _wanted(
    values: dict[str, Any], key: str, literal: str, table: str
) -> dict[str, Any]:
    here = values
    for part in table.split(".") if table else ():
        here = here.setdefault(part, {})
    here[key] = tomllib.loads(f"x = {literal}")["x"]
    return values


def _values(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise SettingsError(f"{path}: not valid TOML: {exc}") from None


def _read(path: Path) -> str:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise SettingsError(f"{path}: not a plain file")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}") from None
    if len(data) > MAX_FILE:
        raise SettingsError(f"{path}: more than 1 MB")
    try:
        return data.decode("utf-8")
    except ValueError:
        raise SettingsError(f"{path}: not UTF-8") from None


def replaced(path: Path, text: str, mode: int | None = None) -> None:
    """Replace the file whole, with these rights, else those that it had. Raises
    StorageError."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if mode is None and path.exists():
            mode = path.stat().st_mode & 0o777
        try:
            # Nobody else sees it before it has its rights.
            rights = 0o666 if mode is None else 0o600
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(new, flags, rights), "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                new.chmod(mode)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc.strerror}") from None
