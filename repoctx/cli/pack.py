"""``repoctx pack``: the stable prefix itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.output import Output
from repoctx.cli.terminal import raw_writer
from repoctx.errors import UsageError

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx pack > ../prompt.txt  # to paste into any chat
  repoctx pack -o - --style markdown --include 'src/**' | wc -c
  repoctx pack --base HEAD~10 -o ../prompt.xml
  repoctx pack --check -m anthropic/claude-sonnet-5-5  # cached share, cost
  repoctx pack --output-format json -o ../prompt.txt  # counts as JSON
"""


@app.command(epilog=EXAMPLES)
def pack(
    repo: o.Repo = Path(),
    target: o.Output = None,
    model: o.Model = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    base: o.Base = None,
    style: o.Style = None,
    overlay: o.Overlay = None,
    strict: o.Strict = False,
    budget: o.Budget = None,
    no_redact: o.NoRedact = False,
    yes: o.Yes = False,
    output_format: o.OutputFormat = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only foresee what a cache serves and what it costs."
        ),
    ] = False,
    quiet: o.Quiet = False,
) -> None:
    """Print the byte-stable prefix: preamble, repository, changes.

    The same tree gives the same bytes on any machine; a change moves only what stands
    at the end. A line with size, tokens and digest goes to stderr.

    With --check nothing is printed but what a cache would serve of it, where it
    differs from the last prefix sent, and what it costs. Then -m may also name a model
    that no provider here serves, such as openai/gpt-5.6.
    """
    from repoctx.flow.model import choose_model
    from repoctx.flow.packing import pack_for
    from repoctx.flow.prefix import write_prefix
    from repoctx.flow.session import something_in
    from repoctx.flow.state import output_file

    o.confirm_no_redact(no_redact, yes)
    flags = {
        "model": model,
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "base": base,
        "style": style,
        "overlay": overlay,
        "strict": strict or None,
        "budget": budget,
        "output_format": output_format,
        "redact": False if no_redact else None,
    }
    if check and target is not None:
        raise UsageError("--check writes no prefix: leave -o out")
    with job(repo, flags, quiet) as here:
        if check:
            _check(here)
            return
        chosen = choose_model(here.session)
        packed = pack_for(here.session, chosen)
        something_in(here.session, packed.now)
        prefix = packed.prefix
        count = chosen.scale.of(prefix.count)
        if target is not None and str(target) != "-":
            with output_file(target) as handle:
                write_prefix(prefix, handle.write)
        elif here.out.text:
            here.out.before()
            write_prefix(prefix, raw_writer())
        here.out.context(len(packed.now.files), count, bool(packed.shape))
        _describe(here.out, packed)
        if packed.shape:
            outlines = sum(show == "skeleton" for show in packed.shape.values())
            here.session.notes.append(
                f"over budget: {outlines:,} file(s) as outlines, "
                f"{len(packed.shape) - outlines:,} left to retrieval"
            )
        here.session.notes.append(
            f"{len(packed.now.files):,} file(s), {prefix.size:,} bytes, "
            f"{count} tokens, digest {prefix.digest[:16]}"
        )


def _check(here: Job) -> None:
    from repoctx.cli.check import fields, text
    from repoctx.flow.check import check

    found = check(here.session)
    here.out.context(len(found.packed.now.files), found.count)
    _describe(here.out, found.packed)
    here.out.fields["check"] = fields(found)
    here.out.write(text(found))


def _describe(out: Output, packed: object) -> None:
    from repoctx.flow.pack import Packed

    if isinstance(packed, Packed):
        out.fields["digest"] = packed.prefix.digest
        out.fields["base"] = {"commit": packed.commit or None, "why": packed.why}
        out.fields["segments"] = [
            {
                "kind": s.kind,
                "bytes": s.size,
                "tokens": s.count.tokens,
                "exact": s.count.exact,
                "digest": s.digest,
            }
            for s in packed.prefix.segments
        ]
