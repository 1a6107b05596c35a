"""A loopback server that speaks Anthropic's Messages, by its rules.

Cache: breakpoints on blocks, looked back from; lifetimes 5m and 1h, the longer ones
first; tools and model lose everything, a thinking mode or an effort the messages.
Refused as the vendor refuses: a fifth breakpoint, sampling parameters, a last message
of the assistant's, a thinking block that was altered, an overlong prompt.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from servers.cache import ANTHROPIC, Block, Found, PrefixCache, Rules, tokens_of
from servers.chat import Fault
from servers.loopback import running, words
from servers.wire import KEY, Handler, Refused, Says, Server

MODEL = "claude-sonnet-5-5"
TTLS = {"5m": 300.0, "1h": 3600.0}


def serving(
    says: Says | None = None,
    faults: Sequence[Fault] = (),
    rules: Rules = ANTHROPIC,
    clock: Callable[[], float] = time.monotonic,
) -> AbstractContextManager[Server]:
    """A running server, stopped at the end of the block."""
    cache = PrefixCache(rules, clock)
    return running(Server(Messages, cache, says or Says(), faults))


def overloaded(kind: str = "overloaded_error", message: str = "Overloaded") -> Any:
    """A failure's body."""
    return {"type": "error", "error": {"type": kind, "message": message}}


class Messages(Handler):
    def failure(self, kind: str, message: str) -> Any:
        return overloaded(kind, message)

    def check_key(self) -> None:
        told = (self.headers.get("x-api-key"), self.headers.get("authorization"))
        if KEY not in told and f"Bearer {KEY}" not in told:
            raise Refused(401, "authentication_error", "invalid x-api-key")

    def get(self) -> Any:
        if not self.path.startswith("/v1/models"):
            return super().get()
        rows = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2026"}
            for name in self.server.says.models or (MODEL,)
        ]
        return {"data": rows, "has_more": False, "first_id": "", "last_id": ""}

    def post(self, request: dict[str, Any], fault: Fault) -> Any:
        if self.path == "/v1/messages/count_tokens":
            if not request.keys() <= {"model", "system", "messages", "output_config"}:
                raise Refused(400, "invalid_request_error", "unexpected field")
            total = sum(len(tokens_of(block.text)) for block in blocks(request))
            return {"input_tokens": total}
        if self.path != "/v1/messages":
            raise Refused(404, "not_found_error", "Not Found")
        self._check(request)
        found = self.server.cache.ask(request["model"], blocks(request))
        if found.total > self.server.says.window:
            message = (
                f"prompt is too long: {found.total} tokens > "
                f"{self.server.says.window} maximum"
            )
            raise Refused(400, "invalid_request_error", message)
        self.server.found.append(found)
        if request["max_tokens"] == 0:
            self.server.cache.begin(found)
            return self._message(request, found) | {
                "stop_reason": "max_tokens",
                "usage": _usage(found, 0),
            }
        self._stream(request, found, fault)
        return None

    def _check(self, request: dict[str, Any]) -> None:
        def wrong(message: str) -> Refused:
            return Refused(400, "invalid_request_error", message)

        if not request["model"].startswith("claude-"):
            raise Refused(404, "not_found_error", f"model: {request['model']}")
        if request.keys() & {"temperature", "top_p", "top_k"}:
            raise wrong("sampling parameters are not supported")
        ttls = [block.ttl for block in blocks(request) if block.ttl]
        if len(ttls) > 4:
            raise wrong(f"at most 4 blocks with cache_control, found {len(ttls)}")
        if ttls != sorted(ttls, reverse=True):
            raise wrong("a ttl='1h' block must not come after a ttl='5m' block")
        if request["messages"][-1]["role"] != "user":
            raise wrong("This model does not support assistant message prefill.")
        if any(not block.text for block in blocks(request)):
            raise wrong("text content blocks must be non-empty")
        if request["max_tokens"] == 0 and request.get("stream"):
            raise wrong("max_tokens=0 cannot be streamed")
        for message in request["messages"]:
            for part in _parts(message["content"]):
                given = self.server.kept.get(part.get("signature", ""))
                if part["type"] == "thinking" and given != part["thinking"]:
                    raise wrong("thinking blocks cannot be modified")

    def _message(self, request: dict[str, Any], found: Found) -> dict[str, Any]:
        name = self.server.name("msg")
        before = request.get("diagnostics") or {}
        message = {
            "id": name,
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": _usage(found, 1),
        }
        if before.get("previous_message_id"):
            old = self.server.kept.get(before["previous_message_id"])
            message["diagnostics"] = {"cache_miss_reason": _miss(old, request, found)}
        if "diagnostics" in request:
            self.server.kept[name] = request
        return message

    def _stream(self, request: dict[str, Any], found: Found, fault: Fault) -> None:
        says = self.server.says
        message = self._message(request, found)
        self.begin()
        self._say("message_start", message=message)
        self.server.cache.begin(found)
        self._say("ping")
        prompt = "".join(block.text for block in blocks(request))
        at, said = 0, says.refusal or says.to(prompt, request)
        if says.thinking:
            self._thinking(says.thinking)
            at = 1
        text = {"type": "text", "text": ""}
        self._say("content_block_start", index=at, content_block=text)

        def say(word: str) -> None:
            delta = {"type": "text_delta", "text": word}
            self._say("content_block_delta", index=at, delta=delta)

        for sent, word in enumerate([*words(said), ""]):
            if fault.how and sent == fault.after:
                self.break_off(fault, say)
                return
            if word:
                say(word)
        self._say("content_block_stop", index=at)
        output = len(tokens_of(says.thinking + said)) + 1
        stop = "refusal" if says.refusal else says.stop or "end_turn"
        end = {"stop_reason": stop, "stop_sequence": None}
        if says.refusal:
            end["stop_details"] = {"type": "refusal", "category": "cyber"}
        self._say("message_delta", delta=end, usage={"output_tokens": output})
        self._say("message_stop")
        self.chunk(b"")

    def _thinking(self, thought: str) -> None:
        signature = self.server.name("signed")
        self.server.kept[signature] = thought
        block = {"type": "thinking", "thinking": "", "signature": ""}
        self._say("content_block_start", index=0, content_block=block)
        for word in words(thought):
            delta = {"type": "thinking_delta", "thinking": word}
            self._say("content_block_delta", index=0, delta=delta)
        delta = {"type": "signature_delta", "signature": signature}
        self._say("content_block_delta", index=0, delta=delta)
        self._say("content_block_stop", index=0)

    def _say(self, kind: str, **fields: Any) -> None:
        self.event({"type": kind, **fields}, kind)


def _parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content)


def blocks(request: dict[str, Any]) -> list[Block]:
    """The prompt as the cache sees it: tools, system, messages."""
    tools = json.dumps(request.get("tools", []), sort_keys=True)
    ways = {name: request.get(name) for name in ("thinking", "output_config")}
    found = []
    for at, part in enumerate(_parts(request.get("system", []))):
        found.append(_block(part, f"tools {tools}" if at == 0 else ""))
    for at, message in enumerate(request["messages"]):
        for first, part in zip(_first(), _parts(message["content"]), strict=False):
            salt = f"{message['role']}" if first else ""
            salt += json.dumps(ways, sort_keys=True) if first and at == 0 else ""
            found.append(_block(part, salt))
    return found


def _first() -> Iterator[bool]:
    yield True
    while True:
        yield False


def _block(part: dict[str, Any], salt: str) -> Block:
    control = part.get("cache_control")
    ttl = TTLS[control.get("ttl", "5m")] if control else None
    return Block(part.get("text") or part.get("thinking", ""), ttl, salt)


def _usage(found: Found, output: int) -> dict[str, Any]:
    written = sum(found.written.values())
    return {
        "input_tokens": found.total - found.read - written,
        "cache_read_input_tokens": found.read,
        "cache_creation_input_tokens": written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": found.written.get(300.0, 0),
            "ephemeral_1h_input_tokens": found.written.get(3600.0, 0),
        },
        "output_tokens": output,
    }


def _miss(
    old: dict[str, Any] | None, new: dict[str, Any], found: Found
) -> dict[str, Any] | None:
    """What the diagnosis says of ``new`` after the request ``old``."""
    if old is None:
        return {"type": "previous_message_not_found"}
    lost = {"cache_missed_input_tokens": found.total - found.read}
    if old["model"] != new["model"]:
        return {"type": "model_changed", **lost}
    if old.get("tools") != new.get("tools"):
        return {"type": "tools_changed", **lost}
    if _texts(old.get("system", [])) != _texts(new.get("system", [])):
        return {"type": "system_changed", **lost}
    if old["messages"] != new["messages"][: len(old["messages"])]:
        return {"type": "messages_changed", **lost}
    return None


def _texts(content: Any) -> list[str]:
    return [part["text"] for part in _parts(content)]
