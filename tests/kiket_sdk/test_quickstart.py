"""The documented quickstart runs as it stands, on a real server against a real platform."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from kiket_sdk.testing import webhook_payload_factory

if TYPE_CHECKING:
    import pytest
    from tests.kiket_sdk.conftest import Platform

QUICKSTART = Path(__file__).parent / "quickstart.md"


def quickstart() -> str:
    """Return the first Python block of the documentation."""
    match = re.search(r"```python\n(.*?)```", QUICKSTART.read_text("utf-8"), re.DOTALL)
    assert match is not None
    return match[1]


def test_the_quickstart_handles_both_versions(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKET_BASE_URL", platform.url)
    namespace: dict[str, Any] = {"__name__": "main"}
    exec(compile(quickstart(), "main.py", "exec"), namespace)  # noqa: S102 (our own documentation)
    sign = webhook_payload_factory("sh_123", event="issue.created")
    replies = {}
    with namespace["sdk"].create_test_client() as client:
        for version in ("v1", "v2"):
            signed = sign({"issue": {"title": "Bug"}}, version=version)
            reply = client.post(signed["path"], content=signed["body"], headers=signed["headers"])
            replies[version] = reply.status_code, reply.json()
    assert replies == {"v1": (200, {"ok": True}), "v2": (200, {"ok": True, "version": "v2"})}
    log, secret, log_v2 = platform.calls
    assert (log.path, log.body) == (
        "/api/v1/extensions/logs",
        {"message": "issue.created", "metadata": {"summary": "Bug"}},
    )
    assert log.headers["authorization"] == "Bearer wk_test"
    assert log.headers["x-kiket-event-version"] == "v1"
    assert (secret.path, secret.body) == (
        "/api/v1/extensions/com.example.marketing/secrets",
        {"secret": {"key": "WEBHOOK_TOKEN", "value": "abc123"}},
    )
    assert log_v2.body["metadata"] == {"summary": "Bug", "schema": "v2"}
    assert log_v2.headers["x-kiket-event-version"] == "v2"


def test_the_quickstart_runs_as_a_program(platform: Platform, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    program = tmp_path / "main.py"
    program.write_text(
        quickstart().replace("0.0.0.0", "127.0.0.1").replace("8080", str(port))  # noqa: S104
    )
    environment = {**os.environ, "KIKET_BASE_URL": platform.url}
    with subprocess.Popen(
        [sys.executable, program], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    ) as process:
        try:
            health = _eventually(f"http://127.0.0.1:{port}/health")
            assert health["registered_events"] == ["issue.created@v1", "issue.created@v2"]
            signed = webhook_payload_factory("sh_123", event="issue.created")(
                {"issue": {"title": "Bug"}}
            )
            reply = httpx.post(
                f"http://127.0.0.1:{port}{signed['path']}",
                content=signed["body"],
                headers=signed["headers"],
            )
            assert reply.json() == {"ok": True}
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
    assert process.returncode in {0, -signal.SIGTERM}


def _eventually(url: str, deadline_s: float = 20.0) -> Any:
    """Return the JSON at `url` as soon as somebody answers there."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            return httpx.get(url).json()
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
