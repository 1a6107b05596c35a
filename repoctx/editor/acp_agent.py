"""The agent: the methods of ACP, each session a conversation of this repository.

Nothing here waits: turns run in threads of their own, as many at once as there are
sessions, and nothing is listed, read or indexed before the first prompt.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from acp import (
    PROTOCOL_VERSION,
    InitializeResponse,
    RequestError,
    update_agent_message_text,
    update_user_message_text,
)
from acp import schema as s
from acp.helpers import update_available_commands, update_current_mode
from acp.interfaces import Client as Connection

from repoctx import __version__
from repoctx.editor.acp_client import Client, ClientFiles
from repoctx.editor.acp_commands import available, choose
from repoctx.editor.acp_edit import Prose
from repoctx.editor.acp_shown import Progress
from repoctx.editor.acp_state import MODE, MODEL, MODES, Talk, modes, options
from repoctx.editor.jobs import Hear, Job, failure
from repoctx.errors import AuthError, Interrupted, RepoctxError, UsageError

T = TypeVar("T")

KEY = "key"
"""The id of the one way to authenticate: a key where repoctx looks for it."""
GRACE = 10.0
"""Seconds in which what is being written is finished when the client has gone."""


class Agent:
    """One client's agent; the SDK's router calls the methods by their names."""

    def __init__(self) -> None:
        self._talks: dict[str, Talk] = {}
        self._able: s.ClientCapabilities | None = None
        self._threads: set[threading.Thread] = set()
        self._later: set[asyncio.Task[None]] = set()

    def on_connect(self, conn: Connection) -> None:
        """Called by the SDK with the way back to the client."""
        self._connection = conn

    async def initialize(
        self,
        protocol_version: int,
        client_capabilities: s.ClientCapabilities | None = None,
        client_info: s.Implementation | None = None,
        **_: Any,
    ) -> InitializeResponse:
        """Say what this agent can do; its version is the only one that it speaks."""
        self._able = client_capabilities
        lacks = _lacking(None)
        way = s.AuthMethodAgent(id=KEY, name="API key", description=lacks)
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_info=s.Implementation(
                name="repoctx", title="repoctx", version=__version__
            ),
            agent_capabilities=s.AgentCapabilities(
                load_session=True,
                prompt_capabilities=s.PromptCapabilities(
                    image=False, audio=False, embedded_context=True
                ),
                session_capabilities=s.SessionCapabilities(
                    list=s.SessionListCapabilities(),
                    resume=s.SessionResumeCapabilities(),
                    close=s.SessionCloseCapabilities(),
                ),
            ),
            auth_methods=[way] if lacks else [],
        )

    async def authenticate(self, method_id: str, **_: Any) -> s.AuthenticateResponse:
        """Look again whether there is a key by now."""
        if lacks := _lacking(None):
            raise RequestError(-32000, lacks)
        return s.AuthenticateResponse()

    # --- sessions -----------------------------------------------------------------

    async def new_session(self, cwd: str, **_: Any) -> s.NewSessionResponse:
        """A conversation in which nothing was said."""
        talk = await self._opened(cwd, "")
        self._offer(talk)
        return s.NewSessionResponse(
            session_id=talk.id, modes=modes(talk), config_options=options(talk)
        )

    async def load_session(
        self, cwd: str, session_id: str, **_: Any
    ) -> s.LoadSessionResponse:
        """A kept conversation; all that was said in it is told first."""
        talk = await self._opened(cwd, session_id)
        for one in talk.chat.exchanges:
            await self._update(talk, update_user_message_text(one.asked))
            parts: list[str] = []
            prose = Prose(parts.append)
            prose(one.text)
            prose.end()
            if text := "".join(parts):
                await self._update(talk, update_agent_message_text(text))
        self._offer(talk)
        return s.LoadSessionResponse(modes=modes(talk), config_options=options(talk))

    async def resume_session(
        self, cwd: str, session_id: str, **_: Any
    ) -> s.ResumeSessionResponse:
        """A kept conversation, of which the client knows what was said."""
        talk = await self._opened(cwd, session_id)
        self._offer(talk)
        return s.ResumeSessionResponse(modes=modes(talk), config_options=options(talk))

    async def list_sessions(
        self, cwd: str | None = None, cursor: str | None = None, **_: Any
    ) -> s.ListSessionsResponse:
        """The conversations kept in ``cwd``, or wherever this process has been."""
        if cursor:
            raise RequestError(-32602, "all sessions come at once: there is no cursor")
        places = [_folder(cwd)] if cwd else [*{t.cwd: 0 for t in self._talks.values()}]
        found: list[s.SessionInfo] = []
        for place in places or [Path.cwd()]:
            found += await self._thread(lambda place=place: _kept(place))  # type: ignore[misc]
        return s.ListSessionsResponse(sessions=found)

    async def close_session(self, session_id: str, **_: Any) -> s.CloseSessionResponse:
        """End what runs in a session, and forget it; the conversation is kept."""
        talk = self._talk(session_id)
        if talk.job is not None:
            talk.job.cancel()
        del self._talks[session_id]
        return s.CloseSessionResponse()

    async def set_session_mode(
        self, mode_id: str, session_id: str, **_: Any
    ) -> s.SetSessionModeResponse:
        """Ask, edit or review from now on."""
        talk = self._talk(session_id)
        _set_mode(talk, mode_id)
        self._soon(self._config(talk))
        return s.SetSessionModeResponse()

    async def set_config_option(
        self, config_id: str, session_id: str, value: str | bool, **_: Any
    ) -> s.SetSessionConfigOptionResponse:
        """Set the mode or the model."""
        talk = self._talk(session_id)
        if config_id == MODE:
            _set_mode(talk, str(value))
            self._soon(self._update(talk, update_current_mode(talk.mode)))
        elif config_id == MODEL:
            await self._thread(lambda: _chosen(talk, str(value)))
        else:
            raise RequestError(-32602, f"no option {config_id[:60]!r}: mode, model")
        return s.SetSessionConfigOptionResponse(config_options=options(talk))

    # --- turns --------------------------------------------------------------------

    async def prompt(
        self, session_id: str, prompt: list[Any], **_: Any
    ) -> s.PromptResponse:
        """Answer, stream, and say why it ended."""
        talk = self._talk(session_id)
        if talk.job is not None:
            raise RequestError(-32600, "this session still answers: cancel that first")
        progress = Progress(lambda: client)
        job = Job(talk.cwd, talk.flags, Hear(progress=progress))
        loop, way = asyncio.get_running_loop(), self._connection
        client = Client(loop, way, talk.id, job)
        talk.job = job
        try:
            files = ClientFiles(client, way, talk.id, self._able)

            def run() -> str:
                from repoctx.editor.acp_turn import Turn  # It loads what asking needs.

                return Turn(talk, client, files, progress).run(job, prompt)

            reason = await self._thread(run)
        except RequestError:
            if not job.cancelled:
                raise
            reason = "cancelled"
        finally:
            job.cancel()
            talk.job = None
        return s.PromptResponse(stop_reason=reason)  # type: ignore[arg-type]

    async def cancel(self, session_id: str, **_: Any) -> None:
        """End the turn that runs; it answers ``cancelled``."""
        talk = self._talks.get(session_id)
        if talk is not None and talk.job is not None:
            talk.job.cancel()

    def stop(self) -> None:
        """End every turn, and wait for what is being written."""
        for talk in list(self._talks.values()):
            if talk.job is not None:
                talk.job.cancel()
        until = time.monotonic() + GRACE
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))

    # --- what they share ----------------------------------------------------------

    def _talk(self, session_id: str) -> Talk:
        talk = self._talks.get(session_id)
        if talk is None:
            raise RequestError(-32002, f"there is no session {session_id[:60]!r} here")
        return talk

    async def _opened(self, cwd: str, session_id: str) -> Talk:
        """A session: a new one, or that of the kept conversation ``session_id``."""
        known = self._talks.get(session_id)
        if known is not None and known.job is not None:
            raise RequestError(-32600, "this session still answers: cancel that first")
        place = _folder(cwd)
        talk = await self._thread(lambda: _begun(place, session_id, known))
        self._talks[talk.id] = talk
        return talk

    def _offer(self, talk: Talk) -> None:
        self._soon(self._update(talk, update_available_commands(available())))

    async def _update(self, talk: Talk, update: Any) -> None:
        await self._connection.session_update(talk.id, update)

    async def _config(self, talk: Talk) -> None:
        told = s.ConfigOptionUpdate(
            session_update="config_option_update", config_options=list(options(talk))
        )
        await self._update(talk, told)

    def _soon(self, work: Awaitable[None]) -> None:
        """Do ``work`` when the response that is being made has been sent."""

        async def run() -> None:
            try:
                await work
            except ConnectionError:
                return

        task = asyncio.get_running_loop().create_task(run())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _thread(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, in a thread that no end of this process waits for.

        What it raises comes as a RequestError."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: Callable[[], None]) -> None:
            if not done.done():
                result()

        def run() -> None:
            try:
                value = work()
                told = lambda: done.set_result(value)  # noqa: E731
            except BaseException as exc:  # noqa: BLE001 - told to the client
                error = as_request_error(exc)
                told = lambda: done.set_exception(error)  # noqa: E731
            finally:
                self._threads.discard(threading.current_thread())
            try:
                loop.call_soon_threadsafe(settle, told)
            except RuntimeError:
                return  # The loop is closed: the client has gone.

        thread = threading.Thread(target=run, daemon=True)
        self._threads.add(thread)
        thread.start()
        return await done


def as_request_error(exc: BaseException) -> RequestError:
    """The error of a method: one line, whether to try again, where the answer lies."""
    if isinstance(exc, RequestError):
        return exc
    error = failure(exc)
    data: dict[str, Any] = {
        "type": type(error).__name__,
        "retryable": error.retryable,
        "exit": error.code,
    }
    if saved := getattr(error, "saved", None):
        data["saved"] = str(saved)
    if isinstance(error, AuthError):
        return RequestError(-32000, str(error), data)
    if isinstance(error, Interrupted):
        return RequestError(-32800, str(error), data)
    code = -32602 if isinstance(error, UsageError) else -32603
    return RequestError(code, str(error), data)


def _folder(cwd: str) -> Path:
    path = Path(cwd)
    if "\0" in cwd or not path.is_absolute():
        raise RequestError(-32602, f"cwd must be an absolute path, not {cwd[:200]!r}")
    if not path.is_dir():
        raise RequestError(-32602, f"there is no folder {cwd[:200]}")
    return path


def _lacking(root: Path | None) -> str:
    """What to set so that the chosen model can be asked; "" when nothing is amiss."""
    from repoctx.flow.model import lacking
    from repoctx.settings import load, user_file

    try:
        return lacking(load(root, user_file(os.environ), os.environ, {}))
    except RepoctxError:
        return ""  # A session says what is wrong with the settings.


def _begun(place: Path, name: str, known: Talk | None) -> Talk:
    """A new session in ``place``, or the one of the conversation ``name``.

    Raises RequestError when it is not kept, or the model lacks a key.
    """
    from repoctx.flow.chats import find_chat, new_chat
    from repoctx.flow.model import keys_of, lacking
    from repoctx.flow.session import open_session

    with open_session(place, {"output_format": "text"}) as session:
        if known is not None:
            chat = known.chat
        elif name:
            try:
                chat = find_chat(session.state, name)
            except UsageError:
                chat = new_chat()
            if chat.id != name:
                raise RequestError(-32002, f"no session {name[:60]!r} is kept here")
        else:
            chat = new_chat()
        model = session.settings.model or chat.model or "offline"
        if not chat.model and (lacks := lacking(session.loaded)):
            raise RequestError(-32000, lacks, {"type": "AuthError", "retryable": False})
        talk = Talk(place, chat, chat.model or model)
        talk.offer([model, "offline", "auto", *keys_of(session)])
        return talk


def _kept(place: Path) -> list[s.SessionInfo]:
    from repoctx.flow.chats import chats
    from repoctx.flow.session import open_session

    with open_session(place, {"output_format": "text"}) as session:
        return [
            s.SessionInfo(
                session_id=chat.id,
                cwd=str(place),
                title=chat.title,
                updated_at=datetime.fromtimestamp(chat.time, UTC).isoformat(),
            )
            for chat in chats(session.state)
        ]


def _chosen(talk: Talk, name: str) -> None:
    from repoctx.flow.session import open_session

    with open_session(talk.cwd, {"output_format": "text"}) as session:
        choose(talk, session, name)


def _set_mode(talk: Talk, mode: str) -> None:
    if mode not in MODES:
        raise RequestError(-32602, f"no mode {mode[:60]!r}: {', '.join(MODES)}")
    talk.mode, talk.always = mode, None
