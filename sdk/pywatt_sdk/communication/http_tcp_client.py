"""Asking over framed TCP (pywatt wire specification §5.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlencode

import msgspec

from pywatt_sdk._channels import Frames
from pywatt_sdk._connecting import connect_tcp
from pywatt_sdk._protocol import ProtocolError, new_uuid
from pywatt_sdk.communication.http_tcp import HttpTcpRequest, HttpTcpResponse
from pywatt_sdk.communication.message import EncodedMessage
from pywatt_sdk.core.error import NetworkError, ReplyTimeoutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pywatt_sdk.communication.connection_config import ConnectionConfig

TIMEOUT_S: Final = 30.0


class HttpTcpClient:
    """A connection that carries any number of requests at once.

    Args:
        config: where the server is.
        timeout_s: how long an answer may take, in seconds.
    """

    def __init__(self, config: ConnectionConfig, *, timeout_s: float = TIMEOUT_S) -> None:
        self._config = config
        self._timeout_s = timeout_s
        self._frames: Frames | None = None
        self._connecting = asyncio.Lock()
        self._asked: dict[str, asyncio.Future[HttpTcpResponse]] = {}

    async def request(
        self,
        method: str,
        uri: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: Any = None,
        timeout_s: float | None = None,
    ) -> HttpTcpResponse:
        """Ask, and wait for the answer.

        Args:
            method: `"GET"` and so on.
            uri: the path, perhaps with a query.
            headers: the request's headers.
            query: parameters to put into the query, encoded.
            body: the request's body.
            json: a value to send as JSON instead.
            timeout_s: how long to wait this time, in seconds.

        Raises:
            NetworkError: if the server cannot be reached, or goes away meanwhile.
            ReplyTimeoutError: if no answer comes in time.
        """
        fields = dict(headers or {})
        if json is not None:
            body = msgspec.json.encode(json)
            fields.setdefault("Content-Type", "application/json")
        if query:
            uri += ("&" if "?" in uri else "?") + urlencode(query)
        request = HttpTcpRequest(new_uuid(), method.upper(), uri, fields, body)
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        answer: asyncio.Future[HttpTcpResponse] = asyncio.get_running_loop().create_future()
        self._asked[request.request_id] = answer
        try:
            async with asyncio.timeout(limit_s):
                frames = await self._connected()
                frames.send(EncodedMessage(request.to_json()).to_frame())
                return await answer
        except TimeoutError:
            raise ReplyTimeoutError(
                f"{method.upper()} {uri} was not answered within {limit_s:g} s"
            ) from None
        finally:
            del self._asked[request.request_id]

    async def get(self, uri: str, **options: Any) -> HttpTcpResponse:
        """Ask with GET; the options are those of `request`."""
        return await self.request("GET", uri, **options)

    async def post(self, uri: str, **options: Any) -> HttpTcpResponse:
        """Ask with POST."""
        return await self.request("POST", uri, **options)

    async def put(self, uri: str, **options: Any) -> HttpTcpResponse:
        """Ask with PUT."""
        return await self.request("PUT", uri, **options)

    async def delete(self, uri: str, **options: Any) -> HttpTcpResponse:
        """Ask with DELETE."""
        return await self.request("DELETE", uri, **options)

    async def close(self) -> None:
        """Close the connection; a later request opens another."""
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _connected(self) -> Frames:
        async with self._connecting:
            if self._frames is None or not self._frames.can_send:
                self._frames = await connect_tcp(self._channel, self._config)
            return self._frames

    def _channel(self) -> Frames:
        return Frames(self._take, on_closed=self._lost)

    def _take(self, raw: bytes) -> None:
        try:
            response = HttpTcpResponse.from_json(raw)
        except ProtocolError:
            return  # nobody can tell whose it is; who asked will time out
        asked = self._asked.get(response.request_id)
        if asked is not None and not asked.done():
            asked.set_result(response)

    def _lost(self, fault: Exception | None) -> None:
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(NetworkError("the connection was lost meanwhile", fault))
