"""A hostile page in the developer's browser: rebound names, forged forms, foreign origins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import PATH, engine, post, statuses

if TYPE_CHECKING:
    from tests.faults.lab import Lab

TELEMETRY = "/api/v1/ext/telemetry"
"""A route of the platform that asks for no token."""

REBOUND = [
    "evil.example:{port}",
    "localhost6:{port}",
    "127.0.0.1.nip.io:{port}",
    "0.0.0.0:{port}",
    "127.1:{port}",
    "localhost.:{port}",
    "[::ffff:127.0.0.1]:{port}",
    "2130706433:{port}",
    "kiket.local",
]
FOREIGN = {
    "page of nowhere": ("Origin: null",),
    "page of another site": ("Origin: https://evil.example",),
    "page of another local port": ("Origin: http://127.0.0.1:1",),
    "page over TLS under our name, another port": ("Origin: https://localhost:1",),
    "form, as browsers mark it": ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    "sibling site": ("Sec-Fetch-Site: same-site",),
    "unknown relation": ("Sec-Fetch-Site: sideways",),
}
CONTENT_TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]


def both(lab: Lab) -> list[tuple[tuple[str, int], str]]:
    """Return a port and an open path of it: the gateway's and the platform's."""
    return [(lab.gateway, PATH), (lab.platform, TELEMETRY)]


def state(lab: Lab) -> tuple[int, int, int]:
    """Return what a page could have changed: calls of the worker, and rows."""
    return lab.calls(), lab.rows("webhook"), lab.rows("api")


@pytest.mark.parametrize("host", REBOUND)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_was_pointed_at_this_machine_is_not_served(
    lab: Lab, host: str, method: str
) -> None:
    before = state(lab)
    for address, path in both(lab):
        raw = post(path=path, body=b"{}", host=host.format(port=address[1]))
        answer = lab.send(raw.replace(b"POST", method.encode(), 1), address)
        assert statuses(answer) == [421]
        assert b"access-control" not in answer.lower()
        assert b"connection: close" in answer.lower()
    assert state(lab) == before


@pytest.mark.parametrize(
    "head",
    [
        "POST {path} HTTP/1.1",
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        "POST http://evil.example{path} HTTP/1.1\r\nHost: localhost",
        "POST http://localhost{path} HTTP/1.1\r\nHost: evil.example",
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket",
    ],
    ids=["no host", "two hosts", "absolute target", "own absolute target", "web socket"],
)
def test_a_request_without_one_clear_host_is_not_served(lab: Lab, head: str) -> None:
    before = state(lab)
    for address, path in both(lab):
        raw = head.format(path=path).encode() + b"\r\nContent-Length: 2\r\n\r\n{}"
        assert statuses(lab.send(raw, address)) == [400]
    assert state(lab) == before


@pytest.mark.parametrize("lines", FOREIGN.values(), ids=list(FOREIGN))
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_what_a_browser_sends_for_another_site_does_nothing(
    lab: Lab, lines: tuple[str, ...], content_type: str
) -> None:
    """Whatever its type: a form and a `fetch` without CORS need no permission to be sent."""
    before = state(lab)
    typed = (f"Content-Type: {content_type}",) if content_type else ()
    for address, path in both(lab):
        answer = lab.send(post(*lines, *typed, path=path, body=b"{}"), address)
        assert statuses(answer) == [403]
        assert b"access-control" not in answer.lower()
    assert state(lab) == before


def test_a_preflight_is_told_nothing(lab: Lab) -> None:
    lines = (
        "Origin: https://evil.example",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Private-Network: true",
    )
    for address, path in both(lab):
        answer = lab.send(post(*lines, path=path).replace(b"POST", b"OPTIONS", 1), address)
        assert statuses(answer) == [403]
        assert b"access-control" not in answer.lower()


def test_a_tunnels_name_is_served_by_the_gateway_alone_and_only_when_given() -> None:
    with engine("--allow-host", "demo.tunnel.example") as lab:
        through = post("X-Forwarded-Proto: https", body=b"{}", host="demo.tunnel.example")
        assert statuses(lab.send(through)) == [200]
        assert lab.calls() == 1
        assert statuses(lab.send(post(body=b"{}", host="other.tunnel.example"))) == [421]
        named = post(path=TELEMETRY, body=b"{}", host="demo.tunnel.example")
        assert statuses(lab.send(named, lab.platform)) == [421]
        page = post("Origin: https://evil.example", body=b"{}", host="demo.tunnel.example")
        assert statuses(lab.send(page)) == [403]
        assert lab.calls() == 1
