"""Commands of dialogs, and of a line to type into."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope

COMMANDS = (
    Command("chooser.down", "down,ctrl+n", "step(1)", "down",
            "Go one row down.", Scope.CHOOSER, palette=False),
    Command("chooser.up", "up", "step(-1)", "up",
            "Go one row up.", Scope.CHOOSER, palette=False),
    Command("chooser.page-down", "pagedown", "page(1)", "page down",
            "Go one page down.", Scope.CHOOSER, palette=False),
    Command("chooser.page-up", "pageup", "page(-1)", "page up",
            "Go one page up.", Scope.CHOOSER, palette=False),
    Command("chooser.choose", "enter", "choose", "choose",
            "Take the selected row.", Scope.CHOOSER, palette=False),
    Command("chooser.cancel", "escape", "cancel", "cancel",
            "Change nothing.", Scope.CHOOSER, palette=False),
    Command("dialog.next", "right,l,down,j,tab", "next(1)", "next",
            "Go to the next answer.", Scope.DIALOG, palette=False),
    Command("dialog.previous", "left,h,up,k,shift+tab", "next(-1)", "previous",
            "Go to the previous answer.", Scope.DIALOG, palette=False),
    Command("dialog.choose", "enter", "choose", "choose",
            "Take the selected answer.", Scope.DIALOG, palette=False),
    Command("dialog.cancel", "escape,q", "cancel", "cancel",
            "Change nothing.", Scope.DIALOG, palette=False),
    Command("prompt.complete", "tab", "complete(1)", "complete",
            "Take what is offered, or go to the next offer.", Scope.PROMPT, palette=False),
    Command("prompt.complete-back", "shift+tab", "complete(-1)", "previous offer",
            "Go to the previous offer.", Scope.PROMPT, palette=False),
    Command("prompt.older", "up", "recall(-1)", "entered earlier",
            "Bring back what was entered before.", Scope.PROMPT, palette=False,
            pair="prompt.newer"),
    Command("prompt.newer", "down", "recall(1)", "later",
            "Bring back what was entered after it.", Scope.PROMPT, palette=False),
    Command("prompt.submit", "enter", "submit", "enter",
            "Enter what is typed.", Scope.PROMPT, palette=False),
    Command("prompt.cancel", "escape", "cancel", "cancel",
            "Change nothing.", Scope.PROMPT, palette=False),
)  # fmt: skip
