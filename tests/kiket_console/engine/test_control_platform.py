"""What a person can see of the platform's state and do to it, over the control API's socket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from kiket_console.client import Client
from kiket_console.engine.control import control_app
from kiket_console.engine.hub import Hub
from kiket_console.engine.platform.custom_data import Modules
from kiket_console.engine.platform.desk import Desk
from kiket_console.engine.platform.settings import Settings
from kiket_console.engine.platform.state import State
from kiket_console.engine.private_socket import OwnPeers, bind_private
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.model import Notice
from kiket_console.paths import ProjectPaths
from kiket_console.wire import ForcedFailure, PlatformSettings
from kiket_core.guard import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.applications import Starlette

NOBODY: Any = None
SCHEMA = """
module: com.example.notes
version: "1.0"
tables:
  notes:
    description: What was noted
    columns:
      - { name: text, type: string, null: false }
"""


def app(paths: ProjectPaths, changes: list[str], workers: Any) -> tuple[Starlette, State]:
    state = State(paths.platform, changes.append)
    desk = Desk(
        state=state,
        settings=Settings(state),
        modules=Modules(),
        workers=workers,
        address=lambda name: f"http://127.0.0.1:8700/webhooks/ext/{name}/{{action}}",
        redact=lambda text: text.replace("hunter-2", "[secret:PASSWORD]"),
        on_change=lambda: changes.append("changed"),
    )
    hub = Hub(Notice(0, 0, 0, 0))
    return control_app(NOBODY, NOBODY, NOBODY, NOBODY, hub, desk, NOBODY, NOBODY, NOBODY), state


@asynccontextmanager
async def engine(paths: ProjectPaths, changes: list[str], workers: Any) -> AsyncIterator[Client]:
    routes, state = app(paths, changes, workers)
    listener = bind_private(paths.control_socket)
    listener.listen()
    server = Server(
        uvicorn.Config(routes, http=OwnPeers, lifespan="off", log_config=None, ws="none")
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve([listener]))
        await server.wait_started()
        try:
            async with Client(paths) as client:
                yield client
        finally:
            server.should_exit = True
    state.close()


@pytest.fixture
def changes() -> list[str]:
    """Return how often the engine was told that a person changed something."""
    return []


@pytest.fixture
async def client(own_places: Path, crew: Any, changes: list[str]) -> AsyncIterator[Client]:
    folder = own_places / "project"
    folder.mkdir()
    paths = ProjectPaths(folder)
    paths.make()
    async with engine(paths, changes, crew) as client:
        yield client


async def test_an_empty_platform_tells_what_it_would_keep(client: Client) -> None:
    state = await client.platform.state()

    assert [(each.name, each.count, each.writable) for each in state.collections] == [
        ("notifications", 0, True),
        ("issues", 0, True),
        ("issue_comments", 0, True),
        ("intake_forms", 0, True),
        ("intake_submissions", 0, True),
        ("sla_events", 0, True),
        ("audit_records", 0, False),
        ("audit_anchors", 0, False),
    ]
    assert all(each.meaning.endswith((".", "notify().")) for each in state.collections)
    assert state.settings == PlatformSettings()
    assert state.inbound_urls == {
        "marketing": "http://127.0.0.1:8700/webhooks/ext/marketing/{action}"
    }
    forms = state.collections[3]
    assert [(each.name, each.kind, each.required) for each in forms.columns[:2]] == [
        ("key", "text", True),
        ("name", "text", True),
    ]


async def test_a_row_is_added_changed_removed_and_brought_back(
    client: Client, changes: list[str]
) -> None:
    made = await client.platform.add("notifications", {"title": "a", "body": "b"})
    changed = await client.platform.change("notifications", made["id"], {"level": "error"})
    await client.platform.remove("notifications", made["id"])
    gone = await client.platform.rows("notifications")
    back = await client.platform.restore("notifications", made["id"])

    assert (made["level"], changed["level"]) == ("info", "error")
    assert (gone.rows, back) == ((), changed)
    assert await client.platform.row("notifications", made["id"]) == back
    assert changes == ["changed"] * 4


async def test_rows_come_in_pages_newest_first_and_can_be_searched(client: Client) -> None:
    for number in range(5):
        await client.platform.add("notifications", {"title": f"No {number}", "body": "b"})

    first = await client.platform.rows("notifications", limit=3)
    rest = await client.platform.rows("notifications", limit=3, after=first.rows[-1]["id"])
    found = await client.platform.rows("notifications", find="nO 3")

    assert ([row["id"] for row in first.rows], first.more) == ([5, 4, 3], True)
    assert ([row["id"] for row in rest.rows], rest.more) == ([2, 1], False)
    assert [row["title"] for row in found.rows] == ["No 3"]


async def test_tables_of_modules_are_collections(
    own_places: Path, crew: Any, changes: list[str]
) -> None:
    folder = own_places / "p"
    schema = folder / ".kiket" / "modules" / "notes" / "schema.yml"
    schema.parent.mkdir(parents=True)
    schema.write_text(SCHEMA)
    paths = ProjectPaths(folder)
    paths.make()
    [worker] = crew.workers()
    crew.workers = lambda: (type(worker)(**_fields(worker), folder=str(folder)),)
    async with engine(paths, changes, crew) as client:
        name = "custom_data.com.example.notes.notes"
        row = await client.platform.add(name, {"text": "x"})
        [*_, table] = (await client.platform.state()).collections
        with pytest.raises(ConsoleError, match="text can't be blank"):
            await client.platform.add(name, {})

    assert (row["text"], row["project_id"]) == ("x", 27)
    assert (table.name, table.title, table.meaning, table.count) == (
        name,
        "com.example.notes / notes",
        "What was noted",
        1,
    )


def _fields(worker: Any) -> dict[str, Any]:
    return {each: getattr(worker, each) for each in worker.__struct_fields__ if each != "folder"}


async def test_settings_are_changed_one_by_one(client: Client, changes: list[str]) -> None:
    await client.platform.set(rate_limit_per_minute=5, open_tables=True)
    failure = ForcedFailure("GET custom_data/*", 500, 20, 3)
    settings = await client.platform.set(failures=[failure])

    assert settings == PlatformSettings(5, ("*",), True, (failure,))
    assert (await client.platform.state()).settings == settings
    assert changes == ["changed"] * 2
    with pytest.raises(ConsoleError, match="The rate limit is -1"):
        await client.platform.set(rate_limit_per_minute=-1)


@pytest.mark.parametrize(
    ("verb", "arguments", "problem"),
    [
        ("rows", ("nothing",), 'no collection "nothing"'),
        ("row", ("notifications", 9), "Notifications has no row 9"),
        ("change", ("notifications", 9, {}), "Notifications has no row 9"),
        ("remove", ("notifications", 9), "Notifications has no row 9"),
        ("restore", ("notifications", 9), "Notifications has no row 9"),
        ("row", ("notifications", "x"), "The control API has no GET"),
        ("add", ("notifications", {"title": 5}), "title must be a text; body can't be blank"),
        ("add", ("audit_anchors", {}), "Audit anchors cannot be changed by hand"),
    ],
)
async def test_what_cannot_be_done_is_a_sentence(
    client: Client, verb: str, arguments: tuple[Any, ...], problem: str
) -> None:
    with pytest.raises(ConsoleError, match=problem) as refused:
        await getattr(client.platform, verb)(*arguments)
    assert refused.value.exit_code is ExitCode.USAGE


async def test_an_undo_that_another_row_stands_in_the_way_of_is_refused(client: Client) -> None:
    form = {"key": "access", "name": "Access"}
    first = await client.platform.add("intake_forms", form)
    await client.platform.remove("intake_forms", first["id"])
    await client.platform.add("intake_forms", form)

    with pytest.raises(ConsoleError, match="key has already been taken"):
        await client.platform.restore("intake_forms", first["id"])
    assert len((await client.platform.rows("intake_forms")).rows) == 1


async def test_a_known_secret_in_a_row_is_not_shown_and_stays(client: Client) -> None:
    row = {"issue_id": 1, "state": "breached", "metrics": {"notes": ["is hunter-2"]}}
    made = await client.platform.add("sla_events", row)
    changed = await client.platform.change("sla_events", made["id"], {"state": "recovered"})

    for shown in (made, changed, (await client.platform.rows("sla_events")).rows[0]):
        assert shown["metrics"]["notes"] == ["is [secret:PASSWORD]"]
    assert (await client.platform.rows("sla_events", find="hunter-2")).rows == (changed,)
    with pytest.raises(ConsoleError, match="stands for a secret that is not shown"):
        await client.platform.change("sla_events", made["id"], {"metrics": made["metrics"]})
