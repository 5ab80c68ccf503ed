"""That a worker serves is known by what it answered, and how long ago."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kiket_console.engine import health, worker
from kiket_console.engine.health import Finding, Signing
from kiket_console.engine.ports import Target
from kiket_console.model import WorkerState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Supervise = Any

SDK = """\
import logging
from kiket_sdk import KiketSDK

logging.basicConfig(level=logging.DEBUG)
seen = []
sdk = KiketSDK(SETTINGS)

@sdk.webhook("issue.created", version="v1")
def created(payload, context):
    print("handled", flush=True)

@sdk.app.get("/seen")
def read():
    return len(seen)

async def feedback(record):
    seen.append(record)
"""


def code(**settings: object) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return SDK.replace("SETTINGS", given)


@contextlib.asynccontextmanager
async def answering(place: Path, raw_answer: bytes) -> AsyncIterator[list[bytes]]:
    """Serve *raw_answer* to whatever comes at *place*; yield what came."""
    came: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(raw_answer)
        writer.close()

    async with await asyncio.start_unix_server(answer, place):
        yield came


async def test_a_start_up_may_take_longer_than_an_answer(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked before it listens, and has its time from then on."""
    monkeypatch.setattr(worker, "HEALTH_LIMIT_S", 0.1)
    (project_folder / "main.py").write_text(
        "import asyncio, contextlib, pathlib\nfrom starlette.applications import Starlette\n\n"
        "@contextlib.asynccontextmanager\nasync def lifespan(app):\n    print('starts up')\n"
        "    while not pathlib.Path('go-on').exists():\n        await asyncio.sleep(0.01)\n"
        "    yield\n\napp = Starlette(lifespan=lifespan)\n"
    )
    async with supervise() as running:
        await running.until(lambda: "starts up" in running.texts("stdout"))
        await asyncio.sleep(0.2)  # longer than an answer may take
        monkeypatch.setattr(worker, "HEALTH_LIMIT_S", 60)
        (project_folder / "go-on").touch()
        await running.serving()


async def test_code_on_the_sdk_proves_that_it_takes_what_the_platform_signs(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No handler runs, and nothing of it is in the logs or the telemetry."""
    monkeypatch.setattr(health, "EVERY_S", 0.05)
    (project_folder / "main.py").write_text(code())
    async with supervise() as running:
        await running.serving()
        assert running.worker.evidence == "answered a signed self-test"
        first_us = running.worker.evidence_us
        await running.until(lambda: running.worker.evidence_us > first_us + 100_000)
        assert running.worker.evidence == "answered a signed self-test"
        assert running.worker.problem is None
        assert await running.ask("/seen") == "0"
        written = [line.text for line in running.logs]
        assert [text for text in written if "self-test" in text or "handled" in text] == []


@pytest.mark.parametrize("is_own_secret", [True, False])
async def test_code_that_would_refuse_deliveries_serves_and_that_is_said(
    supervise: Supervise, project_folder: Path, is_own_secret: bool
) -> None:
    secret = "whsec_no base64, a canary"  # which signs in k0 alone
    own = {"webhook_secret": secret} if is_own_secret else {}
    inherited = {} if is_own_secret else {"KIKET_WEBHOOK_SECRET": secret}
    (project_folder / "main.py").write_text(code(strict=True, **own))
    (project_folder / "kiket.toml").write_text("[[extension]]\nname = 'a'\ndialect = 'k0'\n")
    async with supervise(inherited=inherited) as running:
        await running.serving()
        seen = running.worker
        assert seen.state is WorkerState.SERVING
        assert seen.evidence == "refuses what is signed"
        which = "the secret of its code" if is_own_secret else "KIKET_WEBHOOK_SECRET"
        assert seen.problem.sentence.startswith(
            f"Deliveries will be refused: a test signed as k0 with {which} was answered 401: "
        )
        assert "canary" not in seen.problem.sentence
        assert seen.problem.sentence.endswith(
            "Let the code accept k0 and that secret, or name its dialect in kiket.toml."
        )
        assert [line.level for line in running.logs if line.text == seen.problem.sentence] == [
            "WARNING"
        ]
        assert "Webhook refused" not in str(running.logs)
        if is_own_secret:
            return
        (project_folder / "kiket.toml").write_text("[[extension]]\nname = 'a'\ndialect = 'k1'\n")
        running.supervisor.reload("a", "kiket.toml")
        await running.until(lambda: running.worker.evidence == "answered a signed self-test")
        assert running.worker.problem is None


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "answered a signed self-test"),
        (401, "refuses what is signed"),
        (503, "answered a signed self-test with 503"),
    ],
)
async def test_each_answer_to_a_self_test_is_told_apart(
    own_places: Path, status: int, said: str
) -> None:
    place = own_places / "w.sock"
    async with answering(
        place, f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
    ) as came:
        signing = Signing("sw1", "a-webhook-secret-of-24-bytes", is_from_code=False)
        found = await health.test(Target("a", "a#1", str(place)), signing, 5, None)
    assert found.said == said
    assert (found.problem is None) is (status != 401)
    [raw_head] = came
    assert raw_head.startswith(b"POST /v/v1/webhooks/kiket.self-test HTTP/1.1\r\n")
    assert b"webhook-signature: v1," in raw_head
    assert b"secret" not in raw_head


async def test_a_secret_that_cannot_sign_is_told(own_places: Path) -> None:
    signing = Signing("sw1", "whsec_not base64", is_from_code=True)
    found = await health.test(Target("a", "a#1", str(own_places / "none")), signing, 5, None)
    assert found.said == "refuses what is signed"
    assert found.problem is not None
    assert found.problem.sentence.startswith("Deliveries cannot be signed: ")
    assert "not base64" not in repr(signing)


@pytest.mark.parametrize(
    "raw_answer", [b"", b"SSH-2.0\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 70_000]
)
async def test_what_is_no_answer_of_http_is_none(own_places: Path, raw_answer: bytes) -> None:
    place = own_places / "w.sock"
    async with answering(place, raw_answer):
        with pytest.raises(OSError):  # noqa: PT011 (of the connection: it says nothing)
            await health.ask(Target("a", "a#1", str(place)), 5)


async def test_a_line_that_was_made_early_is_used_and_one_that_is_closed_is_not(
    own_places: Path,
) -> None:
    """It closes by itself when code that was waited for has ended in place of listening."""
    target = Target("a", "a#1", str(own_places / "w.sock"))
    async with answering(own_places / "w.sock", b"HTTP/1.1 200 OK\r\n\r\n") as came:
        line = await health.connected(target)
        for _ in range(2):
            assert (await health.ask(target, 60, line)).said == health.ANSWERED
            assert line[1].is_closing()
    assert len(came) == 2


BLOCKS = """
def answer(path):
    if path == "/block":
        import time
        print("hangs")
        time.sleep(600)
    return "one"
"""


async def test_code_that_hangs_is_ended_and_started_anew(
    supervise: Supervise, project_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "EVERY_S", 0.05)
    monkeypatch.setattr(health, "LIMIT_S", 10.0)  # for the question that it may hang at
    main = project_folder / "main.py"
    main.write_text(main.read_text() + BLOCKS)
    async with supervise() as running:
        await running.serving()
        pid = running.worker.pid
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(_asked_in_vain(running))
            await running.until(lambda: "hangs" in running.texts("stdout"))
            with monkeypatch.context() as hasty:
                hasty.setattr(health, "LIMIT_S", 0.1)
                hasty.setattr(health, "HANG_LIMIT_S", 0.2)
                await asyncio.wait([asked])  # the connection ends with the worker
        await running.until(lambda: running.worker.starts == 2)
        assert await running.ask() == "one"
        assert running.worker.starts == 2
        assert running.worker.pid != pid
        told = [line.text for line in running.logs if line.level == "ERROR"]
        assert told[0].startswith("sample#1 has not answered its health check for ")
        assert told[0].endswith("; it is ended and started anew")


async def _asked_in_vain(running: Any) -> None:
    with contextlib.suppress(AssertionError, OSError):
        await running.ask("/block")


async def test_a_time_in_which_the_engine_stood_still_is_no_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when somebody stops and continues it: what it asked just before comes to nothing."""
    now_s, told, ended = [0.0], [], asyncio.Event()

    class Stopped:
        async def check(self, limit_s: float) -> Finding:
            now_s[0] += 3600
            raise TimeoutError(limit_s)

        async def wait_ended(self) -> None:
            await ended.wait()

    def on_check(_: Finding, silent_s: float | None) -> None:
        told.append(silent_s)
        if len(told) == 2:
            ended.set()

    monkeypatch.setattr(health, "EVERY_S", 0.01)
    monkeypatch.setattr(health, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    await health.watch(Stopped(), on_check)
    assert told == pytest.approx([5.01, 10.02])


def test_a_breakpoint_is_left_alone() -> None:
    assert health.is_hung(30.0, ())
    assert not health.is_hung(29.9, ())
    assert not health.is_hung(600.0, ("uvicorn", "debugpy"))
