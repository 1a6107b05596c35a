"""``repoctx undo``: what was applied, taken back; and made again."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli import patches
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import plain, quoted
from repoctx.errors import UsageError

if TYPE_CHECKING:
    from repoctx.apply.journal import Record

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx undo                  # take the last apply back
  repoctx undo --redo           # make it again
  repoctx undo --list
  repoctx undo --show 1a2b3c4d  # what one changed, as a diff
"""


@app.command(epilog=EXAMPLES)
def undo(
    wanted: Annotated[
        str, typer.Argument(metavar="[ID]", help="Which one; the last by itself.")
    ] = "",
    again: Annotated[
        bool, typer.Option("--redo", help="Make again what was undone.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="List what was applied here.")
    ] = False,
    show: Annotated[
        str, typer.Option("--show", metavar="ID", help="Show what one changed.")
    ] = "",
    repo: o.Repo = Path(),
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Take back what `repoctx apply` changed: byte for byte, all files or none.

    Refuses when one of the files was changed since. Works without git.
    """
    from repoctx.flow import undo as flow

    if sum(map(bool, (again, listed, show))) > 1 or (wanted and (listed or show)):
        raise UsageError("one of: ID, --redo, --list, --show ID")
    with job(repo, {"output_format": output_format}, quiet, no_color) as here:
        if listed:
            _list(here, flow.history(here.session))
        elif show:
            record, changes = flow.show(here.session, show)
            _told(here, record)
            here.out.fields.update(patches.fields(changes) | {"files_changed": []})
            here.out.write(patches.diff(changes, here.colours))
        else:
            turn = flow.redo if again else flow.undo
            record = turn(here.session, wanted)
            _told(here, record)
            here.out.fields["files_changed"] = [path for path, _ in record.files]
            done = "Redone" if again else "Undone"
            here.out.write(f"{done}: {plain(_line(record))}\n")
            for path, what in record.files:
                here.out.write(f"  {plain(quoted(path))}  ({plain(what)} by it)\n")


def _list(here: Job, found: list[Record]) -> None:
    here.out.fields["applied"] = [asdict(record) for record in found]
    for record in found:
        here.out.write(f"{record.phase:<8} {plain(_line(record))}\n")
    if not found:
        here.out.write("Nothing was applied here yet.\n")


def _told(here: Job, record: Record) -> None:
    here.out.fields["journal"] = asdict(record)


def _line(record: Record) -> str:
    when = datetime.fromtimestamp(record.time).isoformat(" ", "seconds")
    count = len(record.files)
    files = f"{count} file{'' if count == 1 else 's'}"
    return f"{record.id[-8:]}  {when}  {files}  {record.title}".rstrip()
