"""Replay protection: what came before is refused, what is tried again runs once."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from tests.clocks import passing
from tests.kiket_sdk.webhooks import EVENT, RAW, SECRET, build_sdk, post

from kiket_sdk import _replay
from kiket_sdk._replay import ANSWER_LIMIT_BYTES
from kiket_sdk._signing import sign
from kiket_sdk.exceptions import ConfigurationError
from kiket_sdk.replay_stores import AnswerStore, MemoryStore, ReplayStore, SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_sdk import KiketSDK

PATH = f"/v/v1/webhooks/{EVENT}"
AGAIN = (409, {"detail": "This signature was used before"})


@dataclass
class Counting:
    """An extension that counts how often its handler ran, and answers what is next in line."""

    answers: list[Any] = field(default_factory=list)
    runs: int = 0

    def sdk(self, store: ReplayStore | None = None, **options: Any) -> KiketSDK:
        sdk = build_sdk(replay_store=MemoryStore() if store is None else store, **options)

        @sdk.webhook(EVENT, version="v1")
        async def count(_payload: Any, _context: Any) -> Any:
            self.runs += 1
            answer = self.answers.pop(0) if self.answers else {"run": self.runs}
            if isinstance(answer, Exception):
                raise answer
            return answer

        return sdk


def signed_at(
    age_s: float = 0, dialect: str = "k1", message_id: str = "msg_1", raw_body: bytes = RAW
) -> dict[str, str]:
    timestamp = time.time() - age_s
    return sign(dialect, SECRET, raw_body, message_id=message_id, timestamp=timestamp)


def of_delivery(name: str, age_s: float = 0) -> dict[str, str]:
    return {**signed_at(age_s), "X-Kiket-Delivery": name}


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_a_signature_is_taken_once(dialect: str, caplog: pytest.LogCaptureFixture) -> None:
    counting = Counting()
    sdk = counting.sdk()
    headers = signed_at(dialect=dialect)
    assert post(sdk, PATH, headers) == (200, {"run": 1})
    assert post(sdk, PATH, headers) == AGAIN
    assert "used before" in caplog.text
    assert counting.runs == 1


@pytest.mark.parametrize("dialect", ["k0", "kr", "k1", "sw1"])
def test_the_same_body_at_another_time_is_another_webhook(dialect: str) -> None:
    """The MAC of k0 is the same each time; what tells them apart is the timestamp."""
    counting = Counting()
    sdk = counting.sdk()
    for age_s, name in ((2, "msg_1"), (1, "msg_2"), (0, "msg_3")):
        assert post(sdk, PATH, signed_at(age_s, dialect, name))[0] == 200
    assert counting.runs == 3


def test_without_a_store_everything_passes() -> None:
    headers = signed_at()
    sdk = build_sdk()
    assert [post(sdk, PATH, headers)[0] for _ in range(2)] == [200, 200]


def test_changing_what_is_not_signed_makes_no_new_webhook() -> None:
    """Event, version, delivery id, letter case and prefix are outside the MAC."""
    sdk = Counting().sdk()
    headers = signed_at()
    assert post(sdk, PATH, headers)[0] == 200
    signature = headers["X-Kiket-Signature"]
    for changed in (
        {"X-Kiket-Delivery": "another"},
        {"X-Kiket-Signature": signature.removeprefix("sha256=")},
        {"X-Kiket-Signature": "sha256=" + signature.removeprefix("sha256=").upper()},
    ):
        assert post(sdk, PATH, {**headers, **changed}) == AGAIN
    assert post(sdk, "/v/v1/webhooks/another.event", headers) == AGAIN


def test_leaving_out_one_of_several_signatures_makes_no_new_webhook() -> None:
    sdk = Counting().sdk()
    kiket, standard = signed_at(dialect="k0"), signed_at(dialect="sw1")
    assert post(sdk, PATH, {**kiket, **standard})[0] == 200
    assert post(sdk, PATH, kiket) == AGAIN
    assert post(sdk, PATH, standard) == AGAIN


def test_one_of_several_in_a_list_of_signatures_makes_no_new_webhook() -> None:
    """During rotation a sender signs with both secrets."""
    older = "an older webhook secret of 24 bytes and more"
    sdk = Counting().sdk(webhook_secret=[SECRET, older])
    headers = signed_at(dialect="sw1")
    other = sign("sw1", older, RAW, message_id="msg_1", timestamp=time.time())
    both = f"{headers['webhook-signature']} {other['webhook-signature']}"
    assert post(sdk, PATH, {**headers, "webhook-signature": both})[0] == 200
    assert post(sdk, PATH, headers) == AGAIN


def test_k0_without_a_time_cannot_be_protected_and_is_refused() -> None:
    headers = signed_at(dialect="k0")
    del headers["X-Kiket-Timestamp"]
    assert post(build_sdk(), PATH, headers)[0] == 200
    found = post(Counting().sdk(), PATH, headers)
    assert found == (401, {"detail": "Missing X-Kiket-Timestamp header"})


def test_a_refused_webhook_uses_nothing_up() -> None:
    """Who cannot sign cannot make the store forget or remember either."""
    store = MemoryStore()
    sdk = Counting().sdk(store)
    forged = {**signed_at(), "X-Kiket-Signature": "sha256=" + "0" * 64}
    assert post(sdk, PATH, forged)[0] == 401
    assert store._entries == {}


def test_extensions_that_share_a_store_do_not_meet() -> None:
    store, headers = MemoryStore(), signed_at()
    for extension_id in ("ext.one", "ext.two"):
        assert post(Counting().sdk(store, extension_id=extension_id), PATH, headers)[0] == 200


@pytest.mark.parametrize("identity", ["X-Kiket-Delivery", "X-Kiket-Invocation", "webhook-id"])
def test_a_delivery_that_is_tried_again_is_answered_as_before(identity: str) -> None:
    counting = Counting([PlainTextResponse("done", 201, {"X-Made": "yes"})])
    client = counting.sdk().create_test_client()

    def tried(age_s: float) -> Any:
        dialect = "sw1" if identity == "webhook-id" else "k1"
        headers = signed_at(age_s, dialect) | {"X-Kiket-Delivery": "d_1"}
        if identity != "X-Kiket-Delivery":
            del headers["X-Kiket-Delivery"]
            headers.setdefault(identity, "d_1")
        return client.post(PATH, content=RAW, headers=headers)

    first, second, third = tried(60), tried(30), tried(0)
    assert counting.runs == 1
    assert [(each.status_code, each.text) for each in (first, second, third)] == [(201, "done")] * 3
    assert [each.headers["X-Made"] for each in (first, third)] == ["yes", "yes"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "failure",
    [
        ValueError("boom"),
        PlainTextResponse("busy", 503),
        PlainTextResponse("elsewhere", 302),
        {"o": object()},
    ],
    ids=["exception", "5xx", "3xx", "no JSON"],
)
def test_a_delivery_runs_again_if_it_failed(failure: Any) -> None:
    counting = Counting([failure])
    sdk = counting.sdk()
    client = sdk.create_test_client()
    first = client.post(PATH, content=RAW, headers=of_delivery("d_1", 60), follow_redirects=False)
    assert first.status_code >= 300
    assert post(sdk, PATH, of_delivery("d_1", 30)) == (200, {"run": 2})
    assert post(sdk, PATH, of_delivery("d_1")) == (200, {"run": 2})
    assert counting.runs == 2


@pytest.mark.parametrize(
    "answer",
    [lambda: StreamingResponse(iter([b"{}"])), lambda: {"long": "x" * ANSWER_LIMIT_BYTES}],
    ids=["streamed", "long"],
)
def test_an_answer_that_cannot_be_kept_is_made_again(answer: Any) -> None:
    counting = Counting([answer(), answer()])
    sdk = counting.sdk()
    for age_s in (30, 0):
        assert post(sdk, PATH, of_delivery("d_1", age_s))[0] == 200
    assert counting.runs == 2


def test_deliveries_with_other_ids_or_none_run_each() -> None:
    counting = Counting()
    sdk = counting.sdk()
    for number, headers in enumerate(
        ({"X-Kiket-Delivery": "d_1"}, {"X-Kiket-Delivery": "d_2"}, {}, {})
    ):
        # from the oldest on: no second comes twice, however long the tries take
        assert post(sdk, PATH, {**signed_at(3 - number), **headers})[0] == 200
    assert counting.runs == 4


async def test_a_try_while_an_earlier_one_runs_is_asked_to_come_later() -> None:
    from httpx import ASGITransport, AsyncClient

    sdk = build_sdk(replay_store=MemoryStore())
    started, finish = asyncio.Event(), asyncio.Event()

    @sdk.webhook(EVENT, version="v1")
    async def slow(_payload: Any, _context: Any) -> str:
        started.set()
        await finish.wait()
        return "done"

    transport = ASGITransport(sdk.app)
    async with (
        AsyncClient(transport=transport, base_url="http://x") as client,
        asyncio.TaskGroup() as tasks,
    ):
        first = tasks.create_task(client.post(PATH, content=RAW, headers=of_delivery("d_1", 30)))
        await started.wait()
        second = await client.post(PATH, content=RAW, headers=of_delivery("d_1", 20))
        assert second.status_code == 503
        assert second.headers["retry-after"] == "5"
        finish.set()
        assert (await first).json() == "done"
        third = await client.post(PATH, content=RAW, headers=of_delivery("d_1", 10))
        assert third.json() == "done"


class OnlyReplays:
    """The least that a store can be."""

    def __init__(self) -> None:
        self.keys: dict[bytes, float] = {}

    async def add_if_absent(self, key: bytes, ttl_s: float) -> bool:
        if key in self.keys:
            return False
        self.keys[key] = ttl_s
        return True


def test_a_store_without_answers_protects_and_leaves_retries_to_the_handler() -> None:
    store, counting = OnlyReplays(), Counting()
    sdk = counting.sdk(store)
    headers = of_delivery("d_1", 30)
    assert post(sdk, PATH, headers)[0] == 200
    assert post(sdk, PATH, headers) == AGAIN
    assert post(sdk, PATH, of_delivery("d_1")) == (200, {"run": 2})
    assert {len(key) for key in store.keys} == {32}
    assert set(store.keys.values()) == {660}


class Down(MemoryStore):
    """A store that says nothing, or the wrong thing."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how = how

    async def add_if_absent(self, _key: bytes, _ttl_s: float) -> bool:
        if self._how == "hangs":
            await asyncio.Event().wait()
        raise OSError(f"connection refused for {SECRET}")


class Threaded(MemoryStore):
    """A store whose answers come from a thread, while the event loop stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._monkeypatch = monkeypatch

    async def add_if_absent(self, key: bytes, ttl_s: float) -> bool:
        loop = asyncio.get_running_loop()
        pass_by = passing(self._monkeypatch)
        came = loop.create_future()

        def stand_still() -> None:
            pass_by(_replay.BUDGET_S)
            loop.call_soon(came.set_result, None)

        loop.call_soon(stand_still)
        await came
        return await super().add_if_absent(key, ttl_s)


def test_a_store_is_not_down_because_the_event_loop_stood_still(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sdk = Counting().sdk(Threaded(monkeypatch), strict=True)
    headers = of_delivery("d_1")
    assert post(sdk, PATH, headers)[0] == 200
    assert post(sdk, PATH, headers) == AGAIN
    assert "is down" not in caplog.text


@pytest.mark.parametrize("how", ["hangs", "fails"])
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 200),
        ({"strict": True}, 503),
        ({"strict": True, "on_replay_store_error": "accept"}, 200),
        ({"on_replay_store_error": "refuse"}, 503),
    ],
    ids=["by default", "when strict", "accepted", "refused"],
)
def test_while_the_store_is_down_the_policy_decides(
    how: str,
    options: dict[str, Any],
    status: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_replay, "BUDGET_S", 0.01)
    sdk = Counting().sdk(Down(how), **options)
    reply = sdk.create_test_client().post(PATH, content=RAW, headers=of_delivery("d_1"))
    assert reply.status_code == status
    assert ("retry-after" in reply.headers) is (status == 503)
    (record,) = [each for each in caplog.records if "replay store is down" in each.getMessage()]
    assert record.levelno == logging.ERROR
    assert SECRET not in caplog.text


class DownAfterwards(MemoryStore):
    """A store that goes down while the handler runs."""

    async def remember(self, _key: bytes, _answer: bytes, _ttl_s: float) -> None:
        raise OSError("gone")


def test_a_store_that_goes_down_during_a_run_does_not_spoil_its_answer() -> None:
    sdk = Counting().sdk(DownAfterwards(), on_replay_store_error="refuse")
    assert post(sdk, PATH, of_delivery("d_1")) == (200, {"run": 1})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"replay_store": object()}, "no `add_if_absent`"),
        ({"replay_store": MemoryStore(), "on_replay_store_error": "ignore"}, "neither"),
    ],
)
def test_options_that_cannot_work_are_told_at_construction(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        build_sdk(**options)


def test_a_file_keeps_webhooks_over_restarts(tmp_path: Path) -> None:
    """Each `with` is the life of one server."""
    path, counting = tmp_path / "webhooks.db", Counting()
    headers = of_delivery("d_1", 30)
    with counting.sdk(SqliteStore(path)).create_test_client() as client:
        assert client.post(PATH, content=RAW, headers=headers).json() == {"run": 1}
    with counting.sdk(SqliteStore(path)).create_test_client() as client:
        assert client.post(PATH, content=RAW, headers=headers).status_code == 409
        again = client.post(PATH, content=RAW, headers=of_delivery("d_1"))
        assert again.json() == {"run": 1}


def test_what_was_kept_by_another_release_is_run_again() -> None:
    store, counting = MemoryStore(), Counting()
    sdk = counting.sdk(store)
    assert post(sdk, PATH, of_delivery("d_1", 30)) == (200, {"run": 1})
    for key, (ends_s, answer) in list(store._entries.items()):
        if answer:
            store._entries[key] = (ends_s, b"not ours")
    assert post(sdk, PATH, of_delivery("d_1")) == (200, {"run": 2})


def test_stores_are_what_their_protocols_say() -> None:
    assert isinstance(OnlyReplays(), ReplayStore)
    assert not isinstance(OnlyReplays(), AnswerStore)
