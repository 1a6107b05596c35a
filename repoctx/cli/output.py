"""Results on stdout: text for people, one JSON object or a stream of them for programs.

In the JSON formats stdout holds nothing but JSON, every object has ``schema_version``,
and exactly one ``result`` comes last, also after an error or Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer

from repoctx.cli.failure import as_error
from repoctx.errors import RepoctxError, SettingsError
from repoctx.values import Count, Usage

SCHEMA_VERSION = 1
FORMATS = ("text", "json", "stream-json")


class Output:
    """Where one command's result goes. ``fields`` collects the result object;
    ``before`` is called before anything is written."""

    def __init__(self, form: str) -> None:
        self._began = time.monotonic()
        self._opened = False
        self.before: Callable[[], object] = lambda: None
        self.form = form if form in FORMATS else "text"
        self.fields: dict[str, Any] = {
            "status": "ok",
            "error": None,
            "session_id": os.urandom(16).hex(),
            "usage": usage_fields(Usage()),
            "cost_usd": None,
            "duration_ms": 0,
            "findings": [],
            "files_changed": [],
            "context": {"files": 0, "tokens": 0, "truncated": False},
        }

    @property
    def text(self) -> bool:
        """Whether people read it."""
        return self.form == "text"

    def use(self, form: str) -> None:
        """Fix the format (the settings are known now) and open the stream."""
        self.form = form
        if not self._opened:
            self._opened = True
            self.event("init", session_id=self.fields["session_id"])

    def write(self, text: str) -> None:
        """Text for people; nothing in the JSON formats."""
        if self.text:
            self.before()
            sys.stdout.write(text)

    def event(self, kind: str, **fields: object) -> None:
        """One object of a stream; nothing in the other formats."""
        if self.form == "stream-json":
            self._emit({"type": kind, **fields})

    def context(self, files: int, count: Count, truncated: bool = False) -> None:
        """Record what the prompt held."""
        self.fields["context"] = {
            "files": files,
            "tokens": count.tokens,
            "tokens_exact": count.exact,
            "truncated": truncated,
        }

    def used(self, usage: Usage) -> None:
        """Record what the request used."""
        self.fields["usage"] = usage_fields(usage)
        self.fields["cost_usd"] = usage.cost

    def failed(self, error: RepoctxError) -> None:
        """Record what ended the command."""
        self.fields["status"] = "interrupted" if error.code == 130 else "error"
        self.fields["error"] = {
            "type": type(error).__name__,
            "message": str(error),
            "retryable": error.retryable,
        }

    def finish(self) -> None:
        """Write the result object of the JSON formats."""
        self.use(self.form)
        if not self.text:
            self.fields["duration_ms"] = round((time.monotonic() - self._began) * 1000)
            self._emit({"type": "result", **self.fields})

    def _emit(self, fields: Mapping[str, object]) -> None:
        self.before()
        sys.stdout.write(_line({"schema_version": SCHEMA_VERSION, **fields}) + "\n")
        sys.stdout.flush()


def _line(fields: Mapping[str, object]) -> str:
    """One line of ASCII JSON. A path's bytes that are no UTF-8 are replaced: strict
    readers refuse lone surrogates."""
    line = json.dumps(fields)
    if "\\ud" not in line:
        return line
    text = json.dumps(fields, ensure_ascii=False)
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return json.dumps(json.loads(valid))


def usage_fields(usage: Usage) -> dict[str, int]:
    """The token counts of a result; the cost stands beside them."""
    fields = asdict(usage)
    del fields["cost"]
    return fields


@contextmanager
def output(form: str) -> Iterator[Output]:
    """Open the output, and finish it whatever happens.

    In text form errors pass through; in the JSON forms they become the result, and the
    process exits with their code.
    """
    if form not in FORMATS:
        raise SettingsError(f"--output-format must be one of {', '.join(FORMATS)}")
    out = Output(form)
    try:
        yield out
    except (BrokenPipeError, typer.Exit):
        raise
    # Whatever it is, a program that reads JSON is told by the result.
    except (Exception, KeyboardInterrupt) as exc:
        error = as_error(exc)
        if out.text:
            raise error from exc
        out.failed(error)
        out.finish()
        raise typer.Exit(error.code) from None
    out.finish()


def form_of(flag: str | None) -> str:
    """The format that the flag or the variable asks for, before the settings say."""
    return flag or os.environ.get("REPOCTX_OUTPUT_FORMAT") or "text"


def asked_form(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """The output format that a command line asks for, before anything has read it."""
    form = environ.get("REPOCTX_OUTPUT_FORMAT", "")
    for flag, value in zip(argv, [*argv[1:], ""], strict=True):
        if flag == "--output-format":
            form = value
        elif flag.startswith("--output-format="):
            form = flag.partition("=")[2]
    return form
