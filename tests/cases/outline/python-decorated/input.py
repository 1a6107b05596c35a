import functools


@functools.wraps(print)
@other
async def late(): pass


class Outer:
    @staticmethod
    def first(): ...

    @property
    def both(self) -> int:
        # A comment comes first.
        """Said after it."""
        if self:
            def conditional(): return 1
        return 1


def tail():
    return 1
    # Comments in a body belong to it.


match value:
    case Shape(): IN_MATCH = 1
for i in range(3):
    LOOPED = i
try:
    import fast
except ImportError:
    fast = None
