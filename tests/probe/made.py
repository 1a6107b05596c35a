"""A run as a model of known abilities would leave it, without asking anybody."""

from __future__ import annotations

from repoctx.probe.grid import Setting
from repoctx.probe.runs import Foreseen, Outcome, Run

LENGTHS = (8000, 32_000, 128_000)
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


def made(
    model: str = "vendor/model",
    good: int = 2,
    probes: int = 10,
    run_id: str = "run-1",
    repository: str = "house",
) -> Run:
    """Perfect in the first ``good`` lengths, wrong above; stale over a diff."""
    outcomes = []
    for at, length in enumerate(LENGTHS):
        for n in range(probes):
            for family in ("needle", "superseded"):
                depth = DEPTHS[(n + at) % 5] if family == "needle" else None
                right = at < good and family == "needle"
                verdict = "right" if right else "stale" if family[0] == "s" else "wrong"
                outcomes.append(_outcome(family, n, length, depth, "", right, verdict))
                if length == LENGTHS[1] and family == "superseded":
                    arm = _outcome(family, n, length, depth, "overlay", True, "right")
                    outcomes.append(arm)
    return Run(
        run_id, repository, "tree", model, 1.79e9, 200_000, 0, 1, LENGTHS, DEPTHS,
        {"overlay": ("diff", "strict")}, LENGTHS[1],
        {"needle": probes, "superseded": probes}, len(outcomes), Foreseen(),
        tuple(outcomes),
    )  # fmt: skip


def _outcome(
    family: str,
    n: int,
    length: int,
    depth: float | None,
    arm: str,
    right: bool,
    verdict: str,
) -> Outcome:
    setting = Setting(overlay="strict") if arm else Setting()
    used = {"input": length, "cached": length * 9 // 10, "cost": length * 1e-7}
    return Outcome(
        f"{family}-{n}", family, length, depth, arm, setting, float(right), 1e-5,
        verdict, seconds=1.5, first=length / 1e5, output=9, **used,
    )  # fmt: skip
