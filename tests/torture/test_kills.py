"""Random deaths under load, a few of each kind; `make torture` has as many as you like."""

from __future__ import annotations

from tests.torture.campaign import Step, campaign
from tests.torture.faults import FAULTS

STEPS = (
    *(Step(fault=name, after_s=0.1, with_lifeline=name == "stall") for name in FAULTS),
    Step(after_s=0.3, lingering=True),
)


async def test_whatever_is_killed_nothing_that_was_answered_is_lost() -> None:
    """Nor mangled, doubled, handed out twice, left in limbo or running."""
    async with campaign(seed=3, connections=10) as torture:
        await torture.begin()
        assert not await torture.served()
        for number, step in enumerate(STEPS):
            cycle = await torture.cycle(step, again=number % 4 == 3)
            assert not cycle.broken, cycle.line()
        await torture.finish()
        assert torture.findings.is_clean, torture.findings
        assert len(torture.judge.kept) > len(STEPS)
