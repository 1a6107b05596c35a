"""How long an editor or agent waits for a door: from its start to its first answer.

::

    python tests/bench/doors.py [REPO] [--runs 10] [--json]

Each door is started as a client does and asked to initialize; the time ends with the
answer's line, the CPU time with the process. Beside it stand `python -c pass`, and for
mcp the import of its SDK alone, which is nearly all of it. The goal is 1.2 s for acp
and mcp, on a machine that does nothing else. `filter` is a selection that is rewritten
in REPO by a scripted model: the time to its first byte. Times never fail a run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import measure

GOAL = 1.2
"""Seconds from the start to initialized."""

_CLIENT = {"name": "bench", "version": "1"}
_MCP = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": _CLIENT}
_MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": _CLIENT,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}

DOORS: Mapping[str, tuple[tuple[str, ...], str, Mapping[str, object]]] = {
    "mcp": (("mcp",), "initialize", _MCP),
    "mcp, 2026-07-28": (("mcp",), "server/discover", _MODERN),
    "acp": (("acp",), "initialize", {"protocolVersion": 1, "clientCapabilities": {}}),
    "serve": (("serve", "--stdio"), "initialize", {"protocol_version": 1}),
    "lsp": (("lsp",), "initialize", {"processId": None, "capabilities": {}}),
    "filter": (("filter", "rename"), "", {}),
}
"""What is started, and what it is asked."""

FLOORS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "import mcp": (sys.executable, "-c", "import mcp.server.lowlevel"),
}


OLD, NEW = b"a = 1\n", b"b = 2\n"
"""What is selected, and what takes its place."""

Took = tuple[float, float]


def main() -> int:
    """Measure and print; returns an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repo", nargs="?", type=Path, default=Path())
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="repoctx-bench-") as folder:
        env = measure.clean_environment(Path(folder)) | scripted(Path(folder))
        times: dict[str, list[Took]] = {name: [] for name in (*FLOORS, *DOORS)}
        for number in range(options.runs + 1):  # The first one warms up.
            for name, argv in FLOORS.items():
                took = whole_run(argv, env)
                times[name] += [took] if number else []
            for name in DOORS:
                took = first_answer(name, options.repo, env)
                times[name] += [took] if number else []
    if options.json:
        json.dump(times, sys.stdout, indent=1)
        return 0
    print(table(times))
    return 0


def whole_run(argv: tuple[str, ...], env: Mapping[str, str]) -> Took:
    """Wall and CPU seconds of a process."""
    began = time.perf_counter()
    process = subprocess.Popen(argv, env=env)
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return time.perf_counter() - began, used.ru_utime + used.ru_stime


def first_answer(name: str, repo: Path, env: Mapping[str, str]) -> Took:
    """Wall seconds to a door's first line, and CPU seconds of all of it.

    Raises RuntimeError when there is none.
    """
    words, method, params = DOORS[name]
    sent = asked(name, {"method": method, "params": params})
    began = time.perf_counter()
    process = subprocess.Popen(
        (sys.executable, "-m", "repoctx", *words),
        cwd=repo,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    process.stdin.write(sent)
    process.stdin.flush()
    if name == "filter":
        process.stdin.close()  # It begins when it has the whole selection.
    line = process.stdout.readline()
    took = time.perf_counter() - began
    rest = b""
    if name == "lsp":
        rest = process.stdout.readline() + process.stdout.readline()
        line = process.stdout.read(int(line.split(b":")[1]))
    if name != "filter":
        process.stdin.close()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    wanted = NEW if name == "filter" else b'"result"'
    if wanted not in line:
        raise RuntimeError(f"{name}: {(line + rest)[:300]!r}")
    return took, used.ru_utime + used.ru_stime


def asked(name: str, call: Mapping[str, object]) -> bytes:
    """What a client writes: one message, or the selection."""
    if name == "filter":
        return OLD
    body = json.dumps({"jsonrpc": "2.0", "id": 1, **call}).encode()
    if name == "lsp":
        return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    return body + b"\n"


def scripted(folder: Path) -> dict[str, str]:
    """The environment of a model that rewrites the selection."""
    script = folder / "script.json"
    answer = f"@@@@ 1 replace selection\n{NEW.decode()}@@@@ end 1\n"
    script.write_text(json.dumps({"replies": [{"text": answer}]}))
    return {"REPOCTX_SCRIPT": str(script), "REPOCTX_MODEL": "scripted"}


def table(times: Mapping[str, list[Took]]) -> str:
    """Milliseconds, their range, and ratios to Python's own start."""
    rows = []
    for name, got in times.items():
        row = [name]
        for column in (0, 1):
            seconds = [took[column] for took in got]
            floor = [took[column] for took in times["python -c pass"]]
            shown = measure.spread([1000 * s for s in seconds]).show(0)
            row += [shown, measure.ratio(seconds, floor).show(1)]
        within = f"{sum(wall <= GOAL for wall, _ in got)} of {len(got)}"
        rows.append([*row, within if name in DOORS else ""])
    head = ["start to first answer", "wall ms", "of Python", "CPU ms", "of Python"]
    return measure.table([*head, f"within {GOAL} s"], rows)


if __name__ == "__main__":
    sys.exit(main())
