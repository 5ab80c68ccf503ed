"""Commands that work everywhere, and those of every place."""

from __future__ import annotations

from kiket_console.ui.command import Argument, Command, Scope

COMMANDS = (
    Command("quit", "ctrl+q", "leave", "leave",
            "Ask how to leave; twice within 1.5 s stops all.", Scope.APP, names="quit,q"),
    Command("quit.hint", "ctrl+c", "help_quit", "how to leave",
            "Say how to leave.", Scope.APP, palette=False),
    Command("palette", "ctrl+p", "palette", "commands",
            "Find a command by its name.", Scope.APP, palette=False),
    Command("help", "question_mark,f1", "app.keys", "keys",
            "List the keys and commands that work here and now.", Scope.APP, names="help,keys"),
    Command("command-line", "colon", "app.command_line", "all commands",
            "Type a command by its name.", Scope.PLACE, palette=False),
    Command("theme", "T", "app.theme", "theme",
            "Choose colours, with a live preview.", Scope.PLACE, argument=Argument.THEME),
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
    Command("layout", "minus", "layout", "layout",
            "Go to the next layout: the list alone, details beside it, details below it.",
            Scope.PLACE),
    Command("zoom", "z", "zoom", "zoom",
            "Give all room to this pane, or share it again.", Scope.PLACE),
    Command("close", "q", "close", "leave",
            "Close the details; in a list, ask how to leave.", Scope.PLACE),
)  # fmt: skip
