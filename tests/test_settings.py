"""Layers, origins, trust, and what a settings file may not do."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from repoctx.errors import SettingsError, StorageError
from repoctx.settings import (
    Settings,
    kinds,
    load,
    parse_budget,
    user_file,
)
from repoctx.settings.trusting import trust, trusted


@pytest.fixture
def place(tmp_path):
    """A repository and a user's file, both empty."""
    root, own = tmp_path / "repo", tmp_path / "config" / "config.toml"
    root.mkdir()
    own.parent.mkdir()
    return root, own


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_defaults(place):
    loaded = load(*place, {}, {})
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}
    assert list(loaded.origins) == [f.name for f in fields(Settings)] == list(kinds())
    assert loaded.problems == ()


def test_each_layer_beats_the_one_before(place):
    root, own = place
    written(own, 'style = "plain"\nbudget = 1\nbase = "u"\nmax_size = "1m"')
    written(root / ".repoctx.toml", 'style = "json"\nbudget = 2\nbase = "p"')
    environ = {"REPOCTX_BUDGET": "3k", "REPOCTX_BASE": "e", "REPOCTX_COLOR": ""}
    loaded = load(root, own, environ, {"base": "f", "style": None})
    settings = loaded.settings
    assert (settings.base, settings.budget, settings.style) == ("f", 3000, "json")
    assert settings.max_size == 1_000_000
    assert loaded.origins["base"] == "--base"
    assert loaded.origins["budget"] == "REPOCTX_BUDGET"
    assert loaded.origins["style"] == ".repoctx.toml"
    assert loaded.origins["max_size"] == str(own)
    assert loaded.origins["color"] == "default"


def test_pyproject_is_read_only_without_our_own_file(place):
    root, own = place
    written(root / "pyproject.toml", '[tool.repoctx]\nstyle = "plain"')
    assert load(root, own, {}, {}).origins["style"] == "pyproject.toml"
    written(root / ".repoctx.toml", "")
    assert load(root, own, {}, {}).settings.style == "xml"


def test_lists_from_every_layer(place):
    root, own = place
    written(root / ".repoctx.toml", 'exclude = ["a/**", "b,c"]')
    loaded = load(root, own, {"REPOCTX_INCLUDE": "x, y,,"}, {"exclude": ()})
    assert loaded.settings.include == ("x", "y")
    assert loaded.settings.exclude == ("a/**", "b", "c")
    assert load(root, own, {}, {"exclude": ("d",)}).settings.exclude == ("d",)


def test_no_repository(place):
    assert load(None, place[1], {}, {}).settings == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stile = 'x'", "unknown key 'stile' (did you mean 'style'?)"),
        ("zzzzqqq = 1", "unknown key 'zzzzqqq'"),
        ("style = 'jason'", "one of xml, markdown, json, plain (did you mean 'json'?)"),
        ("style = 3", "one of"),
        ("budget = true", "number such as"),
        ("budget = -1", "number such as"),
        ("budget = '1q'", "number such as"),
        ("budget = 1.5", "number such as"),
        ("timeout = '5'", "a number, 0 or more"),
        ("timeout = nan", "a number, 0 or more"),
        ("timeout = inf", "a number, 0 or more"),
        ("include = 'a'", "a list of patterns"),
        ("include = [1]", "a list of patterns"),
        ("base = '--upload-pack=x'", "not an option"),
        ('base = "a\\nb"', "a line of text"),
        ("base = ", "not valid TOML"),
        ("[overlay]\nx = 1", "one of"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(place, text, says):
    root, own = place
    written(root / ".repoctx.toml", text)
    with pytest.raises(SettingsError) as caught:
        load(root, own, {}, {})
    assert str(caught.value).startswith(".repoctx.toml: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "flags", "where"),
    [
        ({"REPOCTX_REDACT": "perhaps"}, {}, "REPOCTX_REDACT: redact must be true or"),
        ({"REPOCTX_TIMEOUT": "soon"}, {}, "REPOCTX_TIMEOUT: timeout must be a number"),
        ({}, {"output_format": "yaml"}, "--output-format: output_format must be one"),
        (
            {},
            {"bugdet": "1"},
            "--bugdet: unknown key 'bugdet' (did you mean 'budget'?)",
        ),
    ],
)
def test_variables_and_flags_are_named(place, environ, flags, where):
    with pytest.raises(SettingsError) as caught:
        load(*place, environ, flags)
    assert str(caught.value).startswith(where)


def test_a_url_with_a_password_is_refused_and_not_shown(place):
    with pytest.raises(SettingsError) as caught:
        load(*place, {"REPOCTX_BASE_URL": "https://me:hunter2@example.org/v1"}, {})
    assert "hunter2" not in str(caught.value)


def test_a_misspelt_variable_is_mentioned_and_others_are_not(place):
    environ = {"REPOCTX_MODLE": "x", "REPOCTX_SCRIPT": "y", "REPOCTX_HOME_PAGE": "z"}
    assert load(*place, environ, {}).problems == (
        "REPOCTX_MODLE is no setting (did you mean 'REPOCTX_MODEL'?)",
    )


REDIRECTION = 'base_url = "https://elsewhere.example/v1"\nstyle = "plain"\n'


def test_a_repository_redirects_nothing_until_trusted(place):
    root, own = place
    file = written(
        root / ".repoctx.toml",
        REDIRECTION
        + 'model = "compatible/x"\nredact = false\nmax_cost = 99\nprompts_dir = "p"\n'
        'api_key_env = "AWS_SECRET_ACCESS_KEY"\n',
    )
    loaded = load(root, own, {}, {})
    assert loaded.settings == Settings(style="plain")
    [problem] = loaded.problems
    assert "model, base_url, api_key_env, redact, max_cost, prompts_dir" in problem
    assert "repoctx config trust" in problem
    assert not trusted(root, own)
    assert trust(root, own) == (".repoctx.toml",)
    loaded = load(root, own, {}, {})
    assert loaded.problems == ()
    assert loaded.settings.base_url == "https://elsewhere.example/v1"
    assert loaded.settings.prompts_dir == root / "p"
    assert loaded.settings.redact is False
    written(file, REDIRECTION.replace("elsewhere", "else-where"))
    assert not trusted(root, own)
    assert load(root, own, {}, {}).settings.base_url == ""


def test_trust_is_of_one_root_and_of_our_table(place, tmp_path):
    root, own = place
    text = "[tool.repoctx]\n" + REDIRECTION
    written(root / "pyproject.toml", text)
    trust(root, own)
    written(root / "pyproject.toml", '[project]\nname = "new"\n' + text)
    assert trusted(root, own)
    assert trusted(tmp_path / "repo" / ".." / "repo", own)
    other = tmp_path / "other"
    other.mkdir()
    written(other / "pyproject.toml", text)
    assert not trusted(other, own)
    trust(other, own)
    assert trusted(root, own)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_a_broken_trust_file_trusts_nothing(place, content):
    root, own = place
    written(root / ".repoctx.toml", REDIRECTION)
    trust(root, own)
    written(own.with_name("trusted.json"), content)
    assert not trusted(root, own)
    trust(root, own)
    assert trusted(root, own)


def test_nothing_to_trust_and_nowhere_to_note_it(place):
    root, own = place
    with pytest.raises(SettingsError, match=r"no \.repoctx\.toml"):
        trust(root, own)
    written(root / ".repoctx.toml", REDIRECTION)
    own.parent.rmdir()
    own.parent.write_text("a file")
    with pytest.raises(StorageError):
        trust(root, own / "config.toml")


@pytest.mark.parametrize("text", ["[keys]\nx = 'sk-1'", "state_dir = '/tmp/x'"])
def test_never_from_a_repository_even_trusted(place, text):
    root, own = place
    written(root / ".repoctx.toml", text)
    trust(root, own)
    with pytest.raises(SettingsError) as caught:
        load(root, own, {}, {})
    assert "sk-1" not in str(caught.value)


def test_keys_of_the_user_are_his_alone(place):
    root, own = place
    written(own, 'style = "json"\n[keys]\ncompatible = "sk-1"')
    loaded = load(root, own, {}, {})
    assert loaded.keys == {"compatible": "sk-1"}
    assert loaded.settings.style == "json"
    assert "sk-1" not in repr(loaded)
    if os.name == "posix":
        own.chmod(0o644)
        loaded = load(root, own, {}, {})
        assert loaded.keys == {}
        assert "chmod 600" in loaded.problems[0]


def test_paths_are_relative_to_their_file(place):
    root, own = place
    written(own, 'prompts_dir = "mine"\nstate_dir = "/var/x"')
    settings = load(root, own, {"REPOCTX_STATE_DIR": "here"}, {}).settings
    assert settings.prompts_dir == own.parent / "mine"
    assert settings.state_dir == Path("here")


def test_odd_files(place, tmp_path):
    root, own = place
    file = root / ".repoctx.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load(root, own, {}, {})
    file.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SettingsError, match="1 MB"):
        load(root, own, {}, {})
    file.unlink()
    file.symlink_to(written(tmp_path / "outside.toml", 'style = "json"'))
    with pytest.raises(SettingsError, match="plain file"):
        load(root, own, {}, {})
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match="plain file"):
        load(root, own, {}, {})
    file.rmdir()
    file.write_bytes(b"\xef\xbb\xbfstyle = 'json'\r\n")
    assert load(root, own, {}, {}).settings.style == "json"


def test_a_broken_pyproject_is_not_our_error(place):
    root, own = place
    written(root / "pyproject.toml", "[tool.repoctx]\n<<<<<<< HEAD\n")
    loaded = load(root, own, {}, {})
    assert "pyproject.toml: not valid TOML" in loaded.problems[0]
    written(root / "pyproject.toml", "<<<<<<< HEAD\n")
    assert load(root, own, {}, {}).problems == ()
    written(root / "pyproject.toml", "[tool]\nrepoctx = 3\n")
    assert load(root, own, {}, {}).settings == Settings()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("128k", 128_000), ("1M", 1_000_000), ("1.5k", 1500), ("200_000", 200_000)],
)
def test_budgets(text, tokens):
    assert parse_budget(text) == tokens


@pytest.mark.parametrize("text", ["", "k", "-1", "12x", "1e9", "٣k" * 20, "9" * 40])
def test_no_budgets(text):
    with pytest.raises(SettingsError, match="is no budget"):
        parse_budget(text)


def test_the_users_file(tmp_path):
    assert user_file({"REPOCTX_CONFIG": str(tmp_path / "c")}) == tmp_path / "c"
    assert user_file({}).name == "config.toml"
    assert user_file({}).parent.name == "repoctx"


def test_importing_is_light():
    code = (
        "import sys, repoctx.settings, repoctx.plugins, repoctx.ask.send\n"
        "import repoctx.ask.choose\n"
        "heavy = {'openai', 'httpx', 'httpx2', 'rich', 'typer', 'platformdirs'}\n"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
