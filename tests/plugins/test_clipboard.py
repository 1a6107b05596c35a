"""What a person is given to carry, and what comes of the answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from repoctx_plugins.clipboard import WINDOW, provider

from repoctx.errors import UsageError
from repoctx.protocols import ByHand, Provider
from repoctx.values import Endpoint, Stop, Turn
from servers.prompts import request

TURNS = (Turn("assistant", "In a.py."), Turn("user", "Sure?"))


def test_the_answer_that_was_taken():
    made = provider(Endpoint())
    assert isinstance(made, Provider)
    assert isinstance(made, ByHand)
    with pytest.raises(UsageError):
        list(made.stream(request()))
    made.take("Here.")
    text, last = made.stream(request())
    assert (text.text, last.stop) == ("Here.", Stop.END)
    with pytest.raises(UsageError):
        list(made.stream(request()))


def test_later_only_what_is_new():
    made = provider(Endpoint())
    assert made.text(request()).endswith("</repository>\nWhere is it?\n")
    later = replace(request(), turns=TURNS)
    assert made.text(later) == "Sure?"
    # Another window, or another repository, was given nothing yet.
    whole = provider(Endpoint()).text(later)
    assert whole.startswith("Read this.\n<repository>")
    assert whole.endswith("Where is it?\n\n\n[assistant]\nIn a.py.\n\n[user]\nSure?")


def test_the_window_is_the_users():
    assert provider(Endpoint()).capabilities("").window == WINDOW
    assert provider(Endpoint(window=9000)).capabilities("").window == 9000
