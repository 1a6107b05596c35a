"""``repoctx status``: what is in the context, what was left out, and why."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli import ribbon
from repoctx.cli.check import off
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import ago, bold, dim, plain, quoted, screen
from repoctx.values import Count, LeftOut

if TYPE_CHECKING:
    from repoctx.flow.status import Status
    from repoctx.scan.branch import Head

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx status
  repoctx status --why README.md
  repoctx status --left-out
"""
SHOWN = 8
LEFT_OUT = "left out"
HINT = "(--left-out lists all, --why PATH explains one)"


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
    no_color: o.NoColor = False,
) -> None:
    """Show files, tokens, languages, what was left out, the index and the digest."""
    from repoctx.flow.status import status as run
    from repoctx.flow.status import why as explain

    flags = {
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "output_format": output_format,
    }
    with job(repo, flags, quiet, no_color) as here:
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
                    here.out.write(f"{quoted(item.path)}  {reason}{plain(detail)}\n")
            return
        here.out.write(_text(here, found))


def _fields(here: Job, found: Status) -> None:
    packed = found.packed
    here.out.fields["root"] = str(here.session.place.root)
    here.out.fields["head"] = asdict(found.head) if found.head else None
    here.out.fields["digest"] = packed.prefix.digest
    here.out.fields["base"] = {"commit": packed.commit or None, "why": packed.why}
    here.out.fields["layout"] = ribbon.fields(found.check)
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
    packed, on = found.packed, here.colours
    prefix = packed.prefix
    commit = packed.commit[:12] or "the work tree"
    files = _files(len(packed.now.files))
    parts = " + ".join(f"{b.kind} {b.count}" for b in found.check.bands)
    number = len(packed.changes)
    changed = f"{number:,} path{'' if number == 1 else 's'}" if number else "none"
    age = ago(max(0.0, time.time() - found.index_time))
    rows = [
        ("root", str(here.session.place.root)),
        *([("head", _head(found.head))] if found.head else []),
        ("context", f"{files}, {_bytes(prefix.size)}, {_tokens(found)}"),
        ("prefix", f"{prefix.digest[:16]} = {parts}"),
        ("base", f"{commit}: {packed.why}"),
        ("changes", f"{changed} since the base"),
        ("index", f"{_bytes(found.index_bytes)}, written {age} ago"),
        ("state", str(here.session.state.folder)),
    ]
    lines = [f"{bold(f'{name:<9}', on)} {plain(text)}" for name, text in rows]
    lines += ["", *_ribbon(here, found)]
    for title, table in (
        ("languages", _languages(found)),
        (LEFT_OUT, _left_out(found)),
        ("redacted", _redacted(found)),
    ):
        if table:
            more = f"  {dim(HINT, on)}" if title == LEFT_OUT else ""
            lines += ["", bold(title, on) + more]
            lines += [f"  {plain(row)}" for row in table]
    return "\n".join(lines) + "\n"


def _tokens(found: Status) -> str:
    return f"{found.count}{off(found.check)} tokens"


def _head(head: Head) -> str:
    return f"{head.branch or 'detached'} at {head.commit[:12]}: {head.subject}"


def _ribbon(here: Job, found: Status) -> list[str]:
    width, drawn = screen()
    colour = here.colours
    return ribbon.ribbon(found.check, width, drawn=drawn or colour, colour=colour)


def _languages(found: Status) -> list[str]:
    rows = [(row.name, row.files, row.tokens) for row in found.languages[:SHOWN]]
    if rest := found.languages[SHOWN:]:
        others = sum(row.files for row in rest), sum(row.tokens for row in rest)
        rows.append(("others", *others))
    whole = sum(tokens for _, _, tokens in rows) or 1
    exact = found.count.exact
    table = []
    for name, files, tokens in rows:
        count = Count(tokens, exact)
        share = f"{tokens / whole:>6.1%}"
        table.append(f"{name:<12} {_files(files):>12} {count!s:>12} tokens {share}")
    return table


def _left_out(found: Status) -> list[str]:
    by_number = sorted(found.left_out.items(), key=lambda item: -len(item[1]))
    return [
        f"{len(items):>6,}  {reason}, such as {_shortest(items)}"
        for reason, items in by_number
    ]


def _shortest(items: Sequence[LeftOut]) -> str:
    return quoted(min((item.path for item in items), key=len))


def _redacted(found: Status) -> list[str]:
    by_number = sorted(found.redacted.items(), key=lambda item: (-item[1], item[0]))
    return [f"{number:>6,}  {rule}" for rule, number in by_number]


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"


def _bytes(number: int) -> str:
    for size, unit in ((1_000_000, "MB"), (1_000, "kB")):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number} bytes"
