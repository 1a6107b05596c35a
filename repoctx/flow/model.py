"""Which model answers, and what counts its tokens."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from repoctx.ask.choose import (
    OFFLINE,
    Choice,
    Keys,
    answering,
    choose,
    key_for,
    keyed,
)
from repoctx.flow.counting import Counted
from repoctx.flow.sent import last_sent
from repoctx.flow.session import Session
from repoctx.pack import tokens
from repoctx.plugins import providers
from repoctx.protocols import Learns, Provider, Tokenizer
from repoctx.values import Capabilities, Endpoint


@dataclass(frozen=True, slots=True)
class Model:
    """A provider, the model it is asked for, and what that model can do."""

    provider: Provider
    choice: Choice
    able: Capabilities

    @property
    def name(self) -> str:
        """How people and the ledger name it."""
        return self.choice.name


def choose_model(session: Session, *, learn: bool = False) -> Model:
    """The provider and model that the settings ask for; no prompt is sent.

    With ``learn`` local servers may be looked for, and the chosen one is asked what its
    model can do; without it nothing touches the network.

    Raises UnknownModel, MissingExtra, AuthError.
    """
    settings, known = session.settings, providers()
    keys = Keys(settings.api_key_env, session.loaded.keys)
    having = keyed(keys, os.environ)
    choice = choose(
        settings.model,
        settings.base_url,
        known,
        answering if learn else _nobody,
        os.environ,
        [*having],
    )
    if learn and choice.provider == OFFLINE and not settings.model:
        session.notes += [
            f"there is a key for {name} ({where}): -m auto would use it"
            for name, where in having.items()
            if name in known
        ][:1]
    endpoint = Endpoint(
        base_url=choice.base_url,
        key=key_for(choice, keys, os.environ),
        timeout=settings.timeout,
        window=settings.window,
    )
    provider = known[choice.provider](endpoint)
    if learn and isinstance(provider, Learns):
        return Model(provider, choice, provider.learn(choice.model))
    able = provider.capabilities(choice.model)
    sent = last_sent(session.state, choice.name)
    if sent is not None and sent.window and not settings.window:
        # What the server said when it was asked last: the same prefix without asking.
        able = replace(able, window=sent.window)
    return Model(provider, choice, able)


def _nobody(_urls: Sequence[str]) -> str:
    """No server answers one that does not ask."""
    return ""


def tokenizer_for(session: Session, model: Model) -> Tokenizer:
    """What counts for this model: exact where its vocabulary is at hand."""
    name = model.able.tokenizer
    found = tokens.load(name)
    if not found.exact:
        import tempfile  # Only where tiktoken's vocabulary has to be looked for.

        folder = tokens.ranks_folder(os.environ, tempfile.gettempdir())
        found = tokens.load(name, ranks=folder)
    return Counted(found, session)
