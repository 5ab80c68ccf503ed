"""Where requests for a module go, as its announcement says."""

from __future__ import annotations

import pytest

from kiket_console.engine.orchestrator.announced import reach


@pytest.mark.parametrize(
    ("listen", "address", "remark"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080), ""),
        ("127.3.0.1:80", ("127.3.0.1", 80), ""),
        ("[::1]:8080", ("::1", 8080), ""),
        ("localhost:80", ("127.0.0.1", 80), ""),
        ("0.0.0.0:80", ("127.0.0.1", 80), "on every address"),
        ("[::]:80", ("::1", 80), "on every address"),
        ("127.0.0.1:0", None, ""),
        ("169.254.169.254:80", None, "not this machine's loopback"),
        ("example.com:80", None, "not this machine's loopback"),
        ("/run/module.sock", None, "no address of TCP"),
        ("", None, "no address of TCP"),
    ],
)
def test_loopback_is_reached_and_nothing_else(
    listen: str, address: tuple[str, int] | None, remark: str
) -> None:
    found = reach(listen)
    assert found.address == address
    assert remark in found.remark
