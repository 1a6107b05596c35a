"""``repoctx ask``: a question about the whole repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.stdin import beside, read_stdin
from repoctx.cli.terminal import link, plain, quoted
from repoctx.errors import BudgetExceeded, CutAnswer, Interrupted
from repoctx.values import Answer, Citation, Stop

if TYPE_CHECKING:
    from repoctx.flow.ask import Asked

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx ask "where is the retry delay of a task computed?"
  repoctx ask -m compatible/qwen3 "what breaks if I rename load()?"
  git diff | repoctx ask "does this change need a migration?"
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
    with_: o.With = None,
    tree: o.Tree = False,
    no_redact: o.NoRedact = False,
    rounds: o.Rounds = None,
    max_cost: o.MaxCost = None,
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
    from repoctx.flow.ask import ask as run
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
    text, texts = _given(" ".join(question), with_ or [], quiet)
    material = Material(texts, tree)
    with job(repo, flags, quiet, no_color) as here:
        here.session.confirm = o.asker(yes)
        try:
            asked = run(here.session, Question(text, material), _streaming(here))
        except CutAnswer as exc:
            here.out.write("\n")
            here.out.fields["answer"] = exc.text
            raise
        here.out.fields["model"] = asked.model.name
        _context(here, asked)
        _report(here, asked.answer, asked.model.name, here.colours)


def _context(here: Job, asked: Asked) -> None:
    prompt = asked.prompt
    shape = prompt.packed.shape if prompt.packed else {}
    count = asked.model.scale.of(prompt.request.prefix.count)
    here.out.context(len(prompt.now.files), count, bool(shape))


def _given(
    question: str, files: list[Path], quiet: bool
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The question, and the named texts beside it."""
    named = [str(path) for path in files]
    if question == "-":
        return read_stdin(), tuple(o.read_files(files))
    piped = "" if "-" in named else beside(quiet)
    return question, (*o.read_files(files), *([("stdin", piped)] if piped else []))


def _streaming(here: Job) -> o.OnText:
    terminal = sys.stdout.isatty()

    def show(piece: str) -> None:
        here.out.event("text", text=piece)
        here.out.write(plain(piece) if terminal else piece)
        if here.out.text:
            sys.stdout.flush()

    return show


def _report(here: Job, answer: Answer, model: str, rich: bool) -> None:
    """Say where the quotes stand, what was used, and how the answer ended."""
    out, usage = here.out, answer.usage
    out.write("" if answer.text.endswith("\n") else "\n")
    out.fields["answer"] = answer.text
    out.fields["citations"] = [_fields(c) for c in answer.citations]
    out.used(usage)
    out.write(_sources(answer.citations, here.session.place.root, rich))
    if usage.input:
        cost = "" if usage.cost is None else f", ${usage.cost:.4f}"
        here.session.notes.append(
            f"{model}: {usage.input:,} tokens in, {usage.cached / usage.input:.1%} of "
            f"them cached, {usage.output:,} out{cost}"
        )
    if answer.stop is Stop.CANCELLED:
        raise Interrupted("interrupted")
    if answer.stop is Stop.LENGTH:
        raise BudgetExceeded(
            f"the answer was cut at its limit; it is in {answer.saved}"
        )


def _fields(citation: Citation) -> dict[str, object]:
    return {
        "path": citation.path,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "verified": citation.verified,
    }


def _sources(citations: tuple[Citation, ...], root: Path, rich: bool) -> str:
    """Where the answer's quotes stand, in the order in which they were quoted."""
    places: dict[str, str] = {}
    for one in citations:
        if one.verified:
            span = f"-{one.end}" if one.end > one.start else ""
            place = f"{quoted(one.path)}:{one.start}{span}"
            shown = link(place, root / one.path, one.start) if rich else place
            places.setdefault(place, shown)
    lost = sum(not one.verified for one in citations)
    text = (
        "\nSources:\n" + "".join(f"  {p}\n" for p in places.values()) if places else ""
    )
    if lost:
        text += (
            f"\nUnverified: {lost} quoted passage(s) are nowhere in this repository.\n"
        )
    return text
