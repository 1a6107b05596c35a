"""Code actions and commands: fixes, edits and questions, made by the editor itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from repoctx.editor import fields
from repoctx.editor.jobs import Job, Where
from repoctx.editor.lsp_text import covered, path_of, workspace_edit
from repoctx.errors import Interrupted, NotApplied, RepoctxError, UsageError
from repoctx.values import Finding, Patch

if TYPE_CHECKING:
    from repoctx.editor.lsp_server import Root, Server
    from repoctx.flow.apply import Located
    from repoctx.flow.session import Session

ASK, EDIT, FIX, REVIEW = "repoctx.ask", "repoctx.edit", "repoctx.fix", "repoctx.review"

EXPLAIN = "Explain what this does and what relies on it."


Fields = dict[str, Any]


class Failed(JsonRpcException):
    """A command that failed, for a reason that the person can do something about."""

    CODE = -32803  # RequestFailed
    MESSAGE = "Request failed"


def register(server: Server) -> None:
    """Offer the code actions and the commands."""
    kinds = [types.CodeActionKind.QuickFix, types.CodeActionKind.Empty]
    options = types.CodeActionOptions(code_action_kinds=kinds)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return code_actions(server, params)

    @server.command(ASK)
    async def ask(argument: Any) -> Fields:
        return await _told(server, _ask(server, Given(server, argument)))

    @server.command(EDIT)
    async def edit(argument: Any) -> Fields:
        return await _told(server, _edit(server, Given(server, argument)))

    @server.command(FIX)
    async def fix(argument: Any) -> Fields:
        return await _told(server, _fix(server, Given(server, argument)))

    @server.command(REVIEW)
    async def review(argument: Any) -> Fields:
        return await _told(server, _review(server, Given(server, argument)))


async def _told(server: Server, work: Any) -> Fields:
    """What ``work`` gives; why it failed is shown too."""
    try:
        found: Fields = await work
    except Interrupted:
        raise Failed("cancelled") from None
    except RepoctxError as exc:
        server.tell(str(exc), bad=True)
        raise Failed(str(exc), data=fields.error(exc)) from None
    return found


class Given:
    """The one argument of a command, an object: ``uri``, ``range``, and what it asks.

    Raises UsageError, naming what is wrong.
    """

    def __init__(self, server: Server, argument: object) -> None:
        self._server = server
        self._given = argument if isinstance(argument, dict) else {}

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self._given.get(name)
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"the command needs {{uri, range, {name}}}: no {name}")
        return value

    @property
    def shown(self) -> bool:
        """Whether the server shows the answer itself."""
        return self._given.get("show") is not False

    def path(self) -> Path:
        """The document."""
        found = path_of(self.text("uri"))
        if found is None:
            raise UsageError("the document has no file yet: save it first")
        return found

    def root(self) -> Root:
        """Its repository."""
        root = self._server.root_of(self.path())
        if root is None:
            raise UsageError(f"{self.path()} is in no repository of this workspace")
        return root

    def where(self) -> Where:
        """The place: the document, and the lines of the range where there is one."""
        path = self.path()
        start = end = 0
        value = self._given.get("range")
        if value is not None:
            try:
                start, end = covered(
                    types.Range(
                        types.Position(**value["start"]), types.Position(**value["end"])
                    )
                )
            except (TypeError, KeyError, ValueError):
                raise UsageError("range must be {start, end}, positions") from None
        return Where(str(path), start, end, self._server.unsaved(path))


def code_actions(
    server: Server, params: types.CodeActionParams
) -> list[types.CodeAction]:
    """What can be done about the findings in a range, and about the range itself."""
    uri = params.text_document.uri
    path = path_of(uri)
    root = server.root_of(path) if path else None
    if path is None or root is None:
        return []
    found = []
    if _wanted(params, types.CodeActionKind.QuickFix):
        for diagnostic, finding in root.shown.get(_relative(root, path), ()):
            if _touch(diagnostic.range, params.range):
                found += _fixes(uri, diagnostic, finding)
    selected = params.range.start != params.range.end
    if selected and _wanted(params, types.CodeActionKind.Empty):
        place = {"uri": uri, "range": _plain(params.range), "question": EXPLAIN}
        command = types.Command("Explain", ASK, arguments=[place])
        found.append(types.CodeAction("repoctx: explain this", command=command))
    return found


def _fixes(
    uri: str, diagnostic: types.Diagnostic, finding: Finding
) -> list[types.CodeAction]:
    about = [diagnostic]
    kind = types.CodeActionKind.QuickFix
    if finding.fix:
        name = {"uri": uri, "fingerprint": finding.fingerprint}
        title = f"repoctx: fix [{finding.rule}]"
        command = types.Command(title, FIX, arguments=[name])
        return [types.CodeAction(title, kind, about, True, command=command)]
    order = f"Repair this: {finding.message} [{finding.rule}]"
    place = {"uri": uri, "range": _plain(diagnostic.range), "instruction": order}
    title = f"repoctx: let the model fix [{finding.rule}]"
    command = types.Command(title, EDIT, arguments=[place])
    return [types.CodeAction(title, kind, about, command=command)]


async def _ask(server: Server, given: Given) -> Fields:
    question, where, root = given.text("question"), given.where(), given.root()
    chat, done = await server.job(
        root.path, "ask", lambda job: job.ask(question, where)
    )
    if given.shown:
        await _show_answer(server, done.answer.saved, done.answer.text)
    return fields.asked(chat, done)


async def _show_answer(server: Server, saved: Path | None, text: str) -> None:
    """The answer as a document, where the client shows one, else as a message."""
    window = server.client_capabilities.window
    if saved is not None and window and window.show_document:
        params = types.ShowDocumentParams(saved.as_uri(), take_focus=True)
        try:
            if (await server.window_show_document_async(params)).success:
                return
        except JsonRpcException:
            pass
    server.tell(text)


async def _edit(server: Server, given: Given) -> Fields:
    from repoctx.flow.edit import Order

    order, where, root = Order(given.text("instruction")), given.where(), given.root()
    done = await server.job(root.path, "edit", lambda job: job.edit(order, where))
    if not done.located.patch.changes:
        raise NotApplied("the answer holds no edit: " + done.answers[-1].text[:500])
    applied = await _made(server, root, done.located.patch, order.title)
    return fields.edited(done) | {"applied": applied}


async def _fix(server: Server, given: Given) -> Fields:
    from repoctx.flow.apply import edits_of, locate
    from repoctx.flow.pending import Round

    root, name = given.root(), given.text("fingerprint")
    found = root.shown.get(_relative(root, given.path()), [])
    fix = next((f.fix for _, f in found if f.fingerprint == name and f.fix), "")
    if not fix:
        raise UsageError("there is no such fix any more: save, and look again")

    def work(job: Job) -> Located:
        def located(session: Session) -> Located:
            return locate(session, edits_of([Round((fix,))]))

        return job.run(located)

    done = await server.job(root.path, "fix", work)
    if not done.report.ok:
        raise NotApplied("the fix does not fit any more")
    applied = await _made(server, root, done.patch, "fix")
    return fields.located(done) | {"applied": applied}


async def _review(server: Server, given: Given) -> Fields:
    """Review now, with the model: somebody asked."""
    return {"findings": await server.review(given.root(), with_model=True)}


async def _made(server: Server, root: Root, patch: Patch, title: str) -> bool:
    """Have the editor make ``patch``; whether it did."""
    edit = workspace_edit(root.path, patch, server.editor)
    params = types.ApplyWorkspaceEditParams(edit, label=f"repoctx: {title}")
    answer = await server.workspace_apply_edit_async(params)
    if not answer.applied:
        server.tell(f"the editor did not make it: {answer.failure_reason}", bad=True)
    return bool(answer.applied)


def _relative(root: Root, path: Path) -> str:
    return (
        path.relative_to(root.path).as_posix() if path.is_relative_to(root.path) else ""
    )


def _wanted(params: types.CodeActionParams, kind: types.CodeActionKind) -> bool:
    only = params.context.only
    return not only or kind in only


def _touch(one: types.Range, other: types.Range) -> bool:
    return one.start.line <= other.end.line and other.start.line <= one.end.line


def _plain(range_: types.Range) -> Fields:
    return {
        "start": {"line": range_.start.line, "character": range_.start.character},
        "end": {"line": range_.end.line, "character": range_.end.character},
    }
