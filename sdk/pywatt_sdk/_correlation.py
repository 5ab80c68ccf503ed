"""Which reply belongs to which request (pywatt wire specification §2.5)."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pywatt_sdk import _protocol as p

if TYPE_CHECKING:
    from collections.abc import Callable

_GRACE_S: Final = 30.0
"""How long a reply without an id of its own may still come after its asker gave up."""

Key = tuple[str, str]


class _Asker(NamedTuple):
    """One who waits for a reply, and until when that reply would be theirs."""

    reply: asyncio.Future[Any]
    until_s: float


class Correlation:
    """The requests under way, by what their replies will carry.

    Replies without an id come in the order of their requests: the first asker is given the first
    reply. One who gave up keeps the place for a while, so that a late reply is not another's.
    """

    def __init__(self, *, names_operations: bool) -> None:
        self._names_operations = names_operations
        self._asked: dict[Key, deque[_Asker]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._asked.values()))

    def expect(self, message: p.ToOrchestrator, timeout_s: float) -> asyncio.Future[Any]:
        """Return what will be the reply to `message`.

        Raises:
            TypeError: if messages of its kind have no reply.
        """
        make_key = _REQUESTS.get(type(message))
        if make_key is None:
            raise TypeError(f"{type(message).__name__} has no reply; use tell().")
        loop = asyncio.get_running_loop()
        asker = _Asker(loop.create_future(), loop.time() + timeout_s + _GRACE_S)
        key = make_key(self, message)
        if key[0] in _UNNAMED:
            self._forget(loop.time())
        self._asked.setdefault(key, deque()).append(asker)
        return asker.reply

    def _forget(self, now_s: float) -> None:
        """Forget those who gave up so long ago that no reply is theirs any more."""
        for key in [key for key in self._asked if key[0] in _UNNAMED]:
            askers = self._asked[key]
            _drop_late(askers, now_s)
            if not askers:
                del self._asked[key]

    def give_up(
        self, message: p.ToOrchestrator, reply: asyncio.Future[Any], *, was_sent: bool
    ) -> None:
        """Wait for `reply` no longer; one that may still come keeps its place in the order."""
        key = _REQUESTS[type(message)](self, message)
        reply.cancel()
        if was_sent and key[0] in _UNNAMED:
            return
        askers = self._asked.get(key, deque())
        left = deque(asker for asker in askers if asker.reply is not reply)
        if left:
            self._asked[key] = left
        else:
            self._asked.pop(key, None)

    def settle(self, message: p.ToModule) -> bool:
        """Give a reply to who asked for it; tell whether it was anybody's."""
        make_key = REPLIES.get(type(message))
        if make_key is None:
            return False
        key = make_key(self, message)
        askers = self._asked.get(key)
        if not askers:
            return False
        if key[0] == "secret":  # one value is everybody's
            del self._asked[key]
            given = [_give(asker, message) for asker in askers]
            return any(given)
        _drop_late(askers, asyncio.get_running_loop().time())
        asker = askers.popleft() if askers else None
        if not askers:
            del self._asked[key]
        if asker is not None:
            _give(asker, message)
        return asker is not None

    def fail(self, make_error: Callable[[], BaseException]) -> None:
        """Give everybody an error."""
        asked, self._asked = self._asked, {}
        for askers in asked.values():
            for asker in askers:
                if not asker.reply.done():
                    asker.reply.set_exception(make_error())

    def _operation(self, message: p.ServiceOperation | p.OperationEcho) -> Key:
        if self._names_operations and message.operation_id:
            return "operation", message.operation_id
        return "connection", message.connection_id

    def _operation_result(self, message: p.ServiceOperationResult) -> Key:
        if message.params is not None:
            return self._operation(message.params)
        under_way = [key for key in self._asked if key[0] in ("operation", "connection")]
        return under_way[0] if len(under_way) == 1 else ("connection", "")


def _drop_late(askers: deque[_Asker], now_s: float) -> None:
    while askers and askers[0].reply.done() and askers[0].until_s < now_s:
        askers.popleft()


def _give(asker: _Asker, reply: p.ToModule) -> bool:
    if asker.reply.done():
        return False
    asker.reply.set_result(reply)
    return True


_UNNAMED: Final = frozenset({"connection", "register", "discover"})
"""Replies that carry no id."""

_REQUESTS: Final[dict[type, Callable[[Correlation, Any], Key]]] = {
    p.GetSecret: lambda _, message: ("secret", message.name),
    p.ServiceRequest: lambda _, message: ("service", message.id),
    p.ServiceOperation: Correlation._operation,
    p.PortRequest: lambda _, message: ("port", message.request_id),
    p.RouteToModule: lambda _, message: ("route", message.request_id),
    p.RegisterServiceProvider: lambda *_: ("register", ""),
    p.DiscoverServiceProviders: lambda *_: ("discover", ""),
}
REPLIES: Final[dict[type, Callable[[Correlation, Any], Key]]] = {
    p.Secret: lambda _, message: ("secret", message.name),
    p.ServiceResponse: lambda _, message: ("service", message.id),
    p.ServiceOperationResult: Correlation._operation_result,
    p.PortResponse: lambda _, message: ("port", message.request_id),
    p.RoutedModuleResponse: lambda _, message: ("route", message.request_id),
    p.RegisterServiceProviderResponse: lambda *_: ("register", ""),
    p.DiscoverServiceProvidersResponse: lambda *_: ("discover", ""),
}
"""What may be a reply, and what it carries of its request."""
