"""Commands of Metrics."""

from __future__ import annotations

from kiket_console.ui.command import Argument, Command, Scope

COMMANDS = (
    Command("metrics.window", "w", "window(1)", "window",
            "Look further back: 1 m, 15 m, 1 h, 24 h, all.", Scope.METRICS),
    Command("metrics.previous-window", "W", "window(-1)", "shorter window",
            "Look less far back.", Scope.METRICS),
    Command("metrics.group", "b", "group", "group by",
            "Make rows of handlers, workers, sources, or outcomes.", Scope.METRICS,
            names="group,by"),
    Command("metrics.since", "s", "since", "since",
            "Count all of the window, only what came since the last save, or since the save that "
            "was gone to.", Scope.METRICS),
    Command("metrics.left", "left", "point(-1)", "point",
            "Go to the step of time before, and look at that alone; esc looks at all again.",
            Scope.METRICS, palette=False, pair="metrics.right"),
    Command("metrics.right", "right", "point(1)", "next point",
            "Go to the next step of time.", Scope.METRICS, palette=False),
    Command("metrics.next-save", "right_curly_bracket", "save(1)", "next save",
            "Go to the next save, as a mark in the charts.", Scope.METRICS),
    Command("metrics.previous-save", "left_curly_bracket", "save(-1)", "previous save",
            "Go to the save before.", Scope.METRICS),
    Command("metrics.exchanges", "e", "exchanges", "its exchanges",
            "Show the exchanges of the selected row, or of a point of it, in Traffic, with the "
            "cursor on the slowest; enter does the same.", Scope.METRICS),
    Command("metrics.timeline", "c", "timeline", "timeline",
            "Show what the slowest exchange of the selected row or point caused, and when.",
            Scope.METRICS, names="slowest"),
    Command("metrics.logs", "l", "logs", "its logs",
            "Show what was logged for the slowest exchange of the selected row or point.",
            Scope.METRICS, names="its-logs"),
    Command("metrics.details", "d", "details", "details",
            "Show what saves did to the selected row, its slowest exchanges, and how its durations "
            "are spread.", Scope.METRICS, names="details"),
    Command("metrics.filter", "slash", "filter", "filter",
            "Show only rows that have these words, or fields as in event:issue.* -src:api.",
            Scope.METRICS, argument=Argument.TEXT),
    Command("metrics.copy", "y", "copy", "copy",
            "Copy the table as text, with what each save changed.", Scope.METRICS),
    Command("metrics.export", "x", "export", "export",
            "Write the report as JSON, as `kiket-console metrics --json` prints it.",
            Scope.METRICS),
)  # fmt: skip
