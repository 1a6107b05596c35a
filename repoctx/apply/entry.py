"""One path of the shadow tree: its original text and what blocks make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from repoctx.apply import placing
from repoctx.apply.adapt import Dress
from repoctx.apply.hunks import ready
from repoctx.apply.keys import EXACT, TRAILING, Keyed
from repoctx.apply.locate import rows
from repoctx.apply.placing import Fit
from repoctx.apply.splice import Change, Layer, Refused, opened
from repoctx.apply.text import Source, decode, fitted
from repoctx.values import Hunk

_Saved = tuple[int, list[list[Change]], "bool | None"]


@dataclass(slots=True)
class Entry:
    """``base`` are the bytes that the edits are made against, ``present`` those that
    are there now (None: no file). ``layers`` are the original text and, where a block
    matched only what earlier ones made, the texts it was matched on."""

    path: str
    base: bytes | None
    present: bytes | None
    layers: list[Layer] = field(default_factory=list)
    open: bool | None = None
    gone: bool = False
    origin: str = ""
    mode: int = 0
    dress: Dress = field(default_factory=Dress)

    @property
    def exists(self) -> bool:
        """Whether the shadow tree has this file now."""
        return not self.gone and (self.base is not None or bool(self.layers))

    @property
    def text(self) -> Layer:
        """The original text. Raises NoText for a binary file."""
        if not self.layers:
            self.layers.append(Layer(Keyed(decode(self.base or b""))))
        return self.layers[0]

    def result(self) -> Source:
        """The text as the blocks so far leave it."""
        _ = self.text
        source = self.layers[-1].result()
        return source if self.open is None else opened(source, self.open)

    def save(self) -> _Saved:
        """What `restore` needs to take later changes back."""
        return len(self.layers), [list(x.made) for x in self.layers], self.open

    def restore(self, saved: _Saved) -> None:
        """Take back what was made since `save`."""
        size, made, self.open = saved
        del self.layers[max(size, 1) :]
        for layer, before in zip(self.layers, made, strict=False):
            layer.made = before
        if not size and self.layers:
            self.layers[0].made = []

    def edit(self, hunks: Sequence[Hunk]) -> list[Fit]:
        """Place all hunks. Raises Refused, NoText or Unencodable; `restore` then."""
        return [self._place(hunk, hunks) for hunk in hunks]

    def _place(self, hunk: Hunk, block: Sequence[Hunk]) -> Fit:
        layer = self.text

        def trusted() -> bool:
            return stated(block, layer.file)

        fit, depth = placing.close(hunk, layer.file, trusted, self.dress), 0
        if fit is None and self._may_be_made(hunk):
            made = Layer(Keyed(self.layers[-1].result()))
            fit = placing.close(hunk, made.file, trusted, self.dress)
            if fit is not None:
                self.layers.append(made)
                depth = len(self.layers) - 1
        fit = fit or placing.far(hunk, layer.file, trusted, self.dress)
        if fit is None:
            raise Refused("not-found")
        self._make(fit, hunk, depth)
        return fit

    def _may_be_made(self, hunk: Hunk) -> bool:
        """Whether the hunk's old lines may stand in what blocks made so far."""
        changes = [change for layer in self.layers for change in layer.made]
        file = self.text.file
        for shape in (hunk, *hunk.others) if changes else ():
            sure = [line[1:] for line in shape.lines if line[:1] in " -"]
            missing = set(file.of(sure, TRAILING)) - file.index(TRAILING).keys()
            if missing:
                made = (key for c in changes for key in file.of(c.lines, TRAILING))
                missing.difference_update(made)
            if not missing:
                return True
        return False

    def _make(self, fit: Fit, hunk: Hunk, depth: int) -> None:
        if fit.open is not None:
            self.open = fit.open
        raw = _undecoded("".join(hunk.lines))
        for change in fit.changes:
            source = self.layers[depth].file.source
            lines = tuple(fitted(line, source, raw) for line in change.lines)
            self.change(
                Change(
                    change.start,
                    change.end,
                    lines,
                    change.ends,
                    change.above,
                    change.below,
                ),
                depth,
            )

    def change(self, change: Change, depth: int = 0) -> None:
        """Make one change, in the lines of layer ``depth``. Raises Refused."""
        for layer in self.layers[depth:-1]:
            self._free(layer, change)
            change = layer.moved(change)
        self._free(self.layers[-1], change)
        self.layers[-1].add(change)

    def _free(self, layer: Layer, change: Change) -> None:
        other = layer.clash(change)
        if other is not None:
            raise Refused("overlap", places=[(other.start + 1, max(other.end, 1))])


def _undecoded(line: str) -> bool:
    return not line.isascii() and any("\udc80" <= c <= "\udcff" for c in line)


def stated(hunks: Sequence[Hunk], file: Keyed) -> bool:
    """Whether no line that the hunks state is wrong where it can be checked."""
    for hunk in hunks:
        if not hunk.start:
            continue
        try:
            old = ready(hunk.lines, file).old
        except Refused:
            continue
        places = rows(old, file, EXACT) if old else []
        if len(places) == 1 and places[0].start + 1 != hunk.start:
            return False
    return True
