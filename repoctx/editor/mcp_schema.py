"""What the tools of ``repoctx mcp`` take and give, as JSON Schema, and its checking."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from repoctx.editor.mcp_pages import LEAST, MOST, USUAL
from repoctx.errors import UsageError

Schema = dict[str, Any]

LONGEST = 20_000
"""Characters of a text that a client may give."""


def text(about: str, **more: Any) -> Schema:
    """A text argument."""
    return {"type": "string", "description": about, "maxLength": LONGEST, **more}


def number(about: str, least: int, most: int, usual: int) -> Schema:
    """A whole number between two bounds."""
    return {
        "type": "integer",
        "description": about,
        "minimum": least,
        "maximum": most,
        "default": usual,
    }


def flag(about: str) -> Schema:
    """True or false; false unless it is given."""
    return {"type": "boolean", "description": about, "default": False}


PAGED: Mapping[str, Schema] = {
    "max_tokens": number("About how long the result may be.", LEAST, MOST, USUAL),
    "cursor": text("next_cursor of the page before, with the same other arguments."),
}
"""What every tool takes whose result may be longer than a page."""

CHANGE: Mapping[str, Schema] = {
    "base": text(
        "A branch, tag or commit: the change since the branch left it, uncommitted "
        "work included. Without it and without staged: what is uncommitted."
    ),
    "staged": flag("Only what `git commit` would commit now."),
}
"""How a change is named."""


def takes(required: tuple[str, ...], **fields: Schema) -> Schema:
    """The schema of arguments: no others are taken."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(required),
        "additionalProperties": False,
    }


def gives(required: tuple[str, ...], **fields: Schema) -> Schema:
    """The schema of a result, which may hold `next_cursor` too."""
    more = {"type": "string", "description": "Gives the next page; absent at the end."}
    return takes(required, **fields, next_cursor=more)


def rows(**fields: Schema) -> Schema:
    """The schema of a list of objects; a field that is named ``x_`` may be absent."""
    named = {name.rstrip("_"): schema for name, schema in fields.items()}
    always = tuple(name for name in fields if not name.endswith("_"))
    return {"type": "array", "items": takes(always, **named)}


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
YES: Schema = {"type": "boolean"}

_TYPES: Mapping[str, tuple[type, str]] = {
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
}


def checked(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with its defaults. Raises UsageError for what ``schema`` does not take;
    null stands for an argument that is not given."""
    known: Mapping[str, Schema] = schema["properties"]
    for name in given:
        if name not in known:
            near = get_close_matches(name[:60], known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"unknown argument {name[:60]!r}{hint}")
    args = {n: s["default"] for n, s in known.items() if "default" in s}
    args |= {name: value for name, value in given.items() if value is not None}
    for name in schema["required"]:
        if name not in args:
            raise UsageError(f"{name} is missing")
    for name, value in args.items():
        _check(name, known[name], value)
    return args


def _check(name: str, schema: Schema, value: Any) -> None:
    kind, words = _TYPES[schema["type"]]
    # True is an int for Python and no number for JSON.
    if type(value) is not kind:
        raise UsageError(f"{name} must be {words}")
    if isinstance(value, str):
        if len(value) > (most := schema["maxLength"]):
            raise UsageError(f"{name} is longer than {most:,} characters")
        if "\0" in value:
            raise UsageError(f"{name} holds a NUL character")
    elif not schema.get("minimum", 0) <= value <= schema.get("maximum", 1):
        bounds = f"{schema['minimum']} to {schema['maximum']}"
        raise UsageError(f"{name} must be {bounds}")
