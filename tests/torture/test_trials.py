"""The judge of all other tests here is itself put to the test."""

from __future__ import annotations

import asyncio

import pytest
from tests.torture.trials import TRIALS, Trial, try_mutant

pytestmark = pytest.mark.timeout(240)

AT_ONCE = 3


async def test_every_build_that_breaks_a_promise_is_caught() -> None:
    lanes = asyncio.Semaphore(AT_ONCE)

    async def one(trial: Trial) -> int:
        async with lanes:
            return await try_mutant(trial, seed=4, connections=12)

    async with asyncio.TaskGroup() as tasks:
        tried = {trial.mutant: tasks.create_task(one(trial)) for trial in TRIALS}
    assert all(task.result() for task in tried.values())
