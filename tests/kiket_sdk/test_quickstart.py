"""The documented quickstart runs as a program, on a real server against a real platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
from tests.docs.blocks import SEED, block
from tests.ports import free_port

from kiket_sdk.testing import webhook_payload_factory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kiket_sdk.conftest import Platform

QUICKSTART = block(SEED, "Quickstart", 1)


def test_the_quickstart_runs_as_a_program(platform: Platform, tmp_path: Path) -> None:
    port = free_port()
    program = tmp_path / "main.py"
    program.write_text(
        QUICKSTART.text.replace("0.0.0.0", "127.0.0.1").replace("8080", str(port))  # noqa: S104
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
                timeout=120,
            )
            assert reply.json() == {"ok": True}
        finally:
            process.send_signal(signal.SIGTERM)
            _, raw_errors = process.communicate(timeout=120)
    assert process.returncode in {0, -signal.SIGTERM}
    assert b"Application shutdown complete." in raw_errors
    assert b"Traceback" not in raw_errors


def _eventually(url: str, deadline_s: float = 120.0) -> Any:
    """Return the JSON at `url` as soon as somebody answers there."""
    until = time.monotonic() + deadline_s
    while True:
        try:
            return httpx.get(url, timeout=120).json()
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
