"""Replay protection where a runtime token lets webhooks in: a token counts for one delivery."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.vectors import forge

from kiket_sdk import KiketSDK
from kiket_sdk._jwks import address, keys_at
from kiket_sdk.auth import clear_jwks_cache
from kiket_sdk.replay_stores import MemoryStore, ReplayStore

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = "https://platform.example"
AGAIN = (409, {"detail": "This runtime token was used before"})


@pytest.fixture(autouse=True)
def keys() -> Iterator[None]:
    """Know the platform's keys without asking it."""
    clear_jwks_cache()
    keys_at(address(HOME)).put(forge.JWKS)
    yield
    clear_jwks_cache()


class Extension:
    """An extension without a secret that counts its runs, the first `failures` of which fail."""

    def __init__(self, store: ReplayStore, failures: int = 0) -> None:
        self.runs = 0
        self._failures = failures
        sdk = KiketSDK(base_url=HOME, extension_id=forge.EXTENSION, replay_store=store)
        sdk.register("e", self._handle, version="v1")
        self._client = sdk.create_test_client()

    async def _handle(self, _payload: Any, _context: Any) -> dict[str, int]:
        self.runs += 1
        if self.runs <= self._failures:
            raise ValueError("boom")
        return {"run": self.runs}

    def post(self, token: str, delivery: str = "", **payload: Any) -> tuple[int, Any]:
        raw_body = json.dumps({"authentication": {"runtime_token": token}, **payload}).encode()
        headers = {"X-Kiket-Delivery": delivery} if delivery else {}
        reply = self._client.post("/v/v1/webhooks/e", content=raw_body, headers=headers)
        return reply.status_code, reply.json()


def token(jti: str | None = "t_1", **more: Any) -> str:
    now = int(time.time())
    claims = {**forge.FULL, "iat": now, "exp": now + 600, "jti": jti, **more}
    return forge.token({name: value for name, value in claims.items() if value is not None})


@pytest.mark.parametrize("jti", ["t_1", None], ids=["by its id", "without an id"])
def test_a_token_counts_once_whatever_is_sent_with_it(jti: str | None) -> None:
    extension, minted = Extension(MemoryStore()), token(jti)
    assert extension.post(minted) == (200, {"run": 1})
    assert extension.post(minted) == AGAIN
    assert extension.post(minted, amount=1_000_000) == AGAIN
    assert extension.post(minted, "d_9") == AGAIN
    assert extension.runs == 1


def test_every_delivery_has_its_token() -> None:
    extension = Extension(MemoryStore())
    assert [extension.post(token(f"t_{number}"))[0] for number in range(3)] == [200] * 3


@pytest.mark.parametrize("is_new", [True, False], ids=["a new token", "the same token"])
def test_a_delivery_that_is_tried_again_is_answered_as_before(is_new: bool) -> None:
    extension, first = Extension(MemoryStore()), token()
    assert extension.post(first, "d_1") == (200, {"run": 1})
    assert extension.post(token("t_2") if is_new else first, "d_1") == (200, {"run": 1})
    assert extension.runs == 1


def test_an_answer_is_for_the_organization_that_it_was_made_for() -> None:
    """The id of a delivery stands in a header, which nothing signs."""
    extension = Extension(MemoryStore())
    assert extension.post(token("t_1", org_id=1), "d_1") == (200, {"run": 1})
    assert extension.post(token("t_2", org_id=2), "d_1") == (200, {"run": 2})
    assert extension.post(token("t_1", org_id=1), "d_1") == (200, {"run": 1})
    assert extension.post(token("t_2", org_id=2), "d_2") == AGAIN


@pytest.mark.parametrize("delivery", ["d_1", ""])
def test_the_token_of_a_delivery_that_failed_counts_again(delivery: str) -> None:
    extension, minted = Extension(MemoryStore(), failures=1), token()
    assert extension.post(minted, delivery) == (400, {"error": "boom"})
    assert extension.post(minted, delivery) == (200, {"run": 2})
    assert extension.post(minted)[0] == 409


def test_a_token_that_is_refused_uses_nothing_up() -> None:
    store = MemoryStore()
    assert Extension(store).post(token()[:-4] + "AAAA")[0] == 401
    assert store._entries == {}


def test_the_other_signature_of_the_same_claims_makes_no_new_token() -> None:
    """Whoever has (r, s) of an ECDSA signature has (r, n - s) too."""
    extension, minted = Extension(MemoryStore()), token(None)
    signed = minted.rpartition(".")[0]
    r, s = forge.numbers(signed)
    twin = f"{signed}.{forge.b64(forge.raw(r, forge.ORDER - s))}"
    assert twin != minted
    assert extension.post(minted)[0] == 200
    assert extension.post(twin) == AGAIN
