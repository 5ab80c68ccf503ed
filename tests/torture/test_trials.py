"""The judge of all other tests here is itself put to the test."""

from __future__ import annotations

import asyncio

from tests.torture.trials import TRIALS, Trial, try_mutants

AT_ONCE = 3


async def test_every_build_that_breaks_a_promise_is_caught() -> None:
    lanes = asyncio.Semaphore(AT_ONCE)

    async def one(trial: Trial) -> None:
        async with lanes:
            await try_mutants(trial, seed=4, connections=12)

    async with asyncio.TaskGroup() as tasks:
        for trial in TRIALS:
            tasks.create_task(one(trial))
