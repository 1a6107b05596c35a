"""A module's docstring is no symbol."""

from __future__ import annotations

import os.path as path, sys
from .neighbour import first as renamed, second
from package.module import *

LIMIT = 3
plain, tupled = 1, 2
annotated: int = 0
plain = 3  # the first assignment stays

if sys.platform == "linux":
    CONDITIONAL = True

    def only_there():
        pass


@decorator(renamed)
@module.other
class Shape(Base, abstract.Thing[int], metaclass=Meta):
    """What a shape is.

    More about it.
    """

    size: int = 0
    __slots__ = ("a",)

    @property
    async def area(self, wide: Width,
                   high="x:{") -> list[Area]:
        '''
        The area, late.
        '''
        def inner(): return sys.exit(1)

        local = 1
        return inner() + self.scale(local).total()

    def no_doc(self): "One line."; return 1

    class Nested:
        def deep(self): ...


type Alias[T] = list[T]
lambda_ = lambda x: call(x)
größe = "ünïcode"; nach = größe


def after_unicode(ä: str) -> "Späß":
    r"""Räw doc."""
    return größe


def broken(:
    pass
