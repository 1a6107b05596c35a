"""An answer as it comes and as it ended: streamed, its quotes looked up, its cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from repoctx.cli.job import Job
from repoctx.cli.terminal import link, plain, quoted
from repoctx.errors import (
    BudgetExceeded,
    CutAnswer,
    Interrupted,
    ProviderError,
    RepoctxError,
)
from repoctx.values import Answer, Citation, Stop

if TYPE_CHECKING:
    from repoctx.flow.ask import Asked, Question
    from repoctx.flow.chats import Chat


def answer(here: Job, chat: Chat, question: Question, door: str) -> tuple[Chat, Asked]:
    """Ask within ``chat``, show the answer as it comes and then what it rests on; the
    conversation with it.

    Raises Interrupted, BudgetExceeded or ProviderError for an answer that was not
    ended, and what asking raises.
    """
    from repoctx.flow.chat import say

    try:
        chat, asked = say(here.session, chat, question, _streaming(here), door)
    except CutAnswer as exc:
        here.out.write("\n")
        here.out.fields["answer"] = exc.text
        raise
    here.out.fields["model"] = asked.model.name
    here.out.fields["conversation"] = chat.id
    here.out.fields["rounds"] = asked.answer.rounds
    _context(here, asked)
    _report(here, asked.answer, here.colours)
    _used(here, asked)
    return chat, asked


def unended(answer: Answer) -> RepoctxError | None:
    """What an answer's stop says went wrong; None when it was ended."""
    kept = f"; what came is in {answer.saved}" if answer.saved else ""
    match answer.stop:
        case Stop.CANCELLED:
            return Interrupted("interrupted")
        case Stop.LENGTH | Stop.CONTINUE:
            return BudgetExceeded(f"the answer was cut at its limit{kept}")
        case Stop.REFUSAL:
            return ProviderError(f"the model refused to answer{kept}")
        case Stop.FILTER:
            return ProviderError(
                f"the provider's content filter ended the answer{kept}"
            )
    return None


def _context(here: Job, asked: Asked) -> None:
    prompt = asked.prompt
    shape = prompt.packed.shape if prompt.packed else {}
    count = asked.model.scale.of(prompt.request.prefix.count)
    here.out.context(len(prompt.now.files), count, bool(shape))


def _streaming(here: Job) -> Callable[[str], None]:
    terminal = sys.stdout.isatty()

    def show(piece: str) -> None:
        here.out.event("text", text=piece)
        here.out.write(plain(piece) if terminal else piece)
        if here.out.text:
            sys.stdout.flush()

    return show


def _report(here: Job, answer: Answer, rich: bool) -> None:
    """Say where the quotes stand, what was used, and how the answer ended."""
    out = here.out
    out.write("" if answer.text.endswith("\n") else "\n")
    out.fields["answer"] = answer.text
    out.fields["citations"] = [_fields(c) for c in answer.citations]
    out.used(answer.usage)
    out.write(_sources(answer.citations, here.session.place.root, rich))


def _used(here: Job, asked: Asked) -> None:
    """Note the tokens and the cost, and what it would have been without a cache."""
    from repoctx.flow.price import without_cache

    usage = asked.answer.usage
    if not usage.input:
        return
    answer = asked.answer
    rounds = f", in {answer.rounds} rounds" if answer.rounds > 1 else ""
    written = f" ({usage.cache_write:,} written)" if usage.cache_write else ""
    cost = ""
    if usage.cost is not None:
        cost = f", ${usage.cost:.4f}"
        whole = without_cache(asked.model, usage, time.time())
        here.out.fields["cost_without_cache_usd"] = whole
        if whole and usage.cached:
            cost += f" (${whole:.4f} without a cache)"
    here.session.notes.append(
        f"{asked.model.name}: {usage.input:,} tokens in, "
        f"{usage.cached / usage.input:.1%} of them cached{written}, "
        f"{usage.output:,} out{rounds}{cost}"
    )


def _fields(citation: Citation) -> dict[str, object]:
    return {
        "path": citation.path,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "verified": citation.verified,
    }


def _sources(citations: tuple[Citation, ...], root: Path, rich: bool) -> str:
    """Where the answer's quotes stand, in the order in which they were quoted."""
    places: dict[str, str] = {}
    for one in citations:
        if one.verified:
            span = f"-{one.end}" if one.end > one.start else ""
            place = f"{quoted(one.path)}:{one.start}{span}"
            shown = link(place, root / one.path, one.start) if rich else place
            places.setdefault(place, shown)
    lost = sum(not one.verified for one in citations)
    text = (
        "\nSources:\n" + "".join(f"  {p}\n" for p in places.values()) if places else ""
    )
    if lost:
        text += (
            f"\nUnverified: {lost} quoted passage(s) are nowhere in this repository.\n"
        )
    return text
