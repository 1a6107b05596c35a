"""Run git, and nothing that a repository could plant for git to run.

A repository is untrusted input, and so is its ``.git/config``. Every call here passes
the same guards, and only plumbing that reads objects, the index or names is allowed:
nothing that compares work-tree content, because that runs the repository's ``clean``
filters (see ``listing``). What cannot happen through this module: fsmonitor, hooks,
pagers, aliases, external diffs, textconv, filters, signature programs, credential
helpers, and any network (partial clones do not fetch).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from repoctx.errors import GitError, NotARepository, UnknownRevision

TIMEOUT = 120.0
"""Seconds that one git command may take (a FIFO in the place of a file hangs git)."""

_READS = frozenset(
    {
        "cat-file",
        "check-ignore",
        "check-ref-format",
        "config",
        "diff-tree",
        "for-each-ref",
        "log",
        "ls-files",
        "ls-tree",
        "merge-base",
        "name-rev",
        "rev-list",
        "rev-parse",
        "show-ref",
        "symbolic-ref",
        "version",
    }
)
_DIFFS = frozenset({"diff-tree", "log"})
_FORBIDDEN = ("--ext-diff", "--textconv", "--filters", "--show-signature", "--output")
_GUARDS = (
    "--no-pager",
    "--no-optional-locks",
    "--no-replace-objects",
    *("-c", "core.fsmonitor=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", f"core.attributesFile={os.devnull}"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "core.pager=cat"),
    *("-c", "credential.helper="),
    *("-c", "log.showSignature=false"),
    *("-c", "submodule.recurse=false"),
    *("-c", "protocol.allow=never"),
)
# What a user may set on purpose; every other GIT_* variable could point git elsewhere.
_KEPT_ENV = re.compile(
    r"GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|PARAMETERS|KEY_\d+|VALUE_\d+)"
    r"|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM|EXEC_PATH)\Z"
)
_FORCED_ENV = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "LANGUAGE": "C",
}
OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tree of files lies.

    ``root`` is absolute and free of links. ``state`` is the folder for what repoctx
    remembers, not created here. ``head`` is HEAD's commit id, empty when unborn or
    outside git; ``git_dir`` is ``root`` itself outside git.
    """

    root: Path
    state: Path
    git: bool
    git_dir: Path
    object_format: str = "sha1"
    head: str = ""
    shallow: bool = False

    @property
    def unborn(self) -> bool:
        """Whether this is a repository without any commit on HEAD."""
        return self.git and not self.head


def discover(path: Path) -> Place:
    """Find the work tree that holds ``path``, or take the folder itself outside git.

    Raises NotARepository for a missing folder, a bare repository, the inside of a
    ``.git`` folder, and a repository whose work tree is configured to lie elsewhere;
    GitError when git refuses (ownership, corruption) or is missing.
    """
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise NotARepository(f"{path} {what}")
    folder = path.resolve()
    process = start(
        folder,
        "rev-parse",
        "--is-inside-work-tree",
        "--is-shallow-repository",
        "--show-object-format",
        "--show-cdup",
        "--absolute-git-dir",
        "--verify",
        "--quiet",
        "HEAD^{commit}",
    )
    out, err = _communicate(process, None, TIMEOUT)
    lines = out.split(b"\n", 4)
    # Without a commit on HEAD git fails too, but only after it has told the rest.
    if process.returncode and len(lines) < 5:
        if err.startswith(b"fatal: not a git repository (or any"):
            if (broken := _remains(folder)) is not None:
                raise NotARepository(f"{broken} is there, but git cannot read it")
            return Place(folder, user_state(folder), git=False, git_dir=folder)
        raise _refusal(folder, err)
    # The git folder comes last but for HEAD: a name may hold a newline.
    inside, shallow, object_format, up, rest = lines
    git_dir, head = rest.removesuffix(b"\n"), b""
    if not process.returncode:
        git_dir, _, head = git_dir.rpartition(b"\n")
    if inside != b"true":
        raise NotARepository(f"{folder} has no work tree (a bare repository or .git)")
    root = Path(os.path.normpath(folder / os.fsdecode(up)))
    home = Path(os.fsdecode(git_dir))
    if not _owns(root, home):
        raise NotARepository(f"{home} is configured to keep its files elsewhere")
    return Place(
        root,
        _common_dir(home) / "repoctx",
        git=True,
        git_dir=home,
        object_format=object_format.decode(),
        head=head.decode(),
        shallow=shallow == b"true",
    )


def _remains(folder: Path) -> Path | None:
    """A ``.git``, here or above on the same file system, that git passes over."""
    for above in (folder, *folder.parents):
        if above.stat().st_dev != folder.stat().st_dev:
            return None
        if (above / ".git" / "HEAD").is_file():
            return above / ".git"
    return None


def user_state(root: Path) -> Path:
    """The state folder for ``root`` under the user's cache folder: for a folder outside
    git, or a repository whose own folder cannot be written."""
    from platformdirs import user_cache_path  # not needed inside git

    cache = user_cache_path("repoctx", appauthor=False)
    return cache / "folders" / folder_name(root)


def folder_name(root: Path) -> str:
    """The name of ``root``'s state folder among those of other roots."""
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:32]


def resolve(place: Place, rev: str) -> str:
    """The full commit id of ``rev``. Raises UnknownRevision."""
    if not rev or rev.startswith("-") or "\0" in rev or "\n" in rev:
        raise UnknownRevision(f"not a revision: {rev!r}")
    commit = f"{rev}^{{commit}}"
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", commit)
    out = run(place, *arguments, ok=(0, 1, 128)).decode("ascii", "replace").strip()
    if not OBJECT_ID.match(out):
        raise UnknownRevision(f"git knows no commit {rev!r}")
    return out


def run(
    where: Place | Path,
    *args: str,
    data: bytes | None = None,
    timeout: float = TIMEOUT,
    ok: tuple[int, ...] = (0,),
    index_file: Path | None = None,
) -> bytes:
    """Run one reading git command in ``where``'s root; its standard output.

    ``data`` is its standard input. Raises GitError for another exit status than ``ok``
    and after ``timeout`` seconds, ValueError for a command that is not a read.
    """
    process = start(where, *args, index_file=index_file)
    out, err = _communicate(process, data, timeout)
    if process.returncode not in ok:
        raise _refusal(where.root if isinstance(where, Place) else where, err)
    return out


@contextlib.contextmanager
def alongside(where: Place | Path, *args: str) -> Iterator[Callable[[], bytes]]:
    """Run one reading git command beside the block. What the block gets waits for its
    standard output and raises GitError as ``run``; unasked, the command is ended."""
    process = start(where, *args)

    def output() -> bytes:
        out, err = _communicate(process, None, TIMEOUT)
        if process.returncode:
            raise _refusal(where.root if isinstance(where, Place) else where, err)
        return out

    try:
        yield output
    finally:
        if process.returncode is None:
            end(process)


def start(
    where: Place | Path,
    *args: str,
    index_file: Path | None = None,
    quiet: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a reading git command with pipes on all sides; the caller ends it.

    ``quiet`` throws its standard error away. Raises GitError and ValueError as ``run``.
    """
    env = environment(os.environ)
    if index_file is not None:
        env["GIT_INDEX_FILE"] = str(index_file)
    try:
        return subprocess.Popen(
            command(args),
            cwd=where.root if isinstance(where, Place) else where,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else subprocess.PIPE,
            # Its own group, so that a timeout also ends what git itself started.
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        raise GitError("git is not installed, or not on PATH") from exc
    except OSError as exc:
        raise GitError(f"git could not be started: {exc.strerror}") from exc


def command(args: tuple[str, ...]) -> list[str]:
    """The full argument list of a reading command. Raises ValueError for others."""
    name, rest = args[0], list(args[1:])
    if name not in _READS:
        raise ValueError(f"git {name} is not among the commands that only read")
    options = rest[: rest.index("--")] if "--" in rest else rest
    if any(option.startswith(_FORBIDDEN) for option in options):
        raise ValueError(f"git {name}: an option that runs or writes something")
    if name in _DIFFS:
        rest = ["--no-ext-diff", "--no-textconv", *rest]
    # check-ignore alone knows no literal pathspecs.
    literal = [] if name == "check-ignore" else ["--literal-pathspecs"]
    return ["git", *_GUARDS, *literal, name, *rest]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` for git: no variable that points it to another repository or makes it
    run something, C locale, no prompts, no network."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("GIT_") or _KEPT_ENV.match(name)
    }
    return kept | _FORCED_ENV


def ignored_by(place: Place, path: str, *, tracked: bool = False) -> str:
    """The rule (``file:line:pattern``) by which git ignores ``path``, or ''; with
    ``tracked`` also where it does not because the file is tracked."""
    return ignored_among(place, [path], tracked=tracked, ok=(0, 1, 128)).get(path, "")


def ignored_among(
    place: Place,
    paths: Iterable[str],
    *,
    tracked: bool = False,
    ok: tuple[int, ...] = (0, 1),
) -> dict[str, str]:
    """The rules by which git ignores some of ``paths``, as `ignored_by`.

    Raises GitError for a path in a submodule or behind a link.
    """
    # ./ keeps a leading colon from being read as pathspec magic.
    names = [b"./" + p.encode("utf-8", "surrogateescape") + b"\0" for p in paths]
    options = ("-z", "-v", *(["--no-index"] if tracked else []), "--stdin")
    out = run(place, "check-ignore", *options, data=b"".join(names), ok=ok)
    fields = out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    rows = zip(fields[::4], fields[1::4], fields[2::4], fields[3::4], strict=True)
    return {
        path.removeprefix("./"): f"{file}:{line}:{pattern}"
        for file, line, pattern, path in rows
        if not pattern.startswith("!")
    }


def _owns(root: Path, git_dir: Path) -> bool:
    """Whether ``root``'s own ``.git`` is ``git_dir``: a planted ``core.worktree`` could
    make any folder of the machine look like the repository's work tree."""
    link = root / ".git"
    try:
        if link.is_file():
            target = link.read_bytes()[:4096].removeprefix(b"gitdir:").strip()
            return (root / os.fsdecode(target)).samefile(git_dir)
        return link.samefile(git_dir)
    except OSError:
        return False


def _common_dir(git_dir: Path) -> Path:
    """The folder that linked worktrees share (gitrepository-layout: ``commondir``)."""
    try:
        name = (git_dir / "commondir").read_bytes()[:4096].strip()
    except OSError:
        return git_dir
    return Path(os.path.normpath(git_dir / os.fsdecode(name)))


def _refusal(folder: Path, err: bytes) -> GitError:
    if b"dubious ownership" in err:
        return GitError(
            f"git refuses {folder}: it belongs to another user; if you trust it, run: "
            f"git config --global --add safe.directory {folder}"
        )
    lines = [line for line in err.decode("utf-8", "replace").splitlines() if line]
    return GitError(lines[-1].removeprefix("fatal: ") if lines else "git failed")


def _communicate(
    process: subprocess.Popen[bytes], data: bytes | None, timeout: float
) -> tuple[bytes, bytes]:
    try:
        return process.communicate(data, timeout)
    except subprocess.TimeoutExpired as exc:
        end(process)
        raise GitError(f"git took longer than {timeout:g} s and was ended") from exc
    except BaseException:
        end(process)
        raise


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and its children, close its pipes and reap it."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()
