"""Slips around the blocks: fences, prose, drafts, and what transport does to text."""

from __future__ import annotations

import re
from dataclasses import replace

from commits import Entry
from render import (
    BLOCKS,
    NUMBERED,
    SEARCH,
    UDIFF,
    V4A,
    WHOLE,
    FileEdit,
    Hunk,
    split,
    with_lines,
)
from slips_names import styled
from work import DIVIDER, EITHER, EXACT, Case, Work, map_hunks, slip

_SNIPPET = """The relevant part today is

```python
def example(value):
    return value + 1
```

and it is called like this:

```sh
$ make test --verbose
```

"""


@slip("prose and snippets around", "wrapping")
def prose_around(work: Work) -> Case | None:
    return styled(
        work,
        intro=f"Sure! First, what happens today.\n\n{_SNIPPET}Now the edit:\n\n",
        outro=f"\n## Notes\n- nothing else changes\n- run the tests\n\n{_SNIPPET}",
    )


@slip("prose between the blocks", "wrapping")
def prose_between(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or sum(max(1, len(edit.hunks)) for edit in edits) < 2:
        return None
    if work.form == V4A:
        return None
    return styled(work, between="\nNext, the other place has to follow:\n\n")


@slip("a fence for each hunk, file named once", "wrapping", UDIFF)
def fence_each(work: Work) -> Case | None:
    """The file of the later fences is the one before, or nobody said which."""
    edits = work.edits()
    if not edits or all(len(edit.hunks) < 2 for edit in edits):
        return None
    between = "\nNext, the other place has to follow:\n\n"
    return styled(work, EITHER, between=between, fence_each=True)


@slip("no fence", "wrapping", UDIFF, SEARCH, V4A)
def no_fence(work: Work) -> Case | None:
    return styled(work, fence=None)


@slip("other fences", "wrapping")
def other_fence(work: Work) -> Case | None:
    return styled(work, fence=work.rng.choice(["````", "~~~", "~~~~"]))


@slip("fences inside SEARCH and REPLACE", "wrapping", SEARCH)
def fence_inside(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or "```" in (text := _unfenced(work, edits)):
        return None
    text = text.replace("<<<<<<< SEARCH\n", "<<<<<<< SEARCH\n```\n")
    text = text.replace("\n=======\n", "\n```\n=======\n```\n")
    text = text.replace(">>>>>>> REPLACE\n", "```\n>>>>>>> REPLACE\n")
    return work.case(EXACT, text)


def _unfenced(work: Work, edits: list[FileEdit]) -> str:
    work.style = replace(work.style, fence=None)
    return work.text(edits)


@slip("fence as short as one inside", "wrapping")
def nested_fence(work: Work) -> Case | None:
    """The file's own fences end the answer's fence early, read strictly."""
    edits = work.edits()
    text = edits and work.text(edits)
    if not text or "````" not in text:
        return None
    lines = [row for edit in edits for hunk in edit.hunks for _, row in hunk.lines]
    if any(line.startswith("````") for line in lines):  # It would be cut short too.
        return None
    return work.case(EITHER, re.sub(r"^````+", "```", text, flags=re.M))


@slip("heredoc around", "wrapping", UDIFF, V4A)
def heredoc(work: Work) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    command = "apply_patch" if work.form == V4A else "git apply"
    body = _unfenced(work, edits)
    body = body.removeprefix(work.style.intro).removesuffix(work.style.outro)
    text = f"```sh\n{command} <<'EOF'\n{body}EOF\n```\n"
    return work.case(EXACT, work.style.intro + text)


def _draft(work: Work, edits: list[FileEdit]) -> str:
    """The same answer with other added lines, as a first idea would have."""

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        return with_lines(
            hunk, lambda op, text: [(op, text + " draft" if op == "+" else text)]
        )

    drafts, _ = map_hunks(edits, change)
    drafts = [replace(e, new=e.new and e.new.replace("\n", " draft\n")) for e in drafts]
    return work.text(drafts)


@slip("<think> with a draft", "wrapping")
def think(work: Work) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    draft = _draft(work, edits)
    tag = work.rng.choice(["think", "think", "thinking"])
    text = f"<{tag}>\nMaybe so:\n\n{draft}\nWait, no.\n</{tag}>\n\n{work.text(edits)}"
    return work.case(EXACT if tag == "think" else EITHER, text)


@slip("</think> without its beginning", "wrapping")
def think_end(work: Work) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    text = f"First idea:\n\n{_draft(work, edits)}\nNo.\n</think>\n\n{work.text(edits)}"
    return work.case(EITHER, text)


@slip("line numbers in a gutter", "wrapping", *BLOCKS)
def gutter(work: Work) -> Case | None:
    form = work.rng.choice(["{:4d} | ", "{:>5}\t", "{}: "])

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        at = {"-": hunk.start, "+": hunk.new_start}
        rows: list[tuple[str, str]] = []
        for op, text in hunk.lines:
            number = at["+" if op == "+" else "-"]
            rows.append((op, form.format(number) + text))
            if op in " -":
                at["-"] += 1
            if op in " +":
                at["+"] += 1
        return replace(hunk, lines=tuple(rows))

    edits = work.edits()
    if not edits or any(edit.kind in ("create", "delete") for edit in edits):
        return None
    edits, count = map_hunks(edits, change)
    return work.case(EXACT, work.text(edits)) if count else None


@slip("line numbers in a whole file", "wrapping", WHOLE)
def gutter_whole(work: Work) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    numbered = []
    for edit in edits:
        lines = split(edit.new or "")
        text = "".join(f"{at:4d} | {line}\n" for at, line in enumerate(lines, 1))
        numbered.append(replace(edit, new=text))
    return work.case(EITHER, work.text(numbered))


@slip("HTML entities", "wrapping", *BLOCKS)
def entities(work: Work) -> Case | None:
    """Every hunk's old side shows that the text was escaped."""
    escaped = _escaped_hunks(work.edits() or [])
    return work.case(EXACT, work.text(escaped)) if escaped else None


def _escaped_hunks(edits: list[FileEdit]) -> list[FileEdit] | None:
    if any(
        edit.kind in ("create", "delete") or "&" in (edit.new or "") + (edit.old or "")
        for edit in edits
    ):
        return None

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        if not re.search("[<>]", "\n".join(hunk.old)):
            return None
        return with_lines(hunk, lambda op, text: [(op, _escape(text))])

    escaped, count = map_hunks(edits, change)
    return escaped if count and count == sum(len(e.hunks) for e in edits) else None


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@slip("context lines without prefix", "wrapping", UDIFF, V4A)
def unprefixed(work: Work) -> Case | None:
    """Every context line lost its leading space."""

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        texts = [text for op, text in hunk.lines if op == " "]
        if not any(texts) or any(re.match(r"[-+@*\\`~]|diff |---", t) for t in texts):
            return None
        return with_lines(hunk, lambda op, text: [("" if op == " " else op, text)])

    edits = work.edits()
    if not edits:
        return None
    edits, count = map_hunks(edits, change)
    return work.case(EXACT, work.text(edits)) if count else None


@slip("some context lines without prefix", "wrapping", UDIFF, V4A)
def unprefixed_some(work: Work) -> Case | None:
    """Context lines that start with a letter lost their leading space."""

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        fresh = with_lines(
            hunk,
            lambda op, text: [
                (
                    ""
                    if op == " " and text[:1].isalpha() and text[:5] != "diff "
                    else op,
                    text,
                )
            ],
        )
        return fresh if fresh.lines != hunk.lines else None

    edits = work.edits()
    if not edits:
        return None
    edits, count = map_hunks(edits, change)
    return work.case(EXACT, work.text(edits)) if count else None


@slip("whole block indented", "wrapping", *BLOCKS)
def block_indented(work: Work) -> Case | None:
    """The fence stands in a list item, its content with it."""
    edits = work.edits()
    if not edits:
        return None
    body = work.text(edits)
    body = body.removeprefix(work.style.intro).removesuffix(work.style.outro)
    shifted = "".join(f"   {line}\n" if line else "\n" for line in split(body))
    return work.case(EITHER, f"1. Do this:\n\n{shifted}\n2. Run the tests.\n")


@slip("unchanged file sent along", "wrapping", WHOLE)
def unchanged_along(work: Work) -> Case | None:
    edits = work.edits()
    rest = [path for path in sorted(work.before) if path not in work.changed()]
    if not edits or not rest:
        return None
    path = rest[0]
    entry: Entry = work.before[path]
    return work.case(EXACT, work.text([*edits, FileEdit(path, entry.text, entry.text)]))


@slip("whole files in blocks", "clean", NUMBERED)
def replaced(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or sum(len(edit.new or "") for edit in edits) > 40_000:
        return None
    return styled(work, extra={"replace": "yes"})


@slip("closing line of a block left out", "wrapping", NUMBERED)
def unclosed(work: Work) -> Case | None:
    """It may be read all the same, or refused as a broken block."""
    edits = work.edits()
    if not edits or len(edits) < 2:
        return None
    return work.case(EITHER, work.text(edits).replace("@@@@ end 1\n", "", 1))


@slip("all blocks numbered 1", "wrapping", NUMBERED)
def numbered_alike(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or len(edits) < 2:
        return None
    text = re.sub(r"^@@@@ (end )?\d+", r"@@@@ \g<1>1", work.text(edits), flags=re.M)
    return work.case(EITHER, text)


@slip("blocks numbered out of order", "wrapping", NUMBERED)
def numbered_freely(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or len(edits) < 2:
        return None

    def renumber(match: re.Match[str]) -> str:
        return f"@@@@ {match.group(1) or ''}{len(edits) + 1 - int(match.group(2))}"

    text = re.sub(r"^@@@@ (end )?(\d+)", renumber, work.text(edits), flags=re.M)
    return work.case(EXACT, text)


@slip("lines like the divider inside", "wrapping", SEARCH)
def divider_inside(work: Work) -> Case | None:
    """A heading underlined with ``=======``: read with care, or refused."""
    work.exact_marks = False
    edits = work.edits()
    texts = [t for e in edits or [] for h in e.hunks for _, t in h.lines]
    if not edits or not any(DIVIDER.match(text.strip()) for text in texts):
        return None
    return work.case(EITHER, work.text(edits))
