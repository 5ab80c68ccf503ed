"""Commands of every list that grows."""

from __future__ import annotations

from kiket_console.ui.command import Argument, Command, Scope


def commands(place: Scope) -> tuple[Command, ...]:
    """Return the commands of the list of a place."""
    name = place.name.lower()
    return (
        Command(f"{name}.follow", "f", "follow", "follow",
                "Follow what is new, or stop following.", place),
        Command(f"{name}.pause", "p", "pause", "pause",
                "Hold the list still, or let it go on; all is recorded meanwhile.", place),
    )  # fmt: skip


def filters(place: Scope) -> tuple[Command, ...]:
    """Return the commands that narrow the list of a place."""
    name = place.name.lower()
    return (
        Command(f"{name}.filter", "slash", "filter", "filter",
                "Show only what matches: plain words, or tests of fields as in status:>=500.",
                place, argument=Argument.FILTER),
        Command(f"{name}.suspend", "ctrl+t", "suspend", "suspend filter",
                "Show all and keep the filter for later, or use it again.", place),
        Command(f"{name}.regroup", "alt+g", "regroup", "regroup filter",
                "Bind OR and AND of the filter the other way round.", place),
        Command(f"{name}.save-filter", "", "save_filter", "save filter",
                "Keep the filter under a name; @ and the name then stand for it.",
                place, names="save", argument=Argument.NAME, needs_argument=True),
        Command(f"{name}.forget-filter", "", "forget_filter", "forget filter",
                "Keep no filter under a name any more.",
                place, names="forget", argument=Argument.SAVED_FILTER, needs_argument=True),
    )  # fmt: skip
