"""Commands of Traffic."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope
from kiket_console.ui.registry import growing

COMMANDS = (
    Command("traffic.replay", "r", "replay", "replay",
            "Send the delivery, or a call's cause, signed anew.",
            Scope.TRAFFIC),
    Command("traffic.trigger", "t", "trigger", "trigger",
            "Choose a sample event and send it, signed.",
            Scope.TRAFFIC),
    *growing.filters(Scope.TRAFFIC),
    *growing.commands(Scope.TRAFFIC),
    Command("traffic.next-failing", "right_curly_bracket", "failing(1)", "next failing",
            "Go to the next exchange that failed.", Scope.TRAFFIC),
    Command("traffic.previous-failing", "left_curly_bracket", "failing(-1)", "previous failing",
            "Go to the previous exchange that failed.", Scope.TRAFFIC),
    Command("traffic.pick", "space", "pick", "select",
            "Select this exchange, or no longer; what you do next is done to all selected.",
            Scope.TRAFFIC, palette=False),
    Command("traffic.pick-range", "v", "pick_range", "range",
            "Select all from here to where you press it again.", Scope.TRAFFIC, palette=False),
    Command("traffic.mark", "m", "mark", "mark",
            "Keep this exchange whatever its age; press it again to keep it no longer.",
            Scope.TRAFFIC, names="mark,pin"),
    Command("traffic.marked", "M", "marked", "marked",
            "Show marked exchanges only, or all again.", Scope.TRAFFIC),
    Command("traffic.note", "semicolon", "note", "note",
            "Write one line about this exchange; each #word in it is a tag.",
            Scope.TRAFFIC),
    Command("traffic.diff", "d", "diff", "diff",
            "Compare with the exchange that this one repeats, else the one before it of the same "
            "event, or the two that are selected.", Scope.TRAFFIC, names="diff,compare"),
    Command("traffic.remove", "delete", "remove", "delete",
            "Delete this exchange and the calls it caused; u brings them back.",
            Scope.TRAFFIC, names="delete,remove"),
    Command("traffic.undo", "u", "undo", "undo",
            "Take back what was deleted, marked or noted last.", Scope.TRAFFIC),
    Command("tab.previous", "left_square_bracket", "tab(-1)", "tabs",
            "Show the previous tab of the details.", Scope.TRAFFIC, pair="tab.next", palette=False),
    Command("tab.next", "right_square_bracket", "tab(1)", "next tab",
            "Show the next tab of the details.", Scope.TRAFFIC, palette=False),
    Command("tab.timeline", "c", "show_tab('timeline')", "timeline",
            "Show what this exchange caused, and when.", Scope.TRAFFIC),
    Command("tab.logs", "l", "show_tab('logs')", "its logs",
            "Show what was logged while this exchange was handled.", Scope.TRAFFIC,
            names="its-logs"),
)  # fmt: skip
