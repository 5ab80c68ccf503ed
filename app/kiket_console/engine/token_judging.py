"""What a gateway finds about the runtime token in a delivery's body (spec/kiket-and-kindo.md §1.8).

The keys are the platform's own: a token of another platform is refused, as the code would refuse
it. The list has one vocabulary for signatures and tokens; the sentence tells more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kiket_console.engine.platform.delivery import place_of
from kiket_console.model import Judgement
from kiket_console.wire import ES256
from kiket_sdk._verdict import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_sdk._tokens import PublicKey, TokenVerdict

MARK = b'"runtime_token"'
"""What a body has somewhere that carries a token."""
_WORDS = {
    "ok": Reason.OK,
    "missing": Reason.UNSIGNED,
    "expired": Reason.STALE,
    "early": Reason.FUTURE,
    "not-a-jwt": Reason.MALFORMED,
    "malformed": Reason.MALFORMED,
    "algorithm": Reason.MALFORMED,
    "bad-claim": Reason.MALFORMED,
    "lifetime": Reason.MALFORMED,
}
"""Reasons of tokens in the words of signatures; any other is a mismatch."""


class TokenJudge:
    """Judge tokens by the keys that *jwks* gives, a JWK set (RFC 7517)."""

    def __init__(self, jwks: Callable[[], Mapping[str, Any]]) -> None:
        self._jwks = jwks
        self._keys: Mapping[str, PublicKey] | None = None

    def judge(self, raw_body: bytes, extension_id: str) -> Judgement:
        """Return what is found about the token in a body; *extension_id* may be unknown, empty."""
        verdict = self._verdict(raw_body, extension_id)
        word = _WORDS.get(verdict.reason.value, Reason.MISMATCH)
        dialect = None if word is Reason.UNSIGNED else ES256
        return Judgement(verdict.ok, word.value, dialect, verdict.sentence)

    def _verdict(self, raw_body: bytes, extension_id: str) -> TokenVerdict:
        from kiket_sdk import _tokens
        from kiket_sdk._claims import runtime_token_in

        payload = _read(raw_body)
        if self._keys is None:
            self._keys = _tokens.public_keys(self._jwks())
        organization_id, project_id = place_of(payload)
        return _tokens.judge(
            runtime_token_in(payload),
            self._keys,
            extension_id=extension_id or None,
            raw_body=raw_body,
            organization_id=organization_id,
            project_id=project_id,
        )


def _read(raw_body: bytes) -> Any:
    if MARK not in raw_body:
        return None
    try:
        return json.loads(raw_body)
    except (ValueError, RecursionError):
        return None
