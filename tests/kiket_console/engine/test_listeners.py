"""Which port the gateway gets, and what is said about it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kiket_console.engine import listeners
from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    import socket


@pytest.fixture
def own_ports(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the usual ports be three that nobody else uses now; return the first."""
    for first in range(21_000, 30_000, 3):
        try:
            with (
                listeners._bind(first),
                listeners._bind(first + 1),
                listeners._bind(first + 2),
            ):
                monkeypatch.setattr(listeners, "FIRST_PORT", first)
                monkeypatch.setattr(listeners, "LAST_PORT", first + 2)
                return first
        except ConsoleError:
            continue
    raise AssertionError("no three free ports in a row")


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_the_usual_port_needs_no_note(own_ports: int) -> None:
    listener, note = listeners.bind_gateway(None)
    with listener:
        assert (port_of(listener), note) == (own_ports, "")
        assert listeners.url_of(listener) == f"http://127.0.0.1:{own_ports}"


def test_a_taken_port_moves_on_and_says_so(own_ports: int) -> None:
    first, _ = listeners.bind_gateway(None)
    with first:
        second, note = listeners.bind_gateway(None)
        with second:
            assert port_of(second) == own_ports + 1
            assert note == f"Port {own_ports} is taken; requests are taken on {own_ports + 1}."


def test_all_taken_is_an_error(own_ports: int) -> None:
    taken = [listeners.bind_gateway(None)[0] for _ in range(3)]
    try:
        with pytest.raises(ConsoleError) as refused:
            listeners.bind_gateway(None)
    finally:
        for listener in taken:
            listener.close()
    assert refused.value.message == f"Ports {own_ports} to {own_ports + 2} are all taken."
    assert refused.value.exit_code is ExitCode.NETWORK


def test_a_port_that_was_asked_for_is_that_port_or_an_error(own_ports: int) -> None:
    listener, note = listeners.bind_gateway(own_ports)
    with listener:
        assert note == ""
        with pytest.raises(ConsoleError) as refused:
            listeners.bind_gateway(own_ports)
    assert refused.value.message.startswith(f"Port {own_ports} is already in use by ")
    assert f"(process {os.getpid()})" in refused.value.message
    assert refused.value.hint == "Stop what uses it or pass --port."
    assert refused.value.exit_code is ExitCode.NETWORK


def test_the_platform_keeps_its_distance_to_the_gateway_from_start_to_start(
    own_ports: int,
) -> None:
    """People write its address down, for scripts that send messages."""
    gateway, _ = listeners.bind_gateway(own_ports)
    with gateway:
        for _ in range(2):
            with listeners.bind_platform(gateway) as platform:
                assert port_of(platform) == own_ports + listeners.PLATFORM_AFTER


def test_a_platform_whose_port_is_taken_gets_another(own_ports: int) -> None:
    gateway, _ = listeners.bind_gateway(own_ports)
    with (
        gateway,
        listeners.bind_platform(gateway) as taken,
        listeners.bind_platform(gateway) as platform,
    ):
        assert port_of(platform) != port_of(taken)


@pytest.mark.parametrize("descriptors", [128, 256, 1024, 4096, 1_000_000])
def test_connections_leave_descriptors_for_store_control_and_workers(descriptors: int) -> None:
    """At the worst each port is full, a quarter more are being refused, and all are forwarded."""
    share = listeners.share(descriptors)
    worst = (share.gateway + share.platform) * 5 // 4 + share.gateway
    assert worst + listeners.RESERVED <= descriptors
    assert 1 <= share.platform <= share.gateway <= listeners.CONNECTIONS


def test_a_usual_system_lets_each_port_have_512() -> None:
    assert listeners.share(listeners.DESCRIPTORS) == (512, 512)
