"""Which files, their blob ids, their text.

The way through: ``discover`` a Place, ``list_tree`` or ``list_commit`` it, ``select``
by path, read with ``Contents``, ``examine`` each blob, ``settle`` the snapshot.
"""

from repoctx.scan.blobs import Blobs, sizes
from repoctx.scan.classify import examine
from repoctx.scan.decode import Binary, decode, encode
from repoctx.scan.git import (
    Place,
    discover,
    folder_name,
    ignored_among,
    ignored_by,
    resolve,
    run,
    start,
    user_state,
)
from repoctx.scan.listing import (
    Entry,
    Listing,
    list_commit,
    list_index,
    list_tree,
    list_worktree,
)
from repoctx.scan.paths import inside
from repoctx.scan.secrets import redact
from repoctx.scan.selection import (
    MAX_SIZE,
    Chosen,
    OwnRules,
    Selection,
    own_rules,
    select,
)
from repoctx.scan.snapshot import settle, tree_digest
from repoctx.scan.stats import StatCache
from repoctx.scan.worktree import HARD_LIMIT, Contents, blob_id, read_file

__all__ = [
    "HARD_LIMIT",
    "MAX_SIZE",
    "Binary",
    "Blobs",
    "Chosen",
    "Contents",
    "Entry",
    "Listing",
    "OwnRules",
    "Place",
    "Selection",
    "StatCache",
    "blob_id",
    "decode",
    "discover",
    "encode",
    "examine",
    "folder_name",
    "ignored_among",
    "ignored_by",
    "inside",
    "list_commit",
    "list_index",
    "list_tree",
    "list_worktree",
    "own_rules",
    "read_file",
    "redact",
    "resolve",
    "run",
    "select",
    "settle",
    "sizes",
    "start",
    "tree_digest",
    "user_state",
]
