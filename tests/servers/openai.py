"""A loopback server that speaks OpenAI's Responses and Chat Completions, by its rules.

Cache of gpt-5.6 and later: explicit breakpoints on ``input_text`` (the latest four are
written, the latest 80 are matched, no looking back), else an implicit one after the
last message; parted by key, tools, text format, effort, verbosity and tier. Older
models: any common prefix of 1024 tokens or more, in steps of 128.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from servers.cache import (
    OPENAI,
    OPENAI_OLD,
    Block,
    Found,
    PrefixCache,
    Rules,
    tokens_of,
)
from servers.chat import Fault
from servers.loopback import running, words
from servers.wire import KEY, Handler, Refused, Says, Server

MODEL = "gpt-6.1-terra"
OLDER = "gpt-5.4"
TTLS = {"30m": 1800.0, "12h": 43200.0}
_EXPLICIT = re.compile(r"gpt-(5\.[6-9]|[6-9])")


class OpenAIServer(Server):
    """Two caches: one for models with breakpoints, one for older ones."""

    def __init__(
        self,
        says: Says,
        faults: Sequence[Fault],
        rules: Rules,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(Responses, PrefixCache(rules, clock), says, faults)
        self.older = PrefixCache(OPENAI_OLD, clock)

    @property
    def url(self) -> str:
        return f"{super().url}/v1"


def serving(
    says: Says | None = None,
    faults: Sequence[Fault] = (),
    rules: Rules = OPENAI,
    clock: Callable[[], float] = time.monotonic,
) -> AbstractContextManager[OpenAIServer]:
    """A running server, stopped at the end of the block."""
    return running(OpenAIServer(says or Says(), faults, rules, clock))


def failed(code: str, message: str = "failed") -> Any:
    """A failure's body."""
    return {"error": {"message": message, "type": code, "code": code, "param": None}}


class Responses(Handler):
    server: OpenAIServer

    def failure(self, kind: str, message: str) -> Any:
        return failed(kind, message)

    def check_key(self) -> None:
        if self.headers.get("authorization") != f"Bearer {KEY}":
            raise Refused(401, "invalid_api_key", "Incorrect API key provided")

    def get(self) -> Any:
        if self.path != "/v1/models":
            return super().get()
        names = self.server.says.models or (MODEL, OLDER)
        rows = [
            {"id": n, "object": "model", "created": 1, "owned_by": "x"} for n in names
        ]
        return {"object": "list", "data": rows}

    def post(self, request: dict[str, Any], fault: Fault) -> Any:
        if not re.match(r"(gpt|o\d)", request.get("model", "")):
            message = f"The model '{request.get('model')}' does not exist"
            raise Refused(404, "model_not_found", message)
        if self.path == "/v1/responses/input_tokens":
            total = sum(len(tokens_of(block.text)) for block in _items(request))
            return {"object": "response.input_tokens", "input_tokens": total}
        if self.path == "/v1/responses":
            return self._respond(request, fault)
        if self.path == "/v1/chat/completions":
            return self._chat(request, fault)
        raise Refused(404, "not_found", "Unknown request URL")

    def _look_up(
        self, cache: PrefixCache, request: dict[str, Any], blocks: list[Block]
    ) -> Found:
        found = cache.ask(_scope(request), blocks)
        if found.total > self.server.says.window:
            message = "Your input exceeds the context window of this model."
            raise Refused(400, "context_length_exceeded", message)
        self.server.found.append(found)
        return found

    # --- Responses ----------------------------------------------------------------

    def _respond(self, request: dict[str, Any], fault: Fault) -> Any:
        explicit = _EXPLICIT.match(request["model"]) is not None
        self._check(request, explicit)
        cache = self.server.cache if explicit else self.server.older
        found = self._look_up(cache, request, list(_items(request)))
        name = self.server.name("resp")
        if request.get("store", True):
            self.server.kept[name] = request
        options = request.get("prompt_cache_options", {})
        response = _response(name, request, found)
        if options.get("comparison_response_id"):
            response["prompt_cache_diagnostics"] = self._miss(request, found)
        if options.get("prewarm"):
            cache.begin(found)
            return response | {"status": "completed", "usage": _usage(found, 0)}
        if not request.get("stream"):
            raise Refused(400, "invalid_request_error", "only streams here")
        self.begin()
        self._say("response.created", response=response | {"usage": None})
        cache.begin(found)
        prompt = "".join(block.text for block in _items(request))
        self._output(response, found, fault, self.server.says.to(prompt, request))
        return None

    def _check(self, request: dict[str, Any], explicit: bool) -> None:
        def wrong(message: str) -> Refused:
            return Refused(400, "invalid_request_error", message)

        told = json.dumps(request)
        if not explicit and "prompt_cache_breakpoint" in told:
            raise wrong("this model does not support prompt_cache_breakpoint")
        for item in request["input"]:
            kept = item.get("encrypted_content")
            if item.get("type") == "reasoning" and self.server.kept.get(kept) is None:
                raise wrong(f"Item '{item.get('id')}' not found: it was not persisted")

    def _miss(self, request: dict[str, Any], found: Found) -> dict[str, Any]:
        name = request["prompt_cache_options"]["comparison_response_id"]
        old = self.server.kept.get(name)
        if old is None:
            return {"type": "comparison_response_not_found"}
        if found.read:
            return {"type": "cache_hit"}
        same = _scope(old) == _scope(request)
        return {
            "type": "cache_miss",
            "cache_missed_tokens": found.total,
            "reason": "input_changed" if same else "prompt_cache_key_changed",
            "comparison_reusable_tokens": found.total,
        }

    def _output(
        self, response: dict[str, Any], found: Found, fault: Fault, text: str
    ) -> None:
        says, output = self.server.says, []
        if says.thinking:
            secret = self.server.name("encrypted")
            self.server.kept[secret] = says.thinking
            thought = {
                "type": "reasoning",
                "id": self.server.name("rs"),
                "summary": [],
                "encrypted_content": secret,
            }
            output.append(thought)
            self._say("response.output_item.done", output_index=0, item=thought)
        item = self.server.name("msg")
        kind = "refusal" if says.refusal else "output_text"
        told = says.refusal or text
        where = {"output_index": len(output), "content_index": 0, "item_id": item}

        def say(word: str) -> None:
            self._say(f"response.{kind}.delta", delta=word, logprobs=[], **where)

        for sent, word in enumerate([*words(told), ""]):
            if fault.how and sent == fault.after:
                if fault.how == "failed":
                    self._say("response.failed", response=response | fault.body)
                self.break_off(fault, say)
                return
            if word:
                say(word)
        part = {"type": kind, "refusal": told} if says.refusal else _said(told)
        output.append(
            {
                "type": "message",
                "id": item,
                "role": "assistant",
                "status": "completed",
                "content": [part],
            }
        )
        whole = response | {
            "output": output,
            "status": "incomplete" if says.stop else "completed",
            "usage": _usage(found, len(tokens_of(says.thinking + told))),
        }
        if says.stop:
            whole["incomplete_details"] = {"reason": says.stop}
        self._say(f"response.{whole['status']}", response=whole)
        self.chunk(b"")

    def _say(self, kind: str, **fields: Any) -> None:
        self.event({"type": kind, "sequence_number": 1, **fields}, kind)

    # --- Chat Completions ---------------------------------------------------------

    def _chat(self, request: dict[str, Any], fault: Fault) -> Any:
        parts = [m["content"] for m in request["messages"]]
        if _EXPLICIT.match(request["model"]):
            cache = self.server.cache
        else:
            cache = self.server.older
        found = self._look_up(cache, request, [Block(text) for text in parts])
        says = self.server.says
        text = says.to("".join(parts), request)
        self.begin()
        cache.begin(found)

        def say(word: str) -> None:
            self._choice({"content": word}, None)

        for sent, word in enumerate([*words(text), ""]):
            if fault.how and sent == fault.after:
                self.break_off(fault, say)
                return None
            if word:
                say(word)
        self._choice({}, says.stop or "stop")
        usage = {
            "prompt_tokens": found.total,
            "completion_tokens": len(tokens_of(text)),
            "total_tokens": found.total + len(tokens_of(text)),
            "prompt_tokens_details": {"cached_tokens": found.read},
        }
        self._chunk_of(choices=[], usage=usage)
        self.event("[DONE]")
        self.chunk(b"")
        return None

    def _choice(self, delta: dict[str, Any], finish: str | None) -> None:
        self._chunk_of(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])

    def _chunk_of(self, **fields: Any) -> None:
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1}
        self.event({**head, "model": "m", **fields})


def _scope(request: dict[str, Any]) -> str:
    """What parts whole caches."""
    reasoning, text = request.get("reasoning") or {}, request.get("text") or {}
    parts = [
        *(request.get(name) for name in ("model", "prompt_cache_key", "tools")),
        *(request.get("reasoning_effort"), reasoning.get("effort")),
        *(text.get("format"), text.get("verbosity"), request.get("verbosity")),
        request.get("service_tier"),
    ]
    return json.dumps(parts)


def _items(request: dict[str, Any]) -> Iterator[Block]:
    """The prompt as the cache sees it; the implicit breakpoint stands at the end."""
    options = request.get("prompt_cache_options") or {}
    usual = TTLS[options.get("ttl", "30m")]
    given = request["input"]
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    found: list[Block] = []
    for item in items:
        content = item.get("content") or item.get("encrypted_content") or ""
        parts = [{"text": content}] if isinstance(content, str) else content
        for at, part in enumerate(parts):
            mark = part.get("prompt_cache_breakpoint")
            ttl = TTLS[mark["ttl"]] if mark and "ttl" in mark else usual
            salt = str(item.get("role") or item.get("type")) if at == 0 else ""
            text = part.get("text") or part.get("refusal") or ""
            found.append(Block(text, ttl if mark else None, salt))
    if options.get("mode") != "explicit" and _EXPLICIT.match(request["model"]):
        found[-1] = Block(found[-1].text, usual, found[-1].salt)
    yield from found


def _response(name: str, request: dict[str, Any], found: Found) -> dict[str, Any]:
    return {
        "id": name,
        "object": "response",
        "created_at": 1,
        "model": request["model"],
        "status": "in_progress",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
    }


def _said(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(found: Found, output: int) -> dict[str, Any]:
    return {
        "input_tokens": found.total,
        "input_tokens_details": {
            "cached_tokens": found.read,
            "cache_write_tokens": sum(found.written.values()),
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": found.total + output,
    }
