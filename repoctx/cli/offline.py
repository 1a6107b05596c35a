"""What ``repoctx eval --offline`` shows."""

from __future__ import annotations

from typing import Any

from repoctx.cli.job import Job
from repoctx.cli.terminal import bold
from repoctx.errors import Interrupted
from repoctx.flow.offline import Offline, as_json, measure


def show_offline(here: Job, commits: int) -> None:
    """Measure, and show what was measured; also of a run that is interrupted."""
    found = Offline()
    stopped = False
    try:
        measure(here.session, commits, found)
    except KeyboardInterrupt:
        stopped = True
    here.progress("", 0, 0)
    fields = here.out.fields["offline"] = as_json(found)
    here.out.write(_text(fields, here.colours))
    if stopped:
        raise Interrupted("stopped; what was measured until then is shown")


def _text(fields: dict[str, Any], on: bool) -> str:
    lines = []
    if told := fields["recall"]:
        lines.append(
            bold("search", on)
            + f"     {told['requests']} change requests of the history: their messages"
            " as questions"
        )
        for row in told["budgets"]:
            source, also = row["source"], row["with_tests"]
            lines.append(
                f"           all changed code in {row['tokens'] // 1000:>3}k tokens:"
                f" {_interval(source)}, with its tests {also['mean']:.0%}"
            )
        files = ", ".join(
            f"{one['share']:.0%} in the best {one['best']}" for one in told["files"]
        )
        lines.append(f"           changed files found: {files}")
    if told := fields["cache"]:
        lines.append(
            bold("cache", on)
            + f"      {told['questions']:.0f} questions while the last commits were "
            "made, in one session"
        )
        lines.append(
            f"           {told['cached']:.2%} of ~{told['tokens']:,.0f} tokens served "
            f"by an exact-prefix cache; {told['uncached_mean']:,.0f} new a question"
        )
        lines.append(
            f"           {told['path_order_cached']:.1%} if the files were packed anew "
            f"in path order: {told['cost']:.2f} of its cost"
        )
    certain = fields["probes"]["certain"]
    if any(certain.values()):
        told = ", ".join(f"{name} {number}" for name, number in certain.items())
        drawn = fields["probes"]["drawn"]
        lines.append(
            bold("probes", on) + f"     of {drawn} drawn of each kind, certain:"
        )
        lines.append(f"           {told}")
    if not lines:
        lines.append("Nothing was measured: there is no history to measure by.")
    return "\n".join(lines) + "\n"


def _interval(found: dict[str, float]) -> str:
    return f"{found['mean']:.0%} ({found['low']:.0%}-{found['high']:.0%})"
