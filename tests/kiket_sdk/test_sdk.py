"""KiketSDK: what it accepts, what it keeps out of sight, and how `run` serves and ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from tests.ports import free_port

from kiket_core.secret import redactor
from kiket_sdk import KiketSDK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

SECRET = "a webhook secret of more than 24 bytes"


def test_an_extension_says_which_dialects_it_accepts() -> None:
    assert KiketSDK(webhook_secret=SECRET).accepted_dialects == ("k0", "kr", "k1", "sw1")
    strict = KiketSDK(webhook_secret=SECRET, strict=True)
    assert strict.accepted_dialects == ("kr", "k1", "sw1")


def test_every_credential_is_kept_out_of_what_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short ones too, where they stand alone; and those that are being rotated out."""
    monkeypatch.setenv("KIKET_SECRET_CRM_KEY", "crm-value-9917")
    manifest = tmp_path / "extension.yaml"
    manifest.write_text("configuration: {properties: {crm.key: {secret: true}}}")
    KiketSDK(
        manifest_path=manifest,
        webhook_secret=["sh_9911", "previous-secret-9912"],
        workspace_token="wk_9913",
    )
    shown = redactor.redact("sh_9911 previous-secret-9912 wk_9913 crm-value-9917")
    assert re.fullmatch(r"(\[secret:KIKET_WEBHOOK_SECRET\] ){2}\[secret:\w+\] \[secret:.+\]", shown)
    assert not [each for each in ("9911", "9912", "9913", "9917") if each in shown]


PROGRAM = """
import sys
from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret="sh_123", allow_unsigned=True, body_limit_bytes=6 * 1024 * 1024)

@sdk.webhook("size", version="v1")
def size(payload, context):
    return len(payload)

sdk.run(port=int(sys.argv[1]))
"""


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the program in a process of its own; yield its URL and the process."""
    port = free_port()
    (folder / "main.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, "main.py", str(port)], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health")
            yield url, process
        finally:
            process.kill()


def _wait_for(url: str, deadline_s: float = 120.0) -> None:
    until = time.monotonic() + deadline_s
    while True:
        try:
            httpx.get(url, timeout=120)
            return
        except httpx.ConnectError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_run_serves_behind_a_proxy_up_to_its_own_body_limit_and_ends_in_order(
    tmp_path: Path,
) -> None:
    """Ctrl-C is how a developer leaves: no traceback. A second one on its port says why not."""
    with running(tmp_path) as (url, process):
        from_a_page = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        through_a_proxy = {"X-Forwarded-Proto": "https", "Host": "hooks.example.com"}
        with httpx.Client(base_url=url, timeout=120) as client:
            assert client.get("/health", headers=from_a_page).status_code == 200
            redirect = client.post("/webhooks/size/", headers=through_a_proxy)
            assert redirect.headers["location"] == "https://hooks.example.com/webhooks/size"
            for length, status in ((6 * 1024 * 1024 - 2, 200), (6 * 1024 * 1024, 413)):
                body = b'"' + b"x" * length + b'"'
                answer = client.post("/v/v1/webhooks/size", content=body)
                assert answer.status_code == status
        second = subprocess.run(
            [sys.executable, "main.py", url.rpartition(":")[2]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert second.returncode == 3
    assert "address already in use" in second.stderr
    assert "Traceback" not in second.stderr
    assert process.returncode == 0
    assert "Application shutdown complete." in errors
    assert "Traceback" not in errors
