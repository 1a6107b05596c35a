"""The index room: what texts define and use, and where to find it.

Nothing here imports tree-sitter before a text is parsed. The room reads and writes one
sqlite file (``store``); texts come in as arguments.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repoctx.index.chunks import passages
    from repoctx.index.languages import LANGUAGES, detect
    from repoctx.index.names import find_definitions
    from repoctx.index.rows import Prepared, Row, prepare
    from repoctx.index.search import Ranked, rank
    from repoctx.index.store import Store
    from repoctx.index.terms import with_terms

__all__ = [
    "LANGUAGES",
    "Prepared",
    "Ranked",
    "Row",
    "Store",
    "detect",
    "find_definitions",
    "passages",
    "prepare",
    "rank",
    "with_terms",
]

_HOMES = {
    "LANGUAGES": "languages",
    "Prepared": "rows",
    "Ranked": "search",
    "Row": "rows",
    "Store": "store",
    "detect": "languages",
    "find_definitions": "names",
    "passages": "chunks",
    "prepare": "rows",
    "rank": "search",
    "with_terms": "terms",
}


def __getattr__(name: str) -> Any:
    # At the first use: a warm pack needs `detect` alone, and all of it takes 12 ms.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
