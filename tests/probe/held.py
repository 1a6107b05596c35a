"""A repository held in memory, outlined by the real indexer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from repoctx.index.languages import detect
from repoctx.index.outline import outline
from repoctx.values import Outline, SourceFile, byte_order


@cache
def outlined(text: str, lang: str) -> Outline:
    return outline(text, lang)


class Held:
    """Texts by path as a `probe.Material`."""

    def __init__(self, texts: Mapping[str, str], twins: Sequence[str] = ()) -> None:
        self.held = texts
        self.twins = frozenset(twins)
        self.files = tuple(
            SourceFile(
                path,
                hashlib.sha1(text.encode()).hexdigest(),
                0o100644,
                len(text.encode()),
                detect(path),
            )
            for path, text in sorted(texts.items(), key=lambda t: byte_order(t[0]))
        )

    def text(self, path: str) -> str:
        return self.held[path]

    def texts(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        return ((path, self.held[path]) for path in paths)

    def outline(self, path: str) -> Outline:
        return outlined(self.held[path], detect(path))


def project(modules: int = 12) -> dict[str, str]:
    """A Python project in which every family finds something to ask."""
    texts = {}
    for n in range(modules):
        later = (n + 1) % modules
        texts[f"src/part_{n:02}.py"] = (
            f'"""Part {n}."""\n\n'
            f"from src.part_{later:02} import load_chunk_{later}\n\n\n"
            f"class Store{n}(Base{n // 4}):\n"
            f"    def flush_all(self):\n        return load_chunk_{n}(self)\n\n"
            f"    def close_{n % 3}_first(self):\n        return self\n\n\n"
            f"def load_chunk_{n}(source):\n"
            f'    """{DOCS[n]}"""\n'
            + "".join(f"    step_{i} = source.get({i + n})\n" for i in range(20))
            + f"    return parse_block_{n}(step_1)\n\n\n"
            f"def parse_block_{n}(block):\n    return read_word_{n}(block)\n\n\n"
            f"def read_word_{n}(word):\n    return strip_sign_{n}(word, {n})\n\n\n"
            f"def strip_sign_{n}(sign, count):\n    return sign\n\n\n"
            f"def first_use_{n}():\n    return open_bundle(1)\n\n\n"
            f"def second_use_{n}():\n    return load_chunk_{later}(2)\n"
        )
    texts["src/base.py"] = (
        "def open_bundle(number):\n    return number\n\n\n"
        + "\n\n".join(f"class Base{n}:\n    pass\n" for n in range(modules // 4))
    )
    texts["README.md"] = "# Parts\n\nSee `load_chunk_1` and `load_chunk_2`.\n"
    return texts


DOCS = (
    "Gather measurements from every attached thermometer before sunrise.",
    "Translate incoming telegrams into readable sentences for operators.",
    "Rotate the telescope until its mirror faces the brightest planet.",
    "Compress old photographs without losing visible detail anywhere.",
    "Schedule trains so that passengers never wait longer than needed.",
    "Estimate tomorrow's rainfall using pressure readings alone today.",
    "Balance chemical equations given only their unknown coefficients.",
    "Recognise bird songs within noisy forest recordings at night.",
    "Distribute parcels among couriers according to neighbourhood size.",
    "Repair damaged manuscripts through comparison with surviving copies.",
    "Count visitors entering through revolving doors during festivals.",
    "Predict harvest volumes from satellite pictures of wheat fields.",
)
