"""What a webhook is answered with: a handler's result, a failure or a refusal, as ASGI messages."""

from __future__ import annotations

from typing import Any

from kiket_sdk.exceptions import OutboundRequestError


def decoded(response: Any) -> Any:
    """Return an answer's JSON; raises OutboundRequestError when it is none."""
    try:
        return response.json()
    except ValueError:
        raise OutboundRequestError(
            f"Kiket API returned {response.status_code} with a body that is not JSON",
            response.status_code,
        ) from None
