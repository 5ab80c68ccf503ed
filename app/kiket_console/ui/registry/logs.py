"""Commands of Logs."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope
from kiket_console.ui.registry import growing

COMMANDS = (
    Command("logs.timeline", "c", "timeline", "timeline",
            "Show where this line stands in the timeline of the exchange that it belongs to.",
            Scope.LOGS),
    Command("logs.source", "O", "source", "open in editor",
            "Open the place in the code that the line names, the project's own first.",
            Scope.LOGS),
    Command("logs.next-error", "right_curly_bracket", "error(1)", "next error",
            "Go to the next error.", Scope.LOGS),
    Command("logs.previous-error", "left_curly_bracket", "error(-1)", "previous error",
            "Go to the previous error.", Scope.LOGS),
    Command("logs.worker", "w", "worker", "worker",
            "Show only what the selected line's worker logged; again: the next worker's, then all.",
            Scope.LOGS),
    Command("logs.stderr", "e", "stderr", "stderr",
            "Show only what was written to standard error, or no longer.", Scope.LOGS),
    Command("logs.next-match", "n", "match(1)", "next match",
            "Go to the next line that the filter finds, be it suspended; without a filter, ask "
            "what to look for, and hide nothing.", Scope.LOGS, names="find"),
    Command("logs.previous-match", "N", "match(-1)", "previous match",
            "Go to the line before that the filter finds.", Scope.LOGS, palette=False),
    Command("logs.wrap", "W", "wrap", "wrap",
            "Wrap long lines, or no longer.", Scope.LOGS, names="wrap-lines"),
    *growing.filters(Scope.LOGS),
    *growing.commands(Scope.LOGS),
    Command("logs.pick", "space", "pick", "select",
            "Select this line, or no longer; what is copied then is all that is selected.",
            Scope.LOGS, palette=False),
    Command("logs.pick-range", "v", "pick_range", "range",
            "Select all from here to where you press it again.", Scope.LOGS, palette=False),
    Command("logs.copy", "y", "copy", "copy",
            "Copy the selected line, with all of a traceback.", Scope.LOGS),
)  # fmt: skip
