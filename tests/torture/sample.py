"""The extension under torture: it writes down what reaches it, and leaves a daemon behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "webhook-secret-of-the-torture-tests"
ROUTE = "/v/v1/webhooks/torture.delivered"
ID_HEADER = "x-torture-id"

_MAIN = """\
import asyncio
import os
import subprocess

from kiket_sdk import KiketSDK

ledger = os.open({ledger!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
os.write(ledger, b"w %d\\n" % os.getpid())
# It detaches itself: whoever ends this worker has to find it.
subprocess.run(["setsid", "-f", "sleep", "300"], stdin=subprocess.DEVNULL,
               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
sdk = KiketSDK(webhook_secret={secret!r}, workspace_token="wk_of_the_tests",
               extension_id="com.example.torture", extension_version="1.0.0",
               telemetry_enabled=False)


@sdk.webhook("torture.delivered", version="v1")
async def delivered(payload, context):
    os.write(ledger, b"d %s %d\\n" % (payload["id"].encode(), os.getpid()))
    if payload.get("hold_s"):
        await asyncio.sleep(payload["hold_s"])
    return {{"ok": True, "id": payload["id"]}}
"""
_MANIFEST = """\
id: com.example.torture
name: Torture
version: "1.0.0"
events:
  - { name: torture.delivered, version: v1 }
"""


def write_sample(folder: Path, ledger: Path) -> None:
    """Write the extension into *folder*; it appends to *ledger*."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(_MAIN.format(ledger=str(ledger), secret=SECRET))
    (folder / "extension.yaml").write_text(_MANIFEST)
