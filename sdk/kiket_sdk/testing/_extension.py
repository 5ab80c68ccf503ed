"""What fixtures work with when no extension of the developer's is named."""

from __future__ import annotations

from kiket_sdk.sdk import KiketSDK
from kiket_sdk.testing._payload import TEST_SECRET


def invented_extension(*, is_signed: bool = True) -> KiketSDK:
    """Return an extension with invented credentials and no handlers.

    One that is not signed for has no webhook secret, so that runtime tokens decide.
    """
    return KiketSDK(
        webhook_secret=TEST_SECRET if is_signed else None,
        workspace_token="wk_test",  # noqa: S106 (for tests only)
        extension_id="com.example.test",
        extension_version="0.0.0",
    )
