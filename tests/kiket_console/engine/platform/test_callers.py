"""Whose call it is, and during which delivery it was made: two extensions, a token each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from msgspec.structs import replace
from tests.kiket_console.engine.found import Found

from kiket_console.engine.platform.callers import Callers
from kiket_console.engine.platform.calls import RefusedError
from kiket_console.engine.platform.tokens import RuntimeTokens
from kiket_console.engine.recorder import Arrival, Ending, Recorded, Recorder
from kiket_console.model import Detail, Source, State
from kiket_core.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kiket_console.engine.platform.conftest import Make

    from kiket_console.engine.platform.surface import Platform
    from kiket_console.model import Worker
    from kiket_console.store.reader import Reader
    from kiket_console.store.writer import Writer

TOKENS = {
    "billing": "wk_local_of_billing",
    "crm": "wk_local_of_crm",
    "shared": "wk_of_both",
    "server": "wk_local_of_server",
}
LOGS = "/api/v1/extensions/logs"
FOREIGN_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@dataclass
class Pair(Found):
    """The workers of a project with two extensions, and of a program that tells no id."""

    crew: Any

    def workers(self) -> tuple[Worker, ...]:
        [one] = self.crew.workers()
        ids = {"billing": "com.example.billing", "crm": "com.example.crm", "server": ""}
        return tuple(replace(one, name=name, extension_id=found) for name, found in ids.items())


@dataclass
class World:
    """A platform, and the deliveries that are under way while it is called."""

    platform: Platform
    tokens: RuntimeTokens
    recorder: Recorder
    reader: Reader
    writer: Writer

    async def deliver(self, worker: str, delivery_id: str = "") -> Recorded:
        """Begin a delivery to a worker."""
        headers = (("x-kiket-delivery", delivery_id),) if delivery_id else ()
        arrival = Arrival(Source.WEBHOOK, worker, "e", "v1", "POST", "/", headers, b"{}")
        return await self.recorder.receive(arrival, target=f"{worker}#1")

    async def end(self, delivery: Recorded) -> None:
        """End a delivery."""
        await self.recorder.answered(delivery, Ending(State.FORWARDED, 200, 1))

    async def call(
        self,
        caller: str,
        *,
        trace: str = "",
        path: str = LOGS,
        method: str = "POST",
        filler: str = "",
        runtime: str = "",
    ) -> httpx.Response:
        """Call the platform with the token of *caller*; empty sends none."""
        headers = {"authorization": f"Bearer {TOKENS[caller]}"} if caller else {}
        headers |= {"x-kiket-runtime-token": runtime} if runtime else {}
        headers |= {"traceparent": trace} if trace else {}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.platform.app), base_url="http://127.0.0.1:9"
        ) as client:
            document = {"message": "hi", "event": "hi", "filler": filler}
            return await client.request(method, path, json=document, headers=headers)

    def calls(self) -> list[Detail]:
        """Return the calls that are recorded, the first one first."""
        self.writer.close()
        found = [self.reader.detail(each) for each in self.reader.ids()]
        return [each for each in found if each and each.exchange.source == Source.API]


@pytest.fixture
def world(make: Make, recorder: Recorder, reader: Reader, writer: Writer, crew: Any) -> World:
    pairs = [
        ("billing", Secret(TOKENS["billing"], "KIKET_WORKSPACE_TOKEN.billing")),
        ("crm", Secret(TOKENS["crm"], "KIKET_WORKSPACE_TOKEN.crm")),
        ("server", Secret(TOKENS["server"], "KIKET_WORKSPACE_TOKEN.server")),
        *((name, Secret(TOKENS["shared"], "SHARED")) for name in ("billing", "crm")),
    ]
    made = make(Pair(crew), pairs)
    return World(made.platform, made.tokens, recorder, reader, writer)


def parents(world: World) -> list[tuple[str, int | None, bool]]:
    """Return worker, parent and whether that is a guess of each call."""
    return [
        (each.exchange.worker, each.exchange.parent_id, each.exchange.parent_guessed)
        for each in world.calls()
    ]


async def test_a_call_belongs_to_the_newest_delivery_under_way_of_its_own_worker(
    world: World,
) -> None:
    await world.deliver("billing")
    newest = await world.deliver("billing")
    crm = await world.deliver("crm")

    assert (await world.call("billing")).status_code == 204
    assert (await world.call("crm")).status_code == 204

    assert parents(world) == [("billing", newest.id, True), ("crm", crm.id, True)]


async def test_a_call_outside_of_deliveries_has_no_parent_but_a_caller(world: World) -> None:
    ended = await world.deliver("billing")
    await world.end(ended)
    await world.deliver("crm")

    await world.call("billing")

    assert parents(world) == [("billing", None, False)]


async def test_the_trace_of_our_sdk_tells_for_certain(world: World) -> None:
    """Even when a newer delivery is under way, or the delivery is over."""
    older = await world.deliver("billing")
    await world.deliver("billing")
    ours = older.trace.parent("00f067aa0ba902b7")

    await world.call("billing", trace=ours)
    await world.end(older)
    await world.call("billing", trace=ours)

    assert parents(world) == [("billing", older.id, False)] * 2


async def test_a_trace_of_somebody_elses_making_is_no_obstacle(world: World) -> None:
    delivery = await world.deliver("crm")

    await world.call("crm", trace=FOREIGN_TRACE)

    [call] = world.calls()
    assert (call.exchange.parent_id, call.exchange.parent_guessed) == (delivery.id, True)
    assert call.exchange.trace_id == FOREIGN_TRACE.split("-")[1]


async def test_without_a_token_the_trace_tells_whose_telemetry_it_is(world: World) -> None:
    await world.deliver("billing")
    crm = await world.deliver("crm")

    await world.call("", path="/api/v1/ext/telemetry", trace=crm.trace.parent("00f067aa0ba902b7"))
    await world.call("", path="/api/v1/ext/telemetry")

    assert parents(world) == [("crm", crm.id, False), ("", None, False)]


async def test_a_token_that_several_have_tells_nobody(world: World) -> None:
    only = await world.deliver("crm")
    await world.call("shared")
    await world.deliver("billing")
    await world.call("shared")

    assert parents(world) == [("crm", only.id, True), ("", None, False)]


async def test_every_call_with_a_good_token_is_recorded_whosever_it_is(world: World) -> None:
    """Only what comes without one is sampled, and may not be as large."""
    for _ in range(100):
        assert (await world.call("shared")).status_code == 204
        assert (await world.call("", path="/api/v1/ext/telemetry")).status_code == 204

    names = [each.exchange.name for each in world.calls()]
    assert names.count("POST extensions/logs") == 100
    assert names.count("POST telemetry") == 60


@pytest.mark.parametrize(("caller", "status"), [("billing", 204), ("", 413)])
async def test_without_a_token_a_call_may_have_64_kib(
    world: World, caller: str, status: int
) -> None:
    path, filler = "/api/v1/ext/telemetry", "x" * 65536
    assert (await world.call(caller, path=path)).status_code == 204
    assert (await world.call(caller, path=path, filler=filler)).status_code == status


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_the_token_of_one_extension_opens_nothing_of_another(
    world: World, method: str
) -> None:
    path = "/api/v1/extensions/com.example.crm/secrets"
    answer = await world.call(
        "billing", path=path if method in {"GET", "POST"} else f"{path}/KEY", method=method
    )

    assert answer.status_code == 403
    assert answer.json()["error"] == (
        "The token is that of 'billing'; it opens nothing of 'com.example.crm'."
    )
    assert [each.exchange.status for each in world.calls()] == [403]


async def test_a_program_that_tells_no_id_has_one_that_is_nobody_elses(world: World) -> None:
    """The SDKs for other languages, and code without one, may have it in their own text alone."""
    asked = {"com.example.search": 201, "com.example.crm": 403}
    answers = {
        found: await world.call("server", path=f"/extensions/{found}/events", filler="x")
        for found in asked
    }

    assert {found: answer.status_code for found, answer in answers.items()} == asked
    assert (
        await world.call("crm", path="/extensions/com.example.search/events")
    ).status_code == 404


@pytest.mark.parametrize("token", ["", "wk_local_of_billin", "wk_local_of_billingx", "wk_ü"])
def test_only_the_whole_token_is_good(token: str, tmp_path: Path) -> None:
    own = [("billing", Secret(TOKENS["billing"], "T")), ("crm", Secret("", "T"))]
    callers = Callers(lambda: own, RuntimeTokens(tmp_path / "key.pem"))

    with pytest.raises(RefusedError) as refused:
        callers.caller((("authorization", f"Bearer {token}"),))

    assert refused.value.reply.status == 401
    for good in (
        ("Authorization", f"bearer {TOKENS['billing']}"),
        ("X-Kiket-API-Key", TOKENS["billing"]),
    ):
        assert callers.caller((good,)).worker == "billing"


def minted(world: World, worker: str, delivery_id: str, lifetime_s: int = 600) -> str:
    return world.tokens.mint(
        lifetime_s=lifetime_s,
        worker=worker,
        extension_id=f"com.example.{worker}",
        scopes=["*"],
        delivery_id=delivery_id,
        organization_id=1,
        project_id=1,
    )


@pytest.mark.parametrize("with_own", [True, False])
async def test_the_runtime_token_tells_the_delivery_for_certain(
    world: World, with_own: bool
) -> None:
    """Though others are under way, and after its end."""
    first = await world.deliver("billing", "dlv_1")
    await world.deliver("billing", "dlv_2")
    token = minted(world, "billing", "dlv_1")

    await world.call("billing" if with_own else "", runtime=token)
    await world.end(first)
    await world.call("billing" if with_own else "", runtime=token)

    assert parents(world) == [("billing", first.id, False)] * 2


async def test_the_runtime_token_of_an_unknown_delivery_tells_whose_call_it_is(
    world: World,
) -> None:
    await world.deliver("billing", "dlv_1")

    await world.call("", runtime=minted(world, "crm", "dlv_of_an_earlier_engine"))

    assert parents(world) == [("crm", None, False)]


async def test_a_runtime_token_that_is_over_is_refused_though_the_own_is_good(
    world: World,
) -> None:
    over = await world.call("billing", runtime=minted(world, "billing", "dlv_1", -5))

    assert over.status_code == 401
    assert over.json()["error"].startswith("The runtime token expired ")
    assert over.json()["error"].endswith(
        "Send the delivery again, signed anew; its handler is given a new one."
    )


async def test_a_token_of_some_other_make_stands_in_nobodys_way(world: World) -> None:
    """Releases before the newest hand on whatever a payload carried."""
    assert (await world.call("billing", runtime="rt_opaque")).status_code == 204
    alone = await world.call("", runtime="rt_opaque")

    assert alone.status_code == 401
    assert alone.json()["error"].startswith("The runtime token is not one of this project's.")
