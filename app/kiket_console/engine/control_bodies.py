"""Bodies of the control API: JSON in, JSON out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.responses import Response

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.settings import MOST_BODY_MIB

if TYPE_CHECKING:
    from starlette.requests import Request

T = TypeVar("T")

BODY_LIMIT = (MOST_BODY_MIB * 4 // 3 + 3) * 1024 * 1024
"""Room for the largest payload in base64, and what is said about it."""


def answer(document: object, status: int = 200) -> Response:
    """Return an answer of JSON."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")


async def asked_body(request: Request, kind: type[T]) -> T:
    """Return what a request asks; raises `ConsoleError` when it is not what is expected."""
    raw_body = bytearray()
    async for chunk in request.stream():
        raw_body += chunk
        if len(raw_body) > BODY_LIMIT:
            raise ConsoleError(
                f"The request is larger than {BODY_LIMIT} bytes.", exit_code=ExitCode.USAGE
            )
    try:
        return msgspec.json.decode(raw_body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConsoleError(
            f"The request's JSON is not what is expected: {error}.", exit_code=ExitCode.USAGE
        ) from error
