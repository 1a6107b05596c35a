"""Every golden folder of edits through the pure core."""

from __future__ import annotations

import pytest

from apply.cases import CASES, check_patch


@pytest.mark.parametrize("name", sorted(p.name for p in CASES.iterdir()))
def test_case(name: str) -> None:
    check_patch(name)
