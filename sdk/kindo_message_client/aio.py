"""Send messages to the Kindo producer from an event loop, one at a time or many at once.

async with ProducerClient() as client:
    tracking_id = await client.send(message)
    async for sent in client.send_many(messages):
        print(sent.index, sent.tracking_id or sent.error)
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from kindo_message_client import _answer, _message, _retrying
from kindo_message_client._batch import Batch, Sent
from kindo_message_client._connection import ANSWER_S, HEADERS, checked_timeout, tls
from kindo_message_client._hashing import KEY_VARIABLE
from kindo_message_client._pool import Pool
from kindo_message_client._schema import validator
from kindo_message_client._url import checked_url, region_of, trace_for
from kindo_message_client.config import region as region_or_default
from kindo_message_client.config import required
from kindo_message_client.config import service as service_or_default
from kindo_message_client.credentials import Credentials, find_credentials, hide
from kindo_message_client.errors import UnreachableError
from kindo_message_client.signer import signer_for

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence

    from kindo_message_client._hashing import HmacKey
    from kindo_message_client._link import Answer
    from kindo_message_client.producer import ProducerPayload

__all__ = ["ProducerClient", "Sent"]

_LOOK_AGAIN_S: Final = 30.0
"""Credentials that were found are looked for again after so long; botocore refreshes them."""
_REFUSED: Final = (401, 403)


class ProducerClient:
    """Sends messages over connections that stay open; use it with `async with`.

    *url*, *region*, *service*, *schema_path*, *strict*, *hash_fields*, *hmac_key*, *credentials*,
    *profile*, *timeout_s* and *retries* are those of `producer.send_to_producer`. *concurrency* is
    how many messages are under way at most, each on its connection; *tls* verifies the producer
    instead of the authorities that are known.

    A client belongs to the event loop on which it was entered, and does not block it: credentials,
    certificates, schema and `.env` are read in threads. On uvloop it is fastest.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        region: str | None = None,
        service: str | None = None,
        schema_path: str | os.PathLike[str] | None = None,
        strict: bool = False,
        hash_fields: Sequence[str] = (),
        hmac_key: HmacKey | None = None,
        credentials: Credentials | None = None,
        profile: str | None = None,
        concurrency: int = 32,
        timeout_s: float = ANSWER_S,
        retries: int = _retrying.RETRIES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._given_url, self._given_region, self._given_service = url, region, service
        self._schema_path, self._strict = schema_path, strict
        self._hash_fields, self._hmac_key = hash_fields, hmac_key
        self._credentials, self._profile = credentials, profile
        self._concurrency = _positive(concurrency)
        self._timeout_s, self._retries = checked_timeout(timeout_s), retries
        self._tls = tls
        self._batches: set[Batch] = set()
        self._pool: Pool | None = None

    async def __aenter__(self) -> Self:
        """Find URL, credentials and certificates; connections are opened as messages come.

        Raises:
            ConfigError: if URL, schema file or key of `hash_fields` are missing or cannot be used.
            CredentialsError: if there are no credentials that can be used.
        """
        self._loop = asyncio.get_running_loop()
        self._looking = asyncio.Lock()
        context = await asyncio.to_thread(self._prepared)
        await self._look_for_credentials()
        parts = urlsplit(self._signer.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{name}: {value}\r\n" for name, value in HEADERS.items()]
        self._head = f"POST {target} HTTP/1.1\r\nHost: {self._signer.host}\r\n{''.join(lines)}"
        pool = Pool(self._signer.url, context, self._concurrency)
        self._group = await asyncio.TaskGroup().__aenter__()
        self._pool = pool
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections; what is under way is given up."""
        for batch in self._batches:
            batch.stop()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        # Given the error, a group would raise it within one of its own.
        await self._group.__aexit__(None, None, None)

    async def send(self, message: ProducerPayload | dict[str, Any]) -> str | None:
        """Check *message*, sign it, and post it to the producer; return the tracking id.

        Waits while `concurrency` messages are under way. To cancel it closes the connection; the
        message may have been taken all the same.

        Raises: as `producer.send_to_producer`, and RuntimeError outside of `async with`.
        """
        outgoing = _message.ready(
            message,
            schema_path=self._schema_path,
            hash_fields=self._hash_fields,
            hmac_key=self._hmac_key,
        )
        body = _message.encoded(outgoing)
        try:
            answer = await self._post(body)
        except (_retrying.BusyError, UnreachableError) as error:
            answer = await self._post_again(body, error)
        else:
            _retrying.budget.sent()
        if answer.status != 200:
            text = answer.raw_body.decode("utf-8", "replace")
            raise _answer.refused(answer.status, text, message, answer.headers, answer.signed)
        try:
            said = json.loads(answer.raw_body)
        except (ValueError, RecursionError) as error:
            text = answer.raw_body.decode("utf-8", "replace")
            raise _answer.unreadable(text, message) from error
        return _answer.tracking_id(said, message, strict=self._strict)

    def send_many(
        self,
        messages: Iterable[ProducerPayload | dict[str, Any]]
        | AsyncIterable[ProducerPayload | dict[str, Any]],
        *,
        concurrency: int | None = None,
    ) -> AsyncIterator[Sent]:
        """Send *messages*, *concurrency* of them at once; yield what became of each, in order.

        One that fails does not stop the others: its `Sent` has the error. *messages* may be
        endless, and asynchronous: they are taken as they can be sent and as results are read. What
        they raise is raised after the results of those before. Whoever stops reading stops the
        sending; what is under way then may have been taken.
        """
        workers = self._concurrency if concurrency is None else concurrency
        workers = min(_positive(workers), self._concurrency)
        return self._results(Batch(messages, self.send, 2 * workers), workers)

    async def _results(self, batch: Batch, workers: int) -> AsyncIterator[Sent]:
        self._opened()
        self._batches.add(batch)
        try:
            async for sent in batch.results(self._group, workers):
                yield sent
        finally:
            batch.stop()
            self._batches.discard(batch)

    def _prepared(self) -> ssl.SSLContext | None:
        """Read what is on disk, and import what takes long; return what verifies the producer."""
        import stamina  # noqa: F401

        url = required("KINDO_MESSAGE_PRODUCER_URL") if self._given_url is None else self._given_url
        self._url = checked_url(url)
        self._region = region_or_default(self._given_region, region_of(url))
        self._service = service_or_default(self._given_service)
        validator(self._schema_path)
        if self._hash_fields and self._hmac_key is None:
            required(KEY_VARIABLE)
        return (self._tls or tls()) if self._url.startswith("https:") else None

    async def _look_for_credentials(self) -> None:
        """Sign with the credentials that there are now."""
        if self._credentials is None:
            found = await asyncio.to_thread(find_credentials, self._profile)
            self._looked_s = self._loop.time()
            self._look_again_s = self._looked_s + _LOOK_AGAIN_S
        else:
            found = self._credentials
            hide(found)
            self._looked_s = self._look_again_s = math.inf
        self._signer = signer_for(self._url, self._region, self._service, found)

    def _opened(self) -> Pool:
        if self._pool is None:
            raise RuntimeError(
                "The client is not open; write `async with ProducerClient(…) as client:`."
            )
        return self._pool

    async def _post(self, body: bytes) -> Answer:
        """Post *body* once, and return the answer unless it asks to send again."""
        pool = self._opened()
        if self._loop.time() > self._look_again_s:
            async with self._looking:
                if self._loop.time() > self._look_again_s:
                    await self._look_for_credentials()

        signer, at_s = self._signer, 0.0
        trace = trace_for(self._url)

        def signed() -> bytes:
            """Sign as late as can be: the time counts, and a free connection may take long."""
            nonlocal at_s
            at_s = time.time()
            headers = (signer.sign(body, at_s) | trace).items()
            lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
            head = f"{self._head}Content-Length: {len(body)}\r\n{lines}\r\n"
            return head.encode("latin-1") + body

        answer = await pool.ask(signed, self._timeout_s)
        if answer.status != 200:
            answer.signed = lambda: signer.describe(body, at_s)
            if answer.status in _REFUSED:
                self._look_again_s = min(self._look_again_s, self._looked_s + 1.0)
            pause = _retrying.pause_asked(answer.status, answer.headers)
            if pause is not False:
                raise _retrying.BusyError(answer, pause)
        return answer

    async def _post_again(self, body: bytes, first: Exception) -> Answer:
        """Go on after the *first* try: the way of the synchronous client costs 20 µs each time."""
        try:
            async for attempt in _retrying.attempts(self._retries):
                with attempt:
                    if attempt.num == 1:
                        raise first
                    return await self._post(body)
        except _retrying.BusyError as busy:
            answer: Answer = busy.response
            return answer
        raise AssertionError("unreachable: the last attempt returns or raises")


def _positive(concurrency: int) -> int:
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it has to be 1 or more.")
    return concurrency
