"""What a guess among all that a context shows is worth: in a short context there is
less to choose from than in the whole repository."""

from __future__ import annotations

from collections.abc import Collection

from repoctx.probe.bodies import LONGEST, SHORTEST
from repoctx.probe.probes import Material, Probe
from repoctx.probe.tongues import CALLABLE, GROUP_OF, HOLDERS
from repoctx.values import Kind

_NAMED: dict[str, frozenset[Kind]] = {
    "callers": CALLABLE,
    "path": CALLABLE,
    "description": CALLABLE,
    "subclasses": HOLDERS,
}


class Shown:
    """The files of a context."""

    def __init__(self, material: Material, paths: Collection[str]) -> None:
        self._material = material
        self._langs = {f.path: f.lang for f in material.files if f.path in paths}
        self._known: dict[tuple[str, frozenset[str]], int] = {}

    def chance(self, probe: Probe) -> float:
        """The expected score of a guess, in the form asked for."""
        family = probe.family
        if family == "copy":
            # It may hit upon the right one, else it is as like it as others are.
            hit = 1 / max(self._number(family, frozenset(self._langs.values())), 1)
            return hit + (1 - hit) * probe.chance
        if family not in _NAMED and family != "definitions":
            return probe.chance
        group = GROUP_OF.get(self._langs[probe.evidence[0]])
        # A description may be of a function of any language.
        langs = frozenset(self._langs.values())
        if group is not None and family != "description":
            langs = frozenset(group.langs)
        wanted = len(probe.truth)
        return wanted / max(self._number(family, langs), wanted)

    def _number(self, family: str, langs: frozenset[str]) -> int:
        key = family, langs
        if key not in self._known:
            paths = [path for path, lang in self._langs.items() if lang in langs]
            if family == "definitions":
                self._known[key] = len(paths)
            else:
                self._known[key] = sum(self._fits(family, path) for path in paths)
        return self._known[key]

    def _fits(self, family: str, path: str) -> int:
        """How many of a file's definitions are of the kind that is asked for."""
        found = self._material.outline(path).definitions
        if family == "copy":
            sizes = [s.end - s.start + 1 for s in found if s.kind in CALLABLE]
            return sum(SHORTEST <= size <= LONGEST for size in sizes)
        return sum(symbol.kind in _NAMED[family] for symbol in found)
