"""Ports: from the orchestrator, else free ones of this machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from pywatt_sdk._link import STDIO, Link
from pywatt_sdk._protocol import PortRequest, PortResponse, decode_to_orchestrator, encode_line
from pywatt_sdk.communication import port_negotiation
from pywatt_sdk.communication.port_negotiation import (
    FAILURES_UNTIL_OPEN,
    FALLBACK_PORTS,
    PORTS,
    PortNegotiationManager,
    get_pre_allocated_port,
    negotiate_port,
    set_pre_allocated_port,
)
from pywatt_sdk.core.error import ConfigError, NetworkError
from pywatt_sdk.services import server

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def nothing_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server._Allocated, "port", None)


class Orchestrator:
    """Answers port requests over a link by `answer`; None leaves one without an answer."""

    def __init__(self, answer: Callable[[PortRequest], PortResponse | None]) -> None:
        self.link = Link()
        self.link.attach(STDIO, self)
        self.requests: list[PortRequest] = []
        self._answer = answer

    def send(self, raw: bytes) -> None:
        request = decode_to_orchestrator(raw)
        assert isinstance(request, PortRequest)
        self.requests.append(request)
        reply = self._answer(request)
        if reply is not None:
            self.link.heard(STDIO, encode_line(reply))

    async def room(self) -> None:
        """Have room for everything."""

    def close(self) -> None:
        pass


def refusing(request: PortRequest) -> PortResponse:
    return PortResponse(request.request_id, success=False, port=0, error_message="in use")


def granting(request: PortRequest) -> PortResponse:
    return PortResponse(request.request_id, success=True, port=request.specific_port or 8123)


async def test_a_port_is_asked_for_once() -> None:
    orchestrator = Orchestrator(granting)
    assert await negotiate_port(link=orchestrator.link) == 8123
    assert get_pre_allocated_port() == 8123
    assert await negotiate_port(9000, link=orchestrator.link) == 8123
    assert [each.specific_port for each in orchestrator.requests] == [None]


async def test_a_port_that_was_set_is_taken() -> None:
    set_pre_allocated_port(7000)
    assert await negotiate_port() == 7000


async def test_a_wish_stays_a_wish_when_it_is_asked_again() -> None:
    asked = 0

    def second_time(request: PortRequest) -> PortResponse:
        nonlocal asked
        asked += 1
        return refusing(request) if asked == 1 else granting(request)

    orchestrator = Orchestrator(second_time)
    assert await negotiate_port(9000, link=orchestrator.link) == 9000
    assert [each.specific_port for each in orchestrator.requests] == [9000, 9000]


async def test_without_a_wish_others_are_tried() -> None:
    orchestrator = Orchestrator(lambda request: refusing(request))
    manager = PortNegotiationManager(orchestrator.link, use_fallback=False)
    with pytest.raises(NetworkError, match="no port was given: in use"):
        await manager.request_port()
    first, *others = [each.specific_port for each in orchestrator.requests]
    assert first is None
    assert len(others) == 3
    assert all(port in PORTS for port in others)


async def test_port_zero_is_none() -> None:
    def zero(request: PortRequest) -> PortResponse:
        return PortResponse(request.request_id, success=True, port=0)

    manager = PortNegotiationManager(Orchestrator(zero).link, use_fallback=False)
    with pytest.raises(NetworkError, match="invalid port 0"):
        await manager.request_port()


async def test_silence_is_waited_for_a_little_longer_each_time() -> None:
    timeouts_s = []

    class Silent(Link):
        async def ask(self, _: object, *, timeout_s: float = 30.0) -> PortResponse:
            timeouts_s.append(timeout_s)
            raise NetworkError("no reply")

    with pytest.raises(NetworkError, match="no reply"):
        await PortNegotiationManager(Silent(), use_fallback=False).request_port()
    assert timeouts_s == [3.0, 4.0, 5.0, 6.0]


async def test_an_orchestrator_that_gives_none_is_left_alone_for_a_while() -> None:
    orchestrator = Orchestrator(refusing)
    manager = PortNegotiationManager(orchestrator.link, use_fallback=False)
    for _ in range(FAILURES_UNTIL_OPEN):
        with pytest.raises(NetworkError):
            await manager.request_port()
    asked = len(orchestrator.requests)
    with pytest.raises(NetworkError, match="left alone"):
        await manager.request_port()
    assert len(orchestrator.requests) == asked
    manager._open_until_s = 0.0  # a minute later
    with pytest.raises(NetworkError, match="in use"):
        await manager.request_port()
    with pytest.raises(NetworkError, match="left alone"):  # one failure is enough now
        await manager.request_port()


async def test_without_an_orchestrator_a_free_port_is_chosen_here() -> None:
    assert await negotiate_port() in FALLBACK_PORTS


async def test_a_port_that_is_taken_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert await negotiate_port(port) != port
        monkeypatch.setattr(port_negotiation, "FALLBACK_PORTS", range(port, port + 1))
        monkeypatch.setattr(server._Allocated, "port", None)
        with pytest.raises(NetworkError, match="none is free"):
            await negotiate_port()


@pytest.mark.parametrize("port", [0, -1, 65_536])
async def test_a_wish_has_to_be_a_port(port: int) -> None:
    with pytest.raises(ConfigError, match="is no port"):
        await negotiate_port(port)
