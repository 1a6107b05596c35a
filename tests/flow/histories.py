"""Random work on a repository, and what each of its files must look like in a prompt.

Every content is made here, so its text is known without any of our decoding.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from repos import commit, git, write

MAX_SIZE = 4000
"""Bytes: a file above is left out."""

KEY = "AKIA" + "ABCDEFGHIJKLMNOP"
WORDS = [
    *("alpha", "beta", "def f():", "    return 1", "class A:", "", "", "{", "}"),
    *("</file>", "\\</file>", '<patch path="a">', "<changes>", "=== end", "```"),
    *("@@ -1,1 +1,1 @@", "\\ No newline at end of file", "-", "+", " ", "\t"),
    *("# repository", '## file path="x"', "\x0c", "a\x1cb", "\u2028", "é\x85", "日本"),
    *('{"section": "changes"}', "=== repository", "````", f'key = "{KEY}"'),
]
NAMES = ["a b", "q'\"", "<&>", "é", "\udcff", "n\nl", "plain", "m.py", "f.go", "x.md"]

Encode = Callable[[str], bytes]
FORMS: dict[str, Encode] = {
    "lf": lambda text: text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "bom": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "latin-1": lambda text: text.encode("latin-1", "replace"),
    "binary": lambda text: text.encode() + b"\0\1\2",
    "huge": lambda text: text.encode() + b"long line\n" * (MAX_SIZE // 10 + 1),
}
IGNORES: dict[str, Callable[[str], bool]] = {
    "": lambda path: False,
    "/d1/\n": lambda path: path.startswith("d1/"),
    "*.py\n": lambda path: path.endswith(".py"),
    "/d0/\n*.md\n": lambda path: path.startswith("d0/") or path.endswith(".md"),
}


@dataclass
class Content:
    """A text in some form of bytes."""

    text: str
    form: str

    @property
    def data(self) -> bytes:
        return FORMS[self.form](self.text)

    @property
    def shown(self) -> str | None:
        """What a prompt shows of it; None when it is left out."""
        if self.form == "binary" or len(self.data) > MAX_SIZE:
            return None
        text = self.text
        if self.form == "latin-1":
            text = text.encode("latin-1", "replace").decode("latin-1")
        return text.replace(KEY, "[redacted:aws-key]")


@dataclass
class Work:
    """A repository somebody works in. ``known`` is all that was ever written there."""

    root: Path
    dice: random.Random
    known: dict[bytes, Content] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Some files of every kind in a first commit."""
        for number in range(12):
            form = list(FORMS)[number] if number < len(FORMS) else "lf"
            lines = self.dice.randrange(30, 60)
            self.put(self.any_path(), Content(self.any_text(lines), form))
        self.commits.append(commit(self.root, "first"))

    def any_text(self, lines: int) -> str:
        rows = [
            f"{self.dice.choice(WORDS)} {self.dice.randrange(9)}"
            if self.dice.random() < 0.5
            else self.dice.choice(WORDS)
            for _ in range(lines)
        ]
        return "\n".join(rows) + self.dice.choice(["\n", "\n", ""])

    def any_path(self) -> str:
        return f"d{self.dice.randrange(3)}/{self.dice.choice(NAMES)}"

    def put(self, path: str, content: Content) -> None:
        """Write a file, in the place of whatever is there."""
        target = self.path(path)
        if not os.path.lexists(target) or not os.path.isfile(target):
            self.remove(path)
        if os.path.islink(target):
            os.unlink(target)
        write(self.root, {path: content.data})
        # Two texts may have the same bytes: then they are shown the same.
        self.known.setdefault(content.data, content)

    def remove(self, path: str) -> None:
        target = self.path(path)
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        elif os.path.lexists(target):
            os.unlink(target)

    def path(self, path: str) -> bytes:
        return os.fsencode(self.root) + b"/" + path.encode("utf-8", "surrogateescape")

    def files(self) -> dict[str, bytes]:
        """Every regular file that git does not ignore."""
        names = git(self.root, "ls-files", "-co", "--exclude-standard", "-z")
        found = {}
        for name in names.split("\0"):
            target = self.path(name)
            if name and os.path.isfile(target) and not os.path.islink(target):
                found[name] = Path(os.fsdecode(target)).read_bytes()
        return found

    def shown(self) -> dict[str, str]:
        """What a prompt must show of the work tree as it is now."""
        files = self.files()
        out = IGNORES[files.get(".repoctxignore", b"").decode()]
        shown = {}
        for path, data in files.items():
            if path in (".gitignore", ".repoctxignore"):
                text: str | None = data.decode()
            else:
                text = self.known[data].shown
            if text is not None and not out(path):
                shown[path] = text
        return shown

    def change(self) -> None:
        """One thing that people do."""
        what = [self.edit] * 6 + [self.move] * 3 + [self.add, self.delete, self.copy]
        what += [self.recode, self.chmod, self.ignore, self.link]
        self.dice.choice(what)()

    def _any(self) -> tuple[str, Content]:
        files = self.files()
        paths = sorted(p for p in files if files[p] in self.known)
        if not paths:
            self.add()
            return self._any()
        path = self.dice.choice(paths)
        return path, self.known[files[path]]

    def _edited(self, content: Content) -> Content:
        lines = content.text.split("\n")
        for _ in range(self.dice.randrange(1, 4)):
            at = self.dice.randrange(len(lines))
            lines[at : at + self.dice.randrange(3)] = [
                self.dice.choice(WORDS) for _ in range(self.dice.randrange(3))
            ]
        return Content("\n".join(lines), content.form)

    def edit(self) -> None:
        path, content = self._any()
        self.put(path, self._edited(content))

    def add(self) -> None:
        text = self.any_text(self.dice.randrange(40))
        self.put(self.any_path(), Content(text, self.dice.choice(list(FORMS))))

    def delete(self) -> None:
        self.remove(self._any()[0])

    def move(self) -> None:
        path, content = self._any()
        self.remove(path)
        if self.dice.random() < 0.5:
            content = self._edited(content)
        self.put(self.any_path(), content)

    def copy(self) -> None:
        self.put(self.any_path(), self._any()[1])

    def recode(self) -> None:
        """The same text in other bytes, perhaps no longer a text at all."""
        path, content = self._any()
        self.put(path, Content(content.text, self.dice.choice(list(FORMS))))

    def chmod(self) -> None:
        os.chmod(self.path(self._any()[0]), self.dice.choice([0o644, 0o755]))

    def ignore(self) -> None:
        name = self.dice.choice([".gitignore", ".repoctxignore"])
        write(self.root, {name: self.dice.choice(list(IGNORES))})

    def link(self) -> None:
        """A file becomes a link, or a folder stands where a file was."""
        path, content = self._any()
        self.remove(path)
        if self.dice.random() < 0.5:
            os.symlink(b"nowhere", self.path(path))
        else:
            self.put(f"{path}/below", content)

    def save(self) -> None:
        """Perhaps stage, perhaps commit."""
        if self.dice.random() < 0.3:
            git(self.root, "add", "-A")
        if self.dice.random() < 0.4:
            self.commits.append(commit(self.root, "more"))
