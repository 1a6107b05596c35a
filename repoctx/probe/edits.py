"""The family of mechanical changes, made everywhere: scored by the tree that results.

Every second probe renames a function wherever its name stands; the others add an
argument to a function and to all of its calls.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from repoctx.probe.draw import camel, snake
from repoctx.probe.ground import LARGE, Draft, Ground
from repoctx.probe.probes import Scoring
from repoctx.probe.sets import batches, called, callers_of, drawn
from repoctx.probe.survey import Hit, Key, hits, mentions

FEWEST, MOST = 3, 16
"""Places of one change."""
FILES = 6

_PARAMETER = {
    "Python": ("{p}", "True"),
    "JavaScript and TypeScript": ("{p}", "true"),
    "Go": ("{p} bool", "true"),
    "Rust": ("{p}: bool", "true"),
    "Java": ("boolean {p}", "true"),
}
"""How a group writes one more parameter, and what is given for it."""
_TYPED = "{p}: boolean"

_QUOTES = "\"'`"


def edits(ground: Ground, count: int) -> Iterator[Draft]:
    """Renames and added arguments in turn."""
    each = [renames(ground, count), arguments(ground, count)]
    at = 0
    while count and each:
        draft = next(each[at % len(each)], None)
        if draft is None:
            each.pop(at % len(each))
            continue
        yield draft
        count -= 1
        at += 1


def _tree(texts: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{path}\n{text}" for path, text in sorted(texts.items()))


# --- rename ---------------------------------------------------------------------------


def renames(ground: Ground, count: int) -> Iterator[Draft]:
    """One function's name, as a whole word, in every file of whatever language.

    Only names that consist of several words and of which the index sees the definition
    as the only one; in doubt where a longer name is joined to it by a mark.
    """
    survey = ground.survey
    keys = [
        key
        for key in survey.callables()
        if re.search(r"[a-z]_[a-z]|[a-z][A-Z]", key[1])
        and len(key[1]) >= 8
        and survey.rare(key[1], FILES)
        and 1 <= len(survey.calls.get(key, ())) <= MOST
    ]
    names = drawn(ground, keys, "rename")
    found = 0
    for batch in batches(names, count):
        places = mentions(survey, {name for _, name in batch})
        for _, name in batch:
            where = places.get(name, [])
            if not _clear(ground, where):
                continue
            words = ground.name("rename", name)
            new = snake(words) if "_" in name else camel(words)
            yield _rename(ground, name, new, where)
            found += 1
            if found == count:
                return


def _clear(ground: Ground, where: Sequence[Hit]) -> bool:
    paths = {hit.path for hit in where}
    return (
        FEWEST <= len(where) <= MOST
        and 2 <= len(paths) <= FILES
        and not paths & ground.survey.broken
        and not paths & set(ground.material.twins)
        and all(ground.survey.files[path].size <= LARGE for path in paths)
        and ground.fits(paths)
        and not any(
            hit.before.endswith(("-", "$", "/", "@", "#"))
            or hit.after.startswith(("-", "$", "/", "@"))
            for hit in where
        )
    )


def _rename(ground: Ground, name: str, new: str, where: Sequence[Hit]) -> Draft:
    paths = tuple(dict.fromkeys(hit.path for hit in where))
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return Draft(
        f"Rename `{name}` to `{new}` everywhere: at its definition, its uses and "
        "imports, and also in comments, strings and documents. Leave longer names that "
        "contain it as they are, and change nothing else.",
        _tree({path: word.sub(new, ground.material.text(path)) for path in paths}),
        Scoring.TREE,
        paths,
    )


# --- one more argument ----------------------------------------------------------------


def arguments(ground: Ground, count: int) -> Iterator[Draft]:
    """One more parameter at the end, and one more argument in every call.

    Only functions of which the calls are certain, and whose own and calls' argument
    lists stand on one line each, plain and without defaults or keywords.
    """
    survey = ground.survey
    keys = [
        key
        for key in survey.callables()
        if FEWEST - 1 <= len(survey.calls.get(key, ())) < MOST
        and survey.rare(key[1], 2 * FILES)
    ]
    names = drawn(ground, keys, "argument")
    found = 0
    for batch in batches(names, count):
        places = hits(survey, batch)
        for key in batch:
            draft = _argument(ground, key, places[key])
            if draft:
                yield draft
                found += 1
                if found == count:
                    return


def _argument(ground: Ground, key: Key, where: Sequence[Hit]) -> Draft | None:
    survey = ground.survey
    truth = callers_of(survey, key, where)
    if truth is None or not 2 <= len(truth.paths) <= FILES:
        return None
    if any(survey.files[path].size > LARGE for path in truth.paths):
        return None
    if not ground.fits(truth.paths):
        return None
    label, name = key
    [definition] = survey.defined[key]
    if not all(map(_plain, where)) or len({(h.path, h.line) for h in where}) != len(
        where
    ):
        return None
    word = ground.name("argument", name)
    parameter = snake(word) if label in ("Python", "Rust") else camel(word)
    form, value = _PARAMETER[label]
    if survey.files[definition.path].lang in ("typescript", "tsx"):
        form = _TYPED
    texts = _changed(
        ground, key, [h for h in where if called(h)], form.format(p=parameter), value
    )
    if texts is None:
        return None
    typed = "" if form == "{p}" else f", written `{form.format(p=parameter)}`,"
    return Draft(
        f"Give the {label} function or method `{name}` one more parameter "
        f"`{parameter}`{typed} behind its others, and pass `{value}` for it in every "
        "call, behind the other arguments, tests included. Keep each argument list on "
        "its line, and change nothing else.",
        _tree(texts),
        Scoring.TREE,
        tuple(dict.fromkeys(truth.paths)),
    )


def _plain(hit: Hit) -> bool:
    """Whether a place is a call, a definition or an import, all of them simple."""
    if called(hit):
        inside = _inside(hit.after)
        return inside is not None and not re.search(r"[*=<>{}|&?]|\.\.|'", inside)
    return bool(re.search(r"\b(?:import|from|use|export)\b", hit.before))


def _inside(after: str) -> str | None:
    """What stands between the parentheses that ``after`` begins with, None where they
    do not close on the line."""
    if not after.startswith("("):
        return None
    depth, quote = 0, ""
    for at, sign in enumerate(after):
        if quote:
            if sign == "\\":
                return None
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
            if not depth:
                return after[1:at]
    return None


def _changed(
    ground: Ground, key: Key, where: Sequence[Hit], parameter: str, value: str
) -> dict[str, str] | None:
    """The new text of each file; None where the definition's own line is not found."""
    [definition] = ground.survey.defined[key]
    by_path: dict[str, list[Hit]] = defaultdict(list)
    for hit in where:
        by_path[hit.path].append(hit)
    sites = set(ground.survey.calls.get(key, ()))
    texts, declared = {}, 0
    for path, found in by_path.items():
        lines = ground.material.text(path).split("\n")
        for hit in found:
            inside = _inside(hit.after) or ""
            own = (hit.path, hit.line) not in sites
            declared += own
            if inside != inside.strip() or inside.endswith(","):
                return None
            more = parameter if own else value
            rest = hit.after[1 + len(inside) :]
            joined = f"{inside}, {more}" if inside else more
            lines[hit.line - 1] = f"{hit.before}{key[1]}({joined}{rest}"
        texts[path] = "\n".join(lines)
    return texts if declared == 1 and definition.path in texts else None
