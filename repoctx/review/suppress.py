"""Which findings are known already: fingerprints, comments that ignore, a baseline.

A fingerprint is made of the rule, the path and the code, never of a line number or of
the wording, so that lines inserted above change nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from repoctx.errors import SettingsError
from repoctx.review.change import Tree
from repoctx.values import Finding

BASELINE = ".repoctx-baseline.json"
"""The file, on a tree's top level, of findings that are known and accepted."""

FINGERPRINT_VERSION = 1

_IGNORE = re.compile(r"repoctx:\s*ignore(?:\[(?P<rules>[\w\s,-]*)\])?(?:\s*--\s*\S.*)?")


@dataclass(frozen=True, slots=True)
class Sifted:
    """Findings that count, and how many were ignored by a comment or the baseline."""

    findings: tuple[Finding, ...]
    ignored: int = 0
    known: int = 0


def fingerprinted(findings: Iterable[Finding]) -> list[Finding]:
    """The findings with fingerprints; equal ones are told apart by their order."""
    seen: Counter[str] = Counter()
    done = []
    for one in findings:
        code = " ".join(one.snippet.split())
        text = "\0".join((one.rule, one.at.path, code))
        number = seen[text]
        seen[text] += 1
        data = f"{FINGERPRINT_VERSION}\0{text}\0{number}"
        digest = hashlib.sha256(data.encode("utf-8", "surrogateescape"))
        done.append(replace(one, fingerprint=digest.hexdigest()[:32]))
    return done


def sift(
    findings: Iterable[Finding], tree: Tree, baseline: Collection[str] = ()
) -> Sifted:
    """Leave out what a comment at its place ignores, and what the baseline holds."""
    kept, ignored, known = [], 0, 0
    for one in findings:
        if one.fingerprint in baseline:
            known += 1
        elif _is_ignored(one, tree):
            ignored += 1
        else:
            kept.append(one)
    return Sifted(tuple(kept), ignored, known)


def _is_ignored(finding: Finding, tree: Tree) -> bool:
    """Whether a line of the finding, or the one above it, says so."""
    places = [finding.at, *finding.related]
    for spot in places:
        side = None if spot.before else tree.side(spot.path)
        if side is None:
            continue
        for line in (spot.start, spot.start - 1):
            found = _IGNORE.search(side.line(line))
            if found and _covers(found["rules"], finding.rule):
                return True
    return False


def _covers(rules: str | None, rule: str) -> bool:
    if rules is None:
        return True
    return rule in {name.strip() for name in rules.split(",")}


def read_baseline(text: str) -> frozenset[str]:
    """The fingerprints in a baseline file. Raises SettingsError."""
    try:
        rows = json.loads(text)["findings"]
        return frozenset(str(row["fingerprint"]) for row in rows)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SettingsError(
            f"{BASELINE} cannot be read: write it anew with --write-baseline"
        ) from None


def write_baseline(findings: Iterable[Finding]) -> str:
    """A baseline file that accepts ``findings``: the same for the same findings."""
    rows = [
        {"fingerprint": f.fingerprint, "rule": f.rule, "path": f.at.path}
        for f in findings
    ]
    rows.sort(key=lambda row: (row["path"], row["rule"], row["fingerprint"]))
    return json.dumps({"version": 1, "findings": rows}, indent=1) + "\n"
