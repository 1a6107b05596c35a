"""The file that a header, a fence or a line of prose names."""

from __future__ import annotations

import re
from functools import lru_cache

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([abfnrtv\"\\]|[0-7]{3})")
_SINGLE = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b'"': b'"',
    b"\\": b"\\",
}
_STAMP = re.compile(
    r"(?:\t.*|\s+\(?(?:\d{4}-\d\d-\d\d|\w{3} \w{3} +\d).*"
    r"|\s+\((?:working copy|revision \d+|original|modified|updated|new|old|before"
    r"|after)\))$"
)
_PREFIX = re.compile(r"^(?:[abciow]|old|new)/(?=.)")
_WORDS = (
    r"(?:(?:updated?|new|now|modified|modify|creat(?:e|ed|ing)|edit(?:ed)?|change[sd]?|the|"
    r"add|full|complete|path|in|file|files?name|filepath|here|is|are|for|to|of|contents?|"
    r"and|version|replace|write|move|source|code)[\s:=-]+)+"
)
_LABEL = re.compile(rf"(?i)^{_WORDS}(?=\S)")
_TICKED = re.compile(
    rf"(?i)^(?:{_WORDS}\s*)?`([^`\n]+)`(?:\s*\([\w ,/-]*\)|\s+(?:{_WORDS}))?[:.]?$"
)
_DOING = re.compile(
    r"(?i)(?:^|\s)(?:in|chang\w*|edit\w*|updat\w*|modif\w*|now|here|add|replace)\s"
)
_ITEM = re.compile(r"^(?:\d+[.)]|[-*+])\s+")
_AFTER = re.compile(
    r"(?i)\s+\((?:new|modified|updated|new file|created|edited|existing)\)$"
)
_PERHAPS = re.compile(
    r"(?:#{1,6} |[-*] |\d+[.)] )?[*_]*`([\w.@+-]+(?: [\w.@+-]+){0,4})`[*_]*:?[*_]*"
)
_SPACED = re.compile(
    r"(?i)\.(?:md|mdx|txt|rst|py|js|jsx|ts|tsx|json|ya?ml|toml|html?|css|go|rs|java|kt|"
    r"c|h|cc|cpp|hpp|cs|rb|php|swift|sh|sql|xml|csv|ini|cfg|svg|vue|scala|lua|ex|exs)$"
)
_FENCE = re.compile(r"^([ \t>]*)(`{3,}|~{3,})\s*(.*?)\s*$")
_INFO = re.compile(
    r"""(?ix)(?:file(?:name|path|_path)?|path|title|src)\s*[=:]\s*["']?([^"'\s}]+)"""
)
_COMMENT = re.compile(
    r"^\s*(?:#+|//+|/\*+|--|<!--|;+|%+|\{/\*|\(\*)\s*(.+?)\s*(?:\*/\}?|-->|\*\))?\s*$"
)
_FILEISH = re.compile(
    r"^[\w.@+~$()\[\]{}!#%&',;= -]+(?:[/\\][\w.@+~$()\[\]{}!#%&',;= -]+)*$"
)
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9_+-]{0,15}$")
_BARE = {
    "makefile", "dockerfile", "license", "readme", "changelog", "gemfile", "rakefile",
    "procfile", "jenkinsfile", "vagrantfile", "cmakelists.txt", "codeowners", "authors",
    "notice", "contributing", "copying", "brewfile", "justfile", "build", "workspace",
    "install", "news", "todo", "version", "pipfile", "podfile", "containerfile",
}  # fmt: skip
_UPPER = re.compile(
    r"(?:LICEN[CS]E|COPYING|README|CHANGE(?:LOG|S)|NOTICE|AUTHORS|CONTRIBUTING|Dockerfile|"
    r"Makefile|Containerfile)(?:[-_.]\w+)*"
)
LANGUAGES = {
    "python", "py", "diff", "patch", "text", "txt", "bash", "sh", "shell", "js", "ts",
    "json", "yaml", "toml", "rust", "go", "java", "c", "cpp", "html", "css", "markdown",
    "md", "udiff", "search-replace", "xml", "sql", "ruby", "php", "console",
}  # fmt: skip


def fence(line: str) -> tuple[str, str, str] | None:
    """Indentation, marks and info string of a line that opens or closes a fence."""
    if "```" not in line and "~~~" not in line:
        return None
    match = _FENCE.match(line)
    if match is None or (match[2][0] == "`" and "`" in match[3]):
        return None
    return match[1], match[2], match[3]


def unquoted(text: str) -> str:
    """A path as git writes it, with C quoting undone."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        return text
    data = match[1].encode("utf-8", "surrogateescape")

    def plain(found: re.Match[bytes]) -> bytes:
        escape = found[1]
        return _SINGLE.get(escape) or bytes([int(escape, 8) & 255])

    return _ESCAPE.sub(plain, data).decode("utf-8", "surrogateescape")


def header(text: str) -> str:
    """The path of a ``---`` or ``+++`` line, with its prefix; empty for none."""
    text = text.strip()
    quoted = _QUOTED.match(text)
    if quoted:
        return unquoted(quoted[0])
    text = _STAMP.sub("", text).strip()
    for mark in ("`", "**", "'"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)]
    return text


def readings(old: str, new: str) -> list[str]:
    """The paths that a pair of diff headers may mean, likeliest first."""
    paths = [p for p in (new, old) if p and p != "/dev/null"]
    both = len(paths) == 2
    out: list[str] = []
    for path in paths:
        bare = _PREFIX.sub("", path, count=1)
        if bare == path:
            out.append(path)
        elif both and old == new:
            # The same on both sides: a folder that happens to be called ``a``.
            out += [path, bare]
        else:
            out += [bare, path]
    return list(dict.fromkeys(out))


def git_pair(text: str) -> tuple[str, str]:
    """Both paths of a ``diff --git`` line."""
    quoted = re.fullmatch(r'("(?:[^"\\]|\\.)*"|\S+)\s+("(?:[^"\\]|\\.)*"|\S+)', text)
    if quoted:
        return unquoted(quoted[1]), unquoted(quoted[2])
    # Names with spaces: both halves are equal behind their prefixes.
    for match in re.finditer(r" (?=[abciow]/)", text):
        old, new = text[: match.start()], text[match.end() :]
        if old[1:2] == "/" and old[2:] == new[2:]:
            return old, new
    half = len(text) // 2
    if text[:half] == text[half + 1 :]:
        return text[:half], text[half + 1 :]
    old, _, new = text.rpartition(" ")
    return old, new


_ODD = re.compile(r"(?i)[\x00-\x08\x0b-\x1f\x7f]|(?:^|[/\\`])\.git[. ]*[/\\]")


def forbidden(line: str) -> str:
    """The path on a line that no file may have, a control character or git's own folder
    in it, where the line is in a name's dress; it must be refused, not passed over."""
    text = line.strip().strip("*").strip()
    ticked = _TICKED.match(text)
    path = ticked[1] if ticked else text
    bare = ticked is not None or " " not in path.split("/")[-1]
    return path if bare and "/" in path and _ODD.search(path) else ""


@lru_cache(maxsize=1024)
def named(line: str) -> str:
    """The path that a whole line names, in any usual dress; empty for none."""
    text = line.strip()
    if not text or len(text) > 400:
        return ""
    comment = _COMMENT.match(text)
    if comment and not text.startswith("#!"):
        text = comment[1].strip()
    text = _undressed(_ITEM.sub("", text).strip().rstrip(":")).rstrip(":").strip()
    ticked = _TICKED.fullmatch(text)
    if ticked:
        path = ticked[1].strip()
        return path if looks_like_path(path) or re.fullmatch(r"[\w.-]+", path) else ""
    text = _undressed(_AFTER.sub("", text))
    if looks_like_path(text) and not _LABEL.match(text):
        return text
    bare = _undressed(_LABEL.sub("", text, count=1))
    for candidate in (bare, text):
        if " " not in candidate and looks_like_path(candidate):
            return candidate
    return ""


def _undressed(text: str) -> str:
    """Without quotes and the marks of emphasis; names may begin with one ``_``."""
    text = text.strip("*`\"' ")
    if text.startswith("_") and text.endswith("_"):
        text = text.strip("_")
    return text.strip("*`\"' ")


def guessed(line: str) -> str:
    """The name with spaces that a line may be, where there is such a file; empty for a
    line that cannot be one."""
    text = _undressed(line.strip().lstrip("# ").rstrip(":"))
    words = text.split(" ")
    plain = re.fullmatch(r"[\w .@+/-]{1,200}", text) and ".." not in text
    if not plain or not 1 < len(words) < 6 or text[0] in "/-+ ":
        return ""
    told = "/" in words[0] or _ENDING.search(words[-1]) or _bare(words[-1])
    return text if told else ""


def _bare(name: str) -> bool:
    return name.lower() in _BARE or bool(_UPPER.fullmatch(name))


def perhaps(line: str, info: str) -> str:
    """What the line above a fence has between backticks and is nothing but, or the only
    word of the fence's info string; it names a file only if there is one."""
    found = _PERHAPS.fullmatch(line.strip())
    if found:
        return found[1]
    word = info.strip("{}()`\"'")
    plain = re.fullmatch(r"[\w.@+-]+", word) and word.lower() not in LANGUAGES
    return word if plain and not word.islower() else ""


def partial(line: str) -> bool:
    """Whether the line says in words that something is done to the file it names."""
    return bool(_DOING.search(line))


def mentioned(line: str) -> str:
    """The only path between backticks in a sentence; empty for none or several."""
    found = [
        m
        for m in re.findall(r"`([^`\n]+)`", line)
        if looks_like_path(m) and ("/" in m or _ENDING.search(m))
    ]
    return found[0].strip() if len(set(found)) == 1 else ""


def info_path(info: str) -> str:
    """The path in a fence's info string; empty for none."""
    if not info:
        return ""
    match = _INFO.search(info)
    if match and looks_like_path(match[1]):
        return match[1]
    head, colon, rest = info.partition(":")
    words = [rest] if colon and "/" not in head else []
    for word in (*words, *reversed(info.split())):
        word = word.strip("{}()`\"'")
        strong = "/" in word or _ENDING.search(word) or word.lower() in _BARE
        told = word.lower() not in LANGUAGES and strong and " " not in word
        if told and looks_like_path(word):
            return word
    return ""


@lru_cache(maxsize=1024)
def looks_like_path(text: str) -> bool:
    """Whether the text can be a file's path and is no sentence."""
    if not text or len(text) > 300 or not _PATHISH(text):
        return False
    last = re.split(r"[/\\]", text)[-1]
    if re.match(r"(?i)(?:.*/)?\.git\b[ .]*/", text):
        # Named plainly enough to be refused.
        return True
    if _bare(last):
        return True
    if " " in text:
        # Names with spaces are rare: they need an ending and few words.
        words = text.split()
        if "/" in words[0] and len(words) < 4 and not _ENDING.search(words[0]):
            return bool(_ENDING.search(words[-1])) or _bare(words[-1])
        return bool(_SPACED.search(last)) and len(words) <= 4 + 2 * text.count("/")
    if text.endswith((".", ",", ";", "!", "?")) and text not in (".", ".."):
        return False
    return bool(
        "/" in text
        or "\\" in text
        or _ENDING.search(last)
        or (last.startswith(".") and len(last) > 1)
    )


def _PATHISH(text: str) -> bool:  # noqa: N802
    return not re.search(r"[<>|\"*?]|://|``|^[-=+#]{2,}", text)
