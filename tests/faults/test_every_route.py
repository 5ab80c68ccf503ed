"""Every method on every path of every port, without credentials."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from tests.faults.lab import PATH, PATIENCE_S, post, rest, statuses

if TYPE_CHECKING:
    from tests.faults.lab import Lab

METHODS = [
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"),
    *("PROPFIND", "LINK", "PURGE", "QUERY"),
]
OF_ONE = "/api/v1/extensions/sample"
PATHS = [
    *("/", "/health", PATH, f"/v/v1{PATH}", f"/x/sample{PATH}", f"/x/sample/v/v1{PATH}"),
    *("/api/v1/extensions/logs", "/api/v1/extensions/metrics", "/api/v1/extensions/notifications"),
    *(f"{OF_ONE}/secrets", f"{OF_ONE}/secrets/KEY"),
    *("/api/v1/ext", "/api/v1/ext/telemetry", "/api/v1/ext/rate_limit", "/api/v1/ext/issues"),
    *("/v1/status", "/v1/workers", "/v1/notices", "/v1/secrets", "/v1/secrets/KEY", "/v1/stop"),
    *(
        "/v1/trigger",
        "/v1/exchanges/1/replay",
        "/v1/exchanges/1/send",
        "/v1/exchanges/remove",
        "/v1/workers/sample/stop",
    ),
    *("/docs", "/redoc", "/openapi.json", "/metrics", "/static/app.js", "/favicon.ico", "/ws"),
    *("/v1/traces", "/otlp/v1/traces", "/otlp/sample/v1/traces", "/v1/metrics", "/otlp/v1/logs"),
    *("/webhooks", "/webhooks/", "/.well-known/jwks.json", "/debug", "/admin", "/__trace__"),
]
PUBLIC_AT_THE_GATEWAY = {
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/health"),
    ("HEAD", "/health"),
    ("POST", PATH),
    ("POST", f"/v/v1{PATH}"),
    ("POST", f"/x/sample{PATH}"),
    ("POST", f"/x/sample/v/v1{PATH}"),
}
"""Liveness, and deliveries, which worker judges by their signature."""
PUBLIC_AT_THE_PLATFORM = {
    ("GET", "/.well-known/jwks.json"),
    ("POST", "/api/v1/ext"),
    ("POST", "/api/v1/ext/telemetry"),
    ("GET", "/metrics"),
    ("HEAD", "/metrics"),
}
"""What extensions report without a token, and figures that Prometheus asks for."""


def answered(lab: Lab, address: tuple[str, int], public: set[tuple[str, str]]) -> None:
    """Ask for everything; nothing but *public* is answered with more than a refusal."""
    found = set()
    for path in PATHS:
        for method in METHODS:
            answer = lab.send(
                post(path=path, body=b"{}").replace(b"POST", method.encode(), 1), address
            )
            [status] = statuses(answer)
            if status not in {400, 401, 404, 405, 415}:  # traces say what they are
                assert status in {200, 204}, (method, path, status)
                found.add((method, path))
            if path != PATH and status != 200:  # an extension's answer is passed on as it is
                assert b"access-control" not in answer.lower(), (method, path)
            if status not in {200, 204, 400} and method != "HEAD":
                assert b"x-content-type-options: nosniff" in answer.lower(), (method, path)
    assert found == public


def test_the_gateway_has_no_other_open_door(lab: Lab) -> None:
    answered(lab, lab.gateway, PUBLIC_AT_THE_GATEWAY)


def test_the_platform_has_no_other_open_door(lab: Lab) -> None:
    answered(lab, lab.platform, PUBLIC_AT_THE_PLATFORM)


def test_the_control_socket_knows_its_routes_only(lab: Lab) -> None:
    """It asks for no token: only processes of our user get as far as this."""
    for path in (PATH, "/", "/docs", "/v1/nothing", "/v1/secrets/KEY/value", "/v1/../v1/status"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(str(lab.paths.control_socket))
            connection.sendall(post(path=path).replace(b"POST", b"GET", 1))
            assert statuses(rest(connection)) == [404], path


def listening(pid: int) -> set[tuple[str, int]]:
    """Return the addresses that a process and those below it listen on."""
    import psutil

    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {
        (each.laddr.ip, each.laddr.port)
        for process in tree
        for each in process.net_connections("inet")
        if each.status == psutil.CONN_LISTEN
    }


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs /proc")  # noqa: PTH112
def test_nothing_listens_but_the_gateway_and_the_platform_on_loopback(lab: Lab) -> None:
    assert listening(lab.process.pid) == {lab.gateway, lab.platform}
