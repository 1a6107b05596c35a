"""The methods of `repoctx serve`: parameters in, one job, plain data out.

PROTOCOL.md gives each with its parameters and its result.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repoctx.editor import fields
from repoctx.editor.jobs import Job, Where
from repoctx.errors import NotApplied, UsageError

if TYPE_CHECKING:
    from repoctx.flow.apply import Edits, Rules
    from repoctx.flow.sides import Subject
    from repoctx.flow.tail import Material

PROPOSALS = 50
"""Edits that can be applied later, the newest."""

SETTINGS = frozenset(
    {
        *("model", "budget", "max_cost", "include", "exclude", "base", "style"),
        *("overlay", "strict", "rounds", "effort", "verbosity", "past_cliff"),
        *("timeout", "window", "lint_cmd", "test_cmd"),
    }
)
"""What a client may set, for all requests or for one."""

Fields = dict[str, Any]


class Given:
    """The parameters of one request. What is missing or of another kind is a
    UsageError that names it."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def only(self, *names: str) -> None:
        """Refuse parameters that the method does not have."""
        if unknown := sorted(self._params.keys() - {*names, "settings"}):
            known = ", ".join(names) or "none"
            raise UsageError(
                f"unknown parameter {unknown[0][:60]!r}: there are {known}"
            )

    def text(self, name: str, usual: str | None = "") -> str:
        """A text; without ``usual`` it must be there."""
        value = self._params.get(name, usual)
        if not isinstance(value, str):
            raise UsageError(f"{name} must be a text")
        return value

    def number(self, name: str, usual: int = 0) -> int:
        """A whole number that is not negative."""
        value = self._params.get(name, usual)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UsageError(f"{name} must be a whole number from 0 on")
        return value

    def flag(self, name: str, usual: bool = False) -> bool:
        """true or false."""
        value = self._params.get(name, usual)
        if not isinstance(value, bool):
            raise UsageError(f"{name} must be true or false")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._params.get(name, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise UsageError(f"{name} must be a list of texts")
        return value

    def settings(self) -> Fields:
        """Settings for this request. Raises UsageError."""
        value = self._params.get("settings", {})
        if not isinstance(value, dict):
            raise UsageError("settings must be an object")
        if unknown := sorted(value.keys() - SETTINGS):
            known = ", ".join(sorted(SETTINGS))
            raise UsageError(f"settings: {unknown[0][:60]!r} is none of {known}")
        return value

    def where(self) -> Where | None:
        """The place that the request is about."""
        path = self.text("path")
        if not path:
            if lost := self._params.keys() & {"line", "end_line", "text"}:
                raise UsageError(f"{min(lost)} needs path")
            return None
        unsaved = self.text("text") if "text" in self._params else None
        return Where(path, self.number("line"), self.number("end_line"), unsaved)

    def material(self) -> Material:
        """Texts beside the question: a list of {name, text}."""
        from repoctx.flow.tail import Material

        value = self._params.get("context", [])
        rows: list[Any] = value if isinstance(value, list) else [None]
        if not all(isinstance(row, dict) for row in rows):
            raise UsageError("context must be a list of {name, text}")
        pairs = [
            (Given(row).text("name", None), Given(row).text("text")) for row in rows
        ]
        return Material(tuple(pairs), self.flag("tree"))

    def rules(self) -> Rules:
        """What an edit is let through."""
        from repoctx.flow.apply import Rules

        return Rules(self.flag("force"), self.flag("allow_ignored"))


@dataclass(slots=True)
class Proposals:
    """Edits that were shown and not applied, by the id that they can be applied under;
    for many threads."""

    _edits: OrderedDict[str, tuple[Edits, Rules]] = field(default_factory=OrderedDict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, edits: Edits, rules: Rules) -> str:
        """Keep ``edits``; their id."""
        with self._lock:
            self._count += 1
            name = f"edit-{self._count}"
            self._edits[name] = edits, rules
            while len(self._edits) > PROPOSALS:
                self._edits.popitem(last=False)
        return name

    def find(self, name: str) -> tuple[Edits, Rules]:
        """The edits. Raises UsageError."""
        with self._lock:
            if name not in self._edits:
                raise UsageError(f"there is no edit {name[:60]!r} that can be applied")
            return self._edits[name]

    def drop(self, name: str) -> None:
        """Forget edits: they are applied."""
        with self._lock:
            self._edits.pop(name, None)


def ask(job: Job, given: Given, _: Proposals) -> Fields:
    """An answer about the whole repository, streamed as tokens."""
    given.only(
        *("question", "path", "line", "end_line", "text"),
        *("context", "tree", "conversation"),
    )
    chat, done = job.ask(
        given.text("question", None),
        given.where(),
        given.material(),
        given.text("conversation"),
    )
    return fields.asked(chat, done)


def edit(job: Job, given: Given, proposals: Proposals) -> Fields:
    """A change, made and placed but not applied."""
    from repoctx.flow.edit import REPAIRS, Order

    given.only(
        *("instruction", "path", "line", "end_line", "text"),
        *("context", "tree", "repairs", "force", "allow_ignored"),
    )
    rules = given.rules()
    repairs = given.number("repairs", REPAIRS)
    order = Order(given.text("instruction", None), given.material(), rules, repairs)
    done = job.edit(order, given.where())
    found = fields.edited(done)
    fits = bool(found["changes"])
    return {"id": proposals.keep(done.edits, rules) if fits else None, **found}


def apply(job: Job, given: Given, proposals: Proposals) -> Fields:
    """Apply a change that `edit` showed, or the edits in any answer: all or nothing.

    Raises NotApplied when anything does not fit.
    """
    from repoctx.flow.apply import edits_of
    from repoctx.flow.pending import Round

    given.only("id", "answer", "force", "allow_ignored")
    name, answer = given.text("id"), given.text("answer")
    if bool(name) == bool(answer):
        raise UsageError("apply takes the id of an edit, or an answer")
    if name:
        edits, rules = proposals.find(name)
    else:
        edits, rules = edits_of([Round((answer,))], "an editor's answer"), given.rules()
    done = job.apply(edits, rules=rules)
    if done.record is None:
        report = done.located.report
        failed = [one for one in done.ran if not one.ok]
        why = f"{failed[0].name} fails" if failed else "not everything fits"
        raise Unapplied(
            f"{why}; nothing was changed",
            {
                "report": report.data(),
                "repair": failed[0].output if failed else report.text(),
            },
        )
    proposals.drop(name)
    return fields.applied(done)


class Unapplied(NotApplied):
    """Edits were not applied; ``data`` says which and why."""

    def __init__(self, message: str, data: Fields) -> None:
        super().__init__(message)
        self.data = data


def undo(job: Job, given: Given, _: Proposals) -> Fields:
    """Take back the last apply, or the one named; or make it again."""
    given.only("journal", "redo")
    return fields.record(job.undo(given.text("journal"), given.flag("redo")))


def review(job: Job, given: Given, _: Proposals) -> Fields:
    """What is wrong with a change; a model is asked only where ``model`` is true."""
    from repoctx.flow.review import Options, rules_named

    given.only("scope", "rev", "until", "patch", "rules", "baseline", "model")
    rules = rules_named(given.texts("rules"))
    options = Options(rules, given.flag("baseline", True), given.flag("model"))
    return fields.reviewed(job.review(_subject(given), options))


def _subject(given: Given) -> Subject:
    from repoctx.flow.sides import Scope, Subject

    scope = given.text("scope", "uncommitted")
    if scope not in set(Scope):
        raise UsageError(f"scope must be one of {', '.join(Scope)}")
    subject = Subject(
        Scope(scope), given.text("rev"), given.text("until"), None, given.text("patch")
    )
    if subject.scope in (Scope.BRANCH, Scope.COMMIT, Scope.RANGE) and not subject.rev:
        raise UsageError(f"scope {scope} needs rev")
    return subject


def search(job: Job, given: Given, _: Proposals) -> Fields:
    """Definitions and passages that match, best first."""
    given.only("query", "limit")
    return fields.searched(
        job.search(given.text("query", None), given.number("limit", 16))
    )


def status(job: Job, given: Given, _: Proposals) -> Fields:
    """What is in the context, and what was left out."""
    given.only()
    return fields.status(*job.status())


METHODS: Mapping[str, Callable[[Job, Given, Proposals], Fields]] = {
    "ask": ask,
    "edit": edit,
    "apply": apply,
    "undo": undo,
    "review": review,
    "search": search,
    "status": status,
}
"""Each method that is a job."""
