"""The developer's code is kept running: through saves, failures, crashes and stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from kiket_console.engine import drains, health, keeper, launcher, worker
from kiket_console.errors import ConsoleError
from kiket_console.model import WorkerState
from kiket_core.secret import redactor

if TYPE_CHECKING:
    from pathlib import Path

Supervise = Any


def answering(app: str, expression: str) -> str:
    return f"{app}\ndef answer(path):\n    return {expression}\n"


@pytest.fixture
def app(project_folder: Path) -> str:
    return (project_folder / "main.py").read_text()


async def test_a_worker_serves_once_it_has_answered_its_health_check(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    """What it starts inherits no descriptor of ours."""
    listing = "__import__('subprocess').check_output(['ls', '/proc/self/fd']).split()"
    (project_folder / "main.py").write_text(answering(app, listing))
    async with supervise() as running:
        assert await running.ask() == str([b"0", b"1", b"2", b"3"])  # 3 is the listing itself
        seen = running.worker
        assert seen.state is WorkerState.SERVING
        assert seen.serving
        assert seen.evidence == "answered its health check"
        assert seen.starts == 1
        assert seen.pid is not None
        assert seen.guessed == "entry main:app guessed from main.py"
        assert running.supervisor.serving("nobody") is None
        assert await running.supervisor.wait_serving("nobody") is None
        with pytest.raises(ConsoleError, match="There is no worker 'nobody'") as refused:
            running.supervisor.restart("nobody")
        assert "sample" in refused.value.hint


async def test_a_save_brings_the_new_code_and_says_which_file_it_was(
    supervise: Supervise, app: str
) -> None:
    async with supervise() as running:
        await running.serving()
        began_s = time.monotonic()
        running.save(answering(app, "'two'"))
        await running.until(lambda: running.worker.reloads == 1)
        assert await running.ask() == "two"
        assert running.worker.last_reload == "main.py"
        assert 0 < running.worker.last_reload_ms <= (time.monotonic() - began_s) * 1000
        assert running.worker.last_reload_us >= running.worker.started_us


async def test_saves_of_the_same_size_within_a_second_are_never_served_stale(
    supervise: Supervise, app: str
) -> None:
    """Python's own bytecode cache would take them for the same."""
    async with supervise() as running:
        await running.serving()
        (running.folder / "answers.py").write_text("ANSWER = 'aaa'\n")
        main = f"import answers\n{answering(app, 'answers.ANSWER')}"
        running.save(main)
        await running.until(lambda: running.worker.reloads == 1)
        moment = (running.folder / "answers.py").stat().st_mtime
        for text in ("bbb", "ccc"):
            (running.folder / "answers.py").write_text(f"ANSWER = '{text}'\n")
            os.utime(running.folder / "answers.py", (moment, moment))
            reloads = running.worker.reloads
            running.supervisor.reload(running.name, "answers.py")
            await running.until(lambda reloads=reloads: running.worker.reloads > reloads)
            assert await running.ask() == text
        assert not (running.folder / "__pycache__").exists()


async def test_no_request_is_lost_through_good_and_bad_saves(
    supervise: Supervise, app: str
) -> None:
    async with supervise() as running:
        await running.serving()
        stop = asyncio.Event()
        answers: list[str] = []

        async def keep_asking() -> None:
            while not stop.is_set():
                answers.append(await running.ask())
                await asyncio.sleep(0.03)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_asking())
            running.save(f"{app}\nthis is no Python\n")
            await running.until(lambda: running.worker.state is WorkerState.BROKEN)
            running.save(answering(app, "'two'"))
            await running.until(lambda: running.worker.state is WorkerState.SERVING)
            answered = len(answers)
            await running.until(lambda: len(answers) > answered + 1)
            stop.set()
        assert answers[0] == "one"
        assert answers[-1] == "two"


async def test_code_that_fails_leaves_the_old_code_serving_and_says_where_as_do_the_logs(
    supervise: Supervise, app: str
) -> None:
    async with supervise() as running:
        await running.serving()
        assert running.logs == [], "what goes well is no news"
        running.save(f"{app}\nimport elasticsearch_of_nobody\n")
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        line = len(app.splitlines()) + 2
        assert problem.sentence == (
            f"main.py:{line}: ModuleNotFoundError: No module named 'elasticsearch_of_nobody'"
        )
        assert (problem.file, problem.line) == ("main.py", line)
        assert "import elasticsearch_of_nobody" in "\n".join(problem.traceback)
        assert "bootstrap" not in "\n".join(problem.traceback)
        assert running.worker.serving
        assert await running.ask() == "one"
        (failed,) = running.logs
        assert (failed.worker, failed.stream, failed.level) == ("sample", "log", "ERROR")
        assert failed.text.splitlines() == [problem.sentence, *problem.traceback]
        running.save(app)
        await running.until(lambda: running.worker.state is WorkerState.SERVING)
        assert running.worker.problem is None
        _, mended = running.logs
        assert (mended.worker, mended.level) == ("sample", "INFO")
        took_ms = running.worker.last_reload_ms
        assert mended.text == f"main.py saved: new code serves after {took_ms:.0f} ms"


async def test_many_saves_while_a_start_is_under_way_become_one_more_start(
    supervise: Supervise, app: str
) -> None:
    async with supervise() as running:
        await running.serving()
        running.save(answering(app, "'two'"))
        await running.until(lambda: running.worker.starts == 2)
        for _ in range(50):
            running.supervisor.reload(running.name, "main.py")
        await running.until(lambda: running.worker.reloads == 2)
        await running.until(lambda: running.worker.state is WorkerState.SERVING)
        assert running.worker.starts == 3


async def test_a_request_under_way_is_answered_by_the_code_that_took_it(
    supervise: Supervise, app: str
) -> None:
    slow = app.replace(
        '    body = str(answer(scope["path"]))',
        '    import asyncio, pathlib\n    if scope["path"] == "/slow":\n'
        '        print("took it")\n        while not pathlib.Path("go_on").exists():\n'
        '            await asyncio.sleep(0.01)\n    body = str(answer(scope["path"]))',
    )
    async with supervise() as running:
        await running.serving()
        running.save(slow)
        await running.until(lambda: running.worker.reloads == 1)
        async with asyncio.TaskGroup() as tasks:
            old = tasks.create_task(running.ask("/slow"))
            await running.until(lambda: "took it" in running.texts("stdout"))
            running.save(answering(app, "'two'"))
            await running.until(lambda: running.worker.reloads == 2)
            assert await running.ask() == "two"
            assert not old.done()
            (running.folder / "go_on").touch()
        assert old.result() == "one"


async def test_a_crashed_worker_is_started_again_after_a_visible_pause_and_requests_wait_for_it(
    supervise: Supervise,
) -> None:
    async with supervise() as running:
        target = await running.serving()
        os.kill(running.worker.pid, signal.SIGKILL)
        await running.until(lambda: running.supervisor.serving(running.name) != target)
        assert (await running.serving()).label == "sample#2" != target.label
        await running.until(lambda: running.worker.restarts == 1 and running.worker.serving)
        pauses = [seen for seen in running.seen if seen.state is WorkerState.BACKOFF]
        assert pauses[0].evidence == "starts again in 0.1 s"
        assert pauses[0].problem.sentence.startswith("sample#1 was killed by SIGKILL after ")
        assert not pauses[0].serving
        assert pauses[0].next_try_us > pauses[0].evidence_us
        (crash,) = running.worker.crashes
        assert crash.label == "sample#1"
        assert crash.reason == pauses[0].problem.sentence
        assert running.worker.next_try_us == 0
        await running.until(lambda: len(running.logs) == 2)
        crashed, again = running.logs
        assert (crashed.level, crashed.text) == ("ERROR", crash.reason)
        assert again.level == "INFO"
        assert again.text.startswith("serves again after ")


async def test_a_stopped_worker_stays_stopped_until_a_person_starts_it(
    supervise: Supervise, app: str
) -> None:
    async with supervise() as running:
        await running.serving()
        pid = running.worker.pid
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        assert not psutil.pid_exists(pid)
        running.save(app)
        assert await running.supervisor.wait_serving(running.name) is None
        running.supervisor.start(running.name)
        assert await running.ask() == "one"


async def test_a_restart_goes_on_serving_meanwhile(supervise: Supervise) -> None:
    async with supervise() as running:
        await running.serving()
        running.supervisor.restart(running.name)
        await running.until(lambda: running.worker.starts == 2)
        await running.until(lambda: running.worker.state is WorkerState.SERVING)
        assert all(seen.serving for seen in running.seen if seen.starts == 2)


async def test_a_stop_is_heard_before_there_is_a_process(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    async with supervise() as running:
        await running.serving()
        (project_folder / "main.py").write_text(f"import time\ntime.sleep(600)\n{app}")
        running.supervisor.restart(running.name)
        await running.until(lambda: running.worker.state is WorkerState.RELOADING)
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        assert running.worker.starts == 2


async def test_nobody_waits_any_more_for_a_start_that_the_end_of_all_cuts_short(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    (project_folder / "main.py").write_text(f"import time\ntime.sleep(600)\n{app}")
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.STARTING)
        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(running.supervisor.wait_serving(running.name, 1_000))
            await asyncio.sleep(0)
            running.supervisor.close()
        assert waiting.result() is None


async def test_a_worker_that_dies_just_as_it_is_replaced_is_no_trouble(
    supervise: Supervise, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with supervise() as running:
        target = await running.serving()
        dying = psutil.Process(running.worker.pid)
        monkeypatch.setattr(drains, "HANDOVER_S", 1.0)  # unless the machine is slower than that
        running.supervisor.restart(running.name)
        await running.until(lambda: running.worker.starts == 2 and running.worker.pid != dying.pid)
        with contextlib.suppress(psutil.NoSuchProcess):
            dying.kill()
        await asyncio.to_thread(psutil.wait_procs, [dying], drains.HANDOVER_S)
        assert (await running.serving()).label != target.label


@pytest.mark.parametrize(
    ("end", "told"),
    [("os._exit(7)", "ended with exit status 7"), ("os.abort()", "was killed by SIGABRT")],
)
async def test_code_that_ends_the_process_on_import_is_told_how(
    supervise: Supervise, project_folder: Path, app: str, end: str, told: str
) -> None:
    (project_folder / "main.py").write_text(f"{app}\n{end}\n")
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert running.worker.problem.sentence == f"main:app {told} before it listened."


async def test_a_save_gives_up_a_start_that_is_stuck_and_so_does_a_stop(
    supervise: Supervise, app: str, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "STUCK_S", 1.0)  # the save comes before that is over
    stuck = "print('here')\nimport time\ntime.sleep(600)\napp = 1\n"
    (project_folder / "main.py").write_text(stuck)
    async with supervise() as running:
        await running.until(lambda: "here" in running.texts("stdout"))
        running.save(app)
        await running.until(lambda: running.worker.serving)
        running.save(stuck)
        await running.until(lambda: running.texts("stdout") == ["here"] * 2)
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)


async def test_an_import_that_does_not_end_is_given_up_with_its_line(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "IMPORT_LIMIT_S", 3)
    (project_folder / "main.py").write_text("import time\n\ntime.sleep(600)\napp = 1\n")
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        assert problem.sentence == "main.py:3: the import did not end within 3 s."
        assert (problem.file, problem.line) == ("main.py", 3)


async def test_code_that_never_answers_its_health_check_does_not_serve(
    supervise: Supervise, app: str, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "HEALTH_LIMIT_S", 0.3)
    mute = app.replace("    body =", "    import asyncio\n    await asyncio.sleep(600)\n    body =")
    (project_folder / "main.py").write_text(mute)
    async with supervise() as running:
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert "did not answer GET /health" in running.worker.problem.sentence


async def test_a_blocked_event_loop_is_seen_and_the_worker_left_alone(
    supervise: Supervise, app: str, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What blocks it may be a breakpoint, or something that ends by itself."""
    monkeypatch.setattr(health, "EVERY_S", 0.05)
    monkeypatch.setattr(health, "LIMIT_S", 10.0)  # for the question that it may be blocked at
    blocking = (
        "import pathlib, time\n"
        "def answer(path):\n"
        "    if path == '/block':\n"
        "        print('blocks')\n"
        "        while not pathlib.Path('go-on').exists():\n"
        "            time.sleep(0.01)\n"
        "    return 'one'\n"
    )
    (project_folder / "main.py").write_text(f"{app}\n{blocking}")
    async with supervise() as running:
        target = await running.serving()
        first_us = running.worker.evidence_us
        await running.until(lambda: running.worker.evidence_us > first_us)
        assert running.worker.evidence == "answered its health check"
        assert [line for line in running.logs if line.worker == "engine"] == []
        changes = [seen.evidence_us for seen in running.seen]
        assert running.worker.evidence_us not in changes, "a check that finds nothing is no change"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(running.ask("/block"))
            await running.until(lambda: "blocks" in running.texts("stdout"))
            monkeypatch.setattr(health, "LIMIT_S", 0.2)
            await running.until(lambda: running.worker.evidence.startswith("has not answered"))
            assert running.worker.evidence.startswith("has not answered its health check for ")
            assert running.worker.state is WorkerState.SERVING
            silent_us = running.worker.evidence_us
            await running.until(lambda: running.worker.evidence_us > silent_us)
            monkeypatch.setattr(health, "LIMIT_S", 60)
            (project_folder / "go-on").touch()
        await running.until(lambda: running.worker.evidence == "answered its health check")
        assert (await running.serving()).label == target.label
        told = [(line.level, line.text) for line in running.logs if line.worker == "engine"]
        assert [level for level, _ in told] == ["WARNING", "INFO"]
        assert told[0][1].startswith("sample#1 has not answered its health check for ")
        assert told[1][1] == "sample#1 answers its health check again"


async def test_a_worker_gets_listed_variables_only_and_secrets_apart_from_them(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    """What stands in a process listing is no secret; what the manifest does not ask for is kept."""
    (project_folder / "extension.yaml").write_text(
        "id: sample\nconfiguration:\n  properties:\n    api.key: {secret: true}\n"
        "    unset: {secret: true}\n    region: {default: 'env:SAMPLE_REGION'}\n"
    )
    (project_folder / "main.py").write_text(
        f"import json\n{answering(app, 'json.dumps(dict(os.environ))')}"
    )
    inherited = {
        "AWS_SECRET_ACCESS_KEY": "aws-canary",
        "LD_PRELOAD_OF_NOBODY": "x",
        "PYTHONPATH": "/nowhere",
        "LC_ALL": "C.UTF-8",
        "SAMPLE_REGION": "eu",
        "KIKET_WORKSPACE_TOKEN": "wk_explicit_canary",
        "KIKET_EXTENSION_API_KEY": "ek_explicit_canary",
        "KIKET_SDK_TELEMETRY_OPTOUT": "1",
        "KIKET_BASE_URL": "https://kiket.example",
    }
    secrets = {"api.key": "vault-canary", "other": "other-canary"}
    async with supervise(inherited=inherited, secrets=secrets) as running:
        import json

        seen = json.loads(await running.ask())
        plain = psutil.Process(running.worker.pid).environ()
        assert seen["KIKET_SECRET_API_KEY"] == "vault-canary"
        assert seen["KIKET_WORKSPACE_TOKEN"] == "wk_explicit_canary"
        assert seen["KIKET_EXTENSION_API_KEY"] == "ek_explicit_canary"
        assert seen["KIKET_WEBHOOK_SECRET"].startswith("wh_local_")
        assert seen["SAMPLE_REGION"] == "eu"
        assert seen["KIKET_BASE_URL"] == "http://127.0.0.1:1"
        assert seen["KIKET_SDK_TELEMETRY_OPTOUT"] == "1"
        assert seen["LC_ALL"] == "C.UTF-8"
        unwanted = {"AWS_SECRET_ACCESS_KEY", "LD_PRELOAD_OF_NOBODY", "PYTHONPATH"}
        assert not unwanted & seen.keys()
        assert "other-canary" not in seen.values()
        assert "canary" not in str(plain)
        assert "KIKET_WEBHOOK_SECRET" not in plain
        command = " ".join(psutil.Process(running.worker.pid).cmdline())
        assert "canary" not in command
        assert running.worker.secrets == (("api.key", True), ("unset", False))
        known = {token.reveal() for _, token in running.supervisor.tokens()}
        assert {"wk_explicit_canary", "ek_explicit_canary"} <= known
        assert redactor.redact("say wk_explicit_canary") != "say wk_explicit_canary"


async def test_deliveries_are_judged_by_the_secret_that_the_code_configured(
    supervise: Supervise, project_folder: Path
) -> None:
    (project_folder / "main.py").write_text(
        "from kiket_sdk import KiketSDK\n"
        "sdk = KiketSDK(webhook_secret='hard-coded-canary-secret')\n"
        "@sdk.webhook('issue.created', version='v1')\n"
        "def created(payload, context):\n"
        "    return {}\n"
    )
    (project_folder / "extension.yaml").write_text(
        "id: sample\nversion: '2.0'\nevents:\n  - {name: issue.created, version: v1}\n"
        "  - {name: issue.closed, version: v1}\n"
    )
    async with supervise() as running:
        await running.serving()
        judging = running.supervisor.judging(running.name)
        assert judging.secrets == ("hard-coded-canary-secret",)
        assert "k0" in judging.accept
        seen = running.worker
        assert (seen.extension_id, seen.extension_version) == ("sample", "2.0")
        [handler] = seen.handlers
        assert (handler.event, handler.version, handler.file) == ("issue.created", "v1", "main.py")
        assert handler.line in (3, 4)
        assert seen.unhandled == ("issue.closed@v1",)
        assert "canary" not in repr(seen)
        assert "canary" not in redactor.redact("it is hard-coded-canary-secret")


async def test_a_socket_that_cannot_be_made_is_a_problem_not_a_crash(
    supervise: Supervise, own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "FIRST_REFILL_AFTER_S", 0.0)  # no start is to wait for it
    async with supervise() as running:
        target = await running.serving()
        in_the_way = [
            target.socket_path.replace("-1.sock", name) for name in ("-1w.sock", "-2.sock")
        ]
        running.supervisor.stop(running.name)
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        for place in in_the_way:
            await running.until(lambda place=place: not os.path.exists(place))  # noqa: PTH110 (a text)
            os.mkdir(place)  # noqa: PTH102 (as above)
        running.supervisor.start(running.name)
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        assert "is in the way" in running.worker.problem.sentence
        for place in in_the_way:
            os.rmdir(place)  # noqa: PTH106 (as above)


async def test_a_broken_manifest_is_the_extensions_problem_not_ours(
    supervise: Supervise, project_folder: Path
) -> None:
    async with supervise() as running:
        await running.serving()
        running.save("id: sample\nversion: [\n", "extension.yaml")
        await running.until(lambda: running.worker.state is WorkerState.BROKEN)
        problem = running.worker.problem
        assert problem.file == "extension.yaml"
        assert problem.line >= 2
        assert running.worker.serving
        running.save("id: sample\n", "extension.yaml")
        await running.until(lambda: running.worker.state is WorkerState.SERVING)


async def test_a_manifest_that_goes_away_is_told_once_and_the_code_serves_on(
    supervise: Supervise, project_folder: Path
) -> None:
    (project_folder / "kiket.toml").write_text("[[extension]]\nentry = 'main:app'\n")
    async with supervise() as running:
        await running.serving()
        (project_folder / "extension.yaml").unlink()
        for reloads in (1, 2):
            running.supervisor.reload(running.name, "extension.yaml")
            await running.until(lambda reloads=reloads: running.worker.reloads == reloads)
        assert running.worker.state is WorkerState.SERVING
        assert [(line.worker, line.text) for line in running.logs if line.level != "INFO"] == [
            (
                "sample",
                "extension.yaml is gone; the code starts without its id, settings and secrets",
            )
        ]


async def test_a_worker_asking_for_a_secret_is_started_anew_when_it_changes(
    supervise: Supervise, app: str, project_folder: Path
) -> None:
    (project_folder / "extension.yaml").write_text(
        "id: sample\nsecrets: [{key: token}, {key: held}]\n"
    )
    (project_folder / "main.py").write_text(answering(app, "os.environ.get('KIKET_SECRET_TOKEN')"))
    async with supervise(inherited={"KIKET_SECRET_HELD": "of-the-shell"}) as running:
        assert await running.ask() == "None"
        await running.vault.set("token", "first-value")
        assert running.supervisor.secret_changed("unrelated") == ()
        assert running.supervisor.secret_changed("held") == (), "it keeps the shell's"
        running.supervisor.secret_changed("token")
        await running.until(lambda: running.worker.starts == 2)
        await running.until(lambda: running.worker.state is WorkerState.SERVING)
        assert running.worker.secrets == (("token", True), ("held", True))
        assert await running.ask() == "first-value"
        assert running.worker.starts == 2
        assert await running.supervisor.settled(("sample",), 1.0) == ()

        running.supervisor.stop("sample")
        await running.until(lambda: running.worker.state is WorkerState.STOPPED)
        assert running.supervisor.secret_changed("token") == ()
        assert await running.supervisor.settled(("sample",), 1.0) == ("sample",)
