"""Edits that must never be made: one unsafe target refuses the whole answer.

Each case adds one more edit to a good answer. ``@CASE@`` in an answer becomes the
case's own folder, beside whose tree lies ``outside/``, which must stay as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from commits import Entry
from render import (
    BLOCKS,
    FORMATS,
    UDIFF,
    FileEdit,
    file_edit,
)
from work import EITHER, EXACT, KINDS, REFUSE, Case, Kind, Work, slip

TEXT = "first line of it\nsecond line of it\nthird line of it\n"
CHANGED = TEXT.replace("second", "another")
_NEW = {
    "absolute path": "@CASE@/outside/new.txt",
    "path above the root": "../outside/new.txt",
    "path that climbs out later": "docs/../../outside/new.txt",
    "home folder": "~/new.txt",
    "drive": "C:\\new.txt",
    "network share": "\\\\server\\share\\new.txt",
    "git hook": ".git/hooks/post-checkout",
    "git folder in capitals": ".GIT/hooks/post-checkout",
    "git folder with a space": ".git /hooks/post-checkout",
    "git folder with a dot": ".git./hooks/post-checkout",
    "git folder below": "docs/.git/config",
    "through a symbolic link": "linked/new.txt",
    "NUL in the path": "new\x00.txt",
}


def _with(work: Work, extra: FileEdit, expect: str = REFUSE) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    edits.insert(work.rng.randrange(len(edits) + 1), extra)
    prefixed = not extra.path.startswith(("@", "\\", "~"))
    if not prefixed and not work.moved:
        work.style = replace(work.style, old_prefix="", new_prefix="", git_header=False)
    return work.case(expect, work.text(edits))


def _creation(path: str) -> Callable[[Work], Case | None]:
    def make(work: Work) -> Case | None:
        if work.moved:
            return None
        if path.startswith("linked"):
            work.setup.append(("symlink", "linked", "../outside"))
        return _with(work, file_edit(path, None, Entry(TEXT), None, 3))

    return make


for _name, _path in _NEW.items():
    KINDS.append(Kind(_name, "unsafe", FORMATS, _creation(_path)))


def _change(path: str) -> FileEdit:
    return file_edit(path, Entry(TEXT), Entry(CHANGED), None, 3)


@slip("target is a symbolic link", "unsafe")
def link(work: Work) -> Case | None:
    work.setup += [("write", "../outside/seen.txt", TEXT)]
    work.setup += [("symlink", "seen.txt", "../outside/seen.txt")]
    return _with(work, _change("seen.txt"))


@slip("link to a file of the tree", "unsafe", *BLOCKS)
def link_inside(work: Work) -> Case | None:
    work.setup += [("write", "seen.txt", TEXT), ("symlink", "link.txt", "seen.txt")]
    return _with(work, _change("link.txt"))


@slip("target has two hard links", "unsafe", *BLOCKS)
def hard_link(work: Work) -> Case | None:
    work.setup += [("write", "../outside/seen.txt", TEXT)]
    work.setup += [("hardlink", "seen.txt", "../outside/seen.txt")]
    return _with(work, _change("seen.txt"))


@slip("target is a folder", "unsafe", *BLOCKS)
def folder(work: Work) -> Case | None:
    work.setup += [("write", "seen.txt/inner", TEXT)]
    return _with(work, _change("seen.txt"))


@slip("target is binary", "unsafe", *BLOCKS)
def binary(work: Work) -> Case | None:
    work.setup += [("write", "seen.bin", TEXT + "\x00\x01\x02\n")]
    return _with(work, _change("seen.bin"))


@slip("ignored file", "unsafe", *BLOCKS)
def ignored(work: Work) -> Case | None:
    if ("git",) not in work.setup:
        work.setup.append(("git",))
    work.setup += [("write", ".gitignore", "secret_*.txt\n")]
    work.setup += [("write", "secret_a.txt", TEXT)]
    return _with(work, _change("secret_a.txt"))


@slip("name that differs by case", "unsafe")
def case_fold(work: Work) -> Case | None:
    """A new file whose name equals another's but for case."""
    rest = [
        p for p in sorted(work.before) if p not in work.changed() and p != p.upper()
    ]
    if not rest:
        return None
    folder, _, name = rest[0].rpartition("/")
    path = f"{folder}/{name.swapcase()}" if folder else name.swapcase()
    return _with(work, file_edit(path, None, Entry(TEXT), None, 3))


@slip("file where a folder is", "unsafe", *BLOCKS)
def over_folder(work: Work) -> Case | None:
    folders = sorted({p.rpartition("/")[0] for p in work.before if "/" in p})
    if not folders:
        return None
    return _with(work, file_edit(folders[0], None, Entry(TEXT), None, 3))


@slip("new symbolic link", "unsafe", UDIFF)
def new_link(work: Work) -> Case | None:
    extra = file_edit("fresh_link", None, Entry("../outside/victim.txt\n"), None, 3)
    return _with(work, replace(extra, mode="120000"))


@slip("new submodule", "unsafe", UDIFF)
def new_submodule(work: Work) -> Case | None:
    text = f"Subproject commit {'0123456789' * 4}\n"
    extra = file_edit("fresh_module", None, Entry(text), None, 3)
    return _with(work, replace(extra, mode="160000"))


@slip("setuid mode", "unsafe", UDIFF)
def setuid(work: Work) -> Case | None:
    extra = file_edit("fresh_program", None, Entry(TEXT), None, 3)
    return _with(work, replace(extra, mode="104755"))


@slip("inside a submodule", "unsafe", *BLOCKS)
def in_submodule(work: Work) -> Case | None:
    if ("git",) not in work.setup:
        work.setup.append(("git",))
    work.setup += [("write", "module/seen.txt", TEXT), ("submodule", "module")]
    return _with(work, _change("module/seen.txt"))


@slip("file made executable", "modes", UDIFF)
def executable(work: Work) -> Case | None:
    paths = [p for p in work.modified() if not work.before[p].executable]
    if not paths:
        return None
    path = work.rng.choice(paths)
    work.after[path] = replace(work.after[path], executable=True)
    edits = work.edits()
    work.style = replace(work.style, extra={path: "old mode 100644\nnew mode 100755"})
    return edits and work.case(EXACT, work.text(edits))


@slip("new executable file", "modes", UDIFF)
def new_executable(work: Work) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    work.after["fresh_program"] = Entry(TEXT, True)
    extra = file_edit("fresh_program", None, Entry(TEXT, True), None, 3)
    return work.case(EXACT, work.text([*edits, extra]))


@slip("name in other case", "headers and names", *BLOCKS)
def other_case(work: Work) -> Case | None:
    """The file exists under this name but for case: found, or refused."""
    paths = work.modified()
    if not paths or work.moved or len(work.changed()) != 1:
        return None
    if paths[0] == paths[0].swapcase():
        return None
    work.style = replace(work.style, name=str.swapcase, git_header=False)
    edits = work.edits()
    return edits and work.case(EITHER, work.text(edits))
