"""How late an event loop does what is due; gathered by whoever sees it, taken when it is told."""

from __future__ import annotations


class Lateness:
    """Moments at which a loop did something, and by how many seconds they were too late."""

    def __init__(self) -> None:
        self.count = 0
        self.total_s = 0.0
        self.longest_s = 0.0

    def add(self, count: int, total_s: float, longest_s: float) -> None:
        """Add so many moments."""
        self.count += count
        self.total_s += total_s
        self.longest_s = max(self.longest_s, longest_s)

    def once(self, late_s: float) -> None:
        """Add one moment."""
        self.add(1, late_s, late_s)

    def take(self) -> Lateness:
        """Return what was added since the last time."""
        taken = Lateness()
        taken.add(self.count, self.total_s, self.longest_s)
        self.count, self.total_s, self.longest_s = 0, 0.0, 0.0
        return taken
