"""Many messages, so many at once, and their results in the order of the messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

_END: Final = object()


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message of many."""

    index: int
    """Which message it was, from 0."""
    tracking_id: str | None = None
    """None where it was not taken, or the producer gave none."""
    error: Exception | None = None
    """What `ProducerClient.send` would have raised; None: the message was taken."""


class Batch:
    """Sends *messages* with *send*, each once; `results` is awaited.

    Of *messages* no more than *ahead* are taken beyond the one whose result was given out last, so
    that they may be endless, and wait for whoever reads the results.
    """

    def __init__(
        self,
        messages: Iterable[Any] | AsyncIterable[Any],
        send: Callable[[Any], Awaitable[str | None]],
        ahead: int,
    ) -> None:
        self._messages = aiter(messages) if isinstance(messages, AsyncIterable) else iter(messages)
        self._send = send
        self._room = asyncio.Semaphore(ahead)
        self._one_asks = asyncio.Lock()
        self._taken = 0
        """How many messages were taken."""
        self._given = 0
        """How many results were given out."""
        self._is_over = False
        """Whether there are no more messages."""
        self._failure: Exception | None = None
        """What *messages* raised instead of a message."""
        self._results: dict[int, Sent] = {}
        self._news = asyncio.Event()
        self._working: set[asyncio.Task[None]] = set()

    async def results(self, group: asyncio.TaskGroup, workers: int) -> AsyncIterator[Sent]:
        """Send with so many *workers* of *group* at once; yield what became of each, in order.

        What *messages* raise is raised after the results of those before. Whoever stops reading
        stops the sending; what is under way then may have been taken.

        Raises:
            RuntimeError: if *group* ends before all were sent.
        """
        for _ in range(workers):
            worker = group.create_task(self._work())
            self._working.add(worker)
            worker.add_done_callback(self._ended)
        try:
            while True:
                sent = self._results.pop(self._given, None)
                if sent is not None:
                    self._given += 1
                    self._room.release()
                    yield sent
                elif self._working:
                    self._news.clear()
                    await self._news.wait()
                elif self._failure is not None:
                    raise self._failure
                elif self._is_over:
                    return
                else:
                    raise RuntimeError("The client was closed before all messages were sent.")
        finally:
            self.stop()

    def stop(self) -> None:
        """Give up what is under way."""
        for worker in self._working:
            worker.cancel()

    def _ended(self, worker: asyncio.Task[None]) -> None:
        self._working.discard(worker)
        self._news.set()

    async def _work(self) -> None:
        while True:
            await self._room.acquire()
            index, message = await self._next()
            if message is _END:
                self._room.release()  # for another worker, to see it, too
                return
            try:
                sent = Sent(index, await self._send(message))
            except Exception as error:  # one that fails does not stop the others
                sent = Sent(index, error=error)
            self._results[index] = sent
            if index == self._given:
                self._news.set()

    async def _next(self) -> tuple[int, Any]:
        """Return the next message and its number."""
        if not self._is_over:
            try:
                if isinstance(self._messages, AsyncIterator):
                    async with self._one_asks:
                        message = await anext(self._messages, _END)
                        return self._numbered(message)
                return self._numbered(next(self._messages, _END))
            except Exception as error:
                self._failure, self._is_over = error, True
        return self._taken, _END

    def _numbered(self, message: Any) -> tuple[int, Any]:
        index = self._taken
        if message is _END:
            self._is_over = True
        else:
            self._taken += 1
        return index, message
