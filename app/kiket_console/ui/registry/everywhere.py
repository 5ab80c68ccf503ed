"""Commands that work everywhere, and those of every place."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope

COMMANDS = (
    Command("quit", "ctrl+q", "leave", "leave",
            "Ask how to leave; twice within 1.5 s stops all.", Scope.APP),
    Command("quit.hint", "ctrl+c", "help_quit", "how to leave",
            "Say how to leave.", Scope.APP, palette=False),
    Command("palette", "ctrl+p", "palette", "commands",
            "Find a command by its name.", Scope.APP, palette=False),
    Command("help", "question_mark,f1", "keys", "keys",
            "List the keys that work here.", Scope.PLACE),
    Command("theme", "T", "app.theme", "theme",
            "Choose colours, with a live preview.", Scope.PLACE),
    Command("place.traffic", "1", "app.place('traffic')", "Traffic",
            "Show what was exchanged.", Scope.PLACE),
    Command("place.processes", "2", "app.place('processes')", "Processes",
            "Show what runs, and what is wrong with it.", Scope.PLACE),
    Command("place.logs", "3", "app.place('logs')", "Logs",
            "Show what your code printed and logged.", Scope.PLACE),
    Command("next-pane", "tab", "app.focus_next", "next pane",
            "Go to the next pane.", Scope.PLACE, palette=False),
    Command("previous-pane", "shift+tab", "app.focus_previous", "previous pane",
            "Go to the previous pane.", Scope.PLACE, palette=False),
    Command("open", "enter", "open", "open",
            "Open the details of the selected row.", Scope.PLACE, palette=False),
    Command("back", "escape", "back", "back",
            "Step out of the details.", Scope.PLACE, palette=False),
    Command("close", "q", "close", "leave",
            "Close the details; in a list, ask how to leave.", Scope.PLACE),
)  # fmt: skip
