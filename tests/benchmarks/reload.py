"""How soon a save answers, and what it costs those who call meanwhile, beside `uvicorn --reload`.

ours        our sample extension under the engine: signed, recorded and durable as always
uvicorn     the same functions behind FastAPI, under `uvicorn --reload` (watchfiles)

They take turns, a few edits each. Meanwhile 50 requests a second come over connections of their
own, each due at its time whatever became of the one before. The clock runs from before the file is
written (in place) to the first answer by the new code, asked for every two milliseconds.

lost        connections refused or broken, answers other than 2xx, none within 10 s
reordered   answers by older code than one that had come before the request was sent

Then a file is saved broken for a second; two saves of the same length within one second are asked
for what was saved last (a bytecode cache trusts second and length); and 5,000 files are written
at once, which is to start few workers.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks import _peers
from tests.benchmarks._engine import Engine, engine
from tests.benchmarks._request import SECRET, signed_post

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "assets" / "samples" / "marketing"
RATE_PER_S = 50
ASK_EVERY_S = 0.002
PATIENCE_S = 10.0
PAUSE_S = 1.5
"""From one edit's first answer to the next edit."""
BLOCK = 6
"""Edits of one contender before the other's turn."""
STALE_S = 4.0
"""Who serves older code for so long after a save will go on with it."""
FILES = 5_000
LATE_MS = 1_000.0
MARK = '"rescored": False'
FASTAPI = """
import logging
import os
import httpx
from fastapi import FastAPI, Request
from marketing import campaigns, funnel, leads
from marketing.settings import Settings
from marketing.sla import overdue_minutes

app = FastAPI()

@app.post("/v/v1/webhooks/issue.updated")
async def issue_updated(request: Request):
    lead = leads.from_v1(await request.json())
    return {"ok": True, "issue": lead.key, "rescored": False}
"""
GOALS = {
    "ours.p50_ms": "<= 25",
    "ours.p90_ms": "<= 50",
    "times_as_fast": ">= 25",
    "ours.requests.p99_ms": "<= 100",
    "ours.requests.lost": "<= 0",
    "ours.requests.reordered": "<= 0",
    "ours.broken.lost": "<= 0",
    "ours.double_saves.stale": "<= 0",
    "ours.many_files.starts": "<= 2",
    "ours.many_files.lost": "<= 0",
}


class Answer(NamedTuple):
    """What came of one request; times on the performance counter."""

    due_s: float
    sent_s: float
    done_s: float
    edit: int | None
    """The number of the code that answered; None when the request was lost."""


@dataclass(slots=True)
class Contender:
    """A program that reloads, and what was seen of it."""

    name: str
    port: int
    file: Path
    raw_request: bytes
    source: str = ""
    edit: int = 1000
    took_ms: list[float] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = self.file.read_text()

    def save(self) -> int:
        """Save the next edit, of the same length as the one before; return its number."""
        self.edit += 1
        self.file.write_text(self.source.replace(MARK, f'{MARK}, "edit": {self.edit}'))
        return self.edit

    async def ask(self, due_s: float | None = None) -> Answer:
        """Send one request over a connection of its own, and note what came of it."""
        sent_s = time.perf_counter()
        edit: int | None = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                edit = await self._ask()
        except (OSError, TimeoutError, ValueError):
            pass  # lost, and counted as such
        answer = Answer(due_s or sent_s, sent_s, time.perf_counter(), edit)
        self.answers.append(answer)
        return answer

    async def _ask(self) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.raw_request)
            raw_answer = await reader.read()
            head, _, raw_body = raw_answer.partition(b"\r\n\r\n")
            if head[9:12] != b"200":
                raise ValueError(f"answered {raw_answer!r}")
            return int(json.loads(raw_body).get("edit", 0))
        finally:
            writer.close()


def measure(quick: bool) -> dict[str, Any]:
    """Edit both in turn under load; return medians, losses, ratio and goals."""
    edits, tries, files = (BLOCK, 1, FILES // 10) if quick else (24, 4, FILES)
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kcbench")))
        running, ours = _ours(stack, place / "ours")
        theirs = _uvicorn(stack, place / "uvicorn")
        found = asyncio.run(_measure(running, ours, theirs, (edits, tries, files)))
    p50 = {name: found[name]["p50_ms"] for name in ("ours", "uvicorn")}
    return {
        "benchmark": "from a save to the first answer by the new code, under load",
        "edits": edits,
        "requests_per_s": RATE_PER_S,
        **found,
        "ratios": {"times_as_fast": round(p50["uvicorn"] / p50["ours"], 1)},
        "goals": GOALS,
    }


def _ours(stack: ExitStack, folder: Path) -> tuple[Engine, Contender]:
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "main.py"
    file.write_text(file.read_text().replace("KiketSDK(", f"KiketSDK(webhook_secret={SECRET!r}, "))
    running = stack.enter_context(engine(folder))
    return running, Contender("ours", running.port, file, _raw_request())


def _uvicorn(stack: ExitStack, folder: Path) -> Contender:
    leave_out = shutil.ignore_patterns("__pycache__", "tests", "main.py")
    shutil.copytree(SAMPLE, folder, ignore=leave_out)
    (folder / "main.py").write_text(FASTAPI)
    port = _peers.free_port()
    command = [sys.executable, "-m", "uvicorn", "main:app", "--reload", "--port", str(port)]
    command += ["--app-dir", str(folder), "--reload-dir", str(folder)]
    command += ["--no-access-log", "--log-level", "critical"]
    stack.enter_context(_peers.serving(command, port, is_quiet=True))
    return Contender("uvicorn", port, folder / "main.py", _raw_request())


def _raw_request() -> bytes:
    document = json.loads((SAMPLE / "events" / "issue.updated.v1.json").read_text())
    del document["changes"]  # nothing to score again, so the handler makes no calls
    raw_body = json.dumps(document).encode()
    return signed_post("/v/v1/webhooks/issue.updated", raw_body, keep_alive=False)


async def _measure(
    running: Engine, ours: Contender, theirs: Contender, counts: tuple[int, int, int]
) -> dict[str, Any]:
    edits, tries, files = counts
    both = (ours, theirs)
    for contender in both:
        if (await contender.ask()).edit is None:
            raise RuntimeError(f"The benchmark's first request to {contender.name} was lost.")
    for _ in range(edits // BLOCK):
        for contender in both:
            async with _load(contender):
                for _ in range(BLOCK):
                    await asyncio.sleep(PAUSE_S)
                    contender.took_ms.append(await _edit(contender))
                await asyncio.sleep(PAUSE_S)
    found = {each.name: _reloads(each) for each in both}
    for contender in both:
        found[contender.name]["broken"] = await _broken(contender)
        found[contender.name]["double_saves"] = await _double_saves(contender, tries)
    found["ours"]["many_files"] = await _many_files(running, ours, files)
    return found


@asynccontextmanager
async def _load(contender: Contender) -> AsyncIterator[None]:
    """Send requests as they are due while the block lasts, and wait for the last answer."""
    async with asyncio.TaskGroup() as tasks:
        sender = tasks.create_task(_send(contender, tasks))
        try:
            yield
        finally:
            sender.cancel()


async def _send(contender: Contender, tasks: asyncio.TaskGroup) -> None:
    due_s = time.perf_counter()
    while True:
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        tasks.create_task(contender.ask(due_s))
        due_s += 1 / RATE_PER_S


async def _edit(contender: Contender) -> float:
    """Save an edit; return the time to the first answer by the new code in ms."""
    began_s = time.perf_counter()
    edit = contender.save()
    if not await _serves(contender, edit, PATIENCE_S):
        raise TimeoutError(f"{contender.name} did not answer with edit {edit}.")
    return (time.perf_counter() - began_s) * 1000


async def _serves(contender: Contender, edit: int, patience_s: float) -> bool:
    """Ask until the code of an edit answers; tell whether it did in time."""
    deadline_s = time.perf_counter() + patience_s
    while time.perf_counter() < deadline_s:
        if (await contender.ask()).edit == edit:
            return True
        await asyncio.sleep(ASK_EVERY_S)
    return False


def _reloads(contender: Contender) -> dict[str, Any]:
    took_ms = sorted(contender.took_ms)
    return {
        "p50_ms": round(statistics.median(took_ms), 1),
        "p90_ms": round(took_ms[len(took_ms) * 9 // 10], 1),
        "most_ms": round(took_ms[-1], 1),
        "requests": _requests(contender.answers),
    }


def _requests(answers: list[Answer]) -> dict[str, Any]:
    waited_ms = sorted((each.done_s - each.due_s) * 1000 for each in answers)
    return {
        "count": len(answers),
        "lost": sum(each.edit is None for each in answers),
        "reordered": _reordered(answers),
        "p50_ms": round(waited_ms[len(waited_ms) // 2], 1),
        "p99_ms": round(waited_ms[len(waited_ms) * 99 // 100], 1),
        "most_ms": round(waited_ms[-1], 1),
    }


def _reordered(answers: list[Answer]) -> int:
    """Count answers by older code than one that had come before their request was sent."""
    whole = [each for each in answers if each.edit is not None]
    ended = sorted((each.done_s, each.edit or 0) for each in whole)
    newest, index, count = 0, 0, 0
    for answer in sorted(whole, key=lambda each: each.sent_s):
        while index < len(ended) and ended[index][0] <= answer.sent_s:
            newest = max(newest, ended[index][1])
            index += 1
        count += (answer.edit or 0) < newest
    return count


async def _broken(contender: Contender) -> dict[str, Any]:
    """Keep a file broken for a second, and mend it."""
    contender.answers.clear()
    async with _load(contender):
        contender.file.write_text("def broken(:\n")
        await asyncio.sleep(1.0)
        await _edit(contender)
    waited_ms = [(each.done_s - each.due_s) * 1000 for each in contender.answers]
    found = _requests(contender.answers)
    return {
        "count": found["count"],
        "lost": found["lost"],
        "late": sum(each > LATE_MS for each in waited_ms),
        "most_ms": found["most_ms"],
    }


async def _double_saves(contender: Contender, tries: int) -> dict[str, int]:
    """Save twice within a second of the clock, and ask what is served when all is quiet."""
    stale = 0
    for _ in range(tries):
        await asyncio.sleep(1.0 - time.time() % 1.0 + 0.01)
        await _serves(contender, contender.save(), 0.9)
        stale += not await _serves(contender, contender.save(), STALE_S)
    return {"tries": tries, "stale": stale}


async def _many_files(running: Engine, contender: Contender, files: int) -> dict[str, Any]:
    """Write many files at once, and count the workers that this starts."""
    folder = contender.file.parent / "many"
    folder.mkdir()
    paths = [folder / f"module_{number}.py" for number in range(files)]
    _write(paths)
    await _quiet(running)
    before = _starts(running)
    contender.answers.clear()
    async with _load(contender):
        await asyncio.to_thread(_write, paths)
        await _quiet(running)
    found = _requests(contender.answers)
    return {
        "files": files,
        "starts": _starts(running) - before,
        "lost": found["lost"],
        "p99_ms": found["p99_ms"],
        "most_ms": found["most_ms"],
    }


def _write(paths: list[Path]) -> None:
    for path in paths:
        path.write_text("VALUE = 1\n")


def _starts(running: Engine) -> int:
    starts: int = running.workers()[-1]["starts"]
    return starts


async def _quiet(running: Engine) -> None:
    """Wait until no worker has started for two seconds."""
    starts, since_s = _starts(running), time.perf_counter()
    while time.perf_counter() - since_s < 2.0:
        await asyncio.sleep(0.1)
        if (now := _starts(running)) != starts:
            starts, since_s = now, time.perf_counter()
