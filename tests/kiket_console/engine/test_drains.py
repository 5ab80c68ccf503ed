"""What a save replaces answers what it took before it ends, however long that takes, in bounds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.kiket_console.engine.test_lifeline import lifeline_of

from kiket_console.engine import drains, worker_tree

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any

SLOW = """
import asyncio, pathlib

_app = app

async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"].startswith("/slow"):
        print("took", scope["path"])
        while not pathlib.Path("go-on").exists():
            await asyncio.sleep(0.01)
    await _app(scope, receive, send)
"""


@pytest.fixture
def app(project_folder: Path) -> str:
    """Return an app whose slow paths answer once a file is there."""
    text = (project_folder / "main.py").read_text() + SLOW
    (project_folder / "main.py").write_text(text)
    return text


async def save(running: Any, text: str) -> None:
    reloads = running.worker.reloads
    running.save(text)
    await running.until(lambda: running.worker.reloads > reloads)


async def take(running: Any, tasks: asyncio.TaskGroup, path: str) -> asyncio.Task[str]:
    """Send a request to the code that serves, and wait until it has taken it."""
    request = tasks.create_task(answer(running, path))
    await running.until(lambda: f"took {path}" in running.texts("stdout"))
    return request


async def answer(running: Any, path: str) -> str:
    """Return the answer, or why there is none."""
    try:
        text: str = await running.ask(path)
    except (AssertionError, OSError) as error:
        return f"none: {error!r}"
    return text


async def test_a_long_request_is_not_cut_by_saves_and_people_see_that_it_goes_on(
    supervise: Supervise, app: str, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it told to end, which would leave it no time here."""
    monkeypatch.setattr(worker_tree, "LIFELINE", lifeline_of(0.0, project_folder.parent))
    monkeypatch.setattr(drains, "SHOWN_AFTER_S", 0.3)
    async with supervise() as running:
        await running.serving()
        pid = running.worker.pid
        async with asyncio.TaskGroup() as tasks:
            request = await take(running, tasks, "/slow")
            for text in ("two", "three"):
                await save(running, f"{app}\ndef answer(path):\n    return '{text}'\n")
                assert await running.ask() == text
            await running.until(lambda: len(running.worker.draining) == 1)
            [shown] = running.worker.draining
            assert (shown.label, shown.pid) == ("sample#1", pid)
            assert "sample#1 answers what it took before the save, for 600 s at most" in [
                line.text for line in running.logs
            ]
            assert not request.done()
            (project_folder / "go-on").touch()
        assert request.result() == "one"
        await running.until(lambda: running.worker.draining == ())
        await running.until(lambda: not psutil.pid_exists(pid))
        assert not [line for line in running.logs if line.level == "WARNING"]


async def test_more_than_a_few_long_requests_of_older_code_end_the_oldest(
    supervise: Supervise, app: str, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "SHOWN_AFTER_S", 0.05)
    monkeypatch.setattr(drains, "MOST_DRAINING", 2)
    async with supervise() as running:
        await running.serving()
        requests = []
        async with asyncio.TaskGroup() as tasks:
            for number in range(3):
                requests.append(await take(running, tasks, f"/slow{number}"))
                await save(running, app)
            await running.until(requests[0].done)
            (project_folder / "go-on").touch()
        answers = [request.result() for request in requests]
        assert [text.startswith("none: ") for text in answers] == [True, False, False]
        assert [line.text for line in running.logs if line.level == "WARNING"] == [
            "sample#1 was ended: more than 2 older processes had requests to answer"
        ]


async def test_a_stop_does_not_wait_for_requests_of_older_code(
    supervise: Supervise, app: str
) -> None:
    async with supervise() as running:
        await running.serving()
        pid = running.worker.pid
        async with asyncio.TaskGroup() as tasks:
            request = await take(running, tasks, "/slow")
            await save(running, app)
            running.supervisor.stop(running.name)
            async with asyncio.timeout(120):
                await request
        await running.until(lambda: not psutil.pid_exists(pid))
        assert request.result().startswith("none: ")
