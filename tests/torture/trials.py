"""Whether the judge catches what it is there for: each mutant is run, and must be found out."""

from __future__ import annotations

from dataclasses import dataclass

from tests.torture.campaign import Step, campaign
from tests.torture.mutants import EVERY
from tests.torture.subject import Plan


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutant, how it dies, and of what it must be found guilty."""

    mutant: str
    guilty_of: str
    """A field of `judge.Findings`."""
    failpoint: str = ""
    lingering: bool = False
    restarts: bool = False
    """Whether it takes the next engine to see it."""


TRIALS = (
    Trial("acknowledge_before_commit", "lost", "before_commit_of_arrival:20"),
    Trial("answer_before_outcome", "unsettled", "before_commit_of_outcome:20"),
    Trial("rolled_back_as_committed", "lost"),
    Trial("no_lifeline", "orphans", lingering=True),
    Trial("references_dropped", "mangled"),
    Trial("forward_twice", "repeated"),
    Trial("recorded_twice", "doubled"),
    Trial("left_under_way", "limbo", "handled:40", restarts=True),
    Trial("answered_by_nobody", "skipped"),
)
"""What a `kill -9` can show. A missing flush shows at a power cut only: see `powercut`."""


ANSWERS = 10 * EVERY
"""How many deliveries a mutant answers that no failpoint kills; some of them are mistreated."""


SEEN_S = 2.0
"""What outlives its engine for so long will not end by itself."""


class VoidError(AssertionError):
    """A mutant was not caught, so that nothing the judge says is worth anything."""


async def try_mutant(trial: Trial, seed: int, connections: int = 32) -> int:
    """Run a mutant until it dies; return how often it was caught, or raise `VoidError`."""
    plan = Plan(mutant=trial.mutant, failpoint=trial.failpoint)
    step = Step(plan, after_answers=ANSWERS, lingering=trial.lingering)
    async with campaign(seed, connections=connections) as tried:
        tried.subject.gone_s = SEEN_S
        await tried.begin(plan)
        if trial.restarts:
            found = (await tried.cycle(step, Plan(mutant=trial.mutant))).findings
        else:
            found = await tried.dissect(step)
        answered = len(tried.senders.ledger.answered)
    caught = found.counts[trial.guilty_of]
    if not caught:
        raise VoidError(
            f"The mutant {trial.mutant!r} was not caught ({trial.guilty_of}: 0 of {answered} "
            f"answered; found: {found})."
        )
    return caught
