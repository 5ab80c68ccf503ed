"""What a delivery's token grants, and what is said of what it does not."""

from __future__ import annotations

import pytest

from kiket_console.engine.platform import scopes
from kiket_console.engine.platform.callers import Caller
from kiket_console.model import Handler

HANDLERS = (
    Handler("a", "v1", scopes=("issues.write", "issues.read")),
    Handler("b", "v1", scopes=("issues.read",)),
)


@pytest.mark.parametrize(
    ("granted", "handlers", "minted"),
    [
        (("*",), (), ("*",)),
        (("*",), HANDLERS, ("*", "issues.read", "issues.write")),
        (("*", "issues.write"), HANDLERS, ("*", "issues.write", "issues.read")),
        (("custom_data.read",), HANDLERS, ("custom_data.read",)),
        ((), HANDLERS, ()),
    ],
)
def test_where_everything_is_granted_what_handlers_ask_for_is_named(
    granted: tuple[str, ...], handlers: tuple[Handler, ...], minted: tuple[str, ...]
) -> None:
    """Strict extensions do not take `*` for it."""
    assert scopes.of_token(granted, handlers) == minted


@pytest.mark.parametrize(
    ("needed", "granted", "is_refused"),
    [
        ("", (), False),
        ("a.b", ("*",), False),
        ("a.b", ("a.b",), False),
        ("a.b", ("a:b",), True),
        ("a.b", ("a.b.c",), True),
        ("a.b", (), True),
    ],
)
def test_scopes_are_compared_as_they_are(
    needed: str, granted: tuple[str, ...], is_refused: bool
) -> None:
    assert (scopes.refusal(needed, granted, Caller("marketing")) is not None) is is_refused
