"""Whether the judge catches what it is there for: each mutant is run, and must be found out."""

from __future__ import annotations

from dataclasses import dataclass

from tests.torture.campaign import Step, campaign
from tests.torture.mutants import EVERY
from tests.torture.subject import Plan


@dataclass(frozen=True, slots=True)
class Trial:
    """A build with mutants, how it dies, and of what it must be found guilty."""

    guilt: dict[str, tuple[str, ...]]
    """By mutant, fields of `judge.Findings`, any of which shows it; no two share one."""
    failpoint: str = ""
    lingering: bool = False
    restarts: bool = False
    """Whether it takes the next engine to see it."""


TRIALS = (
    Trial({"acknowledge_before_commit": ("lost",)}, "before_commit_of_arrival:20"),
    Trial({"answer_before_outcome": ("unsettled",)}, "before_commit_of_outcome:20"),
    Trial({"left_under_way": ("limbo",)}, "handled:40", restarts=True),
    Trial(
        {
            "rolled_back_as_committed": ("lost", "unsettled"),  # with its arrival, or after it
            "answered_by_nobody": ("skipped",),
        }
    ),
    Trial(
        {
            "no_lifeline": ("orphans",),
            "references_dropped": ("mangled",),
            "recorded_twice": ("doubled",),
            "forward_twice": ("repeated",),
        },
        lingering=True,
    ),
)
"""What a `kill -9` can show. A missing flush shows at a power cut only: see `powercut`."""


ANSWERS = 20 * EVERY
"""How many deliveries a mutant answers that no failpoint kills; some are mistreated, even if all
that wait at a time are always in one commit."""


SEEN_S = 2.0
"""What outlives its engine for so long will not end by itself."""


class VoidError(AssertionError):
    """A mutant was not caught, so that nothing the judge says is worth anything."""


async def try_mutants(trial: Trial, seed: int, connections: int = 32) -> dict[str, int]:
    """Run mutants until they die; return how often each was caught, or raise `VoidError`."""
    plan = Plan((*trial.guilt,), trial.failpoint)
    step = Step(plan, after_answers=ANSWERS, lingering=trial.lingering)
    async with campaign(seed, connections=connections) as tried:
        tried.subject.gone_s = SEEN_S
        await tried.begin(plan)
        if trial.restarts:
            found = (await tried.cycle(step, Plan((*trial.guilt,)))).findings
        else:
            found = await tried.dissect(step)
        answered = len(tried.senders.ledger.answered)
    caught = {
        mutant: sum(found.counts[each] for each in guilt) for mutant, guilt in trial.guilt.items()
    }
    for mutant, guilt in trial.guilt.items():
        if not caught[mutant]:
            raise VoidError(
                f"The mutant {mutant!r} was not caught ({' or '.join(guilt)}: 0 of "
                f"{answered} answered; found: {found})."
            )
    return caught
