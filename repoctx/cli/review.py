"""``repoctx review``: what is wrong with a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import link, quoted
from repoctx.errors import UsageError
from repoctx.values import Finding, Severity

if TYPE_CHECKING:
    from repoctx.flow.review import Reviewed
    from repoctx.flow.sides import Subject

app = typer.Typer(**o.APP)

NEVER = "never"

EXAMPLES = """
Examples:

\b
  repoctx review                  # what is staged
  repoctx review --base main      # this branch, uncommitted work included
  repoctx review --commit HEAD~3
  git diff | repoctx review -     # any patch on HEAD
  repoctx review -m compatible/qwen3
  repoctx review --output-format sarif -o findings.sarif
  repoctx review --fail-on never --rules all
"""

_COLOURS = {
    Severity.CRITICAL: "red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "blue",
}


@app.command(epilog=EXAMPLES)
def review(
    patch: Annotated[
        Path | None,
        typer.Argument(metavar="[PATCH]", help="A patch on HEAD; - is stdin."),
    ] = None,
    staged: Annotated[
        bool, typer.Option("--staged", help="The index against HEAD (the default).")
    ] = False,
    uncommitted: Annotated[
        bool, typer.Option("--uncommitted", help="The work tree against HEAD.")
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="BRANCH", help="The work tree against where it left this."
        ),
    ] = None,
    commit: Annotated[
        str | None,
        typer.Option("--commit", metavar="REV", help="A commit against its parent."),
    ] = None,
    range_: Annotated[
        str | None,
        typer.Option("--range", metavar="A..B", help="One commit against another."),
    ] = None,
    no_model: Annotated[
        bool, typer.Option("--no-model", help="Only the structural rules.")
    ] = False,
    model: o.Model = None,
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--rules", metavar="NAMES", help="Only these structural rules; all is all."
        ),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="Exit 1 from this on: critical, error, warning, info or never.",
        ),
    ] = "error",
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Show what the baseline accepts too.")
    ] = False,
    write_baseline: Annotated[
        bool,
        typer.Option("--write-baseline", help="Accept all that is found from now on."),
    ] = False,
    max_cost: o.MaxCost = None,
    yes: o.Yes = False,
    repo: o.Repo = Path(),
    output_format: Annotated[
        str | None,
        typer.Option(
            "--output-format",
            metavar="FORMAT",
            help="text, json, stream-json, sarif, rdjson, github or gitlab.",
        ),
    ] = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Review a change: what is staged, a branch, a commit.

    Structural rules need no model and no network: a definition that is gone and still
    used, a call that does not fit any more, an import that leads nowhere, a syntax
    error, a conflict marker, a secret. A comment `repoctx: ignore[rule] -- why` at the
    place, or the baseline file, silences a finding. Where a model is configured it
    reviews too, over the same cached prefix as every question; of its findings those
    are shown whose quoted code stands in the change.
    """
    from repoctx.flow.review import Options, rules_named
    from repoctx.flow.review import review as run
    from repoctx.review.render import FORMATS

    if output_format and output_format not in FORMATS:
        raise UsageError(f"--output-format must be one of {', '.join(FORMATS)}")
    threshold = threshold_of(fail_on)
    chosen = sum(map(bool, (staged, uncommitted, branch, commit, range_, patch)))
    if chosen > 1:
        raise UsageError(
            "one of --staged, --uncommitted, --base, --commit, --range, a patch"
        )
    subject = _subject(uncommitted, branch, commit, range_)
    if patch is not None:
        subject = _patch(o.read_text(patch, "the patch"))
    names = o.globs(rules) or ()
    options = Options(rules_named(names), not no_baseline, not no_model)
    own = output_format in ("text", "json", "stream-json", None)
    flags = {
        "output_format": output_format if own else "text",
        "model": model,
        "max_cost": max_cost,
    }
    with job(repo, flags, quiet, no_color) as here:
        here.session.confirm = o.asker(yes)
        done = run(here.session, subject, options)
        here.out.used(done.usage)
        if write_baseline:
            _accept(here, done)
            return
        _tell(here, done, output_format or "text", output)
        here.session.notes.append(summary(done, subject))
        if done.failed is not None:
            raise done.failed
    # Only now: the JSON formats tell their result when the job ends.
    if any(f.severity.rank <= threshold for f in done.findings):
        raise typer.Exit(1)


def threshold_of(name: str) -> int:
    """The rank of the mildest severity that counts; -1: none does."""
    if name == NEVER:
        return -1
    try:
        return Severity(name).rank
    except ValueError:
        names = ", ".join(s.value for s in Severity)
        raise UsageError(f"--fail-on must be one of {names}, {NEVER}") from None


def _subject(
    uncommitted: bool, branch: str | None, commit: str | None, range_: str | None
) -> Subject:
    from repoctx.flow.sides import Scope, Subject

    if uncommitted:
        return Subject(Scope.UNCOMMITTED)
    if branch is not None:
        return Subject(Scope.BRANCH, branch)
    if commit is not None:
        return Subject(Scope.COMMIT, commit)
    if range_ is not None:
        old, dots, new = range_.partition("..")
        if not dots or not old or new.startswith("."):
            raise UsageError("--range takes A..B, two commits")
        return Subject(Scope.RANGE, old, new or "HEAD")
    return Subject(Scope.STAGED)


def _patch(text: str) -> Subject:
    from repoctx.flow.sides import Scope, Subject

    return Subject(Scope.PATCH, patch=text)


def _accept(here: Job, done: Reviewed) -> None:
    from repoctx.flow.state import output_file
    from repoctx.review.suppress import BASELINE, write_baseline

    path = here.session.place.root / BASELINE
    with output_file(path) as file:
        file.write(write_baseline(done.findings).encode())
    here.out.write(f"{path.name} accepts {len(done.findings)} finding(s): add it\n")


def _tell(here: Job, done: Reviewed, form: str, output: Path | None) -> None:
    from repoctx.review.render import fields

    here.out.fields["findings"] = [fields(f) for f in done.findings]
    here.out.fields["ignored"] = done.ignored
    here.out.fields["known"] = done.known
    here.out.fields["files_reviewed"] = done.files
    here.out.fields["model"] = done.model
    here.out.fields["dropped"] = done.dropped
    here.out.fields["fixes_dropped"] = done.unfit
    text = _rendered(here, done.findings, form, output is not None)
    if output is not None and str(output) != "-":
        from repoctx.flow.state import output_file

        with output_file(output) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    else:
        here.out.write(text)


def summary(done: Reviewed, subject: Subject) -> str:
    """One line on what was found and what was not shown."""
    if not done.files:
        if subject.scope == "staged":
            return "nothing is staged (--uncommitted looks at the work tree)"
        return "nothing has changed there"
    count, files = len(done.findings), done.files
    text = f"{count or 'no'} finding{_s(count)}"
    text += f" in a change of {files:,} file{_s(files)}"
    hidden = [
        f"{n} {what}"
        for n, what in ((done.ignored, "ignored"), (done.known, "in the baseline"))
        if n
    ]
    text += f" ({', '.join(hidden)})" if hidden else ""
    if done.model:
        text += f"; {done.model} was asked"
        text += f", {done.dropped} of its findings did not hold" if done.dropped else ""
        text += f", {done.unfit} of its fixes did not fit" if done.unfit else ""
    return text


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _rendered(here: Job, findings: Sequence[Finding], form: str, to_file: bool) -> str:
    from repoctx import __version__
    from repoctx.review import render

    match form:
        case "sarif":
            return render.sarif(findings, __version__)
        case "rdjson":
            return render.rdjson(findings)
        case "github":
            return render.github(findings)
        case "gitlab":
            return render.gitlab(findings)
        case _ if here.colours and not to_file:
            return "".join(_coloured(f, here.session.place.root) for f in findings)
        case _:
            return render.text(findings)


def _coloured(finding: Finding, root: Path) -> str:
    def place(path: str, line: int, before: bool) -> str:
        shown = f"{quoted(path)}:{line}"
        return shown if before else link(shown, root / path, line)

    from repoctx.review.render import plain

    at = finding.at
    word = typer.style(finding.severity.value, fg=_COLOURS[finding.severity], bold=True)
    said = f"{word}: {plain(finding.message)}"
    rule = typer.style(f"[{finding.rule}]", dim=True)
    lines = [f"{place(at.path, at.start, at.before)}: {said} {rule}"]
    lines += [
        typer.style("  ", dim=True)
        + place(s.path, s.start, s.before)
        + f": {s.note or 'see'}{' (before)' if s.before else ''}"
        for s in finding.related
    ]
    lines += [plain(x) for x in finding.fix.strip("\n").split("\n") if finding.fix]
    return "".join(f"{line}\n" for line in lines)
