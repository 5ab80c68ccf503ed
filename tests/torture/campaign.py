"""Cycles of load, fault, death and restart on one project, each judged after the restart.

start ─► serve ─► [a fault to live through] ─► die (a kill, or a failpoint) ─► start ─► judge
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.torture.faults import FAULTS, Suffered
from tests.torture.judge import Findings, Judge
from tests.torture.ledger import Handled, Ledger
from tests.torture.senders import Senders
from tests.torture.subject import Plan, Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

STRIKE_LIMIT_S = 120.0
"""How long a failpoint, or a number of answers, may take to be reached under load."""
SERVICE_LIMIT_S = 90.0
"""How long a started engine may take to its first 2xx before it counts as not serving."""


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one engine; the first thing that names a way to die is the way."""

    plan: Plan = field(default_factory=Plan)
    fault: str = ""
    """A name of `faults.FAULTS`, before it dies."""
    after_s: float = 0.3
    """How long it serves before anything is done to it."""
    after_answers: int = 0
    """And how many deliveries of all were answered."""
    with_lifeline: bool = False
    """Whether its workers' parents are killed together with it."""
    lingering: bool = False
    """Whether the next engine is started only when the old one's processes are gone, or late."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """What came of a step: one line of a long run."""

    number: int
    step: str
    seconds: float
    kills: int
    acked: int
    struck: str
    ready_s: float
    first_success_s: float | None
    recovery_s: float | None
    broken: str
    findings: Findings = field(repr=False)

    def line(self) -> dict[str, Any]:
        """Return it as a JSON document."""
        document = asdict(self)
        found = document.pop("findings")
        return {
            **{name: _rounded(value) for name, value in document.items()},
            **{name: ids[:5] for name, ids in found.items() if ids},
            "verdict": "bad" if self.broken or not self.findings.is_clean else "ok",
        }


class Campaign:
    """A project under load, from one engine to the next; made by `campaign`."""

    def __init__(self, subject: Subject, senders: Senders, judge: Judge, handled: Handled) -> None:
        self.subject = subject
        self.senders = senders
        self.judge = judge
        self.handled = handled
        self.kill = subject.kill
        """How an engine dies that no failpoint kills."""
        self.findings = Findings()
        """Of all cycles so far."""

    async def begin(self, plan: Plan | None = None) -> None:
        """Start the first engine."""
        self.subject.start(plan)
        self.senders.begin_run(self.subject.starts)
        await asyncio.to_thread(self.subject.wait_ready)

    async def served(self) -> str:
        """Wait until the first 2xx; say so when none comes."""
        deadline = time.monotonic() + SERVICE_LIMIT_S
        while self.senders.first_success_s is None:
            if time.monotonic() > deadline:
                return f"no 2xx within {SERVICE_LIMIT_S:g} s of the start"
            await asyncio.sleep(0.01)
        return ""

    async def cycle(
        self,
        step: Step,
        following: Plan | None = None,
        *,
        again: bool = False,
        on_death: Callable[[str], None] = lambda _: None,
    ) -> Cycle:
        """Let the running engine die as *step* says, start the next one and judge.

        *again*: judge every row of the store once more. *on_death* is told at which delivery a
        failpoint struck.
        """
        subject, senders = self.subject, self.senders
        begun_s, run, acked = time.monotonic(), subject.starts, self._acked()
        suffered = await self._die(step)
        died_s = time.monotonic()
        on_death(subject.struck() or "")
        found = Findings()
        if step.lingering:
            found.orphans.extend(await self._orphans(run, died_s))
        senders.begin_run(run + 1)
        subject.start(following)
        await asyncio.to_thread(subject.wait_ready)
        ready_s = time.monotonic() - subject.started_s
        found.add(await asyncio.to_thread(self.judge.look, run + 1, again=again))
        broken = suffered.broken
        if following is None or not following.failpoint:
            broken = broken or await self.served()
        if not step.lingering:
            found.orphans.extend(await self._orphans(run, died_s))
        first_s = senders.first_success_s
        found.hung.extend(senders.hung)
        senders.hung.clear()
        self.findings.add(found)
        return Cycle(
            number=run,
            step=_name(step),
            seconds=time.monotonic() - begun_s,
            kills=1 + suffered.kills + step.with_lifeline,
            acked=self._acked() - acked,
            struck=step.plan.failpoint,
            ready_s=ready_s,
            first_success_s=first_s - subject.started_s if first_s else None,
            recovery_s=suffered.recovery_s,
            broken=broken,
            findings=found,
        )

    async def dissect(self, step: Step) -> Findings:
        """Let the running engine die, and judge what it leaves before another one mends it."""
        run = self.subject.starts
        await self._die(step)
        found = await asyncio.to_thread(self.judge.look, run + 1, again=True)
        if step.lingering:
            found.orphans.extend(await self._orphans(run, time.monotonic()))
        return found

    async def finish(self) -> Findings:
        """Stop the last engine in order; judge all there is, and let the program do so too."""
        run = self.subject.starts
        status = await asyncio.to_thread(self.subject.stop)
        found = await asyncio.to_thread(self.judge.look, run + 1, again=True)
        found.orphans.extend(await self._orphans(run, time.monotonic()))
        if status:
            found.damage.append(f"the engine ended with status {status}")
        verified = await asyncio.to_thread(self.subject.command, "verify")
        if verified.returncode:
            found.damage.append(f"verify: {verified.stdout} {verified.stderr}")
        self.findings.add(found)
        return found

    async def _die(self, step: Step) -> Suffered:
        """Do to the engine what is to be done; it is dead afterwards."""
        suffered = Suffered()
        if step.plan.failpoint:
            async with asyncio.timeout(STRIKE_LIMIT_S):
                await asyncio.to_thread(self.subject.wait_ended)
            return suffered
        await asyncio.sleep(step.after_s)
        async with asyncio.timeout(STRIKE_LIMIT_S):
            while len(self.senders.ledger.answers) < step.after_answers:  # noqa: ASYNC110 - a count
                await asyncio.sleep(0.01)
        if step.fault:
            suffered = await FAULTS[step.fault](
                self.subject, self.senders, self.handled, self.senders.chance
            )
        if step.with_lifeline:
            pids = self.subject.below(self.subject.starts)
            for pid in self.subject.pids_of("lifeline.py", pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(self.kill)
        return suffered

    async def _orphans(self, run: int, died_s: float) -> list[str]:
        left = await asyncio.to_thread(self.subject.wait_gone, run, died_s)
        told, after_s = self.subject.told, self.subject.gone_s
        return [f"{told(pid)} of start {run} after {after_s:g} s" for pid in left]

    def _acked(self) -> int:
        return sum(answer.is_success for answer in self.senders.ledger.answered.values())


@contextlib.asynccontextmanager
async def campaign(
    seed: int, *, connections: int = 32, state: Path | None = None, keeps_bad: bool = False
) -> AsyncIterator[Campaign]:
    """Set up a project under load in a place of its own; nothing of it is left afterwards.

    *state*: where the store goes instead. *keeps_bad*: leave the place of one in which a promise
    was broken, and say where it is.
    """
    place = Path(tempfile.mkdtemp(prefix="kt", dir="/tmp"))  # short: sockets lie below it
    subject = Subject(place, state)
    ledger, handled = Ledger(place / "ledger"), Handled(subject.worker_ledger)
    senders = Senders(subject, ledger, random.Random(seed), connections)  # noqa: S311 - to be repeated
    made = Campaign(subject, senders, Judge(subject.store, ledger, handled), handled)
    stop = asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(senders.sending(stop))
            try:
                yield made
            finally:
                stop.set()
                sending.cancel()
    finally:
        subject.end()
        ledger.close()
        if keeps_bad and not made.findings.is_clean:
            print(f"What was broken is kept in {place}.", file=sys.stderr)
        else:
            shutil.rmtree(place, ignore_errors=True)


def _name(step: Step) -> str:
    words = [step.fault] if step.fault else []
    words.append(f"die at {step.plan.failpoint}" if step.plan.failpoint else "kill")
    if step.with_lifeline:
        words.append("life-line too")
    return ", then ".join(words)


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
