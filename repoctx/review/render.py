"""Findings in the formats that people and tools read. Text in, text out.

Sources: SARIF 2.1.0 (OASIS) with GitHub's limits, reviewdog's RDFormat (rdjson),
GitHub's workflow commands, GitLab's code quality report.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from repoctx.review.rules import SEVERITIES, WHAT, Rule
from repoctx.values import Finding, Severity, Spot

FORMATS = ("text", "json", "stream-json", "sarif", "rdjson", "github", "gitlab")

MOST_ANNOTATIONS = 10
"""GitHub shows as many of each kind for one step."""

MOST_RESULTS = 5000
"""Results that GitHub keeps of one SARIF run."""

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")

_LEVEL = {
    Severity.CRITICAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_RD = {
    Severity.CRITICAL: "ERROR",
    Severity.ERROR: "ERROR",
    Severity.WARNING: "WARNING",
    Severity.INFO: "INFO",
}
_GITLAB = {
    Severity.CRITICAL: "blocker",
    Severity.ERROR: "critical",
    Severity.WARNING: "major",
    Severity.INFO: "info",
}


def fields(finding: Finding) -> dict[str, Any]:
    """A finding as plain JSON data; the same names in every place that shows one."""
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "confidence": finding.confidence,
        "path": finding.at.path,
        "start": finding.at.start,
        "end": max(finding.at.start, finding.at.end),
        "before": finding.at.before,
        "message": finding.message,
        "snippet": finding.snippet,
        "related": [
            {
                "path": s.path,
                "start": s.start,
                "end": max(s.start, s.end),
                "note": s.note,
                "before": s.before,
            }
            for s in finding.related
        ],
        "fix": finding.fix,
        "fingerprint": finding.fingerprint,
    }


def text(findings: Sequence[Finding]) -> str:
    """One line a finding, ``path:line:column: severity: message [rule]``, under it one
    for each other end, and the suggested fix as ``repoctx apply`` reads it."""
    lines = []
    for one in findings:
        place = f"{one.at.path}:{one.at.start}:1"
        lines.append(plain(f"{place}: {one.severity}: {one.message} [{one.rule}]"))
        lines += [
            plain(f"  {s.path}:{s.start}: {s.note or 'see'}")
            + (" (before)" if s.before else "")
            for s in one.related
        ]
        lines += [plain(line) for line in one.fix.strip("\n").split("\n") if one.fix]
    return "".join(f"{line}\n" for line in lines)


def plain(text: str) -> str:
    """One line that moves no cursor: names and messages are anybody's."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def sarif(findings: Sequence[Finding], version: str) -> str:
    """A SARIF 2.1.0 log with one run."""
    rules = [rule for rule in Rule if any(f.rule == rule for f in findings)]
    numbers = {rule.value: n for n, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "repoctx",
                "semanticVersion": version,
                "rules": [_sarif_rule(rule, findings) for rule in rules],
            }
        },
        "automationDetails": {"id": "repoctx/review/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(f, numbers) for f in findings[:MOST_RESULTS]],
    }
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=1) + "\n"


def _sarif_rule(rule: Rule, findings: Sequence[Finding]) -> dict[str, Any]:
    severity = SEVERITIES.get(rule, Severity.WARNING)
    # GitHub reads how bad a model's finding is off its rule.
    worst = min((f.severity for f in findings if f.rule == rule), key=lambda s: s.rank)
    made: dict[str, Any] = {
        "id": rule.value,
        "shortDescription": {"text": WHAT[rule]},
        "defaultConfiguration": {"level": _LEVEL[severity]},
    }
    if worst is Severity.CRITICAL:
        made["properties"] = {"security-severity": "9.0", "tags": ["security"]}
    return made


def _result(finding: Finding, numbers: Mapping[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": numbers[finding.rule],
        "level": _LEVEL[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(finding.at)],
        "partialFingerprints": {"repoctx/v1": finding.fingerprint},
        "properties": {"confidence": finding.confidence},
    }
    related = [s for s in finding.related if not s.before]
    if related:
        made["relatedLocations"] = [
            {"id": n, **_location(spot), "message": {"text": spot.note or "see"}}
            for n, spot in enumerate(related, 1)
        ]
    return made


def _location(spot: Spot) -> dict[str, Any]:
    region = {"startLine": max(1, spot.start), "endLine": max(1, spot.start, spot.end)}
    uri = quote(spot.path.encode("utf-8", "surrogateescape"), safe="/")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def rdjson(findings: Sequence[Finding]) -> str:
    """reviewdog's diagnostic result."""
    made = {
        "source": {"name": "repoctx"},
        "diagnostics": [
            {
                "message": f.message,
                "location": _rd_location(f.at),
                "severity": _RD[f.severity],
                "code": {"value": f.rule},
                "relatedLocations": [
                    {"message": s.note or "see", "location": _rd_location(s)}
                    for s in f.related
                    if not s.before
                ],
            }
            for f in findings
        ],
    }
    return json.dumps(made, indent=1) + "\n"


def _rd_location(spot: Spot) -> dict[str, Any]:
    return {
        "path": _printable(spot.path),
        "range": {
            "start": {"line": max(1, spot.start)},
            "end": {"line": max(1, spot.start, spot.end)},
        },
    }


def github(findings: Sequence[Finding]) -> str:
    """Workflow commands; of each kind the first ten, then how many more there are."""
    kinds = {
        Severity.CRITICAL: "error",
        Severity.ERROR: "error",
        Severity.WARNING: "warning",
        Severity.INFO: "notice",
    }
    total = Counter(kinds[f.severity] for f in findings)
    # Where not all fit, the last place says how many more there are.
    most = MOST_ANNOTATIONS
    room = {k: n if n <= most else most - 1 for k, n in total.items()}
    shown: Counter[str] = Counter()
    lines = []
    for one in findings:
        kind = kinds[one.severity]
        if shown[kind] == room[kind]:
            continue
        shown[kind] += 1
        at = one.at
        where = {
            "file": at.path,
            "line": max(1, at.start),
            "endLine": max(1, at.start, at.end),
            "title": f"repoctx: {one.rule}",
        }
        named = ",".join(f"{k}={_property(v)}" for k, v in where.items())
        lines.append(f"::{kind} {named}::{_data(one.message)}")
    for kind, count in total.items():
        if more := count - shown[kind]:
            lines.append(f"::{kind} title=repoctx::{more} more are in the log")
    return "".join(f"{line}\n" for line in lines)


def _data(text: str) -> str:
    text = _printable(text)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: object) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")


def gitlab(findings: Sequence[Finding]) -> str:
    """GitLab's code quality report."""
    made = [
        {
            "description": f.message,
            "check_name": f.rule,
            "fingerprint": f.fingerprint,
            "severity": _GITLAB[f.severity],
            "location": {
                "path": _printable(f.at.path),
                "lines": {"begin": max(1, f.at.start)},
            },
        }
        for f in findings
    ]
    return json.dumps(made, indent=1) + "\n"


def _printable(text: str) -> str:
    """Text that JSON readers accept: bytes that are no UTF-8 are shown as such."""
    return text.encode("utf-8", "backslashreplace").decode()
