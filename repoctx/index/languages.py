"""Which language a path is written in, and what the index can do with it.

The file name alone decides, so that a listing of thousands of paths costs nothing and
no file is opened. Nothing here imports tree-sitter.

``level`` says what a language gets: ``full`` definitions and references, ``outline``
headings, keys or selectors only, ``text`` nothing but its words. ``tokens`` groups the
languages whose bytes per token are alike: ``code``, ``markup``, ``data``, ``prose``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

SLASHES = ("//", "/*")
HASH = ("#",)


@dataclass(frozen=True, slots=True)
class Language:
    """How one language is parsed.

    ``module`` and ``function`` name the grammar wheel and its entry (empty: no
    grammar), ``query`` the file ``queries/<query>.scm``, ``comments`` what a line of a
    comment that documents the next definition starts with.
    """

    name: str
    level: str = "text"
    module: str = ""
    function: str = "language"
    query: str = ""
    comments: tuple[str, ...] = ()
    tokens: str = "code"


def _parsed(
    name: str,
    comments: tuple[str, ...] = SLASHES,
    *,
    module: str = "",
    function: str = "language",
    query: str = "",
) -> Language:
    """A language with definitions and references; wheel and query after its name."""
    module = f"tree_sitter_{module or name}"
    return Language(name, "full", module, function, query or name, comments)


def _outlined(name: str, tokens: str, comments: tuple[str, ...] = ()) -> Language:
    """A language of which only the large structure is kept."""
    module = f"tree_sitter_{name}"
    return Language(name, "outline", module, "language", name, comments, tokens)


_TS = "language_typescript"

_FULL = (
    _parsed("bash", HASH),
    _parsed("c"),
    _parsed("c-sharp", module="c_sharp"),
    _parsed("cpp"),
    _parsed("elixir", HASH),
    _parsed("go"),
    _parsed("java"),
    _parsed("javascript"),
    _parsed("kotlin"),
    _parsed("lua", ("--",)),
    _parsed("php", (*SLASHES, "#"), function="language_php"),
    _parsed("python", HASH),
    _parsed("ruby", HASH),
    _parsed("rust"),
    _parsed("scala"),
    _parsed("starlark", HASH, module="python", query="python"),
    _parsed("svelte", module="typescript", function=_TS, query="typescript"),
    _parsed("tsx", module="typescript", function="language_tsx", query="typescript"),
    _parsed("typescript", function=_TS),
    _parsed("vue", module="typescript", function=_TS, query="typescript"),
)

_OUTLINES = (
    _outlined("css", "markup", SLASHES),
    _outlined("html", "markup"),
    _outlined("json", "data"),
    _outlined("markdown", "prose"),
    _outlined("toml", "data", HASH),
    _outlined("yaml", "data", HASH),
)

_TEXTS = {
    "code": "assembly clojure cmake cobol coffeescript crystal cython d dart "
    "dockerfile emacs-lisp erlang fish fortran fsharp gdscript glsl gomod gradle "
    "graphql groovy haskell hcl jinja julia just makefile meson nim nix objective-c "
    "ocaml pascal perl powershell prolog protobuf puppet r racket robot scheme "
    "solidity sql swift tcl thrift v verilog vhdl vim visual-basic wgsl zig batch awk",
    "markup": "astro handlebars less sass scss svg template xml",
    "data": "csv diff dotenv ini properties",
    "prose": "asciidoc latex org rst text",
}

LANGUAGES = MappingProxyType(
    {language.name: language for language in (*_FULL, *_OUTLINES)}
    | {
        name: Language(name, tokens=tokens)
        for tokens, names in _TEXTS.items()
        for name in names.split()
    }
)
"""Every language that ``detect`` can answer, by name."""

_EXTENSIONS_OF = {
    "asciidoc": "adoc asciidoc",
    "assembly": "asm s S",
    "astro": "astro",
    "awk": "awk",
    "bash": "bash bats ebuild ksh sh zsh",
    "batch": "bat cmd",
    "c": "c h",
    "c-sharp": "cs csx",
    "clojure": "clj cljc cljs edn",
    "cmake": "cmake",
    "cobol": "cbl cob",
    "coffeescript": "coffee",
    "cpp": "C H c++ cc cpp cppm cu cuh cxx h++ hh hpp hxx inl ino ipp ixx tcc tpp txx",
    "crystal": "cr",
    "css": "css",
    "csv": "csv tsv",
    "cython": "pxd pxi pyx",
    "d": "d",
    "dart": "dart",
    "diff": "diff patch",
    "dockerfile": "containerfile dockerfile",
    "dotenv": "env",
    "elixir": "ex exs",
    "emacs-lisp": "el",
    "erlang": "erl hrl",
    "fish": "fish",
    "fortran": "f f03 f08 f90 f95 for",
    "fsharp": "fs fsi fsx",
    "gdscript": "gd",
    "glsl": "frag glsl hlsl vert",
    "go": "go",
    "gradle": "gradle",
    "graphql": "gql graphql graphqls",
    "groovy": "groovy",
    "handlebars": "handlebars hbs mustache",
    "haskell": "hs lhs",
    "hcl": "hcl tf tfvars",
    "html": "htm html xhtml",
    "ini": "cfg conf desktop editorconfig ini service",
    "java": "java",
    "javascript": "cjs es6 js jsx mjs",
    "jinja": "j2 jinja jinja2",
    "json": "geojson ipynb json json5 jsonc jsonl webmanifest",
    "julia": "jl",
    "kotlin": "kt kts",
    "latex": "bib cls sty tex",
    "less": "less",
    "lua": "lua rockspec",
    "makefile": "mak mk",
    "markdown": "markdown md mdown mdx mkd",
    "nim": "nim",
    "nix": "nix",
    "objective-c": "m mm",
    "ocaml": "ml mli",
    "org": "org",
    "pascal": "dpr pas",
    "perl": "pl pm t",
    "php": "php php5 phtml",
    "powershell": "ps1 psd1 psm1",
    "prolog": "pro",
    "properties": "properties",
    "protobuf": "proto",
    "puppet": "pp",
    "python": "py pyi pyw",
    "r": "R r rmd",
    "racket": "rkt",
    "robot": "robot",
    "rst": "rst",
    "ruby": "builder gemspec podspec rake rb ru",
    "rust": "rs",
    "sass": "sass",
    "scala": "sbt sc scala",
    "scheme": "scm ss",
    "scss": "scss",
    "solidity": "sol",
    "sql": "sql",
    "starlark": "bzl star",
    "svelte": "svelte",
    "svg": "svg",
    "swift": "swift",
    "tcl": "tcl",
    "template": "ejs erb liquid tmpl tpl twig",
    "text": "log text txt",
    "thrift": "thrift",
    "toml": "toml",
    "tsx": "tsx",
    "typescript": "cts mts ts",
    "v": "v",
    "verilog": "sv svh vh",
    "vhdl": "vhd vhdl",
    "vim": "vim",
    "visual-basic": "bas vb vbs",
    "vue": "vue",
    "wgsl": "wgsl",
    "xml": "csproj fsproj plist props rss targets vbproj wsdl xml xsd xsl xslt",
    "yaml": "yaml yml",
    "zig": "zig",
}

_NAMES_OF = {
    "bash": ".bash_aliases .bash_login .bash_logout .bash_profile .bashrc .envrc "
    ".kshrc .profile .xinitrc .zlogin .zprofile .zshenv .zshrc apkbuild pkgbuild",
    "cmake": "cmakelists.txt",
    "dockerfile": "containerfile dockerfile",
    "dotenv": ".env",
    "gomod": "go.mod go.work",
    "groovy": "jenkinsfile",
    "ini": ".coveragerc .editorconfig .flake8 .gitconfig .gitmodules .hgrc .npmrc "
    ".pylintrc .pypirc",
    "json": ".babelrc .eslintrc .jshintrc .prettierrc .swcrc composer.lock "
    "pipfile.lock",
    "just": "justfile",
    "makefile": "gnumakefile makefile",
    "meson": "meson.build meson_options.txt",
    "python": "sconscript sconstruct wscript",
    "ruby": ".irbrc .pryrc appraisals berksfile brewfile capfile cheffile dangerfile "
    "fastfile gemfile guardfile podfile puppetfile rakefile thorfile vagrantfile",
    "starlark": "buck build build.bazel tiltfile workspace workspace.bazel",
    "text": "authors changelog changes contributing contributors copying install "
    "license licence news notice readme todo version",
    "toml": "cargo.lock pipfile poetry.lock uv.lock",
    "vim": ".vimrc vimrc",
    "yaml": ".clang-format .clang-tidy .clangd",
}

_BY_EXTENSION = {
    extension: name
    for name, extensions in _EXTENSIONS_OF.items()
    for extension in extensions.split()
}
_BY_NAME = {
    file_name: name for name, names in _NAMES_OF.items() for file_name in names.split()
}
# Names that keep their meaning whatever follows the dot (Dockerfile.dev, README.fr).
_BY_STEM = {
    name: lang
    for name, lang in _BY_NAME.items()
    if lang in ("dockerfile", "makefile", "text")
}

_SHEBANGS = {
    "ash": "bash",
    "bash": "bash",
    "dash": "bash",
    "elixir": "elixir",
    "escript": "erlang",
    "fish": "fish",
    "groovy": "groovy",
    "kotlin": "kotlin",
    "ksh": "bash",
    "lua": "lua",
    "luajit": "lua",
    "node": "javascript",
    "nodejs": "javascript",
    "perl": "perl",
    "php": "php",
    "pwsh": "powershell",
    "pypy": "python",
    "python": "python",
    "rscript": "r",
    "ruby": "ruby",
    "scala": "scala",
    "sh": "bash",
    "ts-node": "typescript",
    "zsh": "bash",
}


def detect(path: str) -> str:
    """The language of ``path`` from its file name alone; ``""`` when unknown.

    A name that is known as a whole wins over its extension (``CMakeLists.txt``), an
    extension over the name before the first dot (``Dockerfile.dev``, ``README.fr``).
    ``.h`` is ``c``; its text may still show C++, see ``outline``.
    """
    name = path.rpartition("/")[2]
    low = name.lower()
    found = _BY_NAME.get(low)
    if found is not None:
        return found
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return ""
    found = _BY_EXTENSION.get(extension) or _BY_EXTENSION.get(extension.lower())
    if found is not None:
        return found
    return _BY_STEM.get(low.partition(".")[0], "")


def shebang(text: str) -> str:
    """The language of the interpreter that ``text`` names on its first line, or ``""``.

    For files whose name says nothing (``bin/deploy``).
    """
    if not text.startswith("#!"):
        return ""
    words = text[2:256].partition("\n")[0].split()
    names = [word.rpartition("/")[2].lower() for word in words]
    if names and names[0] == "env":
        names = [n for n in names[1:] if n[:1] != "-" and "=" not in n]
    name = names[0] if names else ""
    return _SHEBANGS.get(name) or _SHEBANGS.get(name.rstrip("0123456789."), "")
