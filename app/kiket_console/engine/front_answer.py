"""An answer of the gateway's, as it is sent."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.engine.front_request import FrontRequest
    from kiket_console.model import Headers

_WITHOUT_BODY: Final = frozenset({204, 304})


def raw_answer(
    request: FrontRequest,
    status: int,
    headers: Headers,
    raw_body: bytes,
    common: Sequence[tuple[bytes, bytes]],
) -> bytes:
    """Return the bytes of the answer to a request; *common* are headers that each answer has.

    The length of the body is said unless *headers* say one, which an answer to HEAD keeps.
    """
    lines = _lines(status, headers, len(raw_body), request.keep_alive)
    line = STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status
    body = b"" if request.method == "HEAD" or status in _WITHOUT_BODY else raw_body
    return b"".join([line, _common_lines(tuple(common)), lines, body])


@functools.lru_cache(maxsize=64)  # a handler's answers mostly say the same; one may be of 64 KiB
def _lines(status: int, headers: Headers, length: int, keep_alive: bool) -> bytes:
    lines = []
    measured = status in _WITHOUT_BODY
    for name, value in headers:
        folded = name.lower()
        if folded != "date":  # the server says it, for every answer
            measured = measured or folded == "content-length"
            lines.append(f"{name}: {value}")
    if not measured:
        lines.append(f"content-length: {length}")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


@functools.lru_cache(maxsize=8)  # they change once a second
def _common_lines(common: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in common])
