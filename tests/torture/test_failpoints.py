"""What is known of a delivery when the engine died at a given step of its way."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tests.torture.campaign import Step, campaign
from tests.torture.failpoints import POINTS
from tests.torture.subject import Plan

if TYPE_CHECKING:
    from tests.torture.campaign import Campaign

EXPECTED = {
    "recorded": ("interrupted", None, 0),
    "handled": ("interrupted", None, 1),
    "answered": ("interrupted", None, 1),
    "committed": ("forwarded", 200, 1),
}
"""State, status, and how often a handler had it, of the delivery at which the engine died."""
PASSES = (1, 30)
"""The first goes the long way through the gateway, a later one the short way."""
CONNECTIONS = 6


async def test_a_delivery_is_in_the_one_state_that_is_true_after_its_engine_died() -> None:
    """At each step, with the first delivery and with a later one; and nobody hands it out again.

    A transaction that was open then leaves nothing that was promised.
    """
    passes = itertools.product(POINTS, PASSES)
    plans = [Plan(failpoint=f"{point}:{count}") for point, count in passes]
    victims: dict[str, Plan] = {}
    async with campaign(seed=1, connections=CONNECTIONS) as torture:
        await torture.begin(plans[0])
        for plan, following in zip(plans, (*plans[1:], None), strict=True):
            struck: list[str] = []
            cycle = await torture.cycle(Step(plan), following, on_death=struck.append)
            assert not cycle.broken
            victims[struck[0]] = plan
        for victim, plan in victims.items():
            if victim:
                assert _found(torture, victim) == EXPECTED[plan.failpoint.partition(":")[0]], victim
                assert victim not in torture.senders.ledger.answered
        assert len([victim for victim in victims if victim]) == len(EXPECTED) * len(PASSES)
        assert torture.findings.is_clean, torture.findings


def _found(torture: Campaign, victim: str) -> tuple[str, int | None, int]:
    kept = torture.judge.kept[victim]
    return kept.state, kept.status, torture.handled.times[victim]
