"""The first words between a module and its orchestrator; pure (wire specification §1.2, §2.2)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from pywatt_sdk import __version__
from pywatt_sdk._protocol import Hello, Init, ProtocolError, decode_init
from pywatt_sdk.core.error import ConfigError, HandshakeError

FIRST_LINE_BYTES: Final = 1024 * 1024
"""What the first line may have at most (specification §1.1)."""

ACCEPTS: Final = ("body_base64",)
"""What a module of ours understands beyond the wire of Rust modules."""


def read_init(raw: bytes) -> Init:
    """Read an orchestrator's first line.

    Raises:
        HandshakeError: if it is too long, or no init line.
    """
    if len(raw.rstrip(b"\r\n")) > FIRST_LINE_BYTES:
        raise HandshakeError(
            f"the init line exceeded 1 MiB ({len(raw):,} bytes); "
            "check what writes to this module's stdin"
        )
    try:
        return decode_init(raw)
    except ProtocolError as error:
        raise HandshakeError(f"the first line on stdin is no init line. {error}") from None


def read_given(given: object) -> Init:
    """Read init data that a test gives: a dict, or the model `InitBlob`.

    Raises:
        ConfigError: if something is missing or wrong.
    """
    if isinstance(given, Init):
        return given
    try:
        if isinstance(given, Mapping):
            return decode_init(msgspec.json.encode(given, enc_hook=str))
        if hasattr(given, "model_dump_json"):
            return decode_init(given.model_dump_json().encode())
    except ProtocolError as error:
        raise ConfigError(f"the init data cannot be used. {error}") from None
    raise ConfigError(
        f"a {type(given).__name__} is no init data; give a dict with orchestrator_api, module_id "
        "and listen, an InitBlob or an AppState"
    )


def hello() -> Hello:
    """Say who is there; only an orchestrator that told its own name in the init line is told."""
    return Hello(sdk="pywatt_sdk", version=__version__, accepts=ACCEPTS)


def proof(auth_token: str, nonce: str, module_id: str) -> str:
    """Return what shows that a module knows its token: hex HMAC-SHA256 over nonce and id."""
    said = f"{nonce}:{module_id}"
    return hmac.digest(auth_token.encode(), said.encode(), "sha256").hex()
