"""What the console says in passing, as Textual's notifications."""

from __future__ import annotations

from dataclasses import dataclass

from textual.notifications import Notification

MOMENT_S = 0.01


@dataclass
class Sentence(Notification):
    """A notification that always has a moment left.

    Textual makes a timer of the time left. One that expires between being listed and being shown
    would make a timer that runs backwards and never yields: the console would hang.
    """

    @property
    def time_left(self) -> float:
        """Return the seconds until it expires, a moment when it has."""
        return max(super().time_left, MOMENT_S)

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return super().time_left <= 0
