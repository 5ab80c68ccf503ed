"""One life of a Python worker, where it begins badly or beside others."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.kiket_console.engine.test_lifeline import lifeline_of

from kiket_console import project as projects
from kiket_console.engine import worker_tree
from kiket_console.engine.health import NOTHING, Finding
from kiket_console.engine.worker import WorkerProcess
from kiket_console.model import WorkerState
from kiket_sdk import _signing

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any


async def test_extensions_with_names_alike_do_not_get_in_each_others_way(
    supervise: Supervise, project_folder: Path
) -> None:
    """The path of a socket has room for a few letters only."""
    names = ("first-notifications", "other-notifications")
    (project_folder / "kiket.toml").write_text(
        "".join(f"[[extension]]\nname = '{name}'\nentry = 'main:app'\n" for name in names)
    )
    async with supervise() as running:
        targets = [await running.supervisor.wait_serving(name, 120) for name in names]
        assert len({target.socket_path for target in targets}) == 2
        assert [target.worker_name for target in targets] == list(names)


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exit 0", "ended with exit status 0"),
        ("echo no such option >&2; exit 2", "ended with exit status 2"),
        ("kill -9 $$", "was killed by SIGKILL"),
    ],
)
async def test_an_interpreter_that_is_no_python_is_told(
    supervise: Supervise, project_folder: Path, script: str, how: str
) -> None:
    place = project_folder / "python"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    (project_folder / "kiket.toml").write_text(
        "[[extension]]\nentry = 'main:app'\npython = 'python'\n"
    )
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        assert problem.sentence == (
            f"{place} {how} before it ran anything: name a Python 3 in kiket.toml."
        )
        assert problem.traceback == (("no such option",) if "option" in script else ())


async def test_an_answer_and_the_news_that_it_listens_may_come_together(
    supervise: Supervise, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Then there is nothing left to hurry."""

    async def check(self: WorkerProcess, limit_s: float) -> Finding:
        del limit_s
        if not self._started.done():
            self._started.set_result(None)
        return NOTHING

    monkeypatch.setattr(WorkerProcess, "check", check)
    async with supervise() as running:
        await running.serving()
    assert "hurry" not in caplog.text


async def test_a_folder_that_is_gone_is_told(supervise: Supervise, project_folder: Path) -> None:
    async with supervise() as running:
        await running.serving()
        shutil.rmtree(project_folder)
        running.supervisor.restart(running.name)
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert running.worker.problem.sentence.startswith(f"There is no folder {project_folder}. ")
        assert running.worker.serving, "what serves goes on"


async def test_an_extension_that_is_removed_answers_what_it_took(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not just told to end, which would leave it no time here."""
    monkeypatch.setattr(worker_tree, "LIFELINE", lifeline_of(0.0, project_folder.parent))
    main = project_folder / "main.py"
    slow = (
        "    if path == '/':\n        pathlib.Path('asked').touch()\n"
        "        while not pathlib.Path('go-on').exists():\n            time.sleep(0.01)\n"
    )
    main.write_text(
        f"{main.read_text()}\nimport pathlib, time\ndef answer(path):\n{slow}    return 'late'\n"
    )
    settings = project_folder / "kiket.toml"
    table = "[[extension]]\nname = '{}'\nentry = 'main:app'\n"
    settings.write_text(table.format("goes") + table.format("stays"))
    async with supervise() as running:
        await running.serving()
        async with asyncio.TaskGroup() as tasks:
            late = tasks.create_task(running.ask())
            await running.until((project_folder / "asked").exists)
            settings.write_text(table.format("stays"))
            running.supervisor.adopt(projects.find(project_folder))
            await running.until(lambda: running.supervisor.serving("goes") is None)
            (project_folder / "go-on").touch()
        assert late.result() == "late"
        await running.until(lambda: running.name == "stays")


async def test_a_save_in_an_extension_that_was_just_removed_is_no_fault(
    supervise: Supervise,
) -> None:
    async with supervise() as running:
        running.supervisor.reload("removed", "main.py")
        assert (await running.serving()).label == "sample#1"


async def test_deliveries_are_judged_by_when_each_secret_counts(
    supervise: Supervise, project_folder: Path
) -> None:
    """As the extension judges them; and what is sent to it is signed with the one for now."""
    (project_folder / "main.py").write_text(
        "from datetime import UTC, datetime\n"
        "from kiket_sdk import KiketSDK, WebhookSecret\n"
        "announced = WebhookSecret('announced-' * 3, key_id='next', "
        "not_before=datetime(2999, 1, 1, tzinfo=UTC))\n"
        "sdk = KiketSDK(webhook_secret=[announced, 'current-' * 4], strict=True)\n"
    )
    async with supervise() as running:
        await running.serving()
        secrets = running.supervisor.judging(running.name).secrets
        assert secrets == ("current-" * 4, "announced-" * 3)
        headers = _signing.sign("k1", secrets[1], b"{}", message_id="m")
        verdict = _signing.verify(secrets, b"{}", headers)
        assert (verdict.reason, verdict.key_id) == ("retired", "next")
        accepted = running.supervisor.judging(running.name).accept
        assert "sw1" in accepted
        assert "k0" not in accepted, "the code is strict"
        assert running.worker.dialects == accepted
