"""Contexts for probes: the repository's own files up to a length, with what the probes
plant, in the bytes that every other prompt has. The work tree is never touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import repoctx_prompts as prompts

from repoctx.apply.shadow import Shadow, Tree
from repoctx.flow.material import Indexed
from repoctx.flow.prefix import (
    counted,
    make_prefix,
    overlay_segment,
    pieces_segment,
    text_segment,
)
from repoctx.flow.search import offers_for
from repoctx.flow.session import Session
from repoctx.flow.tail import framed
from repoctx.index import Row, with_terms
from repoctx.pack.base import base_pieces, file_doc
from repoctx.pack.marks import marks
from repoctx.pack.overlay import Change, Shape, Sources, overlay_docs, shaped
from repoctx.pack.render import Doc, Section, Style, Tag, render
from repoctx.pack.retrieve import excerpt, fill
from repoctx.parse.edits import blocks
from repoctx.probe.grid import Ask, Sheet, arranged, paths_of, place, plants_of
from repoctx.probe.probes import Plant, Probe, Scoring, planted
from repoctx.protocols import Tokenizer
from repoctx.scan import blob_id
from repoctx.values import (
    BlobFacts,
    Prefix,
    Request,
    Segment,
    SegmentKind,
    Snapshot,
    SourceFile,
    Symbol,
    byte_order,
)

ANCHOR = "Based on the code above, "
"""What opens a question; an arm leaves it out."""

RETRIEVED_SHARE = 0.25
"""Of a context's length: what is retrieved beside skeletons."""

ANSWER_ABOVE = "Answer the question that stands before the code.\n"


@dataclass(frozen=True, slots=True)
class Context:
    """A sheet's prefix, and the share of its tokens that stands before each probe's
    evidence. ``texts`` are the present texts of what is in it, by path."""

    sheet: Sheet
    prefix: Prefix
    depths: Mapping[str, float]
    texts: Mapping[str, str] = field(repr=False)


@dataclass
class Desk:
    """What contexts are made of: a session beside the user's (`aside`), a repository as
    material, and what counts tokens, ``factor`` of the model's for one of ours."""

    session: Session
    material: Indexed
    tokenizer: Tokenizer
    factor: float = 1.0
    seed: int = 0
    _tokens: dict[str, int] = field(default_factory=dict)

    @property
    def style(self) -> Style:
        """How documents are written."""
        return Style(self.session.settings.style)

    @cached_property
    def opening(self) -> str:
        """The text that every prompt begins with."""
        return str(prompts.load(prompts.PREAMBLE))

    @cached_property
    def files(self) -> dict[str, SourceFile]:
        """The repository's files by path."""
        return {file.path: file for file in self.material.files}

    def tokens(self, path: str) -> int:
        """Tokens of the model that a file takes as it is."""
        self._count([path])
        return self._tokens[path]

    def total(self) -> int:
        """Tokens of the model that the whole repository takes."""
        self._count(list(self.files))
        return sum(self._tokens.values())

    def _count(self, paths: Sequence[str]) -> None:
        new = [path for path in paths if path not in self._tokens]
        for at in range(0, len(new), 100):
            part = new[at : at + 100]
            docs = [file_doc(path, self.material.text(path)) for path in part]
            counts = self.tokenizer.count_many([render(d, self.style) for d in docs])
            for path, count in zip(part, counts, strict=True):
                self._tokens[path] = round(count * self.factor)
            if len(new) > 100:
                self.session.progress("counting", at, len(new))

    def chosen(self, sheet: Sheet) -> dict[str, int]:
        """The paths of a context with their tokens: the evidence, and other files in an
        order that the seed decides, up to its length. A longer context holds what a
        shorter one holds, its evidence aside."""
        found = {path: self.tokens(path) for p in sheet.probes for path in paths_of(p)}
        room = sheet.length - sum(found.values()) - self.tokenizer.count(self.opening)
        for path in self._fillers:
            if room <= 0:
                break
            if path not in found and (size := self.tokens(path)) <= room:
                found[path] = size
                room -= size
        return found

    @cached_property
    def _fillers(self) -> list[str]:
        def drawn(path: str) -> bytes:
            key = f"{self.seed}\0{path}".encode("utf-8", "surrogateescape")
            return hashlib.sha256(key).digest()

        return sorted(self.files, key=drawn)


def context(desk: Desk, sheet: Sheet) -> Context:
    """The context of ``sheet``."""
    plants = plants_of(sheet)
    order = arranged(sheet, desk.chosen(sheet), byte_order)
    now = {
        path: planted(desk.material.text(path), plants.get(path, ())) for path in order
    }
    stale = sheet.setting.overlay != "strict"
    old = {
        path: planted(desk.material.text(path), plants[path], stale=True)
        for path in order
        if stale and any(plant.before for plant in plants.get(path, ()))
    }
    opening = desk.opening
    if sheet.first is not None:
        opening = f"Question: {sheet.first.question}\n\n{opening}"
    segments = [text_segment(SegmentKind.PREAMBLE, opening, desk.tokenizer)]
    skeletons = sheet.setting.context == "skeleton"
    shown = {p: old.get(p, now[p]) for p in order}
    segments.append(_base(desk, shown, skeletons))
    if old and not skeletons:
        overlay = _overlay(desk, old, now, sheet.setting.overlay)
        segments += [overlay] if overlay else []
    prefix = make_prefix(segments)
    prefix = replace(prefix, marks=marks(prefix.segments))
    return Context(sheet, prefix, _depths(sheet, prefix), now)


def _base(desk: Desk, shown: Mapping[str, str], skeletons: bool) -> Segment:
    def doc(path: str, text: str) -> Doc:
        if not skeletons:
            return file_doc(path, text)
        from repoctx.index.skeleton import skeleton

        outline = skeleton(text, desk.files[path].lang)
        return Doc(Tag.FILE, (("path", path), ("show", "skeleton")), outline)

    docs = ((path, doc(path, text)) for path, text in shown.items())
    pieces = counted(list(base_pieces(docs, desk.style)), desk.tokenizer)
    return pieces_segment(SegmentKind.BASE, pieces, desk.tokenizer.exact)


def _overlay(
    desk: Desk, old: Mapping[str, str], now: Mapping[str, str], shape: str
) -> Segment | None:
    def body(change: Change, before: str, after: str) -> str:
        def spans() -> list[tuple[int, int, str]]:
            found = _definitions(desk, change.path, after)
            return [(d.start, d.end, d.name) for d in found]

        return shaped(Shape(shape), before, after, spans)

    changes = tuple(
        Change(path, _as(desk, path, "old"), _as(desk, path, "new")) for path in old
    )
    sources = Sources(
        lambda f: old[f.path], lambda f: now[f.path], lambda f: now[f.path], {}
    )
    tag = Tag.BLOCKS if shape == Shape.BLOCKS else Tag.PATCH
    docs = list(overlay_docs(changes, sources, body, tag))
    texts = [(path, render(doc, desk.style)) for path, doc in docs]
    made = counted(texts, desk.tokenizer)
    return overlay_segment(made, desk.style, desk.tokenizer)


def _as(desk: Desk, path: str, oid: str) -> SourceFile:
    return desk.files[path]._replace(oid=oid)


def _definitions(desk: Desk, path: str, text: str) -> tuple[Symbol, ...]:
    from repoctx.index.outline import outline

    return outline(text, desk.files[path].lang).definitions


def _depths(sheet: Sheet, prefix: Prefix) -> dict[str, float]:
    """The share of the base before the middle of each probe's place."""
    base = next(s for s in prefix.segments if s.kind is SegmentKind.BASE)
    middles = {u.path: (u.offset + u.size / 2) / base.size for u in base.units}
    return {p.id: middles[place(p)] for p in sheet.probes if p.id in sheet.depths}


# --- questions ------------------------------------------------------------------------


def request(desk: Desk, made: Context, ask: Ask, model: str, output: int) -> Request:
    """The request that puts ``ask`` over its context."""
    return Request(
        model=model,
        prefix=made.prefix,
        tail=_retrieved(desk, made, ask) if ask.setting.context == "skeleton" else "",
        question=question(desk, ask),
        mode="probe",
        max_output=output,
        ask=ask.probe.question,
    )


def question(desk: Desk, ask: Ask) -> str:
    """What stands behind the context."""
    own = desk.session.settings.prompts_dir
    edits = ask.probe.scoring is Scoring.TREE
    opening = prompts.load("edit" if edits else "probe", own)
    if edits:
        opening += "\n" + prompts.load("formats/blocks", own) + "\n"
    if ask.setting.anchor == "without":
        rest = opening.removeprefix(ANCHOR)
        opening = rest[:1].upper() + rest[1:]
    if ask.setting.question == "before":
        return (opening + ANSWER_ABOVE) if edits else ANSWER_ABOVE
    return f"{opening}{ask.probe.question}\n"


def _retrieved(desk: Desk, made: Context, ask: Ask) -> str:
    """Whole present files, or pieces of them, that search ranks for the question."""
    files = _indexed(desk, made)
    snapshot = Snapshot(
        tuple(files[path] for path in sorted(files, key=byte_order)), (), ""
    )

    def text(path: str, start: int, end: int) -> str:
        return render(excerpt(path, made.texts[path], start, end), desk.style)

    def tokens(path: str, start: int, end: int) -> int:
        return round(desk.tokenizer.count(text(path, start, end)) * desk.factor)

    room = int(made.sheet.length * RETRIEVED_SHARE)
    offers = offers_for(
        desk.session, snapshot, ask.probe.question, lambda f: made.texts[f.path], tokens
    )
    found = [text(pick.path, pick.start, pick.end) for pick in fill(offers, room)]
    return framed(found, Section.CURRENT, desk.style)


def _indexed(desk: Desk, made: Context) -> dict[str, SourceFile]:
    """The files of a context by path, those with plants under ids of their own, which
    the index knows."""
    from repoctx.index.outline import outline

    files, rows = {}, []
    plants = plants_of(made.sheet)
    for path, text in made.texts.items():
        file = desk.files[path]
        if path in plants:
            data = text.encode("utf-8", "surrogatepass")
            oid = blob_id(data, desk.session.place.object_format)
            file = file._replace(oid=oid, size=len(data))
            facts = BlobFacts(len(data), None, lines=text.count("\n"), chars=len(text))
            found = with_terms(outline(text, file.lang), text)
            rows.append(Row(oid, file.lang, facts, found))
        files[path] = file
    desk.session.store.add(rows)
    return files


def applied(desk: Desk, probe: Probe) -> Callable[[str], Mapping[str, str | None]]:
    """What an answer's edits make of the tree with the probe's plants; nothing when one
    of them does not fit."""
    own: dict[str, list[Plant]] = {}
    for plant in probe.plants:
        own.setdefault(plant.path, []).append(plant)

    def read(path: str) -> bytes | None:
        if path not in desk.files:
            return None
        text = planted(desk.material.text(path), own.get(path, ()))
        return text.encode("utf-8", "surrogateescape")

    def run(answer: str) -> Mapping[str, str | None]:
        shadow = Shadow(Tree(read, paths=tuple(desk.files)))
        for block in blocks(answer):
            shadow.take(block)
        if not shadow.outcomes or not all(o.ok for o in shadow.outcomes):
            return {}
        return {
            change.path: None
            if change.new is None
            else change.new.decode("utf-8", "surrogateescape")
            for change in shadow.patch().changes
        }

    return run
