"""Entry points to plain dicts: the only module that loads plugins.

A provider is any distribution's entry point in the group ``repoctx.providers`` that
names a factory ``(Endpoint) -> Provider``. Listing reads the installed metadata and
imports nothing; a plugin's module is imported when its factory is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from repoctx.errors import UsageError
from repoctx.protocols import Provider
from repoctx.values import Endpoint

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

PROVIDERS = "repoctx.providers"
"""The entry-point group."""

OWN = "repoctx"
"""The distribution whose names a stranger cannot take over."""

Factory = Callable[[Endpoint], Provider]


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed provider. ``status`` is ``ok``, ``shadowed by DISTRIBUTION`` or
    ``broken: REASON``; before it has been loaded, ``registered``."""

    name: str
    distribution: str
    version: str
    entry_point: str
    status: str


class _Found(NamedTuple):
    point: EntryPoint
    distribution: str
    version: str
    shadowed: str = ""


def providers() -> Mapping[str, Factory]:
    """Factories by provider name, in name order; nothing is imported yet.

    A factory raises UsageError, naming the plugin and its distribution, when the
    plugin cannot be loaded or is no provider. Of two plugins with one name repoctx's
    own is taken, then the first by distribution name.
    """
    return _Installed()


class _Installed(Mapping[str, Factory]):
    """Reads the metadata of what is installed (20 ms) unless only one of our own is
    asked for by its name, which nobody can take over."""

    def __getitem__(self, name: str) -> Factory:
        return _own(name) or self._all[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> Mapping[str, Factory]:
        return {f.point.name: _factory(f) for f in _found() if not f.shadowed}


def _own(name: str) -> Factory | None:
    """What our own entry point of that name stands for; None: it is not one of ours, or
    `_factory` has to say what is wrong with it."""
    try:
        module = import_module(f"{OWN}_plugins.{name}")
    except Exception:  # noqa: BLE001
        return None
    found: Factory | None = getattr(module, "provider", None)
    return found


def describe(*, check: bool = False) -> list[Plugin]:
    """Every registered provider, shadowed ones too, by name; ``check`` loads each."""
    return [
        Plugin(
            f.point.name, f.distribution, f.version, f.point.value, _status(f, check)
        )
        for f in _found()
    ]


def _status(found: _Found, check: bool) -> str:
    if found.shadowed:
        return f"shadowed by {found.shadowed}"
    if not check:
        return "registered"
    try:
        _factory(found)(Endpoint())
    except UsageError as exc:
        return f"broken: {exc}"
    return "ok"


def _found() -> list[_Found]:
    taken: dict[str, str] = {}
    found = []
    for dist, name, version in _distributions():
        for point in dist.entry_points:
            if point.group != PROVIDERS:
                continue
            first = taken.setdefault(point.name, name)
            shadow = "" if first == name else first
            found.append(_Found(point, name, version, shadow))
    return sorted(found, key=lambda f: (f.point.name, bool(f.shadowed), f.distribution))


def _distributions() -> Iterable[tuple[Distribution, str, str]]:
    """Distributions that register something, ours first, each name once.

    Only the first of a name counts: it is the one that Python imports.
    """
    from importlib.metadata import distributions

    by_name: dict[str, tuple[Distribution, str, str]] = {}
    for dist in distributions():
        # Reading one small file first spares parsing METADATA of every package.
        if PROVIDERS not in (dist.read_text("entry_points.txt") or ""):
            continue
        name = str(dist.name or "?")
        by_name.setdefault(name, (dist, name, str(dist.version)))
    return sorted(by_name.values(), key=lambda d: (d[1] != OWN, d[1]))


def _factory(found: _Found) -> Factory:
    who = f"provider {found.point.name!r} of {found.distribution} {found.version}"

    def make(endpoint: Endpoint) -> Provider:
        try:
            made = found.point.load()(endpoint)
        except UsageError:
            raise
        # A stranger's code may fail in any way; it must not take the others with it.
        except (Exception, SystemExit) as exc:
            reason = " ".join(str(exc).split())[:200]
            raise UsageError(
                f"{who} cannot be loaded: {type(exc).__name__}: {reason}"
            ) from exc
        if not isinstance(made, Provider):
            raise UsageError(f"{who} is no provider: {found.point.value}")
        return made

    return make
