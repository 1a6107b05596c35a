"""The job of mapping: where the tokens of a prompt lie, by file."""

from __future__ import annotations

from collections.abc import Iterator

from repoctx.errors import BudgetExceeded
from repoctx.flow.check import Check, foresee, model_to_check
from repoctx.flow.model import tokenizer_for
from repoctx.flow.pack import Packed, pack
from repoctx.flow.packing import pack_for
from repoctx.flow.session import Session, something_in
from repoctx.index import detect
from repoctx.pack.budget import Show
from repoctx.pack.treemap import MapData, MapFile, MapLeftOut
from repoctx.values import Reason, SegmentKind

NO_ROOM = "no room in the budget"
"""Why a file is left out that nothing but the budget keeps out."""


def map_of(session: Session) -> MapData:
    """The map of the prefix for the chosen model, as it would be sent now.

    Raises UnknownModel, AuthError, NotARepository where there is nothing to map, and
    what packing raises.
    """
    model = model_to_check(session)
    try:
        packed = pack_for(session, model)
    except BudgetExceeded as exc:  # What fills the window is what one wants to see.
        session.notes.append(str(exc))
        packed = pack(session, tokenizer_for(session, model))
    something_in(session, packed.now)
    found = foresee(session, packed, model)
    whole = found.count.tokens / max(packed.prefix.count.tokens, 1)
    return MapData(
        name=session.place.root.name,
        files=tuple(_files(found, whole)),
        left_out=tuple(_left_out(packed)),
        exact=found.count.exact,
        window=found.window,
        segments=tuple((str(band.kind), band.count.tokens) for band in found.bands),
    )


def _files(found: Check, factor: float) -> Iterator[MapFile]:
    """Every document of base and overlay, in the order of the prompt."""
    packed, end = found.packed, 0
    pointers = {
        item.path for item in packed.base.left_out if item.reason is Reason.DUPLICATE
    }
    for segment in packed.prefix.segments:
        start, end = end, end + segment.size
        for unit in filter(lambda unit: unit.path, segment.units):
            if segment.kind is SegmentKind.OVERLAY:
                state = "overlay"
            elif unit.path in pointers:
                state = "duplicate"
            elif packed.shape.get(unit.path) is Show.SKELETON:
                state = "skeleton"
            else:
                done = start + unit.offset + unit.size
                state = "cached" if done <= found.cached_bytes else "base"
            tokens = round(unit.count.tokens * factor)
            yield MapFile(unit.path, detect(unit.path), tokens, unit.size, state)


def _left_out(packed: Packed) -> Iterator[MapLeftOut]:
    """What no document speaks of, and why. A duplicate has its pointer."""
    for item in packed.now.left_out:
        if item.reason is not Reason.DUPLICATE:
            yield MapLeftOut(item.path, str(item.reason), item.size)
    for file in packed.now.files:
        if packed.shape.get(file.path) is Show.OMITTED:
            yield MapLeftOut(file.path, NO_ROOM, file.size)
