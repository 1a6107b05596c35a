"""The index room: what texts define and use, and where to find it.

Nothing here imports tree-sitter before a text is parsed. The room reads and writes one
sqlite file (``store``); texts come in as arguments.
"""

from repoctx.index.chunks import passages
from repoctx.index.languages import LANGUAGES, detect
from repoctx.index.names import find_definitions
from repoctx.index.outline import outline
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
    "outline",
    "passages",
    "prepare",
    "rank",
    "with_terms",
]
