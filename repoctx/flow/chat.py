"""The job of conversing: every question stands after all that was said before it.

What was sent once is sent again byte for byte, so that the cache serves the whole
conversation. Files that change meanwhile are shown anew, with the next question.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import repoctx_prompts as prompts

from repoctx.errors import BudgetExceeded, CutAnswer, StorageError, UsageError
from repoctx.flow.ask import (
    DEFAULT_OUTPUT,
    Asked,
    Prompt,
    Question,
    answered,
    in_memory,
    prompt_for,
)
from repoctx.flow.chats import Chat, Exchange, find_chat, new_chat, save_chat
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.pack import Packed
from repoctx.flow.packing import pack_for, room_for
from repoctx.flow.prefix import Shelf, make_prefix, stored_base, text_segment
from repoctx.flow.search import reading
from repoctx.flow.session import Session, something_in
from repoctx.flow.tail import framed, pieces
from repoctx.pack.base import file_doc
from repoctx.pack.overlay import present
from repoctx.pack.render import Doc, Section, Style, Tag, render
from repoctx.protocols import Tokenizer
from repoctx.values import (
    Answer,
    Prefix,
    Request,
    SegmentKind,
    Snapshot,
    Turn,
    Usage,
    byte_order,
)

MOST_NEWS = 0.5
"""Of the prefix: where more has changed, the conversation gets a new prefix."""


@dataclass(frozen=True, slots=True)
class Next:
    """A prompt, the conversation that it goes on, and what its last message holds."""

    prompt: Prompt
    chat: Chat
    turn: tuple[Turn, ...]
    shown: Mapping[str, str]


def chosen(session: Session, last: bool = False, name: str = "") -> Chat:
    """The conversation to go on with: the one whose id begins with ``name``, the last,
    or a new one. Unless a flag names another, it goes on with its own model.

    Raises UsageError when it is not to be found.
    """
    chat = find_chat(session.state, name) if last or name else new_chat()
    if chat.model and session.loaded.origins["model"] != "--model":
        use_model(session, chat.model)
    return chat


def use_model(session: Session, name: str) -> None:
    """Ask the model ``name`` from now on, whatever the settings say."""
    settings = replace(session.settings, model=name)
    session.loaded = replace(session.loaded, settings=settings)


def say(
    session: Session,
    chat: Chat,
    question: Question,
    on_text: Callable[[str], None],
    door: str = "chat",
) -> tuple[Chat, Asked]:
    """Ask within ``chat``, and stream the answer into ``on_text``; the conversation
    with the answer, which is kept.

    A cut or cancelled answer stays in the conversation as far as it came. Raises as
    `repoctx.flow.ask.ask` does.
    """
    if not question.text.strip():
        raise UsageError("the question is empty")
    model = choose_model(session, learn=True)
    following = next_prompt(session, model, chat, question)
    try:
        asked = answered(session, model, following.prompt, on_text, door)
    except CutAnswer as exc:
        if exc.text:
            turns = (Turn("assistant", exc.text),)
            saved = exc.saved.name if exc.saved else ""
            keep_exchange(session, model, following, question, (turns, Usage(), saved))
        raise
    answer = asked.answer
    if not answer.text:  # No provider takes back a message that says nothing.
        return chat, asked
    saved = answer.saved.name if answer.saved else ""
    came = (_said(answer), answer.usage, saved)
    return keep_exchange(session, model, following, question, came), asked


def _said(answer: Answer) -> tuple[Turn, ...]:
    return answer.turns or (Turn("assistant", answer.text, answer.raw),)


def keep_exchange(
    session: Session,
    model: Model,
    following: Next,
    question: Question,
    came: tuple[tuple[Turn, ...], Usage, str],
) -> Chat:
    """The conversation with what ``came``: messages, usage, the answer's file. It is
    saved; what hinders that is noted."""
    turns, usage, saved = came
    asked = question.query or question.text
    exchange = Exchange(asked, (*following.turn, *turns), following.shown, usage, saved)
    chat = replace(
        following.chat,
        time=time.time(),
        model=model.name,
        exchanges=(*following.chat.exchanges, exchange),
    )
    try:
        save_chat(session.state, chat)
    except StorageError as exc:  # The answer is worth more than our note of it.
        session.notes.append(str(exc))
    return chat


def next_prompt(session: Session, model: Model, chat: Chat, question: Question) -> Next:
    """The prompt for ``question`` after all that was said in ``chat``."""
    if not chat.exchanges:
        return _begun(session, model, chat, question)
    if model.able.reads_context and model.name == chat.model:
        found = _following(session, model, chat, question)
        if found is not None:
            return found
        session.notes.append("the files are shown anew: the cache holds none of this")
    return _begun(session, model, chat, question)


def _begun(session: Session, model: Model, chat: Chat, question: Question) -> Next:
    """The conversation on a prefix of its own, of the files as they are now; what was
    said before, in its own words alone."""
    prompt = prompt_for(session, model, question)
    plain = tuple(_plain(one) for one in chat.exchanges)
    request, packed = prompt.request, prompt.packed
    turn: tuple[Turn, ...] = ()
    if plain:
        plain = (replace(plain[0], turns=plain[0].turns[1:]), *plain[1:])
        opening = prompts.load("ask", session.settings.prompts_dir)
        first = f"{opening}{plain[0].asked}\n"
        turn = (Turn("user", _asking(session, first, question)),)
        turns = (*(t for one in plain for t in one.turns), *turn)
        request = replace(request, question=first, turns=turns)
        prompt = replace(prompt, request=request)
    overlays = [
        (s.text or b"").decode()
        for s in request.prefix.segments
        if s.kind is SegmentKind.OVERLAY
    ]
    begun = Chat(
        id=chat.id,
        digest=request.prefix.digest,
        base=packed.name if packed else "",
        key=packed.key if packed else "",
        overlay="".join(overlays),
        marks=request.prefix.marks,
        tail=request.tail,
        question=request.question,
        shown=differing(_ids(packed.base), _ids(packed.now)) if packed else {},
        exchanges=plain,
    )
    return Next(prompt, begun, turn, {})


def _plain(one: Exchange) -> Exchange:
    turns = (Turn("user", f"{one.asked}\n"), Turn("assistant", one.text))
    return Exchange(one.asked, turns, {}, one.usage, one.saved)


def _asking(session: Session, first: str, question: Question) -> str:
    """A later message's question, opened by what says how to answer it: no more than a
    word where the ``first`` message has said it."""
    own = session.settings.prompts_dir
    opening = prompts.load(question.mode, own)
    if question.mode == "ask" and first.startswith(opening):
        opening = prompts.load("turn", own)
    return f"{opening}{question.text}\n"


def _following(
    session: Session, model: Model, chat: Chat, question: Question
) -> Next | None:
    """The next question on the conversation's own prefix; None when that is not to be
    had any more, or too much has changed since. Raises BudgetExceeded."""
    packed = pack_for(session, model)
    something_in(session, packed.now)
    counter = tokenizer_for(session, model)
    restored = _restored(session, packed, chat, counter)
    if restored is None:
        return None
    prefix, base = restored
    changed = differing(_ids(base) | chat.seen, _ids(packed.now))
    news, shown = _news(session, packed, chat, changed)
    said = [chat.tail, chat.question, *(turn.text for turn in chat.turns)]
    used = prefix.count.tokens + sum(counter.count_many(said))
    asking = _asking(session, chat.question, question)
    more = counter.count(news)
    if more > prefix.count.tokens * MOST_NEWS:
        return None
    limit = room_for(session, model, counter.exact, packed.factor).tokens
    room = limit - used - more - counter.count(asking) if limit else 0
    if limit and room <= 0:
        raise BudgetExceeded(
            f"the conversation needs {limit - room:,} tokens of {limit:,}: begin a new "
            "one, or raise --budget"
        )
    query = question.query or question.text
    found = pieces(session, packed, query, question.material, room, counter)
    fresh = [piece for piece in found if not any(piece in text for text in said)]
    style = Style(session.settings.style)
    beside = framed(fresh, Section.CURRENT, style)
    turn = (Turn("user", f"{news}{beside}{asking}"),)
    request = Request(
        model=model.choice.model,
        prefix=in_memory(prefix),
        tail=chat.tail,
        question=chat.question,
        max_output=model.able.output or DEFAULT_OUTPUT,
        ask=question.text,
        mode=question.mode,
        turns=(*chat.turns, *turn),
    )
    sent = replace(packed, prefix=prefix, base=base, name=chat.base, key=chat.key)
    return Next(Prompt(request, packed.now, sent), chat, turn, shown)


def _restored(
    session: Session, packed: Packed, chat: Chat, counter: Tokenizer
) -> tuple[Prefix, Snapshot] | None:
    """The conversation's prefix, byte for byte, and the tree that its base shows."""
    first, segment = packed.prefix.segments[:2]
    base = packed.base
    if packed.key != chat.key:
        style = Style(session.settings.style)
        shelf = Shelf(session.state, style, counter, session.progress)
        kept = stored_base(shelf, chat.key) if chat.key else None
        if kept is None:
            return None
        segment, base = kept.segment, kept.snapshot
    segments = [first, segment]
    if chat.overlay:
        segments.append(text_segment(SegmentKind.OVERLAY, chat.overlay, counter))
    prefix = make_prefix(segments)
    if prefix.digest != chat.digest:
        return None
    return replace(prefix, marks=chat.marks), base


def _news(
    session: Session, packed: Packed, chat: Chat, shown: Mapping[str, str]
) -> tuple[str, Mapping[str, str]]:
    """What says how the files of ``shown`` are now, and those that it says it of.

    A change is told against the base, like the overlay's, so that it needs nothing that
    was told before.
    """
    if not shown:
        return "", shown
    style = Style(session.settings.style)
    same = packed.key == chat.key
    units = _units(packed.prefix) if same else {}
    changed = {change.path for change in packed.changes} if same else set()
    hidden = changed | set(packed.shape)
    parts, told = [], dict(shown)
    with reading(session, packed.now) as read:
        files = present(packed.now)
        for path in sorted(shown, key=byte_order):
            if path in units:
                parts.append(units[path])
            elif not shown[path]:
                parts.append(render(Doc(Tag.DELETED, (("path", path),)), style))
            elif path not in hidden:
                try:
                    parts.append(render(file_doc(path, read(files[path])), style))
                except KeyError:  # It changes right now: the next question shows it.
                    del told[path]
    news = framed(parts, Section.CHANGES, style)
    words = prompts.load("changed", session.settings.prompts_dir) if news else ""
    return words + news, told


def _units(prefix: Prefix) -> dict[str, str]:
    """The overlay's documents by path."""
    found: dict[str, str] = {}
    for segment in prefix.segments:
        if segment.kind is SegmentKind.OVERLAY and segment.text is not None:
            for unit in segment.units:
                data = segment.text[unit.offset : unit.offset + unit.size]
                found[unit.path] = data.decode()
    found.pop("", None)
    return found


def _ids(snapshot: Snapshot) -> dict[str, str]:
    return {path: file.oid for path, file in present(snapshot).items()}


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """The paths whose ids differ, with the later id ("": gone)."""
    paths = before.keys() | after.keys()
    return {
        path: after.get(path, "")
        for path in sorted(paths, key=byte_order)
        if before.get(path, "") != after.get(path, "")
    }
