"""The tools of ``repoctx mcp`` as clients see them: names, words and schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from repoctx.editor import mcp_schema as s
from repoctx.editor import mcp_tools as tools
from repoctx.editor.mcp_pages import USUAL
from repoctx.flow.session import Session


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: ``run`` gets checked arguments and raises RepoctxError."""

    title: str
    about: str
    takes: s.Schema
    gives: s.Schema
    run: Callable[[Session, tools.Args], tools.Result]


TOOLS: Mapping[str, Tool] = {
    "repo_overview": Tool(
        "Overview",
        "Start here: size, languages and top folders of the repository, what is left "
        "out of it and why. With a folder: what lies in that one.",
        s.takes((), folder=s.text("Relative path.", default=""), **s.PAGED),
        s.gives(
            ("folder", "entries"),
            folder=s.TEXT,
            entries=s.rows(path=s.TEXT, files=s.COUNT, lines=s.COUNT),
            name=s.TEXT,
            head=s.TEXT,
            files=s.COUNT,
            lines=s.COUNT,
            languages=s.rows(name=s.TEXT, files=s.COUNT, lines=s.COUNT),
            left_out=s.rows(reason=s.TEXT, files=s.COUNT),
            redacted=s.COUNT,
        ),
        tools.overview,
    ),
    "search": Tool(
        "Search",
        "Find the definitions and passages that a question or a few words are about, "
        "best first, with their text.",
        s.takes(("query",), query=s.text("A question or words."), **s.PAGED),
        s.gives(
            ("total", "results"),
            total=s.COUNT,
            results=s.rows(
                path=s.TEXT,
                start=s.COUNT,
                end=s.COUNT,
                why=s.TEXT,
                text=s.TEXT,
                definition_=s.TEXT,
            ),
        ),
        tools.search,
    ),
    "read_file": Tool(
        "Read a file",
        "Lines of one file, secrets redacted. Ignored and binary files and links are "
        "not read; generated, vendored, lock and large files are, by their path.",
        s.takes(
            ("path",),
            path=s.text("Relative to the repository's root."),
            start=s.number("First line, from 1.", 1, tools.HUGE, 1),
            end=s.number("Last line, included.", 1, tools.HUGE, tools.HUGE),
            **s.PAGED,
        ),
        s.gives(
            ("path", "start", "end", "lines", "language", "text"),
            path=s.TEXT,
            start=s.COUNT,
            end=s.COUNT,
            lines=s.COUNT,
            language=s.TEXT,
            text=s.TEXT,
            left_out=s.TEXT,
            redacted=s.COUNT,
        ),
        tools.read_file,
    ),
    "find_symbol": Tool(
        "Find a definition",
        "Where a function, class, method, type or constant is defined. Takes plain and "
        "dotted names; without an exact match it gives the nearest ones.",
        s.takes(("name",), name=s.text("delay, RetryPolicy.delay, mod::f"), **s.PAGED),
        s.gives(
            ("total", "exact", "definitions"),
            total=s.COUNT,
            exact=s.YES,
            definitions=s.rows(
                path=s.TEXT,
                start=s.COUNT,
                end=s.COUNT,
                kind=s.TEXT,
                name=s.TEXT,
                signature=s.TEXT,
                parent_=s.TEXT,
                doc_=s.TEXT,
            ),
        ),
        tools.find_symbol,
    ),
    "find_references": Tool(
        "Find uses",
        "Every line that calls, imports, inherits or names exactly this, by path. "
        "Matches by name, in all languages that are parsed.",
        s.takes(("name",), name=s.text("A name; of a dotted one the end."), **s.PAGED),
        s.gives(
            ("total", "references"),
            total=s.COUNT,
            references=s.rows(path=s.TEXT, line=s.COUNT, kind=s.TEXT, text=s.TEXT),
        ),
        tools.find_references,
    ),
    "pack": Tool(
        "Pack a context",
        "The files, or parts of files, that a task needs, chosen and cut to a budget: "
        "one call in place of many searches and reads.",
        s.takes(
            ("query",),
            query=s.text("The task or question."),
            token_budget=s.number("Tokens of the result.", 500, 500_000, USUAL),
        ),
        s.gives(
            ("tokens", "files", "text"),
            tokens=s.COUNT,
            files=s.rows(path=s.TEXT, tokens=s.COUNT, start_=s.COUNT, end_=s.COUNT),
            text=s.TEXT,
        ),
        tools.pack,
    ),
    "diff": Tool(
        "Diff",
        "What has changed, as a unified diff: uncommitted, staged, or since a branch "
        "was left.",
        s.takes((), **s.CHANGE, **s.PAGED),
        s.gives(
            ("total", "text"),
            total=s.COUNT,
            text=s.TEXT,
            files=s.rows(path=s.TEXT, what=s.TEXT, added=s.COUNT, removed=s.COUNT),
            unseen=s.rows(path=s.TEXT, why=s.TEXT),
        ),
        tools.diff,
    ),
    "review": Tool(
        "Review",
        "What is wrong with a change, by rules over the whole repository: removed but "
        "still used, calls that no longer fit, broken imports and syntax, secrets. "
        "No model is asked.",
        s.takes((), **s.CHANGE, **s.PAGED),
        s.gives(
            ("total", "files", "findings"),
            total=s.COUNT,
            files=s.COUNT,
            findings=s.rows(
                rule=s.TEXT,
                severity=s.TEXT,
                path=s.TEXT,
                line=s.COUNT,
                message=s.TEXT,
                related=s.rows(path=s.TEXT, line=s.COUNT, note=s.TEXT),
            ),
        ),
        tools.findings,
    ),
}
