"""What a call may do: scopes are flat names, compared as they are (kiket-and-kindo.md §1.8, §2.3).

`*` grants everything. Several spellings of a scope are about (`custom_data.read`,
`custom_data:read`, `read:custom_data`); they are different scopes, and a refusal says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kiket_console.engine.platform.calls import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kiket_console.engine.platform.callers import Caller
    from kiket_console.model import Handler

EVERYTHING = "*"
_BETWEEN = re.compile(r"[.:]")


def of_token(granted: Sequence[str], handlers: Iterable[Handler]) -> tuple[str, ...]:
    """Return the scopes of a delivery's token, where *granted* are those of the settings.

    Where everything is granted, what the handlers ask for is named besides: strict extensions do
    not let `*` stand for it.
    """
    if EVERYTHING not in granted:
        return tuple(granted)
    asked = sorted({scope for handler in handlers for scope in handler.scopes})
    return tuple(dict.fromkeys((*granted, *asked)))


def refusal(needed: str, granted: Sequence[str], caller: Caller | None) -> Reply | None:
    """Return the 403 for a call that needs a scope it was not granted; None when it was."""
    if not needed or EVERYTHING in granted or needed in granted:
        return None
    has = ", ".join(granted) if granted else "none"
    if caller is not None and caller.scopes is not None:
        who = f"the runtime token of {caller.delivery_id} was granted {has} when it was made"
    else:
        who = f"the platform's settings grant {has}"
    sentence = (
        f"The call needs the scope {needed}, and {who}; add it to granted_scopes in the "
        "platform's settings."
    )
    near = [each for each in granted if _pieces(each) == _pieces(needed)]
    if near:
        sentence += f" {near[0]} is another scope to the platform, however alike they look."
    body: dict[str, Any] = {
        "error": sentence,
        "required_scopes": [needed],
        "missing_scopes": [needed],
        "granted_scopes": list(granted),
    }
    return Reply(403, body)


def _pieces(scope: str) -> frozenset[str]:
    return frozenset(_BETWEEN.split(scope))
