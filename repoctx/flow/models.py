"""The job of telling what can be asked now, from here: keys, local servers, prices.

Only this machine is asked, within bounds; a vendor only when it is named. No key is
ever shown: what is told is where it stands.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from repoctx.ask.choose import (
    AUTO,
    COMPATIBLE,
    OFFLINE,
    OLLAMA,
    VENDORS,
    Choice,
    base_url_of,
    choose,
    listening,
    usual_urls,
)
from repoctx.ask.prices import rates
from repoctx.errors import RepoctxError, UnknownModel
from repoctx.flow.model import keys_of, model_for
from repoctx.flow.price import is_free
from repoctx.flow.session import Session
from repoctx.plugins import providers
from repoctx.values import Endpoint

MOST = 40
"""Models of one local server that are told of."""
HIDDEN = ("scripted",)
"""Providers that answer nobody's questions."""
READY = {OFFLINE: "always", "clipboard": "by hand"}
"""Providers that need nothing, and how they are reached."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A model, whether it can be asked now, and how (or what is missing).

    ``window`` and ``output`` are in its own tokens (0: none, or not known), ``cliff``
    those above which each costs more (0: never), ``prices`` USD per million tokens at
    this moment, by kind (None: not known). ``asked`` is what ``ask`` takes as things
    are, ``auto`` what ``-m auto`` would.
    """

    provider: str
    model: str
    base_url: str
    ready: bool
    how: str
    window: int = 0
    output: int = 0
    cache: str = "none"
    cliff: int = 0
    prices: Mapping[str, float] | None = None
    asked: bool = False
    auto: bool = False

    @property
    def name(self) -> str:
        """How it is spelled after ``-m``."""
        return f"{self.provider}/{self.model}" if self.model else self.provider


def reachable(session: Session) -> list[Reached]:
    """What can be asked from here, and what is one step away.

    Local servers are looked for on their usual ports, and asked for their models.
    """
    here, settings = providers(), session.settings
    url = base_url_of(settings.base_url, os.environ)
    urls = list(usual_urls(os.environ))
    if url and Endpoint(url).local:
        urls.insert(0, url)
    found = listening(urls)
    rows = [row for name in VENDORS if name in here for row in _vendor(session, name)]
    if url and not Endpoint(url).local:
        choice = Choice(COMPATIBLE, "", url)
        rows.append(_row(session, choice, True, "base_url is set"))
    rows += _local(session, found)
    for name in here:
        if name in VENDORS or name in (COMPATIBLE, OLLAMA, *HIDDEN):
            continue
        rows.append(_row(session, Choice(name, ""), True, READY.get(name, "a plugin")))
    return _marked(session, rows, found)


def of_provider(session: Session, provider: str) -> list[Reached]:
    """The models that a provider lists when it is asked, over the network where it is
    elsewhere. Raises UnknownModel, and what asking raises."""
    settings, here = session.settings, providers()
    choice = choose(provider, settings.base_url, here, listening_first, os.environ)
    model = model_for(session, choice)
    names = model.provider.models()
    if not names:
        raise UnknownModel(f"{provider} takes any name: nothing is listed")
    rows = [
        _row(session, choice._replace(model=name), True, "listed") for name in names
    ]
    return _marked(session, rows, {})


def listening_first(urls: Sequence[str]) -> str:
    """The first address at which a model server answers."""
    return next(iter(listening(urls)), "")


def _vendor(session: Session, name: str) -> list[Reached]:
    """The model of a vendor that ``auto`` would ask, and the one that is asked for."""
    wanted, _, model = session.settings.model.partition("/")
    names = [VENDORS[name].model, *([model] if wanted == name and model else [])]
    # One that fits any provider is used only for one that is named.
    ours = "REPOCTX_API_KEY" if os.environ.get("REPOCTX_API_KEY") else ""
    where = keys_of(session).get(name) or session.settings.api_key_env or ours
    how = f"key: {where}" if where else f"set {VENDORS[name].keys[0]}"
    return [
        _row(session, Choice(name, one), bool(where), how)
        for one in dict.fromkeys(names)
    ]


def _local(session: Session, found: Mapping[str, Sequence[str]]) -> list[Reached]:
    """The models of the servers that answered, each asked for its window."""
    own = base_url_of("", os.environ, OLLAMA) or "http://127.0.0.1:11434"
    choices = []
    for url, names in found.items():
        spoken = OLLAMA if url == f"{own}/v1" and OLLAMA in providers() else COMPATIBLE
        base = own if spoken == OLLAMA else url
        choices += [Choice(spoken, name, base) for name in names[:MOST] or [""]]
    if not choices:
        return []
    with ThreadPoolExecutor(8) as pool:
        return list(
            pool.map(
                lambda c: _row(session, c, True, f"{c.base_url} answers", learn=True),
                choices,
            )
        )


def _row(
    session: Session, choice: Choice, ready: bool, how: str, learn: bool = False
) -> Reached:
    row = Reached(choice.provider, choice.model, choice.base_url, ready, how)
    try:
        model = model_for(session, choice, learn=learn)
    except RepoctxError as exc:
        # One broken plugin must not hide the others.
        return replace(row, ready=False, how=str(exc))
    able = model.known.able if model.known else model.able
    prices = model.able.prices
    if prices is None and is_free(model):
        prices = {"input": 0.0, "output": 0.0}
    return replace(
        row,
        window=able.window,
        output=able.output,
        cache=model.able.cache,
        cliff=able.cliff,
        prices=rates(model.ref, time.time()) if prices is None else prices,
    )


def _marked(
    session: Session, rows: list[Reached], found: Mapping[str, Sequence[str]]
) -> list[Reached]:
    """The rows, with those that ``ask`` and ``auto`` take marked: no port is tried
    again for that."""
    settings, here = session.settings, providers()
    having = [*keys_of(session)]

    def first(urls: Sequence[str]) -> str:
        return next((url for url in urls if url in found), "")

    def taken(model: str) -> Choice:
        return choose(model, settings.base_url, here, first, os.environ, having)

    def is_row(choice: Choice, row: Reached) -> bool:
        same = (row.provider, row.base_url) == (choice.provider, choice.base_url)
        named = choice.model or next((r.model for r in rows if _at(r, choice)), "")
        return same and row.model == named

    try:
        asked = taken(settings.model)
    except UnknownModel as exc:
        session.notes.append(str(exc))
        asked = Choice(OFFLINE, "")
    auto = taken(AUTO)
    return [replace(r, asked=is_row(asked, r), auto=is_row(auto, r)) for r in rows]


def _at(row: Reached, choice: Choice) -> bool:
    return (row.provider, row.base_url) == (choice.provider, choice.base_url)
