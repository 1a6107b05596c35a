"""Any exception as one line and a code."""

from __future__ import annotations

import pytest

from repoctx.cli.failure import as_error
from repoctx.errors import BudgetExceeded, Interrupted


def raised(first: BaseException, second: Exception) -> Exception:
    """``second`` as it is when it was raised while ``first`` was handled."""
    second.__context__ = first
    return second


def test_what_breaks_on_the_way_out_of_an_interrupt_is_the_interrupt():
    assert isinstance(as_error(raised(KeyboardInterrupt(), ValueError())), Interrupted)
    assert as_error(raised(OSError(), ValueError("x"))).code == 70


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (KeyboardInterrupt(), 130),
        (BudgetExceeded("too much"), 5),
        (OSError(28, "No space left on device", "f"), 2),
        (MemoryError(), 2),
    ],
)
def test_codes(exc: BaseException, code: int):
    error = as_error(exc)
    assert error.code == code
    assert "\n" not in str(error)
