"""Projects to try things on, and the program as a process."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest
from httpx import create_ssl_context

if TYPE_CHECKING:
    from pathlib import Path

# Each client loads the certificates of the world, for 70 ms: most of what a short request took.
pytest.MonkeyPatch().setattr(
    "httpx._transports.default.create_ssl_context", functools.lru_cache(8)(create_ssl_context)
)

MAIN = """\
from kiket_sdk import KiketSDK

sdk = KiketSDK(webhook_secret="shared-secret-of-the-tests", extension_id="com.example.sample")


@sdk.webhook("issue.created", version="v1")
async def created(payload, context):
    return {"ok": True, "title": payload["issue"]["title"]}
"""
MANIFEST = """\
extension:
  id: com.example.sample
  name: Sample
  version: 1.0.0
"""


@pytest.fixture
def extension_folder(own_places: Path) -> Path:
    """Return a folder with a small extension: one handler, one manifest."""
    folder = own_places / "sample"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    (folder / "extension.yaml").write_text(MANIFEST)
    return folder
