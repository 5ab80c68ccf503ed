"""What the end waited for: walked back from there, part by part, and where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kiket_console.tracing.tree import Bar

SLACK_US = 2_000
"""What a clock says of an end may be so much later than the end of what it was a part of."""
SLACK_SHARE = 0.05


def mark(root: Bar) -> int:
    """Mark the bars that *root*'s end waited for, say how long for each; return the longest's row.

    From the end of a bar back: the part that ended last was waited for, until it began; what went
    on beside it was not. What is left between parts is the bar's own. Parts that went on for long
    after the bar's end were not waited for either.
    """
    waiting = [(root, root.started_us, root.ended_us)]
    longest = root
    while waiting:
        bar, low, high = waiting.pop()
        bar.critical = True
        at_us = high
        slack_us = max(SLACK_US, int((high - low) * SLACK_SHARE))
        for part in sorted(bar.parts, key=lambda each: each.ended_us, reverse=True):
            if part.is_log or part.started_us >= at_us or part.ended_us <= low:
                continue
            if part.ended_us > at_us + slack_us:
                continue
            end_us = min(part.ended_us, at_us)
            begin_us = max(part.started_us, low)
            bar.own_us += at_us - end_us
            waiting.append((part, begin_us, end_us))
            at_us = begin_us
        bar.own_us += max(0, at_us - low)
        if bar.own_us > longest.own_us:
            longest = bar
    return longest.row
