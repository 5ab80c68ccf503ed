"""Let webhooks in: by the signature of their body, by a runtime token in it, or by choice unsigned.

With a webhook secret the signature decides, before the body is read; a runtime token in it is
handed on as it is, unless the address of its keys was pinned (`jwks_url`). Without a secret the
token decides. The platform's keys come from configured addresses alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from kiket_sdk._claims import (
    OBJECTS,
    AuthContext,
    JwtPayload,
    build_auth_context,
    runtime_token_in,
    unverified,
    vouched_for,
)
from kiket_sdk._keys import keys_of
from kiket_sdk._ordinary import ordinary
from kiket_sdk._origins import base_url_for, stranger_in
from kiket_sdk._replies import Refused
from kiket_sdk._scopes import without_wildcard
from kiket_sdk._signing import Reason, verify, verify_sent
from kiket_sdk._token_binding import check_binding
from kiket_sdk.auth import refusal
from kiket_sdk.exceptions import AuthenticationError
from kiket_sdk.routing import SELF_TEST_EVENT

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from kiket_sdk.config import ExtensionConfig

_SHOWN = 200  # characters of what a payload says
_NOT_SIGNED = (Reason.UNSIGNED, Reason.NO_SECRET)

_logger = logging.getLogger("kiket_sdk.webhook")


class VerifyToken(Protocol):
    """Check a payload's runtime token, as `auth.verify_runtime_token` does."""

    def __call__(
        self, payload: Any, base_url: str, **options: Any
    ) -> Coroutine[Any, Any, JwtPayload]:
        """Return the token's claims; raises AuthenticationError."""
        ...


class Authenticator:
    """Decide which webhooks of one extension are let in, and whom they speak for."""

    def __init__(
        self,
        config: ExtensionConfig,
        verify_token: VerifyToken,
        *,
        accept: tuple[str, ...],
        allow_unsigned: bool,
        strict: bool,
    ) -> None:
        self._config = config
        self._verify_token = verify_token
        self._accept = accept
        self._allow_unsigned = allow_unsigned
        self._strict = strict
        current = config.webhook_secret
        self._secrets = (current, *config.previous_webhook_secrets) if current else ()
        self._current_id = getattr(current, "key_id", None) or "secret 1"
        self._keys = keys_of(self._secrets)
        self._ordinary = ordinary(self._keys, accept)
        # whether runtime tokens are checked, so that the body is read before all else
        self.reads_tokens = not current or config.jwks_url is not None

    def prepare(self) -> None:
        """Load what checks tokens, which takes a moment, before the first one comes."""
        if self.reads_tokens:
            import kiket_sdk._jwks  # noqa: F401 (loading it is the purpose)

    def granted(self, auth: AuthContext) -> list[str]:
        """Return the scopes that count; when strict `*` grants nothing."""
        return without_wildcard(auth.scopes) if self._strict else auth.scopes

    def by_signature(
        self,
        event: str,
        raw_body: bytes,
        headers: dict[bytes, bytes],
        raw_headers: list[tuple[bytes, bytes]],
    ) -> bool:
        """Let a webhook in by the signature in its headers, whose names are lower-case.

        `headers` has one of repeated ones, `raw_headers` all. Returns whether it is signed: it is
        not where no secret is configured, so that a token has to decide. Raises Refused (401).
        """
        if not self._secrets:
            return False
        if len(headers) == len(raw_headers):
            term = self._ordinary.term_of(raw_body, headers)
            if term is not None:
                self._note_older(term.key_id)
                return True
            verdict = verify_sent(self._keys, raw_body, headers, self._accept)
        else:
            pairs = [(str(name, "latin-1"), str(value, "latin-1")) for name, value in raw_headers]
            verdict = verify(self._secrets, raw_body, pairs, accept=self._accept)
        if verdict.ok:
            self._note_older(verdict.key_id)
        elif not self._allow_unsigned or verdict.reason not in _NOT_SIGNED:
            raise _refused(event, verdict.sentence, refusal(verdict))
        return verdict.ok

    def _note_older(self, key_id: str | None) -> None:
        """Log that a sender signs with a secret that is being replaced, and so is still needed."""
        if key_id is not None and key_id != self._current_id:
            _logger.info("Webhook signed with %s, which is not the current secret.", key_id)

    async def by_token(self, event: str, payload: Any, raw_body: bytes) -> AuthContext:
        """Let a webhook in by the runtime token in its payload, and return whom it speaks for.

        Where a secret is configured too, the signature has been checked, and a token may be left
        out unless strict. Raises Refused (401).
        """
        token = runtime_token_in(payload)
        if self._needs_no_token(token):
            return vouched_for(payload)
        try:
            claims = await self._claims(payload, token or "", raw_body)
        except AuthenticationError as exc:
            sentence = getattr(exc, "sentence", str(exc))
            if token is None and not self._config.webhook_secret:
                sentence += (
                    " No webhook secret is configured either: set KIKET_WEBHOOK_SECRET, pass "
                    "webhook_secret=, or pass allow_unsigned=True while developing."
                )
            stranger = stranger_in(payload, self._config.base_url, self._config.allowed_api_origins)
            if token is not None and stranger is not None:
                sentence += (
                    f" The payload is of {stranger[:_SHOWN]!r}, whose keys are not asked for; if "
                    "you trust that platform, name it in allowed_api_origins=."
                )
            raise _refused(event, sentence, str(exc)) from exc
        return build_auth_context(claims, payload)

    def _needs_no_token(self, token: str | None) -> bool:
        if self._config.webhook_secret:
            return token is None and not self._strict
        return self._allow_unsigned and (token is None or unverified(token) is None)

    async def _claims(self, payload: Any, token: str, raw_body: bytes) -> JwtPayload:
        """Return a token's claims after every check; raises AuthenticationError."""
        config = self._config
        base_url = base_url_for(payload, config.base_url, config.allowed_api_origins)
        said = unverified(token)
        # the documented call has two arguments; what goes beyond it is told where it matters
        options: dict[str, Any] = {}
        if said is not None and said.aud:
            options["extension_id"] = config.extension_id
        if config.jwks_url is not None and base_url == config.base_url:
            options["jwks_url"] = config.jwks_url
        if self._strict:
            options["strict"] = True
        claims = await self._verify_token(payload, base_url, **options)
        check_binding(
            claims,
            token,
            raw_body,
            extension_id=config.extension_id,
            organization_id=_named(payload, "organization_id", "org_id", nested="organization"),
            project_id=_named(payload, "project_id", nested="project"),
            strict=self._strict,
            needs_body=self._strict and not config.webhook_secret,
        )
        return claims


def _named(payload: Any, *keys: str, nested: str) -> int | str | None:
    """Return the id that a payload has in one of several forms (spec §6); None without one."""
    if not isinstance(payload, OBJECTS):
        return None
    inner = payload.get(nested)
    named = inner.get("id") if inner is not None and isinstance(inner, OBJECTS) else None
    for found in (*map(payload.get, keys), named):
        if found is not None and isinstance(found, int | str):
            return found
    return None


def _refused(event: str, sentence: str, detail: str) -> Refused:
    if event != SELF_TEST_EVENT:  # who asks for it says what came of it, again and again
        _logger.warning("Webhook refused: %s", sentence)
    return Refused(401, detail)
