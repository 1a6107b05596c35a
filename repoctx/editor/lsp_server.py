"""The language server: documents in, diagnostics, code actions and edits out."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from repoctx import __version__
from repoctx.editor import lsp_commands
from repoctx.editor.jobs import Hear, Job
from repoctx.editor.lsp_text import Editor, lines_of, path_of, span
from repoctx.editor.lsp_work import Bar, in_thread
from repoctx.editor.methods import SETTINGS
from repoctx.errors import RepoctxError, UsageError
from repoctx.values import Finding, Severity, Spot

T = TypeVar("T")

SEVERITY = {
    Severity.CRITICAL: types.DiagnosticSeverity.Error,
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
AT_ONCE = 4
"""Jobs that run at once."""


class Protocol(LanguageServerProtocol):
    """A request that is cancelled ends its job too."""

    def _handle_cancel_notification(self, msg_id: int | str) -> None:
        if isinstance(self._server, Server):
            self._server.cancel(msg_id)
        super()._handle_cancel_notification(msg_id)


@dataclass(slots=True)
class Root:
    """One repository: what is shown of it, and whether it is being reviewed (again, if
    something was saved meanwhile)."""

    path: Path
    shown: dict[str, list[tuple[types.Diagnostic, Finding]]] = field(
        default_factory=dict
    )
    running: bool = False
    again: bool = False


class Server(LanguageServer):
    """The server's state. ``flags`` are settings for every job; ``with_model``: reviews
    ask the model too. ``code`` is the exit status."""

    def __init__(self, flags: Mapping[str, Any], with_model: bool) -> None:
        super().__init__("repoctx", __version__, protocol_cls=Protocol)
        self.flags = dict(flags)
        self.with_model = with_model
        self.code = 0
        self.roots: dict[Path, Root] = {}
        self._where: dict[Path, Root | None] = {}
        self._jobs: dict[Job, int | str | None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._free = asyncio.Semaphore(AT_ONCE)
        _register(self)

    # --- settings, ends -------------------------------------------------------------

    def settle(self, options: object) -> None:
        """Take the client's initialization options; what is wrong with them is told."""
        given = options if isinstance(options, dict) else {}
        settings = given.get("settings", {})
        if not isinstance(settings, dict) or settings.keys() - SETTINGS:
            self.tell("initializationOptions.settings: there are " + _names(), True)
        else:
            self.flags |= settings
        if given.get("review_with_model") is True:
            self.with_model = True

    def log(self, text: str) -> None:
        """A line for the client's log."""
        params = types.LogMessageParams(types.MessageType.Warning, f"repoctx: {text}")
        self.window_log_message(params)

    def tell(self, text: str, bad: bool = False) -> None:
        """A line for the person."""
        kind = types.MessageType.Error if bad else types.MessageType.Info
        clean = f"repoctx: {text}".encode("utf-8", "replace").decode()
        self.window_show_message(types.ShowMessageParams(kind, clean))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """What goes wrong on the way is for the log, not for a pop-up."""
        self.log(" ".join(str(error).split())[:300])

    def refuse(self, body: bytes, exc: Exception) -> None:
        """Answer a message that is none, where it has an id."""
        key = None
        with suppress(ValueError, RecursionError, AttributeError):
            message = json.loads(body)
            key = message.get("id") if "method" in message else None
        if isinstance(key, str | int):
            error = exc if isinstance(exc, JsonRpcException) else JsonRpcInternalError()
            self.protocol._send_response(key, error=error.to_response_error())
        else:
            self.log(f"a message was not understood: {type(exc).__name__}")

    def cancel(self, key: int | str) -> None:
        """End the job of a request."""
        for job, of in list(self._jobs.items()):
            if of == key:
                job.cancel()

    async def finish(self, patience: float) -> None:
        """Cancel all jobs, and wait ``patience`` seconds for their ends."""
        for job in list(self._jobs):
            job.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)

    # --- jobs ------------------------------------------------------------------------

    async def job(
        self,
        root: Path,
        title: str,
        work: Callable[[Job], T],
        token: int | str | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> T:
        """What ``work`` gives, done in a thread, with progress that can be cancelled.

        Raises what a `Job` raises.
        """
        job = Job(root, self.flags | dict(flags or {}))
        bar = Bar(self, job, title, token)
        job.hear = Hear(progress=bar.progress, step=lambda t: bar.progress(t, 0, 0))
        self._jobs[job] = self.protocol.msg_id
        try:
            async with self._free:
                await bar.begin()
                return await in_thread(lambda: work(job))
        except asyncio.CancelledError:
            job.cancel()
            raise
        finally:
            self._jobs.pop(job, None)
            bar.end()

    def start(self, task: Awaitable[Any]) -> None:
        """Run ``task`` beside everything else."""
        made = asyncio.ensure_future(task)
        self._tasks.add(made)
        made.add_done_callback(self._tasks.discard)

    # --- where documents are ---------------------------------------------------------

    def root_of(self, path: Path) -> Root | None:
        """The repository that a document belongs to; None for one outside of the
        workspace, or of any repository."""
        folders = [path_of(uri) for uri in self.workspace.folders]
        if not folders and self.workspace.root_path:
            folders = [Path(self.workspace.root_path)]
        above = [f for f in folders if f is not None and path.is_relative_to(f)]
        if not above and folders:
            return None
        start = max(above, key=lambda f: len(f.parts)) if above else path.parent
        if start not in self._where:
            self._where[start] = self._discovered(start)
        return self._where[start]

    def _discovered(self, start: Path) -> Root | None:
        from repoctx.scan import discover

        try:
            place = discover(start)
        except RepoctxError:
            return None
        if not place.git:
            return None
        # As the editor spells it: its diagnostics go by that.
        real = Path(os.path.realpath(start))
        inner = real.relative_to(place.root) if real.is_relative_to(place.root) else ""
        top = start
        for _ in Path(inner).parts:
            top = top.parent
        if Path(os.path.realpath(top)) != place.root:
            top = place.root
        return self.roots.setdefault(top, Root(top))

    def text_at(self, path: Path) -> str:
        """What the editor, else the file, has; empty when there is none."""
        held = self.held(path)
        if held is not None:
            return held[1]
        from repoctx.scan import Binary, decode

        try:
            data = path.read_bytes() if path.is_file() else b""
            return data.decode(decode(data)[1]).removeprefix("\ufeff")
        except (OSError, Binary):
            return ""

    def held(self, path: Path) -> tuple[int | None, str] | None:
        """Version and text of an open document."""
        for uri, document in self.workspace.text_documents.items():
            if path_of(uri) == path:
                return document.version, document.source
        return None

    def unsaved(self, path: Path) -> str | None:
        """An open document's text, where it is not the file's."""
        held = self.held(path)
        if held is None:
            return None
        try:
            data = path.read_bytes()
        except OSError:
            return held[1]
        typed = held[1].encode("utf-8", "replace")
        return None if typed in (data, data.replace(b"\r\n", b"\n")) else held[1]

    @property
    def editor(self) -> Editor:
        """What the client can do and holds."""
        units = self.workspace.position_codec.client_num_units
        return Editor(units, self.held, self.client_capabilities)

    # --- diagnostics -----------------------------------------------------------------

    def look(self, uri: str) -> None:
        """Review the repository of a document soon; one review at a time, and another
        one after it when something was saved meanwhile."""
        path = path_of(uri)
        root = self.root_of(path) if path else None
        if root is None:
            return
        if root.running:
            root.again = True
            return
        root.running = True
        self.start(self._review_until_quiet(root))

    async def _review_until_quiet(self, root: Root) -> None:
        try:
            root.again = True
            while root.again:
                root.again = False
                await self.review(root, self.with_model)
        finally:
            root.running = False

    async def review(
        self, root: Root, with_model: bool, token: int | str | None = None
    ) -> int:
        """Review what is not committed and show the findings; how many there are."""
        from repoctx.flow.review import Options
        from repoctx.flow.sides import Scope, Subject

        subject, options = Subject(Scope.UNCOMMITTED), Options(model=with_model)
        try:
            done = await self.job(
                root.path, "review", lambda job: job.review(subject, options), token
            )
        except UsageError as exc:
            self.log(str(exc))
            return 0
        except RepoctxError as exc:
            self.log(f"not reviewed: {exc}")
            return 0
        if done.failed is not None:
            self.log(f"the model did not review: {done.failed}")
        self.show(root, done.findings)
        return len(done.findings)

    def show(self, root: Root, findings: tuple[Finding, ...]) -> None:
        """Publish ``findings``, and take back what was shown before."""
        before, root.shown = root.shown, {}
        for finding in findings:
            at = _shown_at(root.path, finding)
            if at is not None:
                one = self._diagnostic(root, finding, at), finding
                root.shown.setdefault(at.path, []).append(one)
        for path in sorted({*before, *root.shown}):
            found = [diagnostic for diagnostic, _ in root.shown.get(path, ())]
            uri = (root.path / path).as_uri()
            params = types.PublishDiagnosticsParams(uri, found)
            self.text_document_publish_diagnostics(params)

    def _diagnostic(self, root: Root, finding: Finding, at: Spot) -> types.Diagnostic:
        units = self.editor.units
        text = lines_of(self.text_at(root.path / at.path))
        also = [s for s in finding.related if not s.before]
        return types.Diagnostic(
            range=span(text, at.start, at.end, units),
            message=finding.message.encode("utf-8", "replace").decode(),
            severity=SEVERITY[finding.severity],
            code=finding.rule,
            source="repoctx",
            related_information=[self._related(root, s) for s in also] or None,
        )

    def _related(self, root: Root, spot: Spot) -> types.DiagnosticRelatedInformation:
        path = root.path / spot.path
        lines = lines_of(self.text_at(path))
        where = span(lines, spot.start, spot.end, self.editor.units)
        location = types.Location(path.as_uri(), where)
        return types.DiagnosticRelatedInformation(location, spot.note or "see")

    def forget(self, folder: Path) -> None:
        """A workspace folder is gone: so is what was shown of it."""
        self._where = {k: v for k, v in self._where.items() if k != folder}
        for root in [r for r in self.roots.values() if r.path == folder]:
            self.show(root, ())
            del self.roots[root.path]


def _register(server: Server) -> None:
    """The features, in one place."""

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.settle(params.initialization_options)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.look(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        server.look(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        server._where.clear()
        for folder in params.event.removed:
            path = path_of(folder.uri)
            if path is not None:
                server.forget(path)

    lsp_commands.register(server)


def _shown_at(root: Path, finding: Finding) -> Spot | None:
    """Where a finding is shown: its place, else its other end, in a file that is."""
    for spot in (finding.at, *finding.related):
        if (not spot.before or spot is finding.at) and (root / spot.path).is_file():
            return spot
    return None


def _names() -> str:
    return ", ".join(sorted(SETTINGS))
