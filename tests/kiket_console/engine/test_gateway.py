from __future__ import annotations

import asyncio
import hashlib
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kiket_console.engine import holding, outbox
from kiket_console.engine.forward import Forwarder
from kiket_console.engine.front import front_config
from kiket_console.engine.gateway import Gateway
from kiket_console.engine.ports import Delivery
from kiket_console.model import Problem, State, WorkerState
from kiket_core.guard import Limits, Server
from kiket_sdk import _signing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from kiket_console.engine.recorder import Recorder
    from kiket_console.model import Detail
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

PATIENCE_S = 120
RAW = b'{"issue": {"title": "t"}}'
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
async def gateway(crew: Any, recorder: Recorder) -> AsyncIterator[Gateway]:
    forwarder = Forwarder(timeout_s=PATIENCE_S)
    yield Gateway(crew, recorder, forwarder, hold_s=0.2)
    await forwarder.close()


@pytest.fixture
async def sender(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the gateway behind its front and guard, on a real port."""
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        server = Server(front_config(gateway, Limits(), loop="none"))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        tasks.create_task(server.serve([listener]))
        await server.wait_started()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(timeout=120, base_url=url, trust_env=False) as client:
            yield client
        server.should_exit = True


def signed(crew: Any, raw_body: bytes = RAW, dialect: str = "k0") -> dict[str, str]:
    return _signing.sign(dialect, crew.secrets[0], raw_body, message_id="dlv_1")


def delivery(number: int = 0, headers: Mapping[str, str] | None = None) -> Delivery:
    return Delivery(
        None,
        "issue.created",
        "v1",
        f"/v/v1/webhooks/issue.created?n={number}",
        tuple((headers or {}).items()),
        RAW,
    )


def only(reader: Reader) -> Detail:
    """Return the one delivery that is recorded."""
    [exchange_id] = reader.ids()
    detail = reader.detail(exchange_id)
    assert detail is not None
    return detail


async def test_a_signed_webhook_is_forwarded_as_it_came_and_recorded_with_its_answer(
    sender: httpx.AsyncClient, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    answer = await sender.post(
        "/v/v1/webhooks/issue.created?a=%20b", content=RAW, headers={**signed(crew), "X-Other": "1"}
    )

    assert (answer.status_code, answer.content) == (200, b'{"ok":true}')
    [seen] = fake_worker.seen
    assert seen.raw_body == RAW
    assert seen.path == "/v/v1/webhooks/issue.created?a=%20b"
    assert seen.header("x-other") == "1"
    detail = only(reader)
    exchange = detail.exchange
    assert (exchange.state, exchange.status, exchange.signature) == (State.FORWARDED, 200, "ok k0")
    assert (exchange.name, exchange.version, exchange.worker) == (
        "issue.created",
        "v1",
        "marketing",
    )
    assert exchange.path == "/v/v1/webhooks/issue.created?a=%20b"
    assert detail.request.body.sha256 == hashlib.sha256(RAW).digest()
    assert detail.attempts[0].target == "marketing#3"
    assert detail.attempts[0].answer is not None
    assert detail.attempts[0].answer.body.raw == b'{"ok":true}'
    assert seen.header("traceparent").split("-")[1] == exchange.trace_id


LONG_AGO = "Sat, 01 Jan 2000 00:00:00 GMT"


async def test_an_answer_names_one_date_and_the_workers_own_is_recorded(
    sender: httpx.AsyncClient, fake_worker: Any, reader: Reader
) -> None:
    fake_worker.headers.append((b"date", LONG_AGO.encode()))
    answer = await sender.post("/webhooks/issue.created", content=RAW)
    [date] = answer.headers.get_list("date")
    assert date != LONG_AGO
    recorded = only(reader).attempts[0].answer
    assert recorded is not None
    assert recorded.header("date")


@pytest.mark.usefixtures("fake_worker")
async def test_a_delivery_does_not_ask_every_worker_how_it_is(
    gateway: Gateway, crew: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gathering what modules tell of themselves took longer than a delivery."""
    extensions = crew.extensions()
    monkeypatch.setattr(crew, "extensions", lambda: extensions)
    monkeypatch.setattr(crew, "workers", lambda: pytest.fail("All workers were asked."))

    outcome = await gateway.deliver(delivery())

    assert outcome.status == 200


async def test_the_answer_is_durable_before_the_sender_has_it(
    gateway: Gateway, fake_worker: Any, stall: Callable[[], Any], reader: Reader
) -> None:
    """The store stands still after the arrival's commit: the answer must wait for its own."""
    fake_worker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        stalled = stall()
        sent = tasks.create_task(gateway.deliver(delivery()))
        await stalled.reached()
        while_it_runs = [row.state for row in reader.page(reader.ids())]
        fake_worker.go_on.set()
        await asyncio.sleep(0.05)  # for what must not happen there is no event
        early = sent.done()
        stalled.release()
    outcome = sent.result()

    assert while_it_runs == [State.RECEIVED]
    assert not early
    assert outcome.exchange_id is not None
    assert reader.exchange(outcome.exchange_id) is not None


async def test_a_quick_answer_is_committed_together_with_its_request(
    gateway: Gateway, fake_worker: Any, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "HOLD_BACK_S", PATIENCE_S)
    before = writer.commits

    await gateway.deliver(delivery())

    assert writer.commits == before + 1


async def test_one_delivery_costs_at_most_two_commits(
    gateway: Gateway, fake_worker: Any, writer: Writer
) -> None:
    for number in range(5):
        await gateway.deliver(delivery(number))

    assert writer.commits <= 10


async def test_a_bad_signature_is_recorded_and_forwarded_all_the_same(
    sender: httpx.AsyncClient, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    """The extension's own refusal is what the developer wants to see."""
    fake_worker.status = 401
    fake_worker.chunks = [b'{"detail":"Invalid signature"}']

    answer = await sender.post("/webhooks/issue.created", content=b"{}", headers=signed(crew))

    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid signature"})
    detail = only(reader)
    assert detail.exchange.signature == "mismatch"
    assert detail.judgement is not None
    assert (detail.judgement.ok, detail.judgement.reason) == (False, "mismatch")


async def test_an_unaccepted_dialect_that_fits_is_named(
    gateway: Gateway, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    crew.accept = ("k0",)

    await gateway.deliver(delivery(headers=signed(crew, dialect="k1")))

    judgement = only(reader).judgement
    assert judgement is not None
    assert judgement.nearest == "k1"


async def test_only_what_comes_from_outside_is_a_duplicate(
    sender: httpx.AsyncClient, gateway: Gateway, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    """It is forwarded all the same."""
    sent = {**signed(crew), "X-Kiket-Delivery": "dlv_1"}
    for _ in range(2):
        await sender.post("/v/v1/webhooks/issue.created", content=RAW, headers=sent)
    await gateway.deliver(delivery(headers=sent))

    assert len(fake_worker.seen) == 3
    assert [each.duplicate_of for each in reader.page(reader.ids())] == [None, 1, None]


async def test_for_an_unknown_event_the_nearest_handler_is_named(
    sender: httpx.AsyncClient, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    """It is forwarded all the same: what is unknown is for the extension to say."""
    await sender.post("/v/v1/webhooks/issue.create", content=RAW, headers=signed(crew))

    assert len(fake_worker.seen) == 1
    judgement = only(reader).judgement
    assert judgement is not None
    assert judgement.nearest == "issue.created@v1"


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b"\xff\xfe", b'{"a":' * 100_000, b"9" * 5000, b'"\\ud800"']
)
async def test_a_body_that_is_no_json_is_forwarded_byte_for_byte(
    sender: httpx.AsyncClient, fake_worker: Any, reader: Reader, raw: bytes
) -> None:
    await sender.post("/webhooks/issue.created", content=raw)

    assert fake_worker.seen[0].raw_body == raw
    body = only(reader).request.body
    assert (body.raw, body.sha256) == (raw, hashlib.sha256(raw).digest())


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/a%2Fb",
        "/webhooks/%2e%2e",
        "/webhooks/%00",
        "/webhooks/" + "a" * 129,
        "/webhooks/%E2%80%AE",
        "/v/" + "1" * 65 + "/webhooks/issue.created",
        "/webhooks/a/b",
        "/webhooks/",
        "/elsewhere",
    ],
)
async def test_names_that_are_none_are_404_with_a_sentence(
    sender: httpx.AsyncClient, fake_worker: Any, reader: Reader, path: str
) -> None:
    answer = await sender.post(path, content=RAW)

    assert answer.status_code == 404
    assert answer.json()["error"].strip()
    assert fake_worker.seen == []
    assert list(reader.ids()) == []


async def test_other_methods_and_places_say_what_this_is(sender: httpx.AsyncClient) -> None:
    got = await sender.get("/webhooks/issue.created")
    health = await sender.get("/health")
    posted = await sender.post("/")

    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert (health.status_code, health.json()["service"]) == (200, "kiket-console gateway")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")


async def test_the_senders_trace_goes_on_with_a_span_of_ours(
    gateway: Gateway, fake_worker: Any, reader: Reader
) -> None:
    sent = {"a": "1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-00", "b": "2"}

    await gateway.deliver(delivery(headers=sent))

    version, trace_id, span_id, flags = fake_worker.seen[0].header("traceparent").split("-")
    assert (version, trace_id, flags) == ("00", TRACE, "00")
    assert span_id != "00f067aa0ba902b7"
    names = [name for name, _ in fake_worker.seen[0].headers]
    assert names.index("a") < names.index("traceparent") < names.index("b")
    detail = only(reader)
    assert detail.exchange.trace_id == TRACE
    assert detail.request.header("traceparent") == sent["traceparent"], "recorded as it came"


async def test_without_room_in_the_store_nothing_is_accepted(
    sender: httpx.AsyncClient,
    fake_worker: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kiket_console.store.intake.QUEUE_ROWS", 0)

    answer = await sender.post("/webhooks/issue.created", content=RAW)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {"error": "The store cannot keep up: 0 rows wait to be written."}
    assert fake_worker.seen == []


async def test_an_answer_that_cannot_be_stored_is_not_passed_on(
    sender: httpx.AsyncClient, fake_worker: Any, writer: Writer
) -> None:
    """The worker said 200, but the sender must not believe that it is kept."""
    fake_worker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        sent = tasks.create_task(sender.post("/webhooks/issue.created", content=RAW))
        await fake_worker.arrived.wait()
        await asyncio.to_thread(writer.close)
        fake_worker.go_on.set()

    answer = sent.result()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "nothing more is recorded" in answer.json()["error"]


async def test_requests_wait_for_a_worker_that_starts_and_go_on_in_order(
    gateway: Gateway, fake_worker: Any, crew: Any, reader: Reader, commits: Any
) -> None:
    """One that comes while others are let go does not overtake them."""
    gateway._holding.hold_s = PATIENCE_S
    crew.state = WorkerState.STARTING
    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(gateway.deliver(delivery(number)))
        await crew.waiting.wait()
        await commits.until(lambda newest: newest.newest_exchange == 20)
        states = {row.state for row in reader.page(reader.ids())}
        crew.become(WorkerState.SERVING)
        tasks.create_task(gateway.deliver(delivery(20)))

    assert states == {State.HELD}
    begun = [row.started_us for row in (reader.detail(n).attempts[0] for n in range(1, 22))]  # type: ignore[union-attr]
    assert begun == sorted(begun)
    assert {row.state for row in reader.page(reader.ids())} == {State.FORWARDED}
    assert len(fake_worker.seen) == 21


async def test_after_ten_seconds_without_a_worker_a_request_is_rejected(
    gateway: Gateway, crew: Any, reader: Reader
) -> None:
    """Here it is a fifth of a second."""
    crew.state = WorkerState.STARTING

    outcome = await gateway.deliver(delivery())

    assert (outcome.status, outcome.state) == (503, State.REJECTED)
    assert ("retry-after", "1") in outcome.headers
    assert outcome.error == "No worker of 'marketing' was ready within 0.2 s; send it again."
    assert only(reader).exchange.state is State.REJECTED


async def test_only_so_many_requests_wait(
    gateway: Gateway, crew: Any, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "HELD_LIMIT", 3)
    gateway._holding.hold_s = PATIENCE_S
    crew.state = WorkerState.STARTING
    async with asyncio.TaskGroup() as tasks:
        held = [tasks.create_task(gateway.deliver(delivery(n))) for n in range(3)]
        await crew.waiting.wait()
        outcome = await gateway.deliver(delivery())
        crew.become(WorkerState.STOPPED)

    assert outcome.error == "3 requests wait for 'marketing' already; send it again."
    assert [task.result().state for task in held] == [State.REJECTED] * 3
    assert len(reader.ids()) == 4


@pytest.mark.parametrize(
    ("state", "problem", "sentence"),
    [
        (
            WorkerState.BROKEN,
            Problem("SyntaxError: '(' was never closed", "main.py", 7),
            "The worker 'marketing' did not start: SyntaxError: '(' was never closed (main.py:7)",
        ),
        (
            WorkerState.STOPPED,
            None,
            "The worker 'marketing' is stopped; `kiket-console start marketing` starts it.",
        ),
        (WorkerState.FATAL, None, "The worker 'marketing' does not run; see its log."),
    ],
)
async def test_when_no_worker_will_come_the_reason_is_told_at_once(
    gateway: Gateway,
    crew: Any,
    reader: Reader,
    state: WorkerState,
    problem: Problem | None,
    sentence: str,
) -> None:
    crew.state, crew.problem = state, problem

    outcome = await gateway.deliver(delivery())

    assert (outcome.status, outcome.error) == (503, sentence)
    assert not crew.waiting.is_set()
    assert only(reader).attempts[0].error == sentence


async def test_a_worker_that_fails_while_requests_wait_lets_them_go_with_its_reason(
    gateway: Gateway, crew: Any
) -> None:
    gateway._holding.hold_s = PATIENCE_S
    crew.state = WorkerState.STARTING
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(gateway.deliver(delivery()))
        await crew.waiting.wait()
        crew.problem = Problem("ImportError: no module named x")
        crew.become(WorkerState.BROKEN)

    assert waiting.result().error == (
        "The worker 'marketing' did not start: ImportError: no module named x"
    )


async def test_an_extension_is_chosen_by_name(
    sender: httpx.AsyncClient, fake_worker: Any, crew: Any, reader: Reader
) -> None:
    crew.names = ("marketing", "billing")

    ambiguous = await sender.post("/webhooks/e", content=RAW)
    unknown = await sender.post("/x/nobody/webhooks/e", content=RAW)
    chosen = await sender.post("/x/billing/v/v1/webhooks/e", content=RAW)

    assert (ambiguous.status_code, unknown.status_code, chosen.status_code) == (404, 404, 200)
    assert ambiguous.json()["error"].endswith("NAME one of marketing, billing.")
    assert unknown.json()["error"] == (
        "No extension is called 'nobody' here; there is marketing, billing."
    )
    assert fake_worker.seen[0].path == "/v/v1/webhooks/e"
    assert only(reader).exchange.worker == "billing"


async def test_a_body_over_the_limit_is_recorded_in_part_and_refused(
    crew: Any, recorder: Recorder, fake_worker: Any, reader: Reader
) -> None:
    """One that the engine itself sends; the guard has refused the others."""
    gateway = Gateway(crew, recorder, Forwarder(), body_bytes=10)

    outcome = await gateway.deliver(delivery())

    assert (outcome.status, outcome.state) == (413, State.REJECTED)
    body = only(reader).request.body
    assert (body.raw, body.truncated, body.size) == (RAW[:10], True, len(RAW))
    assert fake_worker.seen == []


async def test_a_delivery_that_is_cut_short_by_our_end_is_interrupted(
    gateway: Gateway, fake_worker: Any, reader: Reader, writer: Writer
) -> None:
    fake_worker.go_on.clear()
    async with asyncio.TaskGroup() as tasks:
        sent = tasks.create_task(gateway.deliver(delivery()))
        await fake_worker.arrived.wait()
        sent.cancel()
    writer.close()

    detail = only(reader)
    assert detail.exchange.state is State.INTERRUPTED
    assert detail.attempts[0].error == "The engine was stopped before an answer came."


async def test_many_senders_at_once_are_all_answered_and_all_recorded(
    sender: httpx.AsyncClient, fake_worker: Any, reader: Reader, writer: Writer
) -> None:
    async def send(number: int) -> str:
        answer = await sender.post(f"/webhooks/issue.created?n={number}", content=b"%d" % number)
        return f"{answer.status_code}"

    statuses = await asyncio.gather(*(send(number) for number in range(100)))

    assert statuses == ["200"] * 100
    bodies = sorted(reader.detail(each).request.body.raw for each in reader.ids())  # type: ignore[union-attr]
    assert bodies == sorted(b"%d" % number for number in range(100))
    assert writer.commits < 200
