"""The options that several commands share, each with its help line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from repoctx.cli.stdin import MOST, beside, read_stdin
from repoctx.errors import UsageError

if TYPE_CHECKING:
    from repoctx.flow.session import Session

OnText = Callable[[str], None]

HELP: dict[Any, Any] = {"help_option_names": ["-h", "--help"]}

APP: dict[str, Any] = {
    "rich_markup_mode": None,
    "add_completion": False,
    "context_settings": HELP,
}
"""How every command's Typer is made."""

Repo = Annotated[
    Path,
    typer.Option(
        "--repo", "-C", metavar="DIR", help="The repository, or a folder in it."
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="GLOBS",
        help="Only these paths, even when they would be left out (repeatable, a,b).",
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="GLOBS", help="Leave these paths out (repeatable, a,b)."
    ),
]
Budget = Annotated[
    str | None,
    typer.Option("--budget", metavar="TOKENS", help="Most tokens of the prompt: 128k."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="NAME", help="offline, auto or PROVIDER/MODEL."
    ),
]
Base = Annotated[
    str | None,
    typer.Option("--base", metavar="REV", help="The commit that the base shows."),
]
Overlay = Annotated[
    str | None,
    typer.Option("--overlay", metavar="SHAPE", help="Changes as diff, blocks or full."),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="No stale line: no changes part, less is cached."),
]
Rounds = Annotated[
    int | None,
    typer.Option(
        "--rounds",
        metavar="N",
        min=1,
        help="Most requests for one long answer.",
    ),
]
Continue = Annotated[
    bool, typer.Option("--continue", "-c", help="Go on with the last conversation.")
]
Resume = Annotated[
    str | None,
    typer.Option("--resume", "-r", metavar="ID", help="Go on with this conversation."),
]
With = Annotated[
    list[Path] | None,
    typer.Option("--with", metavar="FILE", help="Add this text beside the question."),
]
Mcp = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp",
        metavar="NAME",
        help="Add what this MCP server says to the question (repeatable).",
    ),
]
Answer = Annotated[
    Path | None,
    typer.Option(
        "--answer",
        metavar="FILE",
        help="With -m clipboard: take the answer from here; - is stdin.",
    ),
]
Tree = Annotated[bool, typer.Option("--tree", help="Add the list of all paths.")]
Style = Annotated[
    str | None,
    typer.Option("--style", metavar="STYLE", help="xml, markdown, json or plain."),
]
OutputFormat = Annotated[
    str | None,
    typer.Option(
        "--output-format", metavar="FORMAT", help="text, json or stream-json."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write here; - is stdout."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what takes time.")]
NoColor = Annotated[
    bool, typer.Option("--no-color", help="No colours or links (also NO_COLOR).")
]
NoRedact = Annotated[
    bool,
    typer.Option("--no-redact", help="Send secrets as they are; asks first."),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost", metavar="USD", min=0.0, help="Stop before it costs more."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to every question.")]


def globs(given: list[str] | None) -> tuple[str, ...] | None:
    """Repeated and comma-separated patterns as one tuple; None when none were given."""
    if given is None:
        return None
    return tuple(
        part.strip() for one in given for part in one.split(",") if part.strip()
    )


def span(path: str | None, line: str | None) -> tuple[int, int]:
    """The first and the last line of ``N`` or ``N-M``; 0, 0 for none. Raises
    UsageError."""
    if line is None:
        return 0, 0
    if path is None:
        raise UsageError("--line needs --path")
    first, dash, last = line.partition("-")
    if not first.isdecimal() or not int(first) or (dash and not last.isdecimal()):
        raise UsageError(f"--line takes N or N-M, not {line[:40]!r}")
    return int(first), int(last or first)


def confirm_no_redact(no_redact: bool, yes: bool) -> None:
    """Ask before secrets may leave. Raises UsageError when nobody can be asked."""
    if not no_redact or yes:
        return
    import sys

    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--no-redact needs --yes when nobody can be asked")
    question = "Secrets will stand in the prompt as they are. Go on?"
    if not typer.confirm(question, err=True):
        raise UsageError("nothing was done")


def asker(yes: bool) -> Callable[[str], bool] | None:
    """What asks the person on the terminal; None when nobody is there to be asked, or
    has said yes to everything."""
    import sys

    if yes or not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    return lambda question: typer.confirm(question, err=True)


def gathered(
    session: Session, names: Sequence[str] | None, question: str
) -> tuple[tuple[str, str], ...]:
    """What the MCP servers say to ``question``; see `repoctx.flow.gather.gather`."""
    if not names:
        return ()
    from repoctx.flow.gather import gather

    return gather(session, names, question)


def read_files(paths: list[Path]) -> list[tuple[str, str]]:
    """(name, text) of files that were given by hand; - is stdin. Raises UsageError."""
    return [
        ("stdin" if str(path) == "-" else path.name, read_text(path, "--with"))
        for path in paths
    ]


def read_text(path: Path, flag: str) -> str:
    """The text of a file that ``flag`` names; - is stdin. Raises UsageError."""
    if str(path) == "-":
        return read_stdin()
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as exc:
        raise UsageError(f"{flag} {path}: {exc.strerror}") from None
    if len(data) > MOST:
        raise UsageError(f"{flag} {path}: more than 32 MB")
    return data.decode("utf-8", "replace")


def given(
    question: str, files: list[Path], quiet: bool, taken: bool = False
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The question, and the named texts beside it; ``taken``: stdin is for another."""
    named = [str(path) for path in files]
    if question == "-":
        return read_stdin(), tuple(read_files(files))
    piped = "" if taken or "-" in named else beside(quiet)
    return question, (*read_files(files), *([("stdin", piped)] if piped else []))
