"""Measure whole commands: wall time, CPU and memory of the process tree.

Commands run one after another, round by round (A B C A B C ...), so that a busy
machine slows all of them alike; ratios are taken inside a round and their median and
range reported. The first round is a warm-up and is not counted. The last, sampled
round measures the memory of the whole tree and gives no times, because sampling slows
a process down. Standard library only; tree memory needs Linux (0 elsewhere).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PERIOD = 0.02
"""Seconds between two samples of a tree's memory."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process to measure. ``before`` runs untimed ahead of each run."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    before: Callable[[], None] | None = None
    env: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds of wall and CPU (user + system, descendants included), bytes.

    ``largest`` is the peak resident set of the largest process; it has a floor, the
    resident set of the measuring process, about 15 MB. ``tree`` is the peak of the
    whole tree at one moment, shared pages counted once; 0 when it was not sampled.
    """

    wall: float
    cpu: float
    largest: int
    tree: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures and their range."""

    median: float
    low: float
    high: float

    def show(self, digits: int = 2) -> str:
        """``median (low-high)`` with ``digits`` decimals."""
        return (
            f"{self.median:.{digits}f} ({self.low:.{digits}f}–{self.high:.{digits}f})"
        )


@dataclass(frozen=True, slots=True)
class Series:
    """All counted runs of one command, and the peak of its tree in bytes."""

    samples: tuple[Sample, ...]
    tree: int

    def column(self, figure: str) -> list[float]:
        """One figure (``wall``, ``cpu`` or ``largest``) of each round."""
        return [float(getattr(s, figure)) for s in self.samples]


class FailedRunError(Exception):
    """A measured command ended with an error; its figures would mean nothing."""


def clean_environment(home: Path) -> dict[str, str]:
    """This process's variables with ``home`` as home folder and without those that
    set up repoctx or Python: a user's Python keeps its compiled modules."""
    ours = ("REPOCTX_", "XDG_", "PYTHON")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return kept | {"HOME": str(home), "NO_COLOR": "1"}


def run(command: Command, sampled: bool = False, timeout: float = 300) -> Sample:
    """Run once to the end. Raises FailedRunError on a bad exit or after ``timeout``."""
    if command.before:
        command.before()
    start = time.perf_counter()
    process = subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    errors: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(process, errors))
    reader.start()
    killer = threading.Timer(timeout, lambda: _kill_group(process.pid))
    killer.start()
    sampler = _Sampler(process.pid) if sampled else None
    # wait4 and not Popen.wait: its usage covers every descendant that was waited for.
    _pid, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    killer.cancel()
    tree = sampler.stop() if sampler else 0
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    if process.returncode:
        tail = b"".join(errors)[-600:].decode(errors="replace")
        raise FailedRunError(f"{command.name}: exit {process.returncode}\n{tail}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, tree)


def compare(
    commands: Sequence[Command],
    runs: int,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Series]:
    """Warm up, measure ``runs`` interleaved rounds, then one round for tree memory."""
    for command in commands:
        say(f"warm-up: {command.name}")
        run(command)
    samples: dict[str, list[Sample]] = {c.name: [] for c in commands}
    for number in range(runs):
        for command in commands:
            say(f"round {number + 1} of {runs}: {command.name}")
            samples[command.name].append(run(command))
    say("memory round")
    trees = {c.name: run(c, sampled=True).tree for c in commands}
    return {name: Series(tuple(got), trees[name]) for name, got in samples.items()}


def spread(figures: Sequence[float]) -> Spread:
    """Median and range; ``figures`` is not empty."""
    return Spread(statistics.median(figures), min(figures), max(figures))


def ratio(top: Sequence[float], bottom: Sequence[float]) -> Spread:
    """Median and range of the quotient, round by round."""
    return spread([a / b for a, b in zip(top, bottom, strict=True)])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def imports(argv: Sequence[str], cwd: Path) -> dict[str, int]:
    """Modules that ``python -X importtime ARGV`` imports: name -> own microseconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *argv],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = {}
    for line in done.stderr.splitlines():
        if line.startswith("import time:") and "self [us]" not in line:
            own, _total, name = line.removeprefix("import time:").split("|")
            found[name.strip()] = int(own)
    return found


def _drain(process: subprocess.Popen[bytes], into: list[bytes]) -> None:
    """Read the error stream to its end, keeping the last few blocks."""
    assert process.stderr is not None
    while block := process.stderr.read1(65536):  # type: ignore[attr-defined]
        into.append(block)
        del into[:-8]
    process.stderr.close()


def _kill_group(pid: int) -> None:
    """End a run that hangs, with its descendants (it leads its own session)."""
    os.killpg(pid, 9)


class _Sampler:
    """Follows a process tree's memory in a thread until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._peak = 0
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        while not self._done.wait(PERIOD):
            total = sum(_memory(pid) for pid in _tree(self._pid))
            self._peak = max(self._peak, total)

    def stop(self) -> int:
        """The peak in bytes."""
        self._done.set()
        self._thread.join()
        return self._peak


def _tree(pid: int) -> list[int]:
    """``pid`` and its living descendants."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:  # it ended meanwhile, or this is not Linux
            continue
    return found


def _memory(pid: int) -> int:
    """Proportional set size of a process in bytes; 0 when it has ended."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
