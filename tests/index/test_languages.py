"""Languages by file name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from repoctx.index.languages import LANGUAGES, detect, shebang


@pytest.mark.parametrize(
    ("path", "lang"),
    [
        ("a/b/main.py", "python"),
        ("stubs/x.pyi", "python"),
        ("SConstruct", "python"),
        ("web/app.mjs", "javascript"),
        ("web/App.jsx", "javascript"),
        ("web/app.d.ts", "typescript"),
        ("web/app.mts", "typescript"),
        ("web/App.tsx", "tsx"),
        ("web/App.vue", "vue"),
        ("src/a.h", "c"),
        ("src/a.H", "cpp"),
        ("src/a.C", "cpp"),
        ("src/a.c", "c"),
        ("src/a.hpp", "cpp"),
        ("A.CS", "c-sharp"),
        ("Makefile", "makefile"),
        ("GNUmakefile", "makefile"),
        ("src/Makefile.am", "makefile"),
        ("CMakeLists.txt", "cmake"),
        ("docker/Dockerfile", "dockerfile"),
        ("Dockerfile.dev", "dockerfile"),
        ("Rakefile", "ruby"),
        ("x.gemspec", "ruby"),
        (".zshrc", "bash"),
        ("home/.bashrc", "bash"),
        ("bin/run.sh", "bash"),
        ("build.gradle", "gradle"),
        ("build.gradle.kts", "kotlin"),
        ("BUILD", "starlark"),
        ("BUILD.bazel", "starlark"),
        ("README", "text"),
        ("README.fr", "text"),
        ("README.md", "markdown"),
        ("go.mod", "gomod"),
        (".env", "dotenv"),
        ("config/.editorconfig", "ini"),
        ("a.tar.unknown", ""),
        ("noextension", ""),
        (".gitignore", ""),
        (".py", ""),
        ("dir.py/file", ""),
        ("trailing.", ""),
        ("", ""),
        ("ä/ö ü\n.py", "python"),
        ("bad\udcff.rs", "rust"),
    ],
)
def test_detect(path, lang):
    assert detect(path) == lang


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("#!/bin/sh\n", "bash"),
        ("#! /usr/bin/env python3.11\nx", "python"),
        ("#!/usr/bin/env -S node --flag\n", "javascript"),
        ("#!/usr/bin/env A=1 ruby\n", "ruby"),
        ("#!/opt/strange\n", ""),
        ("#!\n", ""),
        ("#!/usr/bin/env\n", ""),
        ("# !/bin/sh\n", ""),
        ("", ""),
    ],
)
def test_shebang(text, lang):
    assert shebang(text) == lang


def test_levels_say_what_is_parsed():
    for name, language in LANGUAGES.items():
        assert language.name == name
        assert language.level in ("full", "outline", "text")
        assert bool(language.module) is (language.level != "text")
        assert language.tokens in ("code", "data", "markup", "prose")


def test_looking_up_names_loads_no_parser():
    code = (
        "import sys, repoctx.index.languages as l\n"
        "print(l.detect('a.py'), any(m.startswith('tree_sitter') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "python False\n"
