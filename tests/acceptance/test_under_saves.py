"""The bundled sample goes on serving while its code is saved again and again, also when it breaks.

KIKET_UNDER_SAVES_S=300 goes on for five minutes instead of five seconds.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.acceptance.conftest import Engine

    Running = Callable[..., AbstractContextManager[Engine]]
    Until = Callable[..., Any]

LASTS_S = float(os.environ.get("KIKET_UNDER_SAVES_S", "5"))
PER_S = 30
SAVE_EVERY_S = 1.0 if LASTS_S <= 30 else 2.5
"""What is saved faster for longer is taken for code that writes itself, and spaced out."""
BROKEN_EVERY = 4
PATIENCE_S = 90.0
SAMPLE = Path(__file__).parents[2] / "assets" / "samples" / "marketing"
RESULT = '"rescored": False}'
"""What the sample answers to a change that does not count."""
BODY = {"event": "issue.updated", "issue": {"key": "LEAD-1", "title": "A lead"}, "changes": {}}


@dataclass(frozen=True, slots=True)
class Answered:
    """One request of ours, and what came of it."""

    number: int
    due_s: float
    """When it was to be sent, on the monotonic clock: a late start counts as waiting."""
    answered_s: float
    status: int
    build: int
    """Which save's code answered; 0 is the sample as it is bundled."""


@dataclass
class Run:
    """What was sent and saved so far."""

    engine: Engine
    original: str
    answers: list[Answered] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    newest: int = 0
    """The newest save that is not broken."""

    async def send(self, number: int, due_s: float) -> None:
        """Send one signed request on a connection of its own, and note its answer."""
        raw_body = json.dumps(BODY).encode()
        place = urlsplit(self.engine.info["gateway_url"])
        head = [
            f"POST /v/v1/webhooks/issue.updated?n={number} HTTP/1.1",
            f"Host: {place.netloc}",
            "Connection: close",
            "Content-Type: application/json",
            f"Content-Length: {len(raw_body)}",
            *(f"{name}: {value}" for name, value in self.engine.signed(raw_body).items()),
        ]
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection(place.hostname, place.port)
                writer.write("\r\n".join([*head, "", ""]).encode() + raw_body)
                raw_head, _, raw_answer = (await reader.read()).partition(b"\r\n\r\n")
                writer.close()
            status = int(raw_head.split()[1])
            build = json.loads(raw_answer).get("build", 0)
        except (OSError, TimeoutError, ValueError, IndexError) as error:
            self.lost.append(f"{number}: {error!r}")
        else:
            self.answers.append(Answered(number, due_s, time.monotonic(), status, build))

    def save(self, number: int) -> None:
        """Save `main.py`, as an editor does: another file that takes its place."""
        text = self.original.replace(RESULT, f'"rescored": False, "build": {number}}}')
        if number % BROKEN_EVERY == 0:
            text += "\nthis is no Python\n"
        else:
            self.newest = number
        new = self.engine.folder / "main.py.new"
        new.write_text(text)
        new.replace(self.engine.folder / "main.py")


@pytest.fixture
def run(own_places: Path, running: Running) -> Any:
    """Run an engine over a copy of the sample."""
    folder = Path(
        shutil.copytree(
            SAMPLE,
            own_places / "marketing",
            ignore=shutil.ignore_patterns("__pycache__", "tests"),
        )
    )
    secret = "a-webhook-secret-for-many-saves"
    with running(folder, environment={"KIKET_WEBHOOK_SECRET": secret}) as engine:
        engine.wait_serving()
        engine.secret = secret
        original = (folder / "main.py").read_text()
        assert RESULT in original
        yield Run(engine, original)


async def until_served(run: Run) -> None:
    """Send until the newest code that starts has answered."""
    async with asyncio.timeout(PATIENCE_S):
        for number in itertools.count(1_000_000):
            await run.send(number, time.monotonic())
            if run.lost or run.answers[-1].build == run.newest:
                return
            await asyncio.sleep(0.02)


@pytest.mark.timeout(LASTS_S * 2 + 600)
async def test_nothing_is_lost_while_code_is_saved_every_second(run: Run) -> None:
    """None lost, refused, answered out of turn or twice; the store has each of them, once."""
    began_s = time.monotonic()
    saves = int(LASTS_S / SAVE_EVERY_S)

    async def save_again_and_again() -> None:
        for number in range(1, saves + 1):
            await asyncio.sleep(began_s + number * SAVE_EVERY_S - time.monotonic())
            await asyncio.to_thread(run.save, number)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(save_again_and_again())
        for number in range(int(LASTS_S * PER_S)):
            due_s = began_s + number / PER_S
            await asyncio.sleep(due_s - time.monotonic())
            tasks.create_task(run.send(number, due_s))
    await until_served(run)

    assert run.lost == []
    assert {answer.status for answer in run.answers} == {200}
    await asyncio.to_thread(check_order, run.answers)
    await asyncio.to_thread(check_store, run)
    seen = {answer.build for answer in run.answers}
    assert run.newest in seen, "saves took effect meanwhile"
    assert not [build for build in seen if build and build % BROKEN_EVERY == 0]
    waits_ms = sorted((answer.answered_s - answer.due_s) * 1000 for answer in run.answers)
    print(f"{len(waits_ms)} requests, {saves} saves:", end=" ")
    print(*(f"p{p} {waits_ms[int(len(waits_ms) * p / 100)]:.1f} ms" for p in (50, 99)), end=" ")
    print(f"max {waits_ms[-1]:.1f} ms")


def check_order(answers: list[Answered]) -> None:
    """Once newer code has answered, no request that was sent after it gets an older one's answer.

    `due_s` is before the request was sent, so that the check is never too strict.
    """
    by_answer = sorted(answers, key=lambda answer: answer.answered_s)
    newest, ended = 0, 0
    for answer in sorted(answers, key=lambda answer: answer.due_s):
        while ended < len(by_answer) and by_answer[ended].answered_s < answer.due_s:
            newest = max(newest, by_answer[ended].build)
            ended += 1
        assert answer.build >= newest, f"{answer} came after {newest} had answered"


def check_store(run: Run) -> None:
    """Each request is one exchange with one answer, by a start that ran the code which answered.

    Attempts count from 1, the last one has the answer, and ids are in the order of arrival.
    """
    rows = [row for row in run.engine.reader.recent(1_000_000) if "?n=" in row.path]
    by_number = {int(row.path.rpartition("=")[2]): row for row in rows}
    assert len(rows) == len(by_number) == len(run.answers)
    assert by_number.keys() == {answer.number for answer in run.answers}
    assert {(row.state, row.status) for row in rows} == {("forwarded", 200)}
    builds: dict[str, int] = {}
    for answer in sorted(run.answers, key=lambda answer: answer.due_s):
        row = by_number[answer.number]
        detail = run.engine.reader.detail(row.id)
        assert detail is not None
        assert [attempt.number for attempt in detail.attempts] == [
            *range(1, len(detail.attempts) + 1)
        ]
        assert [attempt.state for attempt in detail.attempts].count(row.state) == 1
        last = detail.attempts[-1]
        assert last.answer is not None
        assert json.loads(last.answer.body.raw).get("build", 0) == answer.build
        assert builds.setdefault(last.target, answer.build) == answer.build
    latest_due_s = 0.0
    for answer in sorted(run.answers, key=lambda answer: by_number[answer.number].id):
        latest_due_s = max(latest_due_s, answer.due_s)
        assert answer.answered_s >= latest_due_s, f"{answer} is stored after one sent later"
