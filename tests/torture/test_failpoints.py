"""What is known of a delivery when the engine died at a given step of its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.torture.campaign import Step, campaign
from tests.torture.failpoints import POINTS
from tests.torture.subject import Plan

if TYPE_CHECKING:
    from tests.torture.campaign import Campaign

pytestmark = pytest.mark.xdist_group("torture")

EXPECTED = {
    "recorded": ("interrupted", None, 0),
    "handled": ("interrupted", None, 1),
    "answered": ("interrupted", None, 1),
    "committed": ("forwarded", 200, 1),
}
"""State, status, and how often a handler had it, of the delivery at which the engine died."""
PASSES = (1, 12)
CONNECTIONS = 6


@pytest.mark.parametrize("point", EXPECTED)
async def test_a_delivery_is_in_the_one_state_that_is_true_after_its_engine_died(
    point: str,
) -> None:
    """And nobody hands it to a worker again, though the next engine serves."""
    plans = [Plan(failpoint=f"{point}:{count}") for count in PASSES]
    async with campaign(seed=1, connections=CONNECTIONS) as torture:
        await torture.begin(plans[0])
        victims = []
        for plan, following in zip(plans, (*plans[1:], None), strict=True):
            victims.append(await _die(torture, plan, following))
        for victim in victims:
            kept = torture.judge.kept[victim]
            found = kept.state, kept.status, torture.handled.times[victim]
            assert found == EXPECTED[point], victim
            assert victim not in torture.senders.ledger.answered
        assert torture.findings.is_clean, torture.findings


@pytest.mark.parametrize("point", sorted(POINTS.keys() - EXPECTED))
async def test_a_transaction_that_was_open_leaves_nothing_that_was_promised(point: str) -> None:
    plans = [Plan(failpoint=f"{point}:{count}") for count in PASSES]
    async with campaign(seed=2, connections=CONNECTIONS) as torture:
        await torture.begin(plans[0])
        for plan, following in zip(plans, (*plans[1:], None), strict=True):
            await _die(torture, plan, following)
        assert torture.senders.ledger.answered, "the second engine served before it died"
        assert torture.findings.is_clean, torture.findings


async def _die(torture: Campaign, plan: Plan, following: Plan | None) -> str:
    """Let the engine reach its failpoint and start the next one; return the unlucky delivery."""
    struck: list[str] = []
    cycle = await torture.cycle(Step(plan), following, on_death=struck.append)
    assert not cycle.broken
    return struck[0]
