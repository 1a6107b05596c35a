"""Findings in every format: what tools read, and what must never break them.

Where the environment variable ``REPOCTX_SCHEMAS`` names a folder with the published
``sarif.json`` (SARIF 2.1.0), ``rdf/DiagnosticResult.json`` (reviewdog) and
``gitlab.json`` (GitLab's ``codeclimate.json``), the output is held against them too.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from repoctx.review import render
from repoctx.review.rules import Rule
from repoctx.review.suppress import fingerprinted
from repoctx.values import Finding, Severity, Spot

TOP = ("description", "check_name", "fingerprint", "severity")
DOTTED = {"pattern": r"^\.\.?/"}
ODD = "src/a b,c:d%é.py"


def finding(**changed: Any) -> Finding:
    made = Finding(
        Rule.REMOVED,
        Severity.ERROR,
        Spot(ODD, 3, 5),
        "`f` is gone, and 100% of b.py:7 uses it\nreally",
        "def f():",
        (Spot("b.py", 7, 7, "used here"), Spot(ODD, 2, 4, "it was here", before=True)),
    )
    return replace(made, **changed)


FOUND = fingerprinted(
    [
        finding(),
        finding(),
        finding(rule=Rule.SECRET, severity=Severity.CRITICAL),
        finding(rule=Rule.IGNORED, severity=Severity.INFO, related=()),
    ]
)


def test_text_is_one_line_a_place() -> None:
    lines = render.text([finding(message="gone")]).splitlines()
    assert lines[0] == f"{ODD}:3:1: error: gone [removed-but-used]"
    assert lines[1:] == ["  b.py:7: used here", f"  {ODD}:2: it was here (before)"]


def test_sarif_has_what_github_needs() -> None:
    log = json.loads(render.sarif(FOUND, "1.2.3"))
    [run] = log["runs"]
    driver = run["tool"]["driver"]
    assert log["version"] == "2.1.0"
    assert run["automationDetails"]["id"]
    ids = [rule["id"] for rule in driver["rules"]]
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["partialFingerprints"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "src/a%20b%2Cc%3Ad%25%C3%A9.py"
        assert place["region"]["startLine"] == 3
        others = result.get("relatedLocations", [])
        assert all("before" not in r["message"]["text"] for r in others)
    secret = next(r for r in driver["rules"] if r["id"] == Rule.SECRET)
    assert float(secret["properties"]["security-severity"]) >= 9
    levels = [r["level"] for r in run["results"]]
    assert levels == ["error", "error", "error", "note"]


def test_fingerprints_are_unique() -> None:
    for text in (render.gitlab(FOUND),):
        prints = [row["fingerprint"] for row in json.loads(text)]
        assert len(set(prints)) == len(prints) == 4


def test_gitlab_severities() -> None:
    rows = json.loads(render.gitlab(FOUND))
    severities = [row["severity"] for row in rows]
    assert severities == ["critical", "critical", "blocker", "info"]
    assert rows[0]["location"] == {"path": ODD, "lines": {"begin": 3}}


GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": [*TOP, "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"enum": [rule.value for rule in Rule]},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["blocker", "critical", "major", "minor", "info"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^[^/]", "not": DOTTED},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""What GitLab's documentation wants of a code quality report: more than its schema,
which leaves out rows that it does not accept and says nothing."""


def test_gitlab_has_what_it_wants() -> None:
    odd = [
        finding(at=Spot("a\udcff.py", 0)),
        finding(severity=Severity.WARNING, at=Spot("gone.py", 1, before=True)),
    ]
    for found in (FOUND, fingerprinted(odd), []):
        jsonschema.validate(json.loads(render.gitlab(found)), GITLAB)


def test_a_critical_finding_of_a_model_is_critical_for_github() -> None:
    bug = finding(rule=Rule.BUG, severity=Severity.CRITICAL)
    log = json.loads(render.sarif([finding(), bug], "1"))
    rules = {r["id"]: r for r in log["runs"][0]["tool"]["driver"]["rules"]}
    assert float(rules[Rule.BUG]["properties"]["security-severity"]) >= 9
    assert "properties" not in rules[Rule.REMOVED]


def test_rdjson() -> None:
    made = json.loads(render.rdjson(FOUND))
    first = made["diagnostics"][0]
    assert first["severity"] == "ERROR"
    assert first["location"]["range"]["start"]["line"] == 3
    assert [r["location"]["path"] for r in first["relatedLocations"]] == ["b.py"]


def test_github_escapes_and_caps() -> None:
    [line] = render.github([finding()]).splitlines()
    assert line.startswith("::error file=src/a b%2Cc%3Ad%25é.py,line=3,endLine=5,")
    assert line.endswith("::`f` is gone, and 100%25 of b.py:7 uses it%0Areally")
    many = render.github([finding()] * 25).splitlines()
    assert len(many) == 10
    assert many[-1] == "::error title=repoctx::16 more are in the log"
    assert len(render.github([finding()] * 10).splitlines()) == 10


@pytest.mark.parametrize("form", ["sarif", "rdjson", "gitlab", "github"])
def test_bytes_that_are_no_utf_8_stay_readable(form: str) -> None:
    odd = finding(at=Spot("a\udcff.py", 1))
    make = getattr(render, form)
    text = make([odd], "1") if form == "sarif" else make([odd])
    text.encode("utf-8")


@pytest.mark.parametrize("form", ["text", "sarif", "rdjson", "gitlab", "github"])
def test_nothing_found(form: str) -> None:
    make = getattr(render, form)
    text = make([], "1") if form == "sarif" else make([])
    if form in ("text", "github"):
        assert text == ""
    else:
        json.loads(text)


def test_the_published_schemas() -> None:
    folder = Path(os.environ.get("REPOCTX_SCHEMAS", ""))
    if not (folder / "sarif.json").is_file():
        pytest.skip("REPOCTX_SCHEMAS names no folder with the published schemas")
    schema = json.loads((folder / "sarif.json").read_text())
    jsonschema.validate(json.loads(render.sarif(FOUND, "1.2.3")), schema)
    jsonschema.validate(json.loads(render.sarif([], "1.2.3")), schema)
    rdf = (folder / "rdf" / "DiagnosticResult.json").read_text()
    # Its numbers are int32 and its references local: as published.
    jsonschema.validate(json.loads(render.rdjson(FOUND)), json.loads(rdf))
    # GitLab's describes one row, and of rows with equal fingerprints it keeps one.
    row = json.loads((folder / "gitlab.json").read_text())
    for one in json.loads(render.gitlab(FOUND)):
        jsonschema.validate(one, row)


def test_every_rule_says_what_it_means() -> None:
    assert set(render.WHAT) == set(Rule)
    assert all(re.match(r"[A-Z].*\.$", text) for text in render.WHAT.values())
