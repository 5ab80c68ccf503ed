"""Refuse webhooks that were sent before, and run a delivery that is tried again only once.

Two different keys. A *replay* is the same signed bytes again: it is refused. A *retry* is the same
delivery, signed anew: it is answered with what the first run answered, and runs again only if that
failed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import msgspec
from starlette.responses import Response

from kiket_core.secret import redactor
from kiket_sdk._claims import unverified
from kiket_sdk._replies import Refused
from kiket_sdk._signing import SKEW_S
from kiket_sdk.exceptions import ConfigurationError
from kiket_sdk.replay_stores import AnswerStore, MemoryStore, ReplayStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from kiket_sdk._claims import AuthContext
    from kiket_sdk._replies import Answer

BUDGET_S = 0.2
"""How long a webhook waits for its store, each time."""
SIGNATURE_TTL_S = 2 * SKEW_S + 60
"""How long a signature is remembered: from its first second ahead to its last, and some more."""
ANSWER_TTL_S = 24 * 3600.0
"""How long an answer is kept: the platform's last try comes about eleven hours after the first."""
ANSWER_LIMIT_BYTES = 1024 * 1024
"""A longer answer is not kept, and its delivery runs again when it is tried again."""

_RUN_LIMIT_S = 600.0  # after so long a run without an answer counts as lost, with its process
_TOKEN_TTL_LIMIT_S = 24 * 3600.0
_RETRY_AFTER = ((b"retry-after", b"5"),)
_REPLAYED = (b"idempotent-replayed", b"true")
_TOLD_EVERY_S = 60.0
_BEGINNINGS = 3  # how often a delivery asks for its turn that others let go of meanwhile
_NOT_TOLD = b"?"  # in place of an answer from a store that is down

_logger = logging.getLogger("kiket_sdk.webhook")

Result = TypeVar("Result")
_KeptAnswer = tuple[int, list[tuple[bytes, bytes]], bytes]
_keep = msgspec.msgpack.Encoder().encode
_kept = msgspec.msgpack.Decoder(_KeptAnswer).decode


@dataclass(slots=True)
class Delivery:
    """One webhook: what its sender calls it, if anything, and the token that let it in, if one did.

    `organization` is whom that token is for, and `key` what the answer is kept under, once the
    handler is known.
    """

    name: str
    token_key: bytes | None
    is_token_used: bool
    organization: str = ""
    key: bytes | None = None


class ReplayGuard:
    """Keep the webhooks of one extension apart from those that it has had.

    `refuse_when_down` tells what becomes of webhooks while the store is down: they are answered
    with 503, to be tried again, or are let in. `unchecked` counts them.
    """

    def __init__(
        self,
        store: ReplayStore,
        *,
        extension_id: str | None,
        refuse_when_down: bool,
        run_limit_s: float | None,
    ) -> None:
        if not isinstance(store, ReplayStore):
            raise ConfigurationError(
                f"replay_store= was given {type(store).__name__}, which has no `add_if_absent`; "
                "give it MemoryStore() or SqliteStore(path) of kiket_sdk.replay_stores."
            )
        self._store = store
        self._answers = store if isinstance(store, AnswerStore) else None
        self._may_wait = type(store) is not MemoryStore  # which spares it a timer for each call
        self._extension = (extension_id or "").encode()
        self._refuse_when_down = refuse_when_down
        self._run_ttl_s = _RUN_LIMIT_S if run_limit_s is None else run_limit_s + 5
        self.unchecked = 0
        self._told_at_s = float("-inf")

    async def admit(
        self, headers: Mapping[str, str], is_signed: bool, auth: AuthContext | None
    ) -> Delivery:
        """Return the delivery that a webhook belongs to; its header names are lower-case.

        Raises Refused: 409 for a signature that was used before, 401 for one without a time, 503
        while the store is down.
        """
        for signature in self._signature_keys(headers) if is_signed else ():
            if not await self._asked(self._store.add_if_absent(signature, SIGNATURE_TTL_S), True):
                raise _again("signature")
        token_key, is_token_used, organization = None, False, ""
        if auth is not None and auth.is_verified and auth.runtime_token:
            claims = unverified(auth.runtime_token)
            organization = str(auth.org_id)
            # without its signature, of which there are two for the same claims
            name = claims.jti if claims and claims.jti else auth.runtime_token.rpartition(".")[0]
            left_s = (claims.exp if claims else 0) - time.time() + 60
            token_key = self._key("token", name)
            is_token_used = not await self._asked(
                self._store.add_if_absent(token_key, min(max(left_s, 60), _TOKEN_TTL_LIMIT_S)), True
            )
        name = headers.get("webhook-id", "") if is_signed else ""
        name = name or headers.get("x-kiket-delivery", "") or headers.get("x-kiket-invocation", "")
        if self._answers is None:
            name = ""
        if is_token_used and not name:
            raise _again("runtime token")
        return Delivery(name, token_key, is_token_used, organization)

    async def begin(self, delivery: Delivery, event: str, version: str) -> Answer | None:
        """Return what the delivery was answered before, or None when its handler is to run.

        What the sender calls the same may go to several handlers, and what somebody calls it who
        sends for one organization may be another's: each has its answer.
        Raises Refused: 503 while an earlier try is running, 409 for a token that was used before
        by a delivery that is not known.
        """
        answers = self._answers
        if answers is None or not delivery.name:
            return None
        key = delivery.key = self._key(
            "delivery", event, version, delivery.organization, delivery.name
        )
        for _ in range(_BEGINNINGS):
            if await self._asked(answers.add_if_absent(key, self._run_ttl_s), True):
                if delivery.is_token_used:
                    await self._noted(answers.forget(key))
                    raise _again("runtime token")
                return None
            kept = await self._asked(answers.recall(key), _NOT_TOLD)
            if kept:
                return None if kept is _NOT_TOLD else _replayed(kept)
            if kept == b"":
                break
            # it failed between the two questions, and whoever asks first runs it again
        raise Refused(503, "An earlier try of this delivery is still running", headers=_RETRY_AFTER)

    async def end(self, delivery: Delivery, answer: Response | Answer | None) -> None:
        """Keep the answer of a run, or let go of a run that failed (None, or a status not 2xx)."""
        answers = self._answers
        if answers is None:
            return
        kept = None if answer is None else _kept_form(answer)
        if kept is None:
            for key in (delivery.key, delivery.token_key):
                if key is not None:
                    await self._noted(answers.forget(key))
        elif delivery.key is not None:
            await self._noted(answers.remember(delivery.key, kept, ANSWER_TTL_S))

    async def aclose(self) -> None:
        """Close a store that can be closed; it opens again when it is used again."""
        aclose = getattr(self._store, "aclose", None)
        if aclose is not None:
            await aclose()

    def _signature_keys(self, headers: Mapping[str, str]) -> list[bytes]:
        """Return a key for each signature that a signed request carries.

        Each is of what the sender signed, so that changing the rest makes no new webhook; and of
        all of them, so that leaving one out does not either.
        """
        keys = []
        if headers.get("webhook-signature"):
            # first, for it decided: what is beside it may be made up, and must not fill the store
            name, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
            keys.append(self._key("standard", name, moment))
        if signature := headers.get("x-kiket-signature"):
            moment = headers.get("x-kiket-timestamp", "")
            if moment:
                keys.append(self._key("kiket", moment, signature[-64:].lower()))
            elif not keys:
                _logger.warning("Webhook refused: it has no time, so it could be sent again.")
                raise Refused(401, "Missing X-Kiket-Timestamp header")
        return keys

    def _key(self, *parts: str) -> bytes:
        digest = hashlib.sha256(self._extension)
        for part in parts:
            raw_part = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(raw_part) + raw_part)
        return digest.digest()

    async def _asked(self, asking: Awaitable[Result], when_down: Result) -> Result:
        """Return what the store says, `when_down` when it says nothing; raises Refused (503)."""
        try:
            return await self._in_time(asking)
        except Exception as exc:
            self.unchecked += 1
            self._tell(exc)
            if self._refuse_when_down:
                detail = "Replay protection is out of order"
                raise Refused(503, detail, headers=_RETRY_AFTER) from exc
            return when_down

    async def _noted(self, noting: Awaitable[None]) -> None:
        """Tell the store about a run, whose answer is what it is even while the store is down."""
        try:
            await self._in_time(noting)
        except Exception as exc:
            self._tell(exc)

    async def _in_time(self, asking: Awaitable[Result]) -> Result:
        if not self._may_wait:
            return await asking
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            # In halves, for an event loop that stood still hears of the time before the answer.
            half = loop.call_later(
                BUDGET_S / 2, lambda: limit.reschedule(loop.time() + BUDGET_S / 2)
            )
            try:
                return await asking
            finally:
                half.cancel()

    def _tell(self, exc: Exception) -> None:
        now_s = time.monotonic()
        if now_s - self._told_at_s < _TOLD_EVERY_S:
            return
        self._told_at_s = now_s
        why = redactor.redact(str(exc)) or f"no answer within {BUDGET_S:g} s"
        done = "refused" if self._refuse_when_down else "let in"
        _logger.error(
            "The replay store is down, so webhooks are %s unchecked, %d so far: %s",
            done,
            self.unchecked,
            why,
        )


def _again(what: str) -> Refused:
    _logger.warning("Webhook refused: its %s was used before.", what)
    return Refused(409, f"This {what} was used before")


def _kept_form(answer: Response | Answer) -> bytes | None:
    """Return an answer as it is kept, None for one that is not: no success, or too long."""
    if isinstance(answer, Response):
        raw_body = getattr(answer, "body", None)  # one that streams has none
        status, headers = answer.status_code, answer.raw_headers
    else:
        status, headers, raw_body = answer
    if not 200 <= status < 300 or not isinstance(raw_body, bytes):
        return None
    return _keep((status, headers, raw_body)) if len(raw_body) <= ANSWER_LIMIT_BYTES else None


def _replayed(kept: bytes) -> Answer | None:
    """Return a kept answer with a header that tells so, None when it cannot be read."""
    try:
        status, headers, raw_body = _kept(kept)
    except msgspec.MsgspecError:
        return None
    return status, [*headers, _REPLAYED], raw_body
