"""Fetch the platform's public keys (RFC 7517), rarely, and keep them.

An address is configuration, never something that a webhook says. Each set is fetched by one
caller at a time, for an hour; an id that is not in it leads to another fetch at most every 30 s,
so that invented tokens cost the platform nothing. When it cannot be reached, keys that were good
serve for a day.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from kiket_sdk._origins import is_confidential
from kiket_sdk._tokens import PublicKey, TokenReason, TokenRefusedError, public_keys, unknown_key
from kiket_sdk.auth import JWKS_CACHE_TTL
from kiket_sdk.client import HTTPError, new_http_client

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = "/.well-known/jwks.json"
AGAIN_S = 30
"""How soon a set is fetched again for a key that is not in it: seconds."""
RETRY_S = 2
"""How soon a fetch that failed is tried again: seconds."""
STALE_S = 24 * 3600
"""How long a set serves that cannot be fetched again: seconds."""
TIMEOUT_S = 5.0
ANSWER_LIMIT_BYTES = 64 * 1024
SETS_LIMIT = 16
"""How many addresses are remembered; the one used longest ago is forgotten."""

_logger = logging.getLogger("kiket_sdk.auth")

Keys = dict[str, PublicKey]


class _UnfitAnswerError(Exception):
    """An answer that is no set of keys; the text says what it is."""


def address(base_url: str) -> str:
    """Return where a platform shows its keys."""
    return base_url.rstrip("/") + PATH


class KeySet:
    """The keys at one address."""

    def __init__(self, url: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._now_s = now_s
        self._keys: Keys = {}
        self._fetched_s = float("-inf")
        self._tried_s = float("-inf")
        self._is_reachable = True
        self._flight: asyncio.Future[None] | None = None

    def put(self, document: Any) -> None:
        """Use a JWK set as if it had just been fetched; a test needs no server then."""
        self._keys = public_keys(document)
        self._fetched_s = self._tried_s = self._now_s()
        self._is_reachable = True

    async def key(self, name: str) -> PublicKey:
        """Return the key of an id.

        Raises TokenRefusedError when there is none, and when none are known because the platform
        cannot be reached.
        """
        while True:
            age_s = self._age_s()
            key = self._keys.get(name) if age_s <= STALE_S else None
            if key is not None and age_s <= JWKS_CACHE_TTL:
                return key
            is_due = self._is_due(is_known=key is not None)
            flight = self._flight
            if flight is not None and flight.get_loop() is not asyncio.get_running_loop():
                flight = None
            if key is not None and (not is_due or flight is not None):
                return key  # only one caller waits to have good keys replaced
            if not is_due:
                raise self._refusal(name)
            if flight is None:
                await self._fetch()
            else:
                await asyncio.shield(flight)

    def _age_s(self) -> float:
        return self._now_s() - self._fetched_s

    def _is_due(self, *, is_known: bool) -> bool:
        waited_s = self._now_s() - self._tried_s
        if not self._is_reachable:
            return waited_s >= (AGAIN_S if is_known else RETRY_S)
        return is_known or self._age_s() > JWKS_CACHE_TTL or waited_s >= AGAIN_S

    def _refusal(self, name: str) -> TokenRefusedError:
        if self._is_reachable:
            return unknown_key(name)
        return TokenRefusedError(
            TokenReason.NO_KEYS, f"The platform's keys cannot be read from {self.url}."
        )

    async def _fetch(self) -> None:
        """Fetch the set; whoever else needs it waits for this, and looks again."""
        flight = self._flight = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(TIMEOUT_S):  # httpx counts each read by itself
                keys = await _fetched(self.url)
        except (HTTPError, TimeoutError, _UnfitAnswerError) as exc:
            self._tried_s, self._is_reachable = self._now_s(), False
            _logger.warning(
                "The platform's keys cannot be read from %s: %s%s",
                self.url,
                str(exc) or type(exc).__name__,
                " The keys from before are used." if self._keys else "",
            )
        else:
            self._keys = keys
            self._fetched_s = self._tried_s = self._now_s()
            self._is_reachable = True
        finally:
            if self._flight is flight:
                self._flight = None
            if not flight.done():
                flight.set_result(None)


async def _fetched(url: str) -> Keys:
    """Fetch a JWK set; raises HTTPError and _UnfitAnswerError."""
    raw = bytearray()
    async with (
        new_http_client(url, timeout_s=TIMEOUT_S) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise _UnfitAnswerError(f"it was answered with {response.status_code}.")
        async for raw_chunk in response.aiter_bytes():
            raw += raw_chunk
            if len(raw) > ANSWER_LIMIT_BYTES:
                raise _UnfitAnswerError(f"the answer has more than {ANSWER_LIMIT_BYTES} bytes.")
    try:
        keys = public_keys(json.loads(raw))
    except (ValueError, RecursionError):
        raise _UnfitAnswerError("the answer is not JSON.") from None
    if not keys:
        raise _UnfitAnswerError("the answer holds no P-256 key for signatures.")
    return keys


_sets: OrderedDict[str, KeySet] = OrderedDict()


def keys_at(url: str) -> KeySet:
    """Return the set of keys at an address, the same one each time.

    Raises TokenRefusedError for an address whose answer could be forged on its way.
    """
    found = _sets.get(url)
    if found is None:
        if not is_confidential(url):
            raise TokenRefusedError(
                TokenReason.NO_KEYS,
                f"The platform's keys are not read from {url.rpartition('@')[2]}: that is no https "
                "address, or one with a password, so others could put in keys of their own. "
                "Correct base_url=, or use a webhook secret.",
            )
        found = _sets[url] = KeySet(url)
        while len(_sets) > SETS_LIMIT:
            _sets.popitem(last=False)
    _sets.move_to_end(url)
    return found


def forget() -> None:
    """Forget every key that was fetched."""
    _sets.clear()
