"""The control API and its client, over a real private socket."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from base64 import b64encode
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.routing import Route

from kiket_console.client import Client, EngineGone
from kiket_console.engine.control import control_app
from kiket_console.engine.control_bodies import BODY_LIMIT
from kiket_console.engine.control_listing import StoreListing
from kiket_console.engine.hub import Hub
from kiket_console.engine.private_socket import OwnPeers, bind_private
from kiket_console.engine_status import EngineStatus
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Handler, Notice, Worker, WorkerState
from kiket_console.paths import ProjectPaths
from kiket_console.settings import MOST_BODY_MIB
from kiket_console.wire import (
    SELECTION_LIMIT,
    Edit,
    Event,
    Preview,
    Result,
    Selection,
    Template,
)
from kiket_core.guard import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path


WORKER = Worker(
    name="sample",
    kind="extension",
    state=WorkerState.SERVING,
    serving=True,
    evidence="answered its health check",
    evidence_us=1,
    started_us=1,
    pid=7,
    starts=1,
    reloads=0,
    restarts=0,
    handlers=(Handler("issue.created", "v1", "main.py", 7),),
    secrets=(("CRM_TOKEN", False),),
)
STATUS = EngineStatus(
    version="0.1.0",
    pid=1,
    folder="/p",
    project="p",
    started_us=1,
    gateway_url="http://127.0.0.1:8700",
    platform_url="http://127.0.0.1:9",
    store="/s",
    recording="ok",
    durability="full",
    vault="this session only",
    exchanges=3,
    dropped_logs=0,
    rate_per_s=0.5,
    p95_us=3200,
    error_share=0.25,
    workers=(WORKER,),
    notes=("A note.",),
)


class Shelf:
    """Curation that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def pin(self, ids: Sequence[int], *, pinned: bool) -> Selection:
        self.asked.append(("pin", tuple(ids), pinned))
        return Selection(tuple(ids))

    async def note(self, ids: Sequence[int], text: str) -> Selection:
        self.asked.append(("note", tuple(ids), text))
        return Selection(tuple(ids))

    async def mark_read(self, ids: Sequence[int]) -> Selection:
        self.asked.append(("read", tuple(ids)))
        return Selection(tuple(ids))

    async def remove(self, ids: Sequence[int]) -> Selection:
        self.asked.append(("remove", tuple(ids)))
        return Selection((*ids, 99))

    async def restore(self, ids: Sequence[int]) -> Selection:
        self.asked.append(("restore", tuple(ids)))
        return Selection(tuple(ids))


class Desk:
    """Controls that remember what they were asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def status(self) -> EngineStatus:
        return STATUS

    async def worker(self, name: str, verb: str) -> Worker:
        self.asked.append((name, verb))
        return WORKER

    def stop(self) -> None:
        self.asked.append("stop")


NO_PLATFORM: Any = None
NO_MODULES: Any = None
NO_SECRETS: Any = None
NO_PRODUCER: Any = None
"""What they answer is asked in `test_control_platform`, `test_control_secrets` and in
`commands/test_modules`."""
PREVIEW = Preview("sample", "POST / HTTP/1.1", b"\xff", 1, (("k0", ""),), True, "Fine.", True)


class Post(Desk):
    """A desk that sends, too, and remembers what."""

    def templates(self, extension: str = "") -> tuple[Template, ...]:
        if extension:
            return (Template("issue.updated", "v1", True, extension, {}),)
        return (Template("issue.created", "v1", True, "An issue is made", {"issue": {"id": 1}}),)

    async def trigger(self, event: Event) -> Result:
        self.asked.append(event)
        if event.name == "gone":
            raise ConsoleError("No worker.", hint="Start one.", exit_code=ExitCode.USAGE)
        if event.name == "broken":
            raise RuntimeError("a secret detail")
        return Result(5, "forwarded", 200, 1200, "")

    async def preview_trigger(self, event: Event) -> Preview:
        self.asked.append(event)
        return PREVIEW

    async def send(
        self,
        exchange_id: int,
        edit: Edit,
        way: str,
        *,
        linked: bool = True,
        retry: bool | None = None,
    ) -> Result:
        self.asked.append((exchange_id, edit, way, linked) if retry is None else retry)
        return Result(6, "failed", None, None, "It did not answer.")

    async def retry_now(self, exchange_id: int) -> Result:
        self.asked.append(("retry", exchange_id))
        return Result(exchange_id, "forwarded", 503, 1200, "", "", "waiting", 9)

    async def cancel_retries(self, ids: Sequence[int]) -> Selection:
        self.asked.append(("cancel", tuple(ids)))
        return Selection(tuple(ids))

    async def preview(
        self, exchange_id: int, edit: Edit, way: str, *, linked: bool = True
    ) -> Preview:
        self.asked.append((exchange_id, edit, way, linked))
        return PREVIEW


@pytest.fixture
def paths(own_places: Path) -> ProjectPaths:
    folder = own_places / "project"
    folder.mkdir()
    made = ProjectPaths(folder)
    made.make()
    return made


@asynccontextmanager
async def served(
    paths: ProjectPaths, desk: Post, hub: Hub, shelf: Shelf | None = None
) -> AsyncIterator[None]:
    listener = bind_private(paths.control_socket)
    listener.listen()
    config = uvicorn.Config(
        control_app(
            desk,
            desk,
            shelf or Shelf(),
            listing_of(paths),
            hub,
            NO_PLATFORM,
            NO_MODULES,
            NO_SECRETS,
            NO_PRODUCER,
        ),
        http=OwnPeers,
        lifespan="off",
        log_config=None,
        ws="none",
    )
    server = Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve([listener]))
        await server.wait_started()
        try:
            yield
        finally:
            hub.close()
            server.should_exit = True


def listing_of(paths: ProjectPaths) -> StoreListing:
    return StoreListing(paths.store, paths.folder)


def new_hub() -> Hub:
    return Hub(Notice(1, 2, 3, 4))


async def test_the_client_gets_the_nouns_back_as_they_were(paths: ProjectPaths) -> None:
    desk = Post()
    async with served(paths, desk, new_hub()), Client(paths) as client:
        assert await client.status() == STATUS
        assert await client.workers() == (WORKER,)
        assert await client.templates() == desk.templates()
        assert await client.templates("a b/c") == desk.templates("a b/c")
        assert await client.worker("sample", "restart") == WORKER
        assert desk.asked == [("sample", "restart")]


async def test_a_payload_arrives_byte_for_byte(paths: ProjectPaths) -> None:
    """Numbers that floats cannot hold, and duplicate keys, survive the way to the engine."""
    desk = Post()
    raw = b'{"n": 123456789012345678901234567890, "a": 1.10, "a": 2}'
    async with served(paths, desk, new_hub()), Client(paths) as client:
        result = await client.trigger(
            "issue.created", version="v2", raw_payload=raw, headers=(("x-a", "1"),), dialect="k1"
        )
    assert result == Result(5, "forwarded", 200, 1200, "")
    assert result.ok
    assert desk.asked == [
        Event("issue.created", "v2", raw_payload=raw, headers=(("x-a", "1"),), dialect="k1")
    ]


async def test_without_a_payload_the_template_is_meant(paths: ProjectPaths) -> None:
    desk = Post()
    async with served(paths, desk, new_hub()), Client(paths) as client:
        await client.trigger("issue.created")
    assert desk.asked == [Event("issue.created")]


async def test_another_attempt_and_none_at_all_can_be_asked_for(paths: ProjectPaths) -> None:
    desk = Post()
    async with served(paths, desk, new_hub()), Client(paths) as client:
        again = await client.retry(3)
        ended = await client.cancel_retries([3, 4])
        await client.send_event(Event("issue.created", era="v0", retry=True))
        await client.replay(3, retry=False)
    assert (again.decision, again.retry, again.next_try_us) == ("", "waiting", 9)
    assert ended == Selection((3, 4))
    asked = Event("issue.created", era="v0", retry=True)
    assert desk.asked == [("retry", 3), ("cancel", (3, 4)), asked, False]


async def test_replay_says_the_way(paths: ProjectPaths) -> None:
    desk = Post()
    async with served(paths, desk, new_hub()), Client(paths) as client:
        result = await client.replay(3, "exact")
        with pytest.raises(ConsoleError, match=r'There is no way "sideways" to send again\.'):
            await client.replay(3, "sideways")
    assert not result.ok
    assert desk.asked == [(3, Edit(), "exact", True)]


async def test_an_edit_arrives_as_the_bytes_that_were_typed(paths: ProjectPaths) -> None:
    """Blank space and bytes that are no JSON included; what is not named is not changed."""
    desk = Post()
    edit = Edit(b' {"a": 1.10}\n\xff', (("x-a", "1"),), "issue.updated", "")
    async with served(paths, desk, new_hub()), Client(paths) as client:
        result = await client.send(3, edit, "stale")
        await client.send(3, Edit(), linked=False)
        assert await client.preview(3, edit) == PREVIEW
        assert await client.preview_event(Event("issue.created", raw_body=b"")) == PREVIEW
    assert result.error == "It did not answer."
    assert desk.asked == [
        (3, edit, "stale", True),
        (3, Edit(), "resigned", False),
        (3, edit, "resigned", True),
        Event("issue.created", raw_body=b""),
    ]


async def test_a_payload_may_be_sent_as_json_by_hand(paths: ProjectPaths) -> None:
    import httpx

    desk = Post()
    async with (
        served(paths, desk, new_hub()),
        httpx.AsyncClient(
            timeout=120,
            transport=httpx.AsyncHTTPTransport(uds=str(paths.control_socket)),
            base_url="http://engine",
        ) as http,
    ):
        await http.post("/v1/exchanges/3/send", content=b'{"payload": {"n": 1.10}}')
    assert desk.asked == [(3, Edit(b'{"n": 1.10}'), "resigned", True)]


async def test_what_was_recorded_is_kept_removed_and_brought_back_by_id(
    paths: ProjectPaths,
) -> None:
    shelf = Shelf()
    async with served(paths, Post(), new_hub(), shelf), Client(paths) as client:
        assert await client.pin((3, 4)) == Selection((3, 4))
        await client.pin((3,), pinned=False)
        assert await client.note((3, 4), "see #42") == Selection((3, 4))
        assert await client.mark_read([6]) == Selection((6,))
        assert await client.remove([5]) == Selection((5, 99)), "with what went along"
        assert await client.restore([5]) == Selection((5,))
        with pytest.raises(ConsoleError, match=r"not what is expected: .*length"):
            await client.remove([])
        with pytest.raises(ConsoleError, match=r"not what is expected: .*length"):
            await client.remove(range(SELECTION_LIMIT + 1))
    assert shelf.asked == [
        ("pin", (3, 4), True), ("pin", (3,), False), ("note", (3, 4), "see #42"), ("read", (6,)),
        ("remove", (5,)), ("restore", (5,)),
    ]  # fmt: skip


async def test_a_refusal_comes_with_hint_and_exit_code(paths: ProjectPaths) -> None:
    async with served(paths, Post(), new_hub()), Client(paths) as client:
        with pytest.raises(ConsoleError) as refused:
            await client.trigger("gone")
    error = refused.value
    assert (error.message, error.hint, error.exit_code) == ("No worker.", "Start one.", 2)


async def test_an_error_inside_does_not_tell_its_details(paths: ProjectPaths) -> None:
    async with served(paths, Post(), new_hub()), Client(paths) as client:
        with pytest.raises(ConsoleError, match="failed inside") as failed:
            await client.trigger("broken")
        assert (await client.status()).pid == 1
    assert "secret detail" not in str(failed.value)


async def test_an_unknown_verb_is_refused_before_it_reaches_a_worker(paths: ProjectPaths) -> None:
    desk = Post()
    async with served(paths, desk, new_hub()), Client(paths) as client:
        with pytest.raises(ConsoleError, match='A worker cannot be asked to "explode"'):
            await client.worker("sample", "explode")
    assert desk.asked == []


async def test_notices_come_at_once_and_end_with_the_engine(paths: ProjectPaths) -> None:
    hub = new_hub()
    heard: list[Notice] = []
    async with served(paths, Post(), hub), Client(paths) as client:
        notices = client.notices()
        heard.append(await anext(notices))
        hub.committed(exchange=9, change=9, log=9)
        heard.append(await anext(notices))
        hub.close()
        with pytest.raises(EngineGone):
            await anext(notices)
    assert heard == [Notice(1, 2, 3, 4), Notice(9, 9, 9, 4)]


async def test_without_an_engine_the_client_says_so(paths: ProjectPaths) -> None:
    async with Client(paths) as client:
        with pytest.raises(EngineGone, match=f"No engine runs for {paths.folder}"):
            await client.status()


async def test_a_dead_engines_socket_is_no_engine(paths: ProjectPaths) -> None:
    bind_private(paths.control_socket).close()
    async with Client(paths) as client:
        with pytest.raises(EngineGone):
            await client.status()
        with pytest.raises(EngineGone):
            await anext(client.notices())


@pytest.mark.parametrize("raw_body", [b"{", b"[]", b'{"name": "\xff"}'])
async def test_what_is_no_json_is_told_so(raw_body: bytes, paths: ProjectPaths) -> None:
    import httpx

    async with (
        served(paths, Post(), new_hub()),
        httpx.AsyncClient(
            timeout=120,
            transport=httpx.AsyncHTTPTransport(uds=str(paths.control_socket)),
            base_url="http://engine",
        ) as http,
    ):
        answer = await http.post("/v1/trigger", content=raw_body)
    assert answer.status_code == 400
    assert "JSON is not what is expected" in answer.text


async def test_openapi_describes_every_route(paths: ProjectPaths) -> None:
    """The description and the routes are two tables; neither may have what the other lacks."""
    import httpx

    async with (
        served(paths, Post(), new_hub()),
        httpx.AsyncClient(
            timeout=120,
            transport=httpx.AsyncHTTPTransport(uds=str(paths.control_socket)),
            base_url="http://engine",
        ) as http,
    ):
        described = (await http.get("/openapi.json")).json()
        absent = await http.get("/v1/nothing")
    said = {
        (path, method.upper())
        for path, item in described["paths"].items()
        for method in item
        if method != "parameters"
    }
    routed = {
        (route.path.replace(":int", ""), method)
        for route in control_app(
            Post(),
            Post(),
            Shelf(),
            listing_of(paths),
            new_hub(),
            NO_PLATFORM,
            NO_MODULES,
            NO_SECRETS,
            NO_PRODUCER,
        ).routes
        if isinstance(route, Route) and route.path != "/openapi.json"
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert said == routed
    assert absent.status_code == 404
    assert absent.json()["error"] == "The control API has no GET /v1/nothing."
    assert "Worker" in described["components"]["schemas"]


def test_the_largest_payload_fits_a_request_in_base64() -> None:
    assert len(b64encode(bytes(MOST_BODY_MIB * 1024 * 1024))) < BODY_LIMIT


def test_the_socket_is_private_from_the_start(paths: ProjectPaths) -> None:
    listener = bind_private(paths.control_socket)
    try:
        assert paths.control_socket.stat().st_mode & 0o777 == 0o600
        assert paths.run.stat().st_mode & 0o777 == 0o700
    finally:
        listener.close()


def test_what_is_no_socket_of_ours_is_left_alone(paths: ProjectPaths) -> None:
    paths.control_socket.write_text("precious")
    with pytest.raises(ConsoleError, match="is in the way"):
        bind_private(paths.control_socket)
    assert paths.control_socket.read_text() == "precious"


async def test_the_client_refuses_a_socket_that_is_open_to_others(paths: ProjectPaths) -> None:
    async with served(paths, Post(), new_hub()), Client(paths) as client:
        paths.run.chmod(0o755)
        with pytest.raises(ConsoleError, match="is not a private socket of yours"):
            await client.status()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be another user")
@pytest.mark.needs("curl")
async def test_another_user_is_cut_off_before_a_byte_is_read(
    paths: ProjectPaths, caplog: pytest.LogCaptureFixture
) -> None:
    """Even when the modes let them in."""
    runtime = paths.run.parents[1]
    async with served(paths, Post(), new_hub()):
        for place in (runtime.parent, runtime, runtime / "kiket-console", paths.run):
            place.chmod(0o755)
        paths.control_socket.chmod(0o777)
        asked = await asyncio.to_thread(
            subprocess.run,
            ["curl", "-sS", "--unix-socket", str(paths.control_socket), "http://e/v1/status"],
            capture_output=True,
            check=False,
            timeout=120,
            user=65534,
        )
    assert asked.stdout == b""
    assert asked.returncode != 0, asked.stderr
    assert [record.getMessage() for record in caplog.records] == [
        "A connection of user 65534 to the control socket was refused."
    ]


def test_peer_credentials_are_the_systems(paths: ProjectPaths) -> None:
    from kiket_console.engine.private_socket import peer_uid

    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_uid(ours) == os.getuid()
