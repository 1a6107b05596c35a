"""``repoctx status``: what is in the context, what was left out, and why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import plain
from repoctx.flow.status import Status
from repoctx.values import Count

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx status
  repoctx status --why package-lock.json
  repoctx status --left-out
"""
SHOWN = 8


@app.command(epilog=EXAMPLES)
def status(
    repo: o.Repo = Path(),
    why: Annotated[
        str | None,
        typer.Option("--why", metavar="PATH", help="What became of this path."),
    ] = None,
    left_out: Annotated[
        bool, typer.Option("--left-out", help="List every path that is left out.")
    ] = False,
    include: o.Include = None,
    exclude: o.Exclude = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
) -> None:
    """Show files, tokens, languages, what was left out, the index and the digest."""
    from repoctx.flow.status import status as run
    from repoctx.flow.status import why as explain

    flags = {
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "output_format": output_format,
    }
    with job(repo, flags, quiet) as here:
        found = run(here.session)
        here.out.context(len(found.packed.now.files), found.count)
        if why is not None:
            answer = explain(here.session, why, found.packed, repo.absolute())
            here.out.fields["why"] = answer
            here.out.write(plain(answer) + "\n")
            return
        _fields(here, found)
        if left_out:
            for reason, items in found.left_out.items():
                for item in items:
                    detail = f"  {item.detail}" if item.detail else ""
                    here.out.write(plain(f"{item.path}  {reason}{detail}") + "\n")
            return
        here.out.write(_text(here, found))


def _fields(here: Job, found: Status) -> None:
    packed = found.packed
    here.out.fields["root"] = str(here.session.place.root)
    here.out.fields["digest"] = packed.prefix.digest
    here.out.fields["base"] = {"commit": packed.commit or None, "why": packed.why}
    here.out.fields["languages"] = [
        {"name": row.name, "files": row.files, "tokens": row.tokens}
        for row in found.languages
    ]
    here.out.fields["left_out"] = {
        reason.name.lower(): [
            {"path": i.path, "detail": i.detail, "bytes": i.size} for i in items
        ]
        for reason, items in found.left_out.items()
    }
    here.out.fields["redacted"] = dict(found.redacted)
    here.out.fields["index"] = {"path": str(found.index), "bytes": found.index_bytes}


def _text(here: Job, found: Status) -> str:
    packed, prefix = found.packed, found.packed.prefix
    commit = packed.commit[:12] or "work tree"
    state = here.session.state.folder
    age = max(0.0, time.time() - found.index_time)
    lines = [
        f"root      {here.session.place.root}",
        f"context   {len(packed.now.files):,} files, {prefix.size:,} bytes, "
        f"{found.count} tokens",
        f"base      {commit} ({packed.why})",
        f"changes   {len(packed.changes):,} paths differ from the base",
        f"digest    {prefix.digest[:16]}",
        f"index     {found.index_bytes:,} bytes, written {_ago(age)} ago, in {state}",
        "",
        "segments  " + "  ".join(f"{s.kind} {s.count}" for s in prefix.segments),
        "",
        "languages",
    ]
    for row in found.languages[:SHOWN]:
        tokens = Count(row.tokens, found.count.exact)
        lines.append(f"  {row.name:<12} {row.files:>7,} files  {tokens!s:>12} tokens")
    if len(found.languages) > SHOWN:
        rest = found.languages[SHOWN:]
        files, tokens_left = sum(r.files for r in rest), sum(r.tokens for r in rest)
        tokens = Count(tokens_left, found.count.exact)
        lines.append(f"  {'others':<12} {files:>7,} files  {tokens!s:>12} tokens")
    lines += ["", "left out (--left-out lists all, --why PATH explains one)"]
    for reason, items in sorted(found.left_out.items(), key=lambda i: -len(i[1])):
        example = min((i.path for i in items), key=len)
        lines.append(f"  {len(items):>6,}  {reason}, such as {example}")
    if found.redacted:
        named = ", ".join(f"{n} {rule}" for rule, n in sorted(found.redacted.items()))
        lines += ["", f"redacted  {named}"]
    return "".join(plain(line) + "\n" for line in lines)


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
