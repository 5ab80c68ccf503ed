"""A webhook that comes by way of ASGI, in the form in which a server's own come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from kiket_sdk._replies import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send


class AsgiRequest(Struct, eq=False):
    """See `kiket_core.guard.DirectRequest`; but here the body has to be waited for."""

    scope: Scope
    receive: Receive
    send: Send
    headers: list[tuple[bytes, bytes]]
    named: dict[bytes, bytes]

    @property
    def query(self) -> bytes:
        """What is behind the question mark."""
        query: bytes = self.scope["query_string"]
        return query

    async def rest(self, message: Message, limit_bytes: int) -> bytes:
        """Return a body that begins with *message*; of one over the limit a part that is over it.

        Raises Refused (400) when the sender goes before its end.
        """
        chunks = [message.get("body", b"")]
        size = len(chunks[0])
        while message.get("more_body") and size <= limit_bytes:
            message = await self.receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
        if message["type"] == "http.disconnect":
            raise Refused(400, "Request body was cut off")
        return b"".join(chunks)

    async def answer(
        self, status: int, headers: list[tuple[bytes, bytes]], raw_body: bytes
    ) -> None:
        """Send the answer."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": raw_body})

    def pass_to(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> Awaitable[None]:
        """Let an ASGI application answer."""
        return app(self.scope, self.receive, self.send)


def asgi_request(scope: Scope, receive: Receive, send: Send) -> AsgiRequest:
    """Return the webhook of an ASGI connection; of repeated headers the first counts."""
    headers = scope["headers"]
    return AsgiRequest(scope, receive, send, headers, dict(reversed(headers)))
