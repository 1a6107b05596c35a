"""Which model answers, and what counts its tokens."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from repoctx.ask.choose import (
    OFFLINE,
    VENDORS,
    Choice,
    Keys,
    answering,
    base_url_of,
    choose,
    key_for,
    keyed,
)
from repoctx.ask.prices import Facts, Listed, Ref, facts, listed
from repoctx.errors import AuthError, RepoctxError, StorageError
from repoctx.flow.counting import Counted
from repoctx.flow.scale import scale_for
from repoctx.flow.sent import last_sent
from repoctx.flow.session import Session
from repoctx.flow.state import read_checked, write_checked
from repoctx.pack import tokens
from repoctx.pack.tokens import ONE, Scale
from repoctx.plugins import providers
from repoctx.protocols import Learns, Prepares, Provider
from repoctx.settings import Loaded, user_file
from repoctx.values import Capabilities, Endpoint

USUAL = "o200k_base"
"""The vocabulary that stands in for those that are not known."""


@dataclass(frozen=True, slots=True)
class Model:
    """A provider, the model it is asked for, and what that model can do, in its own
    tokens. ``known`` is what its vendor says of it (None where no vendor is known),
    ``scale`` how many tokens it counts for one of packing's."""

    provider: Provider
    choice: Choice
    able: Capabilities
    known: Facts | None = None
    scale: Scale = ONE

    @property
    def name(self) -> str:
        """How people and the ledger name it."""
        return self.choice.name

    @property
    def ref(self) -> Ref:
        """How price lists find it."""
        choice = self.choice
        if choice.provider in VENDORS or not choice.base_url:
            return Ref(choice.provider, choice.model)
        return Ref("", choice.model, choice.base_url)


def choose_model(session: Session, *, learn: bool = False) -> Model:
    """The provider and model that the settings ask for; no prompt is sent.

    With ``learn`` local servers may be looked for, and the chosen one is asked what its
    model can do; without it nothing touches the network.

    Raises UnknownModel, MissingExtra, AuthError.
    """
    settings, here = session.settings, providers()
    having = keys_of(session)
    choice = choose(
        settings.model,
        settings.base_url,
        here,
        answering if learn else _nobody,
        os.environ,
        [*having],
    )
    if learn and choice.provider == OFFLINE and not settings.model:
        session.notes += [
            f"there is a key for {name} ({where}): -m auto would use it"
            for name, where in having.items()
            if name in here
        ][:1]
    model = counting(session, model_for(session, choice, learn=learn))
    if learn and model.able.reads_context:
        tokenizer_for(session, model).prepare()
    return model


def keys_of(session: Session) -> dict[str, str]:
    """Vendors for which there is a key, and where it stands; see `keyed`."""
    return keyed(Keys(session.settings.api_key_env, session.loaded.keys), os.environ)


def lacking(loaded: Loaded) -> str:
    """What to set so that the vendor which the settings name can be asked; "" where a
    key is there, or none is needed."""
    settings = loaded.settings
    name, _, model = settings.model.partition("/")
    if name not in VENDORS:
        return ""
    url = base_url_of(settings.base_url, os.environ, name)
    try:
        keys = Keys(settings.api_key_env, loaded.keys)
        if Endpoint(url).local or key_for(Choice(name, model, url), keys, os.environ):
            return ""
    except AuthError as exc:
        return str(exc)
    return (
        f"{name} needs a key: set {VENDORS[name].keys[0]} in the environment of the "
        f"editor, or {name} under [keys] in {user_file(os.environ)} (mode 600)"
    )


def model_for(session: Session, choice: Choice, *, learn: bool = False) -> Model:
    """The model of ``choice``; with ``learn`` its server may be asked what it can do.

    Raises UnknownModel, MissingExtra, AuthError.
    """
    settings = session.settings
    keys = Keys(settings.api_key_env, session.loaded.keys)
    endpoint = Endpoint(
        base_url=choice.base_url,
        key=key_for(choice, keys, os.environ),
        timeout=settings.timeout,
        window=settings.window,
        effort=settings.effort,
        verbosity=settings.verbosity,
    )
    provider = providers()[choice.provider](endpoint)
    if learn and isinstance(provider, Prepares):
        threading.Thread(target=_prepare, args=(provider,), daemon=True).start()
    if choice.provider in VENDORS:
        known = _facts(session, Ref(choice.provider, choice.model))
        if known is not None:
            said = provider.capabilities(choice.model)
            able = _joined(said, known.able, settings.window)
            return Model(provider, choice, able, known)
    if learn and isinstance(provider, Learns):
        return Model(provider, choice, provider.learn(choice.model))
    able = provider.capabilities(choice.model)
    sent = last_sent(session.state, choice.name)
    if sent is not None and sent.window and not settings.window:
        # What the server said when it was asked last: the same prefix without asking.
        able = replace(able, window=sent.window)
    return Model(provider, choice, able)


def counting(session: Session, model: Model) -> Model:
    """``model`` with the factor that was learnt from what it counted."""
    if not model.able.reads_context:
        return model
    prior = model.known.factor if model.known else 1.0
    counter = tokenizer_for(session, model)
    return replace(model, scale=scale_for(session.state, model.name, prior, counter))


def _facts(session: Session, of: Ref) -> Facts | None:
    """What is known of a vendor's model. What the price list says of its limits is kept
    for the day, or until another list is installed: the list takes 0.2 s to load."""
    now = time.time()
    spec = importlib.util.find_spec("genai_prices")
    if spec is None or spec.origin is None:
        return facts(of, now, Listed(False))
    key = [spec.origin, Path(spec.origin).stat().st_mtime_ns, int(now // 86400)]
    path = session.state.folder / "limits.json"
    kept = read_checked(path)
    rows = kept["rows"] if kept.get("key") == key else {}
    name = f"{of.provider}/{of.model}"
    if name not in rows:
        rows[name] = listed(of, now)
        with suppress(StorageError):
            write_checked(path, {"key": key, "rows": rows})
    return facts(of, now, Listed(*rows[name]))


def _joined(said: Capabilities, known: Capabilities, window: int) -> Capabilities:
    """The vendor's limits and cache, the provider's ways; ``window`` is the user's."""
    return replace(
        said,
        window=window or known.window or said.window,
        output=known.output,
        cache=known.cache,
        marks=known.marks,
        look_back=known.look_back,
        minimum=known.minimum,
        ttls=known.ttls,
        cliff=known.cliff,
        tokenizer=said.tokenizer or known.tokenizer,
    )


def _prepare(provider: Prepares) -> None:
    """Import an SDK; whoever needs it hears why that failed."""
    with suppress(RepoctxError):
        provider.prepare()


def _nobody(_urls: Sequence[str]) -> str:
    """No server answers one that does not ask."""
    return ""


def tokenizer_for(session: Session, model: Model) -> Counted:
    """What counts for this model, in packing's tokens: its own where its vocabulary is
    known and at hand, otherwise those of o200k_base; see `Model.scale`."""
    name = model.able.tokenizer or USUAL
    found = tokens.load(name)
    if not found.exact:
        import tempfile  # Only where tiktoken's vocabulary has to be looked for.

        folder = tokens.ranks_folder(os.environ, tempfile.gettempdir())
        found = tokens.load(name, ranks=folder)
    return Counted(found, session, exact=found.exact and bool(model.able.tokenizer))
