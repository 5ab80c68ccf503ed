"""Commands of the difference between two exchanges."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope

COMMANDS = (
    Command("diff.next", "n", "difference(1)", "next",
            "Go to the next difference.", Scope.DIFF, palette=False, pair="diff.previous"),
    Command("diff.previous", "N", "difference(-1)", "previous",
            "Go to the previous difference.", Scope.DIFF, palette=False),
    Command("diff.previous-tab", "left_square_bracket,shift+tab", "tab(-1)", "tabs",
            "Show the previous tab: request, response, headers.", Scope.DIFF, palette=False,
            pair="diff.next-tab"),
    Command("diff.next-tab", "right_square_bracket,tab", "tab(1)", "next tab",
            "Show the next tab: request, response, headers.", Scope.DIFF, palette=False),
    Command("diff.ignore", "i", "ignore", "ignore path",
            "Leave out what is under the cursor, here and in each item of the arrays around it.",
            Scope.DIFF, palette=False),
    Command("diff.undo", "u", "undo", "undo",
            "Let the path count again that was ignored last.", Scope.DIFF, palette=False),
    Command("diff.keep", "ctrl+s", "keep", "keep",
            "Write the ignored paths into [compare] of the project's kiket.toml.",
            Scope.DIFF, palette=False),
    Command("diff.unordered", "o", "unordered", "order",
            "Ignore the order of arrays, or let it count again.", Scope.DIFF, palette=False),
    Command("diff.noise", "h", "noise", "noise",
            "Let headers count that differ each time, such as date, or ignore them again.",
            Scope.DIFF, palette=False),
    Command("diff.whole", "a", "whole", "all lines",
            "Show all lines, or only differences and what is around them.", Scope.DIFF,
            palette=False),
    Command("diff.swap", "w", "swap", "swap",
            "Compare the other way round.", Scope.DIFF, palette=False),
    Command("diff.close", "escape,q", "close", "back",
            "Go back.", Scope.DIFF, palette=False),
)  # fmt: skip
