"""From Enter to the first byte sent, warm, split into its parts.

::

    python tests/bench/first_byte.py REPO [--runs 7] [--json]

REPO is a clone; it is copied (its commit only) and one line of one file is changed
before each run. `repoctx ask` runs as a whole process with Anthropic's SDK against a
server on loopback that says when the connection came and when the first bytes of the
request did. Each round also runs it with the SDK imported only when it is needed, and
the floor: `python -c pass` and `git status`. The parts are taken inside the process, by
wrapping functions, on the same clock.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PARTS = ("start", "choose", "scan", "pack", "rest", "import", "connect")
"""Python and the command line; model, tokenizer, prices; listing the work tree; the
prefix; tail, books, blocks; waiting for the SDK; from the client to the server."""


def main() -> int:
    """Measure and print; returns an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repo", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    with tempfile.TemporaryDirectory(prefix="repoctx-bench-") as folder:
        rounds = measured(options.repo.resolve(), Path(folder), options.runs)
    if options.json:
        json.dump(rounds, sys.stdout, indent=1)
    else:
        print(as_markdown(rounds))
    return 0


def measured(repo: Path, folder: Path, runs: int) -> list[dict[str, Any]]:
    """The rounds: seconds by command and part."""
    import measure
    from peers import _appender

    from servers.anthropic import serving
    from servers.wire import KEY

    clone, home = folder / "clone", folder / "home"
    home.mkdir()
    subprocess.run(
        ["git", "clone", "-q", "--shared", str(repo), str(clone)], check=True
    )
    change = _appender(clone)
    rounds = []
    with serving() as server:
        env = measure.clean_environment(home) | {
            "ANTHROPIC_BASE_URL": server.url,
            "ANTHROPIC_API_KEY": KEY,
        }
        for number in range(runs + 2):
            change()
            beside = asked(server, clone, env, "beside")
            change()
            after = asked(server, clone, env, "after")
            floor = {
                "python": timed([sys.executable, "-c", "pass"], clone, env),
                "git status": timed(["git", "status"], clone, env),
            }
            print(f"round {number - 1} of {runs}", file=sys.stderr)
            if number > 1:
                rounds.append({"beside": beside, "after": after, "floor": floor})
    return rounds


def timed(argv: list[str], cwd: Path, env: dict[str, str]) -> float:
    """Seconds of one run."""
    began = time.monotonic()
    subprocess.run(argv, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def asked(server: Any, clone: Path, env: dict[str, str], how: str) -> dict[str, float]:
    """The parts of one question, in seconds, and ``total``."""
    server.moments.clear()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        argv = [sys.executable, str(HERE / "first_byte.py"), "--probe", how, file.name]
        # Never asked before: its tokens are counted anew, as a person's are.
        question = f"where is the retry delay of a task computed? ({time.time_ns()})"
        began = time.monotonic()
        done = subprocess.run(
            [*argv, "ask", "-m", "anthropic/claude-sonnet-5-5", "-q", question],
            cwd=clone,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert done.returncode == 0, done.stderr.decode()
        seen = json.load(file)
    accepted, first = server.moments[:2]
    ask, chosen, packed, streamed = (
        seen[k] for k in ("ask", "chosen", "packed", "sent")
    )
    return {
        "start": ask - began,
        "choose": chosen - ask,
        "scan": seen["scan"],
        "pack": packed - chosen - seen["scan"],
        "rest": streamed - packed,
        "import": seen["import"],
        "connect": first - streamed - seen["import"],
        "total": first - began,
        "accepted": accepted - began,
    }


def probe(how: str, path: str, argv: list[str]) -> None:
    """Run the program with its functions wrapped; the moments go to ``path``."""
    import atexit

    import repoctx_plugins.anthropic as plugin

    import repoctx.flow.ask
    import repoctx.flow.chat
    import repoctx.flow.pack

    seen: dict[str, float] = {"scan": 0.0, "import": 0.0}
    atexit.register(lambda: Path(path).write_text(json.dumps(seen)))

    def wrap(module: Any, name: str, before: str = "", after: str = "", add: str = ""):
        plain = getattr(module, name)

        def wrapped(*args: Any, **more: Any) -> Any:
            began = time.monotonic()
            if before:
                seen.setdefault(before, began)
            try:
                return plain(*args, **more)
            finally:
                if after:
                    seen.setdefault(after, time.monotonic())
                if add:
                    seen[add] += time.monotonic() - began

        setattr(module, name, wrapped)

    wrap(repoctx.flow.chat, "choose_model", before="ask", after="chosen")
    wrap(repoctx.flow.pack, "snapshot_now", add="scan")
    wrap(repoctx.flow.ask, "pack_for", after="packed")
    load = plugin._sdk

    def counted() -> Any:
        seen.setdefault("sent", time.monotonic())
        began = time.monotonic()
        try:
            return load()
        finally:
            seen["import"] += time.monotonic() - began

    plugin._sdk = counted
    beside = load if how == "beside" else lambda: None
    plugin.Anthropic.prepare = lambda self: beside()  # type: ignore[method-assign]
    sys.argv = ["repoctx", *argv]
    from repoctx.__main__ import main as program

    sys.exit(program())


def as_markdown(rounds: list[dict[str, Any]]) -> str:
    """The table of parts in milliseconds, and the ratio to the floor."""
    import measure

    rows = []
    for part in (*PARTS, "total"):
        shown = [part]
        for how in ("beside", "after"):
            figures = [1000 * one[how][part] for one in rounds]
            shown.append(measure.spread(figures).show(0))
        rows.append(shown)
    lines = [measure.table(["ms", "SDK beside the scan", "SDK when needed"], rows), ""]
    floors = [sum(one["floor"].values()) for one in rounds]
    lines.append(f"floor (Python + git status): {measure.spread(floors).median:.3f} s")
    for how in ("beside", "after"):
        without = [one[how]["total"] - one[how]["import"] for one in rounds]
        lines.append(
            f"without waiting for the SDK ({how}): "
            f"{measure.ratio(without, floors).show(1)} times the floor"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        probe(sys.argv[2], sys.argv[3], sys.argv[4:])
    sys.exit(main())
