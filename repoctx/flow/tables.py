"""Snapshots as JSON by columns, which load five times faster than rows."""

from __future__ import annotations

from typing import Any

from repoctx.values import LeftOut, Reason, Snapshot, SourceFile, State


def columns(snapshot: Snapshot) -> dict[str, Any]:
    """``snapshot`` as JSON by columns, which load five times faster than rows."""
    files = snapshot.files
    return {
        "tree": snapshot.tree,
        "paths": "\0".join(f.path for f in files),
        "oids": " ".join(f.oid for f in files),
        "modes": [f.mode for f in files],
        "sizes": [f.size for f in files],
        "langs": "\0".join(f.lang for f in files),
        "states": [[n, f.state] for n, f in enumerate(files) if f.state != State.CLEAN],
        "left_out": [
            [d.path, d.reason.name, d.detail, d.oid, d.size] for d in snapshot.left_out
        ],
    }


def snapshot_of(table: dict[str, Any]) -> Snapshot:
    """The inverse of `columns`. Raises what a table of another shape makes it raise:
    LookupError, TypeError, ValueError or AttributeError."""
    names = ("paths", "oids", "modes", "sizes", "langs")
    paths, oids, modes, sizes, langs = (table[name] for name in names)
    each = [paths.split("\0"), oids.split(" "), modes, sizes, langs.split("\0")]
    if not paths:
        each = [[], [], [], [], []]
    if len({len(column) for column in each}) != 1:
        raise ValueError("columns of different lengths")
    files = list(map(SourceFile, *each))
    for place, state in table["states"]:
        files[place] = files[place]._replace(state=State(state))
    return Snapshot(
        files=tuple(files),
        left_out=tuple(
            LeftOut(path, Reason[reason], detail, oid, size)
            for path, reason, detail, oid, size in table["left_out"]
        ),
        tree=table["tree"],
    )
