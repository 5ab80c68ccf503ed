"""Ports are given to one module only, and never those of the engine."""

from __future__ import annotations

import socket

import pytest

from kiket_console.engine.orchestrator import allocation
from kiket_console.engine.orchestrator.allocation import NoPortError, Ports


def test_a_wish_is_granted_to_the_first_who_has_it() -> None:
    ports = Ports()
    wished = ports.allocate("x")
    ports.release("x")

    assert ports.allocate("a#1", wished) == wished
    assert ports.allocate("a#1", wished) == wished
    assert ports.allocate("b#1", wished) not in (0, wished)
    ports.release("a#1")
    assert ports.allocate("b#1", wished) == wished


def test_a_port_that_somebody_listens_on_is_not_given_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        assert Ports().allocate("a#1", taken) != taken


@pytest.mark.parametrize("wished", [0, 80, 65536])
def test_a_wish_that_no_module_can_have_gets_another_port(wished: int) -> None:
    assert Ports().allocate("a#1", wished) >= 1024


def test_the_engine_keeps_its_own_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        own = ours.getsockname()[1]

    assert Ports([own]).allocate("a#1", own) != own


def test_one_start_has_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "PORTS_OF_ONE", 1)
    ports = Ports()
    ports.allocate("a#1")

    with pytest.raises(NoPortError, match="has 1 ports already"):
        ports.allocate("a#1")
    ports.release("a#1")
    assert ports.allocate("a#1")
