"""Which of several webhooks has its turn: by handler, and when tries of one delivery meet."""

from __future__ import annotations

import pytest
from tests.kiket_sdk.test_replay import AGAIN, PATH, Counting, of_delivery, signed_at
from tests.kiket_sdk.webhooks import EVENT, post

from kiket_sdk._replay import Delivery, ReplayGuard
from kiket_sdk._replies import Refused
from kiket_sdk.replay_stores import MemoryStore


@pytest.mark.parametrize("path", ["/v/v1/webhooks/issue.closed", f"/v/v2/webhooks/{EVENT}"])
def test_what_several_handlers_are_sent_under_one_id_runs_in_each(path: str) -> None:
    """The id of an invocation may name what led to several events."""
    sdk = Counting().sdk()
    for event, version in (("issue.closed", "v1"), (EVENT, "v2")):
        sdk.register(event, lambda _payload, _context: {"of": "the other"}, version=version)
    assert post(sdk, PATH, of_delivery("d_1", 2)) == (200, {"run": 1})
    assert post(sdk, path, of_delivery("d_1", 1)) == (200, {"of": "the other"})
    assert post(sdk, PATH, of_delivery("d_1")) == (200, {"run": 1})


def test_what_stands_beside_the_signature_that_decided_fills_no_store() -> None:
    """Who has one request of another could else make the store forget how to tell replays."""
    store = MemoryStore()
    sdk, headers = Counting().sdk(store), signed_at(dialect="sw1")
    assert post(sdk, PATH, headers)[0] == 200
    kept = len(store._entries)
    for number in range(3):
        made_up = {"X-Kiket-Signature": f"{number:064x}", "X-Kiket-Timestamp": str(number)}
        assert post(sdk, PATH, {**headers, **made_up}) == AGAIN
    assert len(store._entries) == kept


class LetsGo(MemoryStore):
    """A store in which an earlier try of the delivery fails just before its answer is asked for."""

    async def recall(self, key: bytes) -> bytes | None:
        await self.forget(key)
        return await super().recall(key)


async def test_of_two_tries_after_one_that_failed_one_runs() -> None:
    store = LetsGo()
    guard = ReplayGuard(store, extension_id="ext.test", refuse_when_down=True, run_limit_s=None)
    tries = [Delivery("d_1", None, is_token_used=False) for _ in range(3)]
    assert await guard.begin(tries[0], EVENT, "v1") is None
    assert await guard.begin(tries[1], EVENT, "v1") is None, "the first failed meanwhile"
    assert tries[1].key in store._entries, "nobody else may run it now"


class Forgetful(MemoryStore):
    """A store that knows every key and has no answer."""

    async def add_if_absent(self, _key: bytes, _ttl_s: float) -> bool:
        return False


async def test_a_delivery_whose_turn_does_not_come_is_to_be_sent_later() -> None:
    guard = ReplayGuard(Forgetful(), extension_id=None, refuse_when_down=False, run_limit_s=None)
    with pytest.raises(Refused) as refused:
        await guard.begin(Delivery("d_1", None, is_token_used=False), EVENT, "v1")
    assert refused.value.status == 503
