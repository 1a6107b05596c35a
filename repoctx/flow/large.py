"""A large change: planned once, then made in batches of files over one prefix.

The plan is kept under what was asked, so that a run that ended early goes on with the
same batches, of which those that were finished are not asked for again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import repoctx_prompts as prompts

from repoctx.errors import NotApplied, StorageError
from repoctx.flow.ask import Prompt, Question, prompt_over
from repoctx.flow.model import Model
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.state import forget_old, read_json, write_json
from repoctx.parse.plan import Plan, plan
from repoctx.values import Request

if TYPE_CHECKING:
    from repoctx.flow.edit import Order, Watch

BATCH = 8
"""Files of one part."""
KEPT = 20
"""Plans that are kept."""
DOOR = "edit"


def batches(
    session: Session,
    model: Model,
    prompt: Prompt,
    order: Order,
    watch: Watch,
) -> Sequence[Request]:
    """The requests that make the change, each for some files of the plan.

    Raises NotApplied when the model gives no plan, and what sending raises.
    """
    made = _plan(session, model, prompt, order)
    parts = [made.files[at : at + BATCH] for at in range(0, len(made.files), BATCH)]
    watch.plan(made.files)
    watch.step(f"{len(made.files)} file(s) to change, in {len(parts)} part(s)")
    return [
        _part(session, model, prompt, order, _told(made, part, at, len(parts)))
        for at, part in enumerate(parts, 1)
    ]


def _plan(session: Session, model: Model, prompt: Prompt, order: Order) -> Plan:
    opening = prompts.load("plan", session.settings.prompts_dir)
    request = replace(prompt.request, question=f"{opening}{order.text}\n")
    asked = (model.name, request.prefix.digest, request.tail, request.question)
    key = hashlib.sha256(repr(asked).encode("utf-8", "surrogatepass")).hexdigest()
    note = session.state.folder / "plans" / f"{key[:40]}.json"
    kept = read_json(note)
    text = kept.get("plan") if isinstance(kept, dict) else None
    if not isinstance(text, str):
        answer = send(session, model, request, prompt.packed, lambda _: None, DOOR)
        text = answer.text
    found = plan(text)
    if found is None:
        raise NotApplied(
            "the model gave no plan: nothing was changed (repoctx log --last says "
            "where its answer is)"
        )
    try:
        write_json(note, {"plan": text})
        forget_old(note.parent, "*.json", KEPT)
    except StorageError as exc:
        session.notes.append(str(exc))
    return found


def _told(made: Plan, part: Sequence[tuple[str, str]], at: int, of: int) -> str:
    """What one part is told of the plan and of its own files."""
    mine = {path for path, _ in part}
    others = [path for path, _ in made.files if path not in mine]
    lines = [f"This is part {at} of {of} of the change. Change these files only:", ""]
    lines += [f"- {path}{': ' + what if what else ''}" for path, what in part]
    if made.agreed:
        lines += ["", f"All parts agree on this: {made.agreed}"]
    if others:
        shown = ", ".join(others[:100]) + (", ..." if len(others) > 100 else "")
        lines += ["", f"Other parts change, at the same time: {shown}"]
    return "\n".join(lines) + "\n"


def _part(
    session: Session, model: Model, prompt: Prompt, order: Order, told: str
) -> Request:
    from repoctx.flow.edit import question

    whole = question(session, order)
    text = f"{whole.text}\n\n{told}"
    asked = Question(text, whole.material, whole.mode, f"{order.text}\n{told}")
    assert prompt.packed is not None  # noqa: S101 - an editor reads a context
    prefix = prompt.request.prefix
    return prompt_over(session, model, prompt.packed, asked, prefix).request
