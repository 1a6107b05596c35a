"""A small house of code, and models of known abilities that are asked about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from repoctx.flow.evaluate import ask_all
from repoctx.flow.grids import Wanted, prepared
from repoctx.flow.session import open_session
from repoctx.probe.grid import Sheet
from repoctx.probe.report import Report, report_of
from repos import make_repo
from servers.ability import Ability, AbilityServer, Mind, able

PLANTED = ("needle", "distractors", "superseded")
LENGTHS = (7000.0, 12_000.0, 20_000.0)
ROOMS = ("cellar", "attic", "kitchen", "study", "pantry", "hall", "porch", "loft")
SHADES = [
    "red",
    "green",
    "blue",
    "white",
    "black",
    "grey",
    "brown",
    "pink",
    "amber",
    "teal",
]


def named(n: int) -> str:
    return f"{SHADES[n % 10]}_{ROOMS[n // 10]}"


def module(n: int) -> str:
    name, other = named(n), named((n * 7 + 3) % 80)
    rows = "".join(f"    total += width * {n + k}\n" for k in range(24 if n % 4 else 2))
    return f'''"""Plans of the {name.replace("_", " ")}."""

from plans.{other} import measure_{other}

LIMIT_{n} = {n + 3}


def measure_{name}(width):
    """The area of the {name.replace("_", " ")} wall, window frames left out."""
    return width * LIMIT_{n} + {n * n}


def paint_{name}(width):
    """Litres of {SHADES[n % 10]} paint that the {ROOMS[n // 10]} needs twice."""
    total = measure_{other}(width)
{rows}    return total


def sketch_{name}(wall):
    """Draw an outline of {name.replace("_", " ")} on paper for its builders."""
    return wall.scale({n}) - measure_{other}(2)
'''


def build(root: Path) -> Path:
    return make_repo(root, {f"plans/{named(n)}.py": module(n) for n in range(80)})


def flags(server: AbilityServer | None, **more: object) -> dict[str, object]:
    url = server.url if server else "http://127.0.0.1:9/v1"
    return {"model": "compatible/tried", "base_url": url, "window": 32_000, **more}


def run(
    house: Path, ability: Ability, wanted: Wanted, folder: Path
) -> tuple[Report, AbilityServer]:
    """Ask a model of this ability, and make the report."""
    with (
        able(ability, ()) as server,
        open_session(house, flags(server, state_dir=str(folder))) as session,
        prepared(session, wanted) as grid,
    ):
        knows(server.mind, grid.sheets)
        ask_all(session, grid)
        return report_of(grid.result()), server


def knows(mind: Mind, sheets: Sequence[Sheet]) -> None:
    mind.learn(probe for sheet in sheets for probe in sheet.probes)


def planted(probes: int = 6, **more) -> Wanted:
    fields = {"families": PLANTED, "lengths": LENGTHS, "arms": (), **more}
    return Wanted(probes=probes, **fields)
