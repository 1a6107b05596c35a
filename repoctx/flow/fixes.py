"""Whether an edit that a model suggests can be applied to the tree that a change makes.

That tree may be the index, a commit, or exist nowhere (a patch under review): the edit
is tried on its blobs, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from repoctx.apply.guard import Bar
from repoctx.apply.shadow import Shadow, Tree
from repoctx.apply.splice import Refused
from repoctx.flow import checks
from repoctx.flow.session import Session
from repoctx.flow.sides import IndexedTree
from repoctx.parse.edits import blocks
from repoctx.scan import Contents
from repoctx.values import State

Fits = Callable[[str], bool]


@contextmanager
def fitting(session: Session, tree: IndexedTree) -> Iterator[Fits]:
    """A judge of edits: whether all that is in a text finds its place in ``tree``,
    changes something, breaks no syntax, and touches nothing that git ignores.

    It raises GitError.
    """
    files = tree.files
    dirty = {p for p, file in files.items() if file.state is not State.CLEAN}
    with Contents(session.place, dirty, session.held) as contents:

        def read(path: str) -> bytes | None:
            file = files.get(path)
            if file is None and path in tree.paths:
                raise Refused("binary", "its text is in no context")
            try:
                return contents(file.oid, file.path) if file else None
            except KeyError:
                raise Refused(Bar.UNREADABLE, "it has changed meanwhile") from None

        def mode(path: str) -> int:
            return files[path].mode if path in files else 0o100644

        def fits(text: str) -> bool:
            shadow = Shadow(Tree(read, None, tree.paths, mode))
            for block in blocks(text):
                shadow.take(block)
            if not shadow.report().ok:
                return False
            made = [c for c in shadow.patch().changes if c.new != c.old]
            worse, _ = checks.by_syntax(made)
            return bool(made) and not worse and not checks.by_git(session.place, made)

        yield fits


__all__ = ["Fits", "fitting"]
