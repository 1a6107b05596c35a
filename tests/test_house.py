"""The house itself: its rooms, floors, documents and starts."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TOP = {"CHANGELOG.md", "LICENSE", "README.md", "plugins", "prompts", "pyproject.toml"}
TOP |= {"repoctx", "tests", ".ci", ".gitignore"}
"""Everything that must stand on the top level."""

TOP_ALLOWED = {".gitattributes", ".github", ".pre-commit-hooks.yaml"}
"""What tools need and may stand there too."""

OUTSIDE_ROOMS = {"bench", "cases", "servers", "plugins"}
"""Folders of tests that mirror no room: measurements, data, helpers, the plugins."""

DOCUMENTS = {
    "repoctx/pack/FORMAT.md": "FORMAT_VERSION",
    "repoctx/index/FORMAT.md": "SCHEMA_VERSION",
    "repoctx/parse/GRAMMAR.md": "GRAMMAR_VERSION",
    "repoctx/apply/FORMAT.md": "JOURNAL_VERSION",
    "repoctx/editor/MCP.md": "MCP_VERSION",
    "repoctx/editor/PROTOCOL.md": "PROTOCOL_VERSION",
    "repoctx/probe/PROBES.md": "PROBES_VERSION",
}
"""Each document, and the constant in its room that its title's number equals."""

DOORS = {"__main__.py", "cli", "editor", "hook"}
"""The only places that write to a terminal."""

HEAVY = {
    "anthropic",
    "git",
    "openai",
    "pydantic",
    "rich",
    "splintr",
    "tiktoken",
    "tree_sitter",
}
"""Packages that wait for their first use."""


def tracked() -> list[str]:
    """Every path that git tracks here."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [name for name in done.stdout.split("\0") if (ROOT / name).is_file()]


def rooms() -> list[str]:
    """Packages below ``repoctx`` that hold code of their own."""
    inits = (ROOT / "repoctx").glob("*/__init__.py")
    return sorted(init.parent.name for init in inits)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# --- what stands where ------------------------------------------------------------


def test_the_top_level_holds_what_it_should() -> None:
    found = {name.partition("/")[0] for name in tracked()}
    assert found - TOP_ALLOWED == TOP


def test_tests_mirror_the_rooms() -> None:
    folders = {n.split("/")[1] for n in tracked() if re.match(r"tests/[^/]+/", n)}
    assert folders - OUTSIDE_ROOMS <= set(rooms())
    tested = {n.split("/")[1] for n in tracked() if re.match(r"tests/\w+/test_", n)}
    assert tested - {"plugins"} == set(rooms()) - rooms_as_modules()


def rooms_as_modules() -> set[str]:
    """Rooms whose tests are one file on the top level of ``tests``."""
    return {room for room in rooms() if (ROOT / "tests" / f"test_{room}.py").exists()}


@pytest.mark.parametrize("room", rooms())
def test_every_room_is_on_the_map(room: str) -> None:
    assert re.search(
        rf"^\| `{room}(/|\.py)?` \| .+ \| .+ \|$", read("repoctx/README.md"), re.M
    )


@pytest.mark.parametrize("room", rooms())
def test_every_room_says_what_it_is(room: str) -> None:
    assert read(f"repoctx/{room}/__init__.py").startswith('"""')


def test_every_package_is_in_the_wheel() -> None:
    packages = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["packages"]
    inits = [n for n in tracked() if re.match(r"repoctx/(.*/)?__init__\.py$", n)]
    expected = {name.rpartition("/")[0].replace("/", ".") for name in inits}
    assert expected | {"repoctx_plugins", "repoctx_prompts"} == set(packages)


def test_every_prompt_is_in_the_wheel() -> None:
    given = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["package-data"]
    patterns = [*given["*"], *given["repoctx_prompts"]]
    packed = {p for pattern in patterns for p in (ROOT / "prompts").glob(pattern)}
    texts = {ROOT / n for n in tracked() if re.match(r"prompts/.+\.md$", n)}
    assert texts <= packed


# --- what stands in it ------------------------------------------------------------

MACHINE = re.compile(
    r"(?<![\w.:/$}~*-])/(?:home|Users|root|work|workspace)/[\w.-]+"
    r"|[A-Z]:\\Users\\|--index-url|--extra-index|NPM_CONFIG_REGISTRY"
)
"""Paths and set-ups that exist on one machine only."""


def test_nothing_names_a_machine() -> None:
    here = str(ROOT)
    for name in tracked():
        try:
            text = read(name)
        except UnicodeDecodeError:
            continue
        assert here not in text, name
        if name != "tests/test_house.py":
            found = MACHINE.search(text)
            assert not found, f"{name}: {found}"


def test_only_the_doors_print() -> None:
    for name in tracked():
        parts = name.split("/")
        if parts[0] not in ("repoctx", "plugins") or not name.endswith(".py"):
            continue
        if parts[1] not in DOORS:
            found = re.search(r"^\s*print\(|\bsys\.std(out|err)\b", read(name), re.M)
            assert not found, f"{name}: {found}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_has_the_version_of_its_code(document: str) -> None:
    room = (ROOT / document).parent
    sources = "\n".join(path.read_text(encoding="utf-8") for path in room.glob("*.py"))
    code = re.findall(rf"^{DOCUMENTS[document]} = (\d+)$", sources, re.M)
    assert re.findall(r"\A# .* (\d+)\)?$", read(document), re.M) == code


def test_the_readme_names_every_command() -> None:
    from repoctx import __main__ as start
    from repoctx.cli import app

    text = read("README.md")
    names = (*app.COMMANDS, *app.DOORS)
    assert [name for name in names if f"repoctx {name}" not in text] == []
    assert list(app.DOORS) == list(start.DOORS)
    for name in app.COMMANDS:
        assert importlib.util.find_spec(f"repoctx.cli.{name}"), name


def test_the_readme_has_the_test_command() -> None:
    block = re.search(
        r"^<!-- test-command -->\n```\w*\n(.+)\n```$", read("README.md"), re.M
    )
    assert block and "pytest" in block[1] and "[test]" in block[1]


# --- floors and starts ------------------------------------------------------------


def test_the_floors_hold() -> None:
    argv = [sys.executable, "-m", "importlinter.cli", "lint", "--no-cache"]
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(script), "--no-cache"] if script.exists() else argv,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def imported(*arguments: str) -> set[str]:
    """Top-level packages that ``python ARGUMENTS`` imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [
        line for line in done.stderr.splitlines() if line.startswith("import time")
    ]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_a_start_imports_nothing_heavy(argument: str) -> None:
    assert not imported("-m", "repoctx", argument) & HEAVY


def test_the_version_needs_no_command_line() -> None:
    assert not imported("-m", "repoctx", "--version") & {"typer", "click"}


def test_no_plugin_imports_its_sdk_before_it_is_asked() -> None:
    names = tomllib.loads(read("pyproject.toml"))["project"]["entry-points"]
    modules = {e.partition(":")[0] for e in names["repoctx.providers"].values()}
    code = "import " + ", ".join(sorted(modules))
    assert not imported("-c", code) & (HEAVY | {"google", "httpx", "httpx2"})
