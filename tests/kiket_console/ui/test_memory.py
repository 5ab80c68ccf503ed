"""When the memory of the console is tidied."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kiket_console.ui import memory

if TYPE_CHECKING:
    import pytest


def test_it_is_tidied_at_a_rest_and_in_the_end_while_a_key_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tidied: list[float] = []
    acted_s = -math.inf
    monkeypatch.setattr(memory, "tidy", lambda: tidied.append(acted_s))
    tidying = memory.Tidying(lambda: acted_s)
    tidying.look()
    assert tidied == [-math.inf]
    acted_s = math.inf
    for _ in range(memory.PUT_OFF_AT_MOST):
        tidying.look()
    assert len(tidied) == 1
    tidying.look()
    tidying.look()
    assert tidied == [-math.inf, math.inf]
