"""Measure and fit the token estimate of ``repoctx.pack.tokens``.

::

    python tests/bench/estimate.py REPO REPO [REPO ...] [--vocabulary o200k_base]

Needs the extra ``fast``. Prints, for each repository, how far the estimate is off for
the whole and for single files, with the weights that ship and with weights fitted on
the other repositories alone (what an unseen repository may expect); last, the weights
fitted on all. Beside them stands the simple way: bytes per token by file suffix, fitted
on the others too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import measure

from repoctx.pack import tokens
from repoctx.scan.known import GENERATED_ENDINGS, LOCK_FILES, MINIFIED_ENDINGS

SMALLEST = 200
"""Tokens of the smallest file that counts in the errors of single files."""
LARGEST = 1_000_000
"""Bytes; larger files are data."""
NOISE = (".svg", ".po")
"""Suffixes left out of a fit, not of the errors: coordinates and translations would
teach what a digit or a capital means there, not in code."""
PRIOR = 50
"""Tokens added to a file's weight, so that tiny files do not rule the fit."""


@dataclass(frozen=True, slots=True)
class Row:
    """One file: what the estimate sees, and the true number of tokens."""

    suffix: str
    size: int
    shape: tuple[int, ...]
    fixed: float
    tokens: int


def main() -> int:
    """Measure and print; returns an exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--vocabulary", default="o200k_base")
    options = parser.parse_args()
    counter = tokens.load(options.vocabulary)
    data = {path.name: rows(path, counter.count) for path in options.repositories}
    shipped = tokens.WEIGHTS.get(options.vocabulary, tokens.WEIGHTS["o200k_base"])
    lines = []
    for name, own in data.items():
        others = [
            row for other, found in data.items() if other != name for row in found
        ]
        line = [name, f"{len(own):,}", f"{sum(row.tokens for row in own):,}"]
        line += errors(own, partial(guess, weights=shipped))
        line += errors(own, partial(guess, weights=fit(others)))
        line += errors(own, _by_suffix(others))
        lines.append(line)
    kinds = ["shipped", "unseen", "bytes by suffix, unseen"]
    head = ["repository", "files", "tokens"]
    head += [
        f"{kind}: {what}" for kind in kinds for what in ("whole", "file mean", "p95")
    ]
    print(measure.table(head, lines))
    every = fit([row for found in data.values() for row in found])
    print("\nfitted on all:", tuple(round(weight, 3) for weight in every))
    return 0


def rows(repository: Path, count: Callable[[str], int]) -> list[Row]:
    """Every UTF-8 text that HEAD tracks and that repoctx would pack, more or less."""
    listing = ["git", "ls-tree", "-r", "-z", "--name-only", "HEAD"]
    done = subprocess.run(listing, cwd=repository, capture_output=True, check=True)
    found = []
    for name in done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        path = repository / name
        if path.name in LOCK_FILES or name.endswith(
            MINIFIED_ENDINGS + GENERATED_ENDINGS
        ):
            continue
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
            continue
        data = path.read_bytes().replace(b"\r\n", b"\n")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            continue
        if text and "\0" not in text:
            seen = b" " + data
            fixed = tokens.beyond_ascii(seen)
            suffix = path.suffix.lower()
            found.append(Row(suffix, len(data), tokens.shape(seen), fixed, count(text)))
    return found


def guess(row: Row, weights: Sequence[float]) -> float:
    """What ``tokens.estimate`` says, from the counted shape."""
    linear = sum(w * n for w, n in zip(weights, row.shape, strict=True))
    return max(linear + row.fixed, row.size / tokens.LONGEST)


def errors(data: Sequence[Row], of: Callable[[Row], float]) -> list[str]:
    """Signed error of the whole; mean and 95th percentile of single files'."""
    guesses = [of(row) for row in data]
    whole = sum(guesses) / sum(row.tokens for row in data) - 1
    single = sorted(
        abs(value / row.tokens - 1)
        for value, row in zip(guesses, data, strict=True)
        if row.tokens >= SMALLEST
    )
    mean, p95 = sum(single) / len(single), single[int(0.95 * len(single))]
    return [f"{whole:+.1%}", f"{mean:.1%}", f"{p95:.1%}"]


def fit(data: Sequence[Row], rounds: int = 2000) -> list[float]:
    """Weights, none negative, that minimise the squares weighted with
    1 / (tokens + PRIOR): coordinate descent on the normal equations."""
    size = len(data[0].shape)
    square = [[0.0] * size for _ in range(size)]
    right = [0.0] * size
    for row in data:
        if row.suffix in NOISE:
            continue
        weight = 1 / (row.tokens + PRIOR)
        for i, a in enumerate(row.shape):
            if a:
                right[i] += weight * a * (row.tokens - row.fixed)
                for j, b in enumerate(row.shape):
                    square[i][j] += weight * a * b
    found = [0.0] * size
    for _ in range(rounds):
        for i in range(size):
            rest = sum(square[i][j] * found[j] for j in range(size) if j != i)
            found[i] = max(0.0, (right[i] - rest) / square[i][i])
    return found


def _by_suffix(data: Sequence[Row]) -> Callable[[Row], float]:
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in data:
        for key in (row.suffix, ""):
            sums[key][0] += row.tokens
            sums[key][1] += row.size
    rates = {key: count / size for key, (count, size) in sums.items() if size > 30_000}
    return lambda row: row.size * rates.get(row.suffix, rates[""])


if __name__ == "__main__":
    sys.exit(main())
