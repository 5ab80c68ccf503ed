"""A save is taken up by a process that waits with all else imported, or by a fresh one."""

from __future__ import annotations

import os
import sys
import venv
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from kiket_console.engine.leftovers import MARK
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any
WHO = "\nimport os as _os\ndef answer(path):\n    return _os.getpid()\n"


@pytest.fixture
def spare_after_s() -> float:
    """Have a process wait for the next save at once."""
    return 0.0


@pytest.fixture
def app(project_folder: Path) -> str:
    """Return an app that answers which process it is."""
    text = (project_folder / "main.py").read_text() + WHO
    (project_folder / "main.py").write_text(text)
    return text


def waiting(running: Any) -> psutil.Process | None:
    """Return the process of the worker that waits for a save, if one does."""
    key = running.supervisor._key  # engines of other tests may run a worker of the same name
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            if "bootstrap.py" in command and "lifeline.py" not in command:
                mark = process.environ().get(MARK, "")
                if mark == f"{key}/{running.name}#{running.worker.starts}w/":
                    return process
        except psutil.Error:
            continue
    return None


async def until_waiting(running: Any) -> psutil.Process:
    await running.until(lambda: waiting(running) is not None)
    found = waiting(running)
    assert found is not None
    return found


def standby(running: Any) -> Any:
    return running.supervisor._keepers[running.name]._launcher._standby


async def until_prepared(running: Any) -> None:
    """Wait until a process that waits can be told something."""
    await running.until(
        lambda: (
            standby(running)._waiting is not None and standby(running)._waiting._prepared.is_set()
        )
    )


async def save(running: Any, text: str, name: str = "main.py") -> str:
    """Save, and return what the new code answers."""
    reloads = running.worker.reloads
    running.save(text, name)
    await running.until(lambda: running.worker.reloads > reloads)
    answer: str = await running.ask()
    return answer


async def test_a_save_is_taken_up_by_the_process_that_waits(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    async with supervise() as running:
        await running.serving()
        ready = await until_waiting(running)
        assert await save(running, app) == str(ready.pid)

        again = await until_waiting(running)
        assert again.pid != ready.pid
        (project_folder / "uv.lock").write_text("version = 1\n")
        answer = await save(running, app)
        assert answer != str(again.pid), "installed packages may have changed"

        killed = await until_waiting(running)
        killed.suspend()
        reloads = running.worker.reloads
        running.save(app)
        await running.until(lambda: standby(running)._waiting is None)
        killed.kill()  # as it was told what to start, or just before
        await running.until(lambda: running.worker.reloads > reloads)
        assert int(await running.ask()) not in (killed.pid, int(answer)), "a fresh one serves"
        assert not [line for line in running.logs if "ahead" in line.text]


async def test_a_save_that_does_not_start_leaves_one_waiting_for_the_next(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    (project_folder / "kiket.toml").write_text("[[extension]]\nentry = 'main:app'\n")
    async with supervise() as running:
        await running.serving()
        await until_waiting(running)
        running.save("this is no Python\n")
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        ready = await until_waiting(running)
        assert await save(running, app) == str(ready.pid)


async def test_what_waits_has_no_secret_and_nothing_of_the_project(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    (project_folder / "extension.yaml").write_text("id: sample\nsecrets: [{key: token}]\n")
    (project_folder / "helper.py").write_text("print('helper was run')\n")
    main = f"import helper\n{app}".replace("_os.getpid()", "_os.environ['KIKET_SECRET_TOKEN']")
    (project_folder / "main.py").write_text(main)
    async with supervise(secrets={"token": "the-canary"}) as running:
        assert await running.ask() == "the-canary"
        ready = await until_waiting(running)
        assert "canary" not in str(ready.environ())
        await running.until(lambda: running.texts("stdout") == ["helper was run"])
        await running.vault.set("token", "another-canary")
        assert await save(running, main) == "another-canary"
        assert running.texts("stdout") == ["helper was run"] * 2


async def test_a_stopped_worker_has_none_waiting(supervise: Supervise, app: str) -> None:
    async with supervise() as running:
        await running.serving()
        ready = await until_waiting(running)
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        await running.until(lambda: not psutil.pid_exists(ready.pid))
        assert waiting(running) is None
        running.supervisor.start(running.name)
        await until_waiting(running)


@pytest.fixture
def packages(project_folder: Path) -> Path:
    """Return the folder for installed packages of the project's own interpreter."""
    venv.create(project_folder / ".venv", with_pip=False)
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return project_folder / ".venv" / "lib" / minor / "site-packages"


async def test_what_the_code_imported_of_installed_packages_is_imported_early(
    supervise: Supervise, app: str, packages: Path
) -> None:
    """What it prints belongs to the start that the process becomes."""
    (packages / "heavy.py").write_text("import os\nPID = os.getpid()\nprint('heavy in', PID)\n")
    main = f"import heavy\n{app}"
    (packages.parents[3] / "main.py").write_text(main)
    async with supervise() as running:
        await running.serving()
        ready = await until_waiting(running)
        await save(running, main)
        await running.until(lambda: f"heavy in {ready.pid}" in running.texts("stdout"))
        again = await until_waiting(running)
        assert f"heavy in {again.pid}" not in running.texts("stdout"), "nothing has started yet"
        await save(running, main)
        await running.until(lambda: f"heavy in {again.pid}" in running.texts("stdout"))


@pytest.mark.parametrize("harm", ["raise SystemExit", "os.abort()"])
async def test_a_package_that_cannot_be_imported_early_costs_nothing_but_time(
    supervise: Supervise, app: str, packages: Path, harm: str
) -> None:
    """It fails only where the project's code has not made ready what it wants."""
    (packages / "picky.py").write_text(
        f"import os, sys\nif 'first' not in sys.modules:\n    {harm}\n"
    )
    folder = packages.parents[3]
    (folder / "first.py").write_text("")
    main = f"import first\nimport picky\n{app}"
    (folder / "main.py").write_text(main)
    async with supervise() as running:
        first = await running.ask()
        await until_waiting(running)
        assert await save(running, main) != first
        assert running.worker.state is WorkerState.SERVING


async def test_a_package_that_read_what_the_code_sets_is_not_imported_early_again(
    supervise: Supervise, app: str, packages: Path
) -> None:
    """Such a package would behave in another way after a save than at the first start."""
    (packages / "region.py").write_text("import os\nREGION = os.environ.get('SHOP_REGION')\n")
    main = "import os\nos.environ['SHOP_REGION'] = 'eu'\nimport region\n" + app.replace(
        "_os.getpid()", "region.REGION"
    )
    (packages.parents[3] / "main.py").write_text(main)
    async with supervise() as running:
        assert await running.ask() == "eu"
        await until_waiting(running)
        assert await save(running, main) == "eu"
        [told] = [line.text for line in running.logs if "ahead" in line.text]
        assert told == (
            "reloads take longer from now on: installed packages cannot be imported ahead "
            "(an installed package reads SHOP_REGION)"
        )
        await until_waiting(running)
        assert await save(running, main) == "eu"
        assert len([line for line in running.logs if "ahead" in line.text]) == 1


async def test_a_secret_that_a_package_reads_is_there_after_a_save_too(
    supervise: Supervise, app: str, packages: Path
) -> None:
    (packages / "client.py").write_text("import os\nKEY = os.environ.get('KIKET_SECRET_TOKEN')\n")
    folder = packages.parents[3]
    (folder / "extension.yaml").write_text("id: sample\nsecrets: [{key: token}]\n")
    main = f"import client\n{app.replace('_os.getpid()', 'client.KEY')}"
    (folder / "main.py").write_text(main)
    async with supervise(secrets={"token": "the-value"}) as running:
        assert await running.ask() == "the-value"
        await until_waiting(running)
        assert await save(running, main) == "the-value"


async def test_no_command_line_of_a_package_is_imported_for_a_start(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    (project_folder / "kiket.toml").write_text("[[extension]]\nentry = 'main:app'\n")
    looked_for = "{'click', 'rich', 'uvicorn.main', 'httpx._main', 'httpx', 'kiket_sdk.sdk'}"
    here = "{name for name, module in sys.modules.items() if module}"
    main = f"import sys\n{app.replace('_os.getpid()', f'sorted({looked_for} & {here})')}"
    (project_folder / "main.py").write_text(main)
    async with supervise() as running:
        assert await running.ask() == "['httpx', 'kiket_sdk.sdk']"


async def test_what_was_just_saved_is_compiled_before_the_start_is_told(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    """Of what it imported last time; the process that waits had compiled the one before."""
    early = "sys.modules['kiket_console_bootstrap_code'].FreshLoader.compiled"
    main = f"import sys\nEARLY = {{path: raw for path, (raw, _) in {early}.items()}}\n{app}"
    found = "EARLY.get(answers.__file__, b'').decode() + answers.ANSWER"
    main = f"{main.replace('_os.getpid()', found)}import answers\n"
    answers = project_folder / "answers.py"
    (project_folder / "main.py").write_text(main)
    answers.write_text("ANSWER = 'aaa'\n")
    async with supervise() as running:
        assert await running.ask() == "aaa"
        await until_prepared(running)
        answers.write_text("ANSWER = 'bbb'\n")
        running.supervisor.foresee(running.name, [str(answers), str(project_folder / "no.py")])
        assert await save(running, main) == "ANSWER = 'bbb'\nbbb"


async def test_only_what_changed_is_compiled_and_the_change_is_seen(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    """Also when the change leaves size and moment as they were."""
    main = f"import answers\n{app.replace('_os.getpid()', 'answers.ANSWER')}"
    (project_folder / "main.py").write_text(main)
    (project_folder / "answers.py").write_text("ANSWER = 'aaa'\n")
    async with supervise() as running:
        assert await running.ask() == "aaa"
        moment = (project_folder / "answers.py").stat().st_mtime
        for text in ("bbb", "ccc"):
            await until_waiting(running)
            (project_folder / "answers.py").write_text(f"ANSWER = '{text}'\n")
            os.utime(project_folder / "answers.py", (moment, moment))
            assert await save(running, main) == text


async def test_what_the_code_has_had_compiled_for_its_classes_is_compiled_early(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    """What is new of a class is compiled when it is made; nothing of that is seen from outside."""
    known = "getattr(getattr(dataclasses, 'exec', None), '__self__', None)"
    main = (
        f"import dataclasses\nKNOWN = {known}\n"
        "EARLY = any('self.name' in text for text in getattr(KNOWN, '_compiled', ()))\n"
        "@dataclasses.dataclass\nclass Lead:\n    name: str = 'Ann'\n"
        + app.replace("_os.getpid()", "(EARLY, Lead(), hasattr(dataclasses, 'exec'))")
    )
    (project_folder / "main.py").write_text(main)
    async with supervise() as running:
        assert await running.ask() == "(False, Lead(name='Ann'), False)"
        await until_waiting(running)
        changed = main.replace("'Ann'", "'Ann'\n    age: int = 7")
        assert await save(running, changed) == "(True, Lead(name='Ann', age=7), False)"
