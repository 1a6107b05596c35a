"""Slips of file names and headers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from render import BLOCKS, SEARCH, UDIFF, V4A, WHOLE
from work import EITHER, EXACT, REFUSE, Case, Work, slip


def styled(work: Work, expect: str = EXACT, **knobs: object) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    work.style = replace(work.style, **knobs)  # type: ignore[arg-type]
    return work.case(expect, work.text(edits))


@slip("no diff --git line", "headers and names", UDIFF)
def no_git_line(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or any(e.kind == "move" or not e.hunks for e in edits):
        return None
    return styled(work, git_header=False)


@slip("no a/ and b/", "headers and names", UDIFF)
def no_prefix(work: Work) -> Case | None:
    return (
        styled(work, old_prefix="", new_prefix="", git_header=work.rng.random() < 0.5)
        if not work.moved
        else None
    )


@slip("time stamps behind names", "headers and names", UDIFF)
def stamps(work: Work) -> Case | None:
    if work.moved:
        return None
    stamp = "\t2024-03-05 10:11:12.000000000 +0000"
    return styled(work, stamp=stamp, git_header=False)


@slip("./ before names", "headers and names")
def dot_slash(work: Work) -> Case | None:
    return (
        styled(
            work,
            name=lambda path: f"./{path}",
            old_prefix="",
            new_prefix="",
            git_header=False,
        )
        if not work.moved
        else None
    )


@slip("backslashes in names", "headers and names")
def backslashes(work: Work) -> Case | None:
    if not any("/" in path for path in work.changed()) or work.moved:
        return None
    return styled(work, name=lambda path: path.replace("/", "\\"), git_header=False)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


@slip("base names only", "headers and names", *BLOCKS)
def base_names(work: Work) -> Case | None:
    """Each base name belongs to one file of the tree, which lies in a folder."""
    paths = work.changed()
    names = [_base(path) for path in work.before]
    if work.moved or any(path not in work.before for path in paths):
        return None
    if any("/" not in path or names.count(_base(path)) != 1 for path in paths):
        return None
    if not all("." in _base(path) for path in paths):
        return None
    return styled(work, name=_base, git_header=False)


@slip("base name of two files", "must refuse", *BLOCKS)
def base_name_twice(work: Work) -> Case | None:
    """The text stands in both files, so only the folder could tell."""
    paths = work.modified()
    if len(work.changed()) != 1 or not paths or "/" not in paths[0]:
        return None
    path = paths[0]
    work.before[f"other_place/{_base(path)}"] = work.before[path]
    work.after[f"other_place/{_base(path)}"] = work.before[path]
    case = styled(work, REFUSE, name=_base, git_header=False)
    return case and replace(case, after=work.tree(work.after))


@slip("folder too many before names", "headers and names", *BLOCKS)
def folder_too_many(work: Work) -> Case | None:
    if work.moved or any(path not in work.before for path in work.changed()):
        return None
    name = work.change.repository
    return styled(work, EITHER, name=lambda path: f"{name}/{path}", git_header=False)


@slip("file that does not exist", "must refuse", *BLOCKS)
def no_such_file(work: Work) -> Case | None:
    """One of the files is made up; the rest of the answer is good."""
    paths = work.modified()
    if not paths or work.moved:
        return None
    gone = work.rng.choice(paths)
    fresh = f"imagined/deep/unknown_{_base(gone)}"
    return styled(
        work,
        REFUSE,
        name=lambda path: fresh if path == gone else path,
        git_header=False,
    )


def _renamed(work: Work, alter: Callable[[str], str]) -> bool:
    """Give every changed file another name, in both trees."""
    if work.moved or not work.changed():
        return False
    for path in work.changed():
        for tree in (work.before, work.after):
            if path in tree:
                tree[alter(path)] = tree.pop(path)
    return True


@slip("spaces in names", "headers and names")
def spaces(work: Work) -> Case | None:
    def alter(path: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/my {name}" if folder else f"my {name}"

    return styled(work) if _renamed(work, alter) else None


@slip("letters beyond ASCII in names", "headers and names")
def unicode_names(work: Work) -> Case | None:
    def alter(path: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/\u00fcber_{name}" if folder else f"\u00fcber_{name}"

    return styled(work) if _renamed(work, alter) else None


@slip("names in git's quotes", "headers and names", UDIFF)
def quoted_names(work: Work) -> Case | None:
    def alter(path: str) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/\u00fcber_{name}" if folder else f"\u00fcber_{name}"

    return styled(work, extra={"quote": "git"}) if _renamed(work, alter) else None


@slip("no name above later blocks of a file", "headers and names", SEARCH)
def name_once(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or all(len(edit.hunks) < 2 for edit in edits):
        return None
    return styled(work, repeat_path=False)


@slip("name in the fence's info", "headers and names", WHOLE)
def name_in_info(work: Work) -> Case | None:
    info = work.rng.choice(["{language} {path}", "{language}:{path}", "{path}"])
    return styled(work, whole_name="", whole_info=info)


@slip("name in a heading", "headers and names", WHOLE)
def name_in_heading(work: Work) -> Case | None:
    name = work.rng.choice(["### {}\n", "### `{}`\n", "**{}**\n", "**`{}`**:\n", "{}:"])
    return styled(work, whole_name=name)


@slip("no Begin Patch line", "headers and names", V4A)
def no_begin(work: Work) -> Case | None:
    return styled(work, begin=False)


@slip("no End Patch line", "headers and names", V4A)
def no_end(work: Work) -> Case | None:
    """It may as well be cut: exact or refused."""
    return styled(work, EITHER, end=False)


@slip("name only in the prose", "headers and names", UDIFF)
def name_in_prose(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or len(edits) != 1 or edits[0].kind != "modify":
        return None
    return styled(
        work,
        EITHER,
        git_header=False,
        file_header=False,
        intro=f"In `{edits[0].path}`:\n\n",
    )
