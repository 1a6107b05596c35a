"""How often the structural rules of `repoctx review` speak on real history.

    python tests/bench/review.py REPO [REPO ...] [--commits 100] [--show]

Replays the latest non-merge commits of each clone, each against its parent, exactly as
`repoctx review --commit` does. Nearly all of them were right, so a finding is presumed
false until somebody has read it: `--show` prints each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from repoctx.flow.review import Options, review
from repoctx.flow.session import open_session
from repoctx.flow.sides import Scope, Subject
from repoctx.review.rules import STRUCTURAL

ALL = Options(STRUCTURAL)


def commits(repo: Path, count: int, skip: int) -> list[str]:
    out = subprocess.run(
        ["git", "log", "--no-merges", f"--skip={skip}", f"-{count}", "--format=%H"],
        cwd=repo,
        capture_output=True,
        text=True,
        check=True,
    )
    return out.stdout.split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repos", nargs="+", type=Path)
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    totals: Counter[str] = Counter()
    replayed = 0
    rows = []
    for repo in args.repos:
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "clone"
            subprocess.run(
                ["git", "clone", "-qn", "--shared", str(repo), str(clone)], check=True
            )
            found: Counter[str] = Counter()
            names = commits(clone, args.commits, args.skip)
            began = time.monotonic()
            with open_session(clone, {}) as session:
                for name in names:
                    session.own = None
                    done = review(session, Subject(Scope.COMMIT, name), ALL)
                    for one in done.findings:
                        found[one.rule] += 1
                        if args.show:
                            print(
                                f"{repo.resolve().name} {name[:10]} {one.rule} "
                                f"{one.at.path}:{one.at.start}: {one.message}"
                            )
                            sys.stdout.flush()
            seconds = (time.monotonic() - began) / max(len(names), 1)
            rows.append((repo.resolve().name, len(names), found, seconds))
            totals += found
            replayed += len(names)
    rules = sorted(STRUCTURAL)
    print("\n| repository | commits | " + " | ".join(rules) + " |")
    print("|---|---|" + "---|" * len(rules))
    for name, count, found, _ in rows:
        cells = " | ".join(str(found[r]) for r in rules)
        print(f"| {name} | {count} | {cells} |")
    cells = " | ".join(f"{totals[r]} ({50 * totals[r] / replayed:.2f})" for r in rules)
    print(f"| all (per 50 commits) | {replayed} | {cells} |")


if __name__ == "__main__":
    os.environ["REPOCTX_CONFIG"] = os.path.join(tempfile.gettempdir(), "no-such-file")
    main()
