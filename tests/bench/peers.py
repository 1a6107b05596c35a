"""Compare ``repoctx pack`` with repomix, gitingest and files-to-prompt.

::

    python tests/bench/peers.py REPO [REPO ...] [--runs 5] [--tools DIR] [--json]

Each repository is cloned into a temporary folder, and nothing else is written. Every
tool packs the whole clone into a file, as its user would, with its defaults. ``cold``
repoctx starts without its state folder; ``indexed`` too, and searches after it has
packed, so that every text is parsed; ``warm`` repoctx has it all and finds one file
changed. The operating system's file cache is warm for everybody. Missing peers are
installed below ``--tools`` (npm and PyPI); ``--only`` picks commands by name.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import measure

REPOMIX = "repomix@1.14"
PYPI = ("gitingest", "files-to-prompt")
REFERENCE = "repomix"
INDEXED = "repoctx indexed"
FLOOR = ("python -c pass", "git status", "writing the bytes")
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one repository is measured: ``clone`` is packed, ``out`` gets results."""

    clone: Path
    out: Path
    tools: Path
    env: Mapping[str, str]

    def file(self, name: str) -> Path:
        """The result of the command ``name``."""
        return self.out / (name.replace(" ", "-") + ".txt")


def main() -> int:
    """Measure and print; returns an exit code."""
    options = _options()
    tools = options.tools.resolve()
    install(tools)
    report = {}
    for repository in options.repositories:
        with tempfile.TemporaryDirectory(prefix="repoctx-bench-") as folder:
            bench = prepare(repository.resolve(), Path(folder), tools)
            commands = all_commands(bench, options.only)
            series = measure.compare(commands, options.runs, _say)
            sizes = {
                c.name: bench.file(c.name).stat().st_size
                for c in commands
                if bench.file(c.name).exists()
            }
            files = len(_git(bench.clone, "ls-files", "-z").split("\0")) - 1
        if options.json:
            report[repository.name] = as_json(series, sizes, files)
        else:
            print(as_markdown(repository.name, files, series, sizes), flush=True)
    if options.json:
        json.dump(report, sys.stdout, indent=1)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tools", type=Path, default=Path(".bench-tools"))
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- the world the commands run in ------------------------------------------------


def install(tools: Path) -> None:
    """Put the peers below ``tools`` unless they are there. Needs npm and a network."""
    if not _repomix(tools).exists():
        flags = ["--no-audit", "--no-fund", "--loglevel=error"]
        folder = str(tools / "npm")
        subprocess.run(
            ["npm", "install", "--prefix", folder, *flags, REPOMIX], check=True
        )
    if not _python_tool(tools, PYPI[-1]).exists():
        venv.create(tools / "venv", with_pip=True)
        pip = str(_python_tool(tools, "pip"))
        subprocess.run([pip, "install", "-q", *PYPI], check=True)


def prepare(repository: Path, folder: Path, tools: Path) -> Bench:
    """Clone ``repository`` below ``folder`` and give the commands a home of their own.

    A fresh home keeps anybody's settings out of the measurement.
    """
    clone, out, home = folder / repository.name, folder / "out", folder / "home"
    out.mkdir()
    home.mkdir()
    _git(repository, "clone", "-q", "--shared", str(repository), str(clone))
    _git(clone, "update-index", "-q", "--refresh")
    return Bench(clone, out, tools, measure.clean_environment(home))


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        errors="surrogateescape",
    ).stdout


def _repomix(tools: Path) -> Path:
    return tools / "npm" / "node_modules" / ".bin" / "repomix"


def _python_tool(tools: Path, name: str) -> Path:
    return tools / "venv" / "bin" / name


# --- the commands -----------------------------------------------------------------


def all_commands(bench: Bench, only: list[str] | None) -> list[measure.Command]:
    """repoctx cold, indexed and warm, the peers, and the three parts of the warm floor.

    Cold comes just before warm, so that warm finds a full state folder. ``only``
    leaves the commands of these names; the floor writes the first one's output.
    """
    packers = [*repoctx_commands(bench), *peer_commands(bench)]
    chosen = [c for c in packers if only is None or c.name in only]
    names = [c.name for c in chosen]
    written = "repoctx warm" if "repoctx warm" in names else names[0]
    return chosen + floor_commands(bench, bench.file(written))


def repoctx_commands(bench: Bench) -> list[measure.Command]:
    """``repoctx pack`` without its state folder, alone and with what the first
    search indexes, and with it."""
    state = bench.clone / ".git" / "repoctx"

    def forget() -> None:
        shutil.rmtree(state, ignore_errors=True)

    def pack(name: str) -> tuple[str, ...]:
        return (*repoctx(), "pack", "-o", str(bench.file(name)))

    search = (*repoctx(), "search", "configuration")
    both = f"{shlex.join(pack(INDEXED))} && {shlex.join(search)}"
    commands: dict[str, tuple[tuple[str, ...], Callable[[], None]]] = {
        "repoctx cold": (pack("repoctx cold"), forget),
        INDEXED: (("sh", "-c", both), forget),
        "repoctx warm": (pack("repoctx warm"), _appender(bench.clone)),
    }
    return [
        measure.Command(name, argv, bench.clone, before, bench.env)
        for name, (argv, before) in commands.items()
    ]


def repoctx() -> tuple[str, ...]:
    """How to start repoctx: the installed command, else the module."""
    script = Path(sys.executable).with_name("repoctx")
    return (str(script),) if script.exists() else (sys.executable, "-m", "repoctx")


def _appender(clone: Path) -> Callable[[], None]:
    """A function that changes one file of middling size by one more line."""
    names = [n for n in _git(clone, "ls-files", "-z").split("\0") if n.endswith(SOURCE)]
    sized = sorted((clone / n).stat().st_size for n in names)
    target = next(
        clone / n
        for n in sorted(names)
        if (clone / n).stat().st_size == sized[len(sized) // 2]
    )
    count = 0

    def append() -> None:
        nonlocal count
        count += 1
        with target.open("a", encoding="utf-8") as file:
            file.write(f"\n# changed {count}\n")

    return append


SOURCE = (".py", ".go", ".rs", ".java", ".ts", ".js", ".c", ".rb")


def peer_commands(bench: Bench) -> list[measure.Command]:
    """The peers with their defaults, packing the clone into a file."""
    argvs = {
        "repomix": (str(_repomix(bench.tools)), "--quiet", "-o"),
        "gitingest": (str(_python_tool(bench.tools, "gitingest")), ".", "-o"),
        "files-to-prompt": (
            str(_python_tool(bench.tools, "files-to-prompt")),
            ".",
            "-o",
        ),
    }
    return [
        measure.Command(
            name, (*argv, str(bench.file(name))), bench.clone, None, bench.env
        )
        for name, argv in argvs.items()
    ]


def floor_commands(bench: Bench, source: Path) -> list[measure.Command]:
    """What no warm run can avoid: Python's start, git's status, writing ``source``."""
    target = bench.file("writing the bytes")
    argvs = {
        "python -c pass": (sys.executable, "-c", "pass"),
        "git status": ("git", "--no-optional-locks", "status", "--porcelain=v2", "-z"),
        # dd reads and writes; cp and cat may clone blocks and write nothing.
        "writing the bytes": ("dd", f"if={source}", f"of={target}", "bs=1M"),
    }
    return [
        measure.Command(name, argv, bench.clone, None, bench.env)
        for name, argv in argvs.items()
    ]


# --- what is printed --------------------------------------------------------------


def as_json(
    series: Mapping[str, measure.Series], sizes: Mapping[str, int], files: int
) -> dict[str, object]:
    """Every single figure: seconds and bytes."""
    commands = {
        name: {**asdict(got), "output": sizes.get(name)} for name, got in series.items()
    }
    return {"files": files, "commands": commands}


def as_markdown(
    name: str,
    files: int,
    series: Mapping[str, measure.Series],
    sizes: Mapping[str, int],
) -> str:
    """A table by command, ratios to repomix, and the warm bound."""
    head = ["command", "wall s", "of repomix", "CPU s", "of repomix"]
    head += [
        "largest process MB",
        "of repomix",
        "whole tree MB",
        "of repomix",
        "output MB",
    ]
    rows = [_row(command, series, sizes) for command in series]
    text = f"\n### {name}: {files:,} files\n\n" + measure.table(head, rows)
    if "repoctx warm" in series and all(part in series for part in FLOOR):
        text += "\n\n" + warm_bound(series)
    return text


def _row(
    name: str, series: Mapping[str, measure.Series], sizes: Mapping[str, int]
) -> list[str]:
    got, reference = series[name], series.get(REFERENCE)

    def relative(figure: str) -> str:
        if reference is None:
            return ""
        return measure.ratio(got.column(figure), reference.column(figure)).show()

    largest = measure.spread([b / MEGA for b in got.column("largest")])
    tree = f"{got.tree / reference.tree:.2f}" if reference and reference.tree else ""
    return [
        name,
        measure.spread(got.column("wall")).show(),
        relative("wall"),
        measure.spread(got.column("cpu")).show(),
        relative("cpu"),
        largest.show(0),
        relative("largest"),
        f"{got.tree / MEGA:.0f}",
        tree,
        f"{sizes[name] / MEGA:.1f}" if name in sizes else "",
    ]


def warm_bound(series: Mapping[str, measure.Series]) -> str:
    """Warm repoctx against the sum of what it cannot avoid; the goal is at most 2."""
    parts = zip(*(series[part].column("wall") for part in FLOOR), strict=True)
    floor = [sum(part) for part in parts]
    got = measure.ratio(series["repoctx warm"].column("wall"), floor)
    return (
        f"Warm pack: {got.show()} x (Python start + `git status` + writing the bytes), "
        f"together {measure.spread(floor).show(3)} s; goal: at most 2."
    )


if __name__ == "__main__":
    sys.exit(main())
