"""Names that speak for themselves: lock files, vendored folders, binary endings.

Linguist's judgement was the guide, narrowed to what is surely not written by hand: a
``dist``, ``deps`` or ``third_party`` folder says too little to be left out by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_LOCK_FILES = """
    .pnp.cjs .pnp.data.json .pnp.loader.mjs .terraform.lock.hcl Cargo.lock
    Cartfile.resolved Gemfile.lock Gopkg.lock MODULE.bazel.lock Package.resolved
    Pipfile.lock Podfile.lock buildscript-gradle.lockfile bun.lock
    bun.lockb cargo-lock.json composer.lock conan.lock conda-lock.yml deno.lock
    devbox.lock flake.lock glide.lock go.sum go.work.sum gradle.lockfile mix.lock
    npm-shrinkwrap.json package-lock.json packages.lock.json paket.lock pdm.lock
    pixi.lock pnpm-lock.yaml poetry.lock project.assets.json pubspec.lock pylock.toml
    rebar.lock shard.lock stack.yaml.lock uv.lock yarn.lock
    """
LOCK_FILES = frozenset(_LOCK_FILES.split())

VENDORED = frozenset(
    ["bower_components", "jspm_packages", "node_modules", "Pods", "site-packages"]
)
"""Folder names that hold only other people's code, wherever they stand."""

_MARKERS = (
    # Files that only a package manager writes: the folder is vendored.
    "vendor/modules.txt",
    "vendor/autoload.php",
    "vendor/composer/installed.json",
    "vendor/manifest",
    "vendor/vendor.json",
    "vendor/bundle/config",
    "_vendor/vendor.txt",
    "_vendor/vendored.txt",
    "Godeps/Godeps.json",
)
_INSIDE = (
    # Folders that only a package manager makes inside of a vendor folder.
    "vendor/github.com/",
    "vendor/golang.org/",
    "vendor/google.golang.org/",
    "vendor/gopkg.in/",
    "vendor/k8s.io/",
    "vendor/bundle/ruby/",
    "vendor/cache/",
    "Carthage/Checkouts/",
    "Carthage/Build/",
    "Godeps/_workspace/",
    ".yarn/cache/",
    ".yarn/plugins/",
    ".yarn/releases/",
    ".yarn/sdks/",
    ".yarn/unplugged/",
    "gradle/wrapper/",
    ".mvn/wrapper/",
)

_HINT = re.compile(r"vendor|Carthage|Godeps|wrapper|\.yarn|\.cargo-checksum")

_BINARY_ENDINGS = """
    png jpg jpeg jpe gif bmp ico icns webp avif heic heif tif tiff psd xcf raw cr2 nef
    mp3 mp4 m4a m4v wav ogg oga ogv opus flac aac aiff mov avi mkv webm wmv flv mpg mpeg
    woff woff2 ttf otf eot ttc pfb
    zip gz tgz bz2 tbz2 xz txz lz4 lzma zst zstd 7z rar tar cab iso dmg deb rpm apk ipa
    jar war ear aar class dex so dylib dll exe lib obj pdb pyc pyo pyd whl egg gem
    nupkg snupkg wasm beam elc
    pdf doc docx xls xlsx ppt pptx odt ods odp epub mobi
    sqlite sqlite3 mdb accdb parquet feather avro orc arrow npy npz pkl pickle h5 hdf5
    onnx tflite safetensors gguf pt pth ckpt joblib rds rda mat
    jks keystore p12 pfx der
    glb fbx blend 3ds stl dwg swf fla ai eps sketch fig
    """
BINARY_ENDINGS = frozenset(_BINARY_ENDINGS.split())
"""Endings (lower case, no dot) of files that are no text; with ``--include`` the
content decides. ``.o``, ``.a``, ``.bin``, ``.dat``, ``.db`` are not among them."""

MINIFIED_ENDINGS = (".min.js", ".min.mjs", ".min.cjs", ".min.css", "-min.js")
GENERATED_ENDINGS = (".js.map", ".mjs.map", ".cjs.map", ".css.map", ".d.ts.map")


def vendor_folders(paths: Sequence[str]) -> frozenset[str]:
    """The folders of a tree that a package manager filled, told by what stands in them:
    ``vendor`` by its list of modules, a Rust ``vendor/x`` by its checksum file."""
    found = set()
    for path in paths:
        if not _HINT.search(path):
            continue
        bounded = f"/{path}"
        for marker in _MARKERS:
            if bounded.endswith(f"/{marker}"):
                found.add(path[: len(path) - len(marker) + marker.index("/")])
        if path.endswith("/.cargo-checksum.json"):
            found.add(path.removesuffix("/.cargo-checksum.json"))
        for inside in _INSIDE:
            at = bounded.find(f"/{inside}")
            if at >= 0:
                found.add(path[: at + len(inside) - 1])
    return frozenset(found)
