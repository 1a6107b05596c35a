"""Entry points: ours, a stranger's, a broken one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from repoctx.errors import UsageError
from repoctx.plugins import describe, providers
from repoctx.values import Endpoint
from repos import make_repo

STRANGER = """
from repoctx.values import Capabilities, Delta, Stop, Usage

print("stranger imported")


def make(endpoint):
    return Echo(endpoint.base_url)


class Echo:
    name = "echo"

    def __init__(self, url):
        self.url = url

    def models(self):
        return ("loud",)

    def capabilities(self, model):
        return Capabilities(window=9000, output=100)

    def stream(self, request):
        yield Delta(request.question.upper())
        yield Delta(usage=Usage(cost=0.0), stop=Stop.END)
"""


def wheel(folder: Path, name: str, module: str, entry_points: dict[str, str]) -> Path:
    """A wheel of one module, as a build would make it."""
    info = f"{name}-1.2.dist-info"
    lines = "".join(f"{k} = {v}\n" for k, v in entry_points.items())
    path = folder / f"{name}-1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", module)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n"
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/entry_points.txt", f"[repoctx.providers]\n{lines}")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder into which pip has installed strangers' plugins."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels = [
        wheel(folder, "aecho", STRANGER, {"echo": "aecho:make"}),
        wheel(folder, "zecho", STRANGER, {"echo": "zecho:make"}),
        wheel(folder, "grabby", STRANGER, {"offline": "grabby:make"}),
        wheel(folder, "broken", "raise OSError('no\\nsuch thing')", {"b1": "broken:x"}),
        wheel(folder, "leaving", "raise SystemExit(3)", {"b2": "leaving:x"}),
        wheel(folder, "missing", "", {"b3": "missing:nothing"}),
        wheel(folder, "wrong", "def make(e): return 5", {"b4": "wrong:make"}),
    ]
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), *wheels], check=True, timeout=120)
    return target


def run(site: Path, code: str) -> str:
    env = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=env,
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def test_ours_are_registered():
    ours = {"anthropic", "compatible", "offline", "openai", "scripted"}
    assert ours <= set(providers())
    assert list(providers()) == sorted(providers())
    assert providers()["offline"](Endpoint()).name == "offline"
    own = {p.name: p for p in describe(check=True) if p.distribution == "repoctx"}
    assert own["offline"].entry_point == "repoctx_plugins.offline:provider"
    assert {p.status for p in own.values()} == {"ok"}


def test_listing_imports_no_plugin(site):
    out = run(
        site,
        """
        import sys
        from repoctx.plugins import describe, providers
        assert "echo" in providers()
        assert {p.status for p in describe() if p.name == "b1"} == {"registered"}
        print([m for m in sys.modules if m.startswith(("repoctx_plugins", "aecho"))])
        """,
    )
    assert out == "[]\n"


def test_a_strangers_plugin_answers(site):
    out = run(
        site,
        f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from pathlib import Path
        from servers.prompts import request
        from repoctx.ask.save import AnswerFile
        from repoctx.ask.send import answer
        from repoctx.plugins import providers
        from repoctx.values import Endpoint
        made = providers()["echo"](Endpoint("http://127.0.0.1:9"))
        save = AnswerFile(Path({str(site)!r}) / "answers", 0)
        print(made.url, answer(made, request(question="why?"), len, save).text)
        """,
    )
    assert out == "stranger imported\nhttp://127.0.0.1:9 WHY?\n"


def test_a_strangers_plugin_answers_at_the_command_line(site, tmp_path):
    env = os.environ | {"PYTHONPATH": str(site), "XDG_CONFIG_HOME": str(tmp_path)}
    repo = make_repo(tmp_path / "repo", {"a.py": "x = 1\n"})
    done = subprocess.run(
        [sys.executable, "-m", "repoctx", "ask", "-m", "echo/loud", "why so?"],
        cwd=repo,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("stranger imported\n")
    assert "WHY SO?" in done.stdout


def test_broken_ones_break_nobody_else(site):
    out = run(
        site,
        """
        import json
        from repoctx.plugins import describe
        rows = describe(check=True)
        print(json.dumps([[p.name, p.distribution, p.version, p.status] for p in rows]))
        """,
    )
    status = {(n, d): (v, s) for n, d, v, s in json.loads(out.splitlines()[-1])}
    assert status["echo", "aecho"] == ("1.2", "ok")
    assert status["echo", "zecho"] == ("1.2", "shadowed by aecho")
    assert status["offline", "grabby"] == ("1.2", "shadowed by repoctx")
    assert status["offline", "repoctx"][1] == "ok"
    assert "OSError: no such thing" in status["b1", "broken"][1]
    assert "SystemExit" in status["b2", "leaving"][1]
    assert "AttributeError" in status["b3", "missing"][1]
    assert "is no provider" in status["b4", "wrong"][1]
    assert all("\n" not in s for _, s in status.values())


def test_a_broken_one_is_one_clear_line(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    with pytest.raises(UsageError, match=r"provider 'b1' of broken 1\.2 cannot be"):
        providers()["b1"](Endpoint())
