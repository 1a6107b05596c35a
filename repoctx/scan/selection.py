"""Choose by path alone which files of a listing enter the context."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from repoctx.errors import SettingsError, UsageError
from repoctx.protocols import Reader
from repoctx.scan.attributes import Attributes
from repoctx.scan.globs import BadPattern, Ignores, Rule, rule
from repoctx.scan.known import (
    BINARY_ENDINGS,
    GENERATED_ENDINGS,
    LOCK_FILES,
    MINIFIED_ENDINGS,
    VENDORED,
    vendor_folders,
)
from repoctx.scan.listing import Entry, Listing
from repoctx.scan.worktree import HARD_LIMIT
from repoctx.values import LeftOut, Reason

MAX_SIZE = 1024 * 1024
"""Bytes. 1 MiB is some 300,000 tokens, more than most windows: what is larger is data.
In ansible, sympy, hugo, vue, tokio and spring-boot no hand-written file comes near."""

IGNORE_FILE = ".repoctxignore"
_RULES_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user wants. Patterns are gitignore's; ``max_size`` is in bytes.

    With ``include`` given, only what it names enters, and enters in spite of every
    automatic reason; ``exclude`` has the last word. ``use_ignore``: .repoctxignore
    files hold.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_size: int = MAX_SIZE
    use_ignore: bool = True


class Chosen(NamedTuple):
    """A listing divided: ``files`` to read, and what is left out by its path.

    ``wanted`` are paths that an include or a negated pattern brought back: reasons that
    their content may give do not hold for them.
    """

    files: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    wanted: frozenset[str] = frozenset()

    def keep(self, path: str) -> bool:
        """Whether ``path`` was brought back by hand."""
        return path in self.wanted


class OwnRules(NamedTuple):
    """What the .repoctxignore files of one tree say. ``digest`` is over their paths and
    ids: "" when there are none."""

    ignores: Ignores
    digest: str


def own_rules(listing: Listing, selection: Selection, read: Reader) -> OwnRules:
    """The .repoctxignore files of ``listing``. Raises SettingsError for a bad one."""
    found: dict[str, list[Rule]] = {}
    digest = hashlib.sha256()
    for entry in listing.entries if selection.use_ignore else ():
        folder, _, name = entry.path.rpartition("/")
        if name == IGNORE_FILE:
            found[folder] = _ignore_rules(entry.path, _text(entry, read))
            digest.update(f"{entry.oid} {entry.path}\0".encode("utf-8", "replace"))
    return OwnRules(Ignores(found), digest.hexdigest() if found else "")


def select(
    listing: Listing,
    selection: Selection,
    read: Reader,
    own: OwnRules | None = None,
) -> Chosen:
    """Divide ``listing``; ``read`` gives its .gitattributes and .repoctxignore files.

    ``own`` takes the place of its .repoctxignore files: an older commit is shown by
    the rules that the work tree has now, so that what is left out today does not come
    back from the past. Raises UsageError for a bad pattern of a flag, SettingsError
    for one of a file.
    """
    include = _flags("--include", selection.include)
    exclude = _flags("--exclude", selection.exclude)
    ignores = (own or own_rules(listing, selection, read)).ignores
    attributes = _attributes(listing, read)
    automatic = _Automatic(listing, attributes, selection.max_size)
    files: list[Entry] = []
    left_out = list(listing.left_out)
    wanted: set[str] = set()
    simple = not (include or exclude or ignores.files)
    for entry in listing.entries:
        path = entry.path
        if simple:
            verdict = automatic.verdict(entry)
        else:
            by_hand = _by_hand(path, include, exclude, ignores)
            if by_hand is _WANTED:
                wanted.add(path)
                verdict = _too_large(entry, HARD_LIMIT)
            else:
                verdict = by_hand or automatic.verdict(entry)
        if verdict is not None:
            reason, detail = verdict
            left_out.append(LeftOut(path, reason, detail, entry.oid, entry.size))
            continue
        files.append(entry)
        if attributes and attributes.value(path, "linguist-generated") is False:
            wanted.add(path)
    return Chosen(tuple(files), tuple(left_out), frozenset(wanted))


Verdict = tuple[Reason, str]
_WANTED: Verdict = (Reason.NOT_INCLUDED, "")


def _by_hand(
    path: str, include: Sequence[Rule], exclude: Sequence[Rule], ignores: Ignores
) -> Verdict | None:
    """What the user says: a reason, _WANTED, or None for nothing."""
    if (found := _last(exclude, path)) and not found.negated:
        return Reason.EXCLUDED, found.text
    if include:
        found = _last(include, path)
        if found is None or found.negated:
            return Reason.NOT_INCLUDED, found.text if found else ""
        return _WANTED
    decided = ignores.verdict(path) if ignores.files else None
    if decided is None:
        return None
    return _WANTED if decided.negated else (Reason.REPOCTXIGNORE, decided.text)


def _last(given: Sequence[Rule], path: str) -> Rule | None:
    """The last of the rules that names ``path`` or a folder it lies in."""
    return next((one for one in reversed(given) if one.covers(path)), None)


def _too_large(entry: Entry, limit: int) -> Verdict | None:
    if entry.size <= limit:
        return None
    return Reason.TOO_LARGE, f"{entry.size:,} bytes, the limit is {limit:,}"


class _Automatic:
    """The reasons that a path alone gives."""

    def __init__(self, listing: Listing, attributes: Attributes, limit: int) -> None:
        self._attributes = attributes
        self._limit = limit
        paths = [*(entry.path for entry in listing.entries), *listing.also]
        self._vendors = vendor_folders(paths)
        self._folders: dict[str, str] = {"": ""}

    def verdict(self, entry: Entry) -> Verdict | None:
        path = entry.path
        folder, _, name = path.rpartition("/")
        vendored = self._vendored(folder)
        generated = None
        if self._attributes:
            generated, vendored = self._attributed(path, vendored)
        if vendored:
            return Reason.VENDORED, vendored
        if generated:
            return Reason.GENERATED, "linguist-generated"
        if name in LOCK_FILES:
            return Reason.LOCK, name
        if generated is None and (found := _by_ending(name)):
            return found
        if entry.size > self._limit:
            return _too_large(entry, self._limit)
        return None

    def _attributed(self, path: str, vendored: str) -> tuple[bool | None, str]:
        match self._attributes.value(path, "linguist-vendored"):
            case True:
                vendored = "linguist-vendored"
            case False:
                vendored = ""
        return self._attributes.value(path, "linguist-generated"), vendored

    def _vendored(self, folder: str) -> str:
        """The folder at or above ``folder`` that holds other people's code, or ''."""
        missing: list[str] = []
        while folder not in self._folders:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        known = self._folders[folder]
        for below in reversed(missing):
            name = below.rpartition("/")[2]
            if not known and (name in VENDORED or below in self._vendors):
                known = f"{below}/"
            self._folders[below] = known
        return known


def _by_ending(name: str) -> Verdict | None:
    ending = name[name.rfind(".") + 1 :].lower()
    if ending in BINARY_ENDINGS and "." in name:
        return Reason.BINARY, f".{ending}"
    if name.endswith(MINIFIED_ENDINGS):
        return Reason.MINIFIED, "by its name"
    if name.endswith(GENERATED_ENDINGS):
        return Reason.GENERATED, "by its name"
    return None


def _flags(flag: str, patterns: Iterable[str]) -> list[Rule]:
    found = []
    for pattern in patterns:
        try:
            one = rule(pattern.removeprefix("./"))
        except BadPattern as exc:
            raise UsageError(f"{flag}: cannot read the pattern {pattern!r}") from exc
        if one is not None:
            found.append(one)
    return found


def _attributes(listing: Listing, read: Reader) -> Attributes:
    found: dict[str, str] = {}
    for entry in listing.entries:
        if entry.path.endswith(".gitattributes"):
            folder, _, name = entry.path.rpartition("/")
            if name == ".gitattributes":
                found[folder] = _text(entry, read)
    return Attributes(found)


def _ignore_rules(path: str, text: str) -> list[Rule]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            one = rule(line)
        except BadPattern as exc:
            pattern = line.strip()[:80]
            raise SettingsError(
                f"{path}:{number}: cannot read the pattern {pattern!r}"
            ) from exc
        if one is not None:
            found.append(replace(one, text=f"{path}:{number}:{one.text}"))
    return found


def _text(entry: Entry, read: Reader) -> str:
    """A rule file's text; empty when it is unreadable or absurdly large."""
    if entry.size > _RULES_LIMIT:
        return ""
    try:
        data = read(entry.oid, entry.path)
    except KeyError:
        return ""
    return data.decode("utf-8", "replace").removeprefix("\ufeff")
