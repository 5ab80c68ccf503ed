"""The stages that a lead passes, and its moves between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STAGES = ("triage", "qualified", "in_progress", "offer", "won")
"""From the first stage to the last."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a lead through the funnel."""

    issue: str
    before: str
    after: str
    by: str

    @property
    def forward(self) -> bool:
        """Whether the lead came closer to buying."""
        return position(self.after) > position(self.before)


def move(payload: Mapping[str, Any]) -> Move:
    """Return the move that an `issue.transitioned` payload tells of; somebody made it by hand."""
    made = payload["transition"]
    return Move(
        issue=str(payload["issue"]["key"]),
        before=made["from"],
        after=made["to"],
        by=made["performed_by"],
    )


def position(stage: str) -> int:
    """Return how far along *stage* is; stages outside the funnel come before all others."""
    return STAGES.index(stage) if stage in STAGES else -1
