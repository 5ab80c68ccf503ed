"""A save is started as before while the folder is looked at, and again when that has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any


def answering(app: str, text: str) -> str:
    return f"{app}\ndef answer(path):\n    return {text!r}\n"


async def save(running: Any, text: str) -> None:
    reloads = running.worker.reloads
    running.save(text)
    await running.until(lambda: running.worker.reloads > reloads)


async def test_a_save_that_renames_the_app_is_served_by_its_new_name(
    supervise: Supervise, project_folder: Path
) -> None:
    app = (project_folder / "main.py").read_text()
    async with supervise() as running:
        await running.serving()
        await save(
            running, f"{answering(app, 'two')}\nfrom starlette.applications import Starlette\n"
        )
        assert running.worker.starts == 2, "nothing else has changed: one start is enough"
        renamed = answering(app, "three").replace("async def app(", "async def shop(")
        await save(running, f"{renamed}\napp = None\napp = shop\n")
        assert await running.ask() == "three"


async def test_a_manifest_that_changed_with_the_code_counts_at_once(
    supervise: Supervise, project_folder: Path
) -> None:
    """What a save starts as before is ended when the folder turns out to be another."""
    app = (project_folder / "main.py").read_text()
    async with supervise(secrets={"token": "the-value"}) as running:
        await running.serving()
        (project_folder / "extension.yaml").write_text("id: sample\nsecrets: [{key: token}]\n")
        text = answering(app, "").replace("''", "os.environ.get('KIKET_SECRET_TOKEN')")
        await save(running, text)
        assert await running.ask() == "the-value"
        assert running.worker.secrets == (("token", True),)


async def test_a_folder_that_can_be_started_no_more_is_told_and_the_old_code_serves_on(
    supervise: Supervise, project_folder: Path
) -> None:
    app = (project_folder / "main.py").read_text()
    async with supervise() as running:
        await running.serving()
        (project_folder / "extension.yaml").write_text("id: [\n")
        running.save(answering(app, "two"))
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert running.worker.problem.file == "extension.yaml"
        assert await running.ask() == "one"
        began, failed = running.marks
        assert (began.label, began.file, began.problem) == (f"{running.name}#1", "", "")
        assert (failed.file, failed.problem) == ("main.py", running.worker.problem.sentence)
        assert began.took_us > 0 < failed.took_us
