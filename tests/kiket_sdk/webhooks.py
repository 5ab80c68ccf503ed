"""What tests of webhooks share: an extension, a signed request, and a way to post it."""

from __future__ import annotations

from typing import Any

from kiket_sdk import HandlerContext, KiketSDK
from kiket_sdk._signing import sign

SECRET = "a webhook secret of more than 24 bytes"
RAW = b'{"issue": {"id": 1}}'
EVENT = "issue.created"


def build_sdk(**options: Any) -> KiketSDK:
    """Return an extension whose handler of EVENT, v1, echoes."""
    options = {"webhook_secret": SECRET, "extension_id": "ext.test", **options}
    sdk = KiketSDK(workspace_token="wk_test", extension_version="1.2.3", **options)

    @sdk.webhook(EVENT, version="v1")
    async def echo(payload: Any, context: HandlerContext) -> Any:
        return {"payload": payload, "version": context.event_version}

    return sdk


def signed(raw_body: bytes = RAW, dialect: str = "k0", **extra: str) -> dict[str, str]:
    """Return the headers that sign a body now; underscores of further names become hyphens."""
    headers = sign(dialect, SECRET, raw_body, message_id="msg_1")
    return {**headers, **{name.replace("_", "-"): value for name, value in extra.items()}}


def post(
    sdk: KiketSDK, path: str, headers: dict[str, str], raw_body: bytes = RAW
) -> tuple[int, Any]:
    """Post a body; return status and JSON."""
    reply = sdk.create_test_client().post(path, content=raw_body, headers=headers)
    return reply.status_code, reply.json()
