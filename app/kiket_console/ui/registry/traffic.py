"""Commands of Traffic."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope

COMMANDS = (
    Command("traffic.replay", "r", "replay", "replay",
            "Send the delivery, or a call's cause, signed anew.",
            Scope.TRAFFIC),
    Command("traffic.trigger", "t", "trigger", "trigger",
            "Choose a sample event and send it, signed.",
            Scope.TRAFFIC),
    Command("traffic.follow", "f", "follow", "follow",
            "Follow what is new, or stop following.", Scope.TRAFFIC),
    Command("traffic.next-failing", "right_curly_bracket", "failing(1)", "next failing",
            "Go to the next exchange that failed.", Scope.TRAFFIC),
    Command("traffic.previous-failing", "left_curly_bracket", "failing(-1)", "previous failing",
            "Go to the previous exchange that failed.", Scope.TRAFFIC),
    Command("traffic.pin", "m", "pin", "pin",
            "Keep this exchange whatever its age; press it again to keep it no longer.",
            Scope.TRAFFIC),
    Command("traffic.remove", "delete", "remove", "delete",
            "Delete this exchange and the calls it caused; u brings them back.",
            Scope.TRAFFIC),
    Command("traffic.undo", "u", "undo", "undo",
            "Take back what was deleted or pinned last.", Scope.TRAFFIC),
    Command("tab.previous", "left_square_bracket", "tab(-1)", "previous tab",
            "Show the previous tab of the details.", Scope.TRAFFIC),
    Command("tab.next", "right_square_bracket", "tab(1)", "tabs",
            "Show the next tab of the details.",
            Scope.TRAFFIC, pair="tab.previous"),
    Command("tab.timeline", "c", "show_tab('timeline')", "timeline",
            "Show what this exchange caused, and when.", Scope.TRAFFIC),
    Command("tab.logs", "l", "show_tab('logs')", "its logs",
            "Show what was logged while this exchange was handled.", Scope.TRAFFIC),
)  # fmt: skip
