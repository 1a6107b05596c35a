"""``repoctx ask``: a question about the whole repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.answering import answer, unended
from repoctx.cli.job import job

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx ask "where is the retry delay of a task computed?"
  repoctx ask -m compatible/qwen3 "what breaks if I rename load()?"
  repoctx ask -c "and what calls it?"   # goes on from there
  git diff | repoctx ask "does this change need a migration?"
  repoctx ask --path src/pool.c --line 40-80 "can this leak?"
  repoctx ask --output-format json "list the entry points" | jq .answer
"""


@app.command(epilog=EXAMPLES)
def ask(
    question: Annotated[
        list[str],
        typer.Argument(metavar="QUESTION", help="The question; - reads stdin."),
    ],
    repo: o.Repo = Path(),
    model: o.Model = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    base: o.Base = None,
    style: o.Style = None,
    overlay: o.Overlay = None,
    strict: o.Strict = False,
    budget: o.Budget = None,
    path: Annotated[
        str | None,
        typer.Option("--path", metavar="FILE", help="Ask about this file."),
    ] = None,
    line: Annotated[
        str | None,
        typer.Option("--line", metavar="N[-M]", help="And this line, or these."),
    ] = None,
    with_: o.With = None,
    mcp: o.Mcp = None,
    tree: o.Tree = False,
    no_redact: o.NoRedact = False,
    rounds: o.Rounds = None,
    max_cost: o.MaxCost = None,
    continue_: o.Continue = False,
    resume: o.Resume = None,
    answer_: o.Answer = None,
    yes: o.Yes = False,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Ask a question about the whole repository.

    The answer streams to stdout. Code that it quotes is looked up and shown as
    path:line; what cannot be found is marked unverified. Text piped into stdin is added
    to the question.
    """
    from repoctx.flow.ask import Question
    from repoctx.flow.chat import chosen
    from repoctx.flow.place import about, lines_at, spot_of
    from repoctx.flow.tail import Material

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
        "rounds": rounds,
        "max_cost": max_cost,
        "output_format": output_format,
        "redact": False if no_redact else None,
    }
    start, end = o.span(path, line)
    taken = str(answer_) == "-"
    text, texts = o.given(" ".join(question), with_ or [], quiet, taken)
    with job(repo, flags, quiet, no_color) as here:
        material = Material((*texts, *o.gathered(here.session, mcp, text)), tree)
        here.session.confirm = o.asker(yes)
        here.answer_from(answer_)
        question_ = Question(text, material)
        if path is not None:
            spot = spot_of(here.session.place.root, path, Path.cwd(), start, end)
            question_ = about(question_, lines_at(here.session, spot))
        chat = chosen(here.session, continue_, resume or "")
        asked = answer(here, chat, question_, "ask")[1]
        if error := unended(asked.answer):
            raise error
