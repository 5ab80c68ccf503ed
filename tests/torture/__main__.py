"""The long run: `make torture ARGS="--kills 1000 --seed 7 --minutes 15"`.

Mutants first: if one is not caught, the run is void and ends with status 3. Then cycles of load,
fault, death, restart and judgement, one JSON line each, and one line of counts at the end. Ends
with status 1 when a promise was broken; the place with the store and the ledgers is then kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from tests.torture.campaign import Campaign, Cycle, Step, campaign
from tests.torture.failpoints import POINTS
from tests.torture.faults import FAULTS
from tests.torture.judge import Findings
from tests.torture.subject import Plan, SubjectError
from tests.torture.trials import TRIALS, VoidError, try_mutants

ROWS_PER_PROJECT = 100_000
"""Past so many deliveries the next cycle begins on a new project."""
AGAIN_EVERY = 10
"""Cycles after which every row of the store is judged once more."""
VOID, BROKEN = 3, 1


@dataclass
class Tally:
    """The counts of a run."""

    seed: int
    kills: int = 0
    acked: int = 0
    cycles: int = 0
    broken: list[str] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    ready_s: list[float] = field(default_factory=list)
    first_success_s: list[float] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)

    def take(self, cycle: Cycle) -> None:
        """Add a cycle's."""
        self.kills += cycle.kills
        self.acked += cycle.acked
        self.cycles += 1
        self.findings.add(cycle.findings)
        self.ready_s.append(cycle.ready_s)
        if cycle.broken:
            self.broken.append(f"cycle {cycle.number}: {cycle.broken}")
        for value, values in (
            (cycle.first_success_s, self.first_success_s),
            (cycle.recovery_s, self.recovery_s),
        ):
            if value is not None:
                values.append(value)

    def line(self, seconds: float) -> dict[str, Any]:
        """Return the last line."""
        return {
            "summary": True,
            "seed": self.seed,
            "seconds": round(seconds),
            "cycles": self.cycles,
            "kills": self.kills,
            "acked": self.acked,
            **self.findings.counts,
            "restart_to_ready_s": _percentiles(self.ready_s),
            "restart_to_2xx_s": _percentiles(self.first_success_s),
            "recovery_s": _percentiles(self.recovery_s),
            "broken": self.broken[:20],
            "verdict": "bad" if self.broken or not self.findings.is_clean else "ok",
        }


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="make torture ARGS=…")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--skip-mutants", action="store_true", help="only to look for something")
    asked = parser.parse_args()
    print(json.dumps({"seed": asked.seed}), flush=True)
    status = VOID
    try:
        status = asyncio.run(_run(asked))
    except* (VoidError, SubjectError) as group:
        print(json.dumps({"void": [str(error) for error in leaves(group)]}), flush=True)
    return status


async def _run(asked: argparse.Namespace) -> int:
    if not asked.skip_mutants:
        for trial in TRIALS:
            caught = await try_mutants(trial, asked.seed)
            print(json.dumps({"mutants": [*trial.guilt], **caught}), flush=True)
    tally, begun_s = Tally(asked.seed), time.monotonic()
    chance = random.Random(asked.seed)  # noqa: S311 - to be repeated

    def is_over() -> bool:
        late = time.monotonic() - begun_s > asked.minutes * 60
        return late or tally.kills >= int(asked.kills)

    try:
        while not is_over():
            seed = chance.randrange(2**32)
            async with campaign(seed, connections=asked.connections, keeps_bad=True) as one:
                await one.begin()
                step = Step()
                while not is_over() and len(one.senders.ledger.sent) < ROWS_PER_PROJECT:
                    following = choose(chance)
                    cycle = await one.cycle(
                        step, following.plan, again=one.subject.starts % AGAIN_EVERY == 0
                    )
                    tally.take(cycle)
                    print(json.dumps(cycle.line()), flush=True)
                    step = following
                await _end(one, tally, step)
    finally:  # a run that is cut short has counted all the same
        print(json.dumps(tally.line(time.monotonic() - begun_s)), flush=True)
    return BROKEN if tally.line(0)["verdict"] == "bad" else 0


async def _end(one: Campaign, tally: Tally, armed: Step) -> None:
    """Stop the project's last engine in order, unless it is armed to die by itself."""
    if armed.plan.failpoint:
        tally.take(await one.cycle(armed))
    tally.findings.add(await one.finish())


def choose(chance: random.Random) -> Step:
    """Draw what happens to the next engine."""
    drawn = chance.random()
    if drawn < 0.3:
        name = chance.choice(sorted(POINTS))
        return Step(Plan(failpoint=f"{name}:{chance.randrange(1, 200)}"))
    with_lifeline = chance.random() < 0.2
    return Step(
        fault=chance.choice(sorted(FAULTS)) if drawn < 0.5 else "",
        after_s=chance.uniform(0.0, 1.2),
        with_lifeline=with_lifeline,
        # With the life-line gone too, a daemon that detached itself is left to the next start.
        lingering=not with_lifeline and chance.random() < 0.05,
    )


def leaves(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """Return the errors of a group and of those within it."""
    found: list[Exception] = []
    for error in group.exceptions:
        found += leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    ranked = sorted(values)
    return {
        "p50": round(ranked[len(ranked) // 2], 3),
        "p95": round(ranked[min(len(ranked) - 1, len(ranked) * 95 // 100)], 3),
        "max": round(ranked[-1], 3),
    }


if __name__ == "__main__":
    sys.exit(main())
