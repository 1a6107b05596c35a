"""A file was deleted, and a configuration still names it by path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from posixpath import dirname, relpath

from repoctx.review.change import Delta, Tree
from repoctx.review.removed import SHOWN
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Finding, Spot

CONFIG = frozenset(
    {"json", "yaml", "toml", "ini", "properties", "makefile", "cmake", "dockerfile"}
    | {"meson", "gradle", "just", "nix", "gomod", "starlark"}
)
"""Languages whose texts name files for tools to open."""


def dangling(deltas: Sequence[Delta], tree: Tree) -> Iterator[Finding]:
    """One finding for each deleted file that is still named by its path."""
    for delta in deltas:
        old = delta.old
        if old is None or delta.new is not None or old.path in tree.paths:
            continue
        base = old.path.rpartition("/")[2]
        if "/" not in old.path and len(base) < 6:
            continue
        places = list(_places(old.path, base, tree))
        if places:
            first = places[0]
            yield Finding(
                rule=Rule.PATH,
                severity=SEVERITIES[Rule.PATH],
                at=Spot(old.path, 1, 1, before=True),
                message=f"{first.path}:{first.start} still names the deleted file",
                snippet=old.path,
                related=tuple(places[:SHOWN]),
                confidence=0.8,
            )


def _places(gone: str, base: str, tree: Tree) -> Iterator[Spot]:
    for path in tree.mentions(base)[:300]:
        side = tree.side(path)
        if side is None or side.lang not in CONFIG:
            continue
        ways = {gone, relpath(gone, dirname(path) or ".")}
        named = re.compile(
            r"(?<![\w./-])(?:\./)?(?:"
            + "|".join(re.escape(way) for way in sorted(ways) if "/" in way)
            + r")(?![\w/-]|\.\w)"
        )
        if not any("/" in way for way in ways):
            continue
        for number, line in enumerate(side.lines, 1):
            if named.search(line) and not line.lstrip().startswith(("#", "//", "!")):
                yield Spot(path, number, number, "named here")
