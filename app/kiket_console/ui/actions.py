"""The one registry of commands: id, keys, label, help, and where each applies.

Bindings, the palette, the footer and the help page are all made from it, so that a command cannot
be in one and missing from another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from textual.binding import Binding

if TYPE_CHECKING:
    from collections.abc import Iterable


class Scope(StrEnum):
    """Where a command applies; inner scopes come first when a key is pressed."""

    APP = "everywhere"
    PLACE = "in every place"
    TRAFFIC = "Traffic"
    PROCESSES = "Processes"
    LOGS = "Logs"
    LIST = "lists and text"
    VIEW = "text"
    CHOOSER = "lists to choose from"
    DIALOG = "questions"
    PROMPT = "a line to type into"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do."""

    id: str
    keys: str
    """Comma-separated key names; the first is the one that is shown."""
    action: str
    """The Textual action that carries it out."""
    label: str
    help: str
    scope: Scope
    footer: int = 0
    """Its rank among the footer's keys while a list has the focus, 1 first; 0 keeps it out."""
    footer_open: int = 0
    """The same while details have the focus."""
    palette: bool = True
    """Whether it makes sense without a key: moves of the cursor do not."""
    shown: str = ""
    """What to show for its key, where one key stands for a pair."""

    @property
    def key(self) -> str:
        """The key as a person reads it."""
        return self.shown or shown_key(self.keys.split(",")[0])


_SHOWN_KEYS = {
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "right_curly_bracket": "}",
    "left_curly_bracket": "{",
    "pagedown": "pgdn",
    "delete": "del",
    "pageup": "pgup",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def shown_key(key: str) -> str:
    """Return a key's name as a person reads it: `?`, `esc`, `ctrl+p`."""
    modifiers, plus, name = key.rpartition("+")
    return modifiers + plus + _SHOWN_KEYS.get(name, name)


def _move(id_: str, keys: str, action: str, label: str, help_: str) -> Command:
    return Command(f"list.{id_}", keys, action, label, help_, Scope.LIST, palette=False)


COMMANDS: tuple[Command, ...] = (
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
            "Open the details of the selected row.", Scope.PLACE, footer=1, palette=False),
    Command("back", "escape", "back", "back",
            "Step out of the details.", Scope.PLACE, footer_open=1, palette=False),
    Command("close", "q", "close", "leave",
            "Close the details; in a list, ask how to leave.", Scope.PLACE, footer=6),
    Command("traffic.replay", "r", "replay", "replay",
            "Send the delivery, or a call's cause, signed anew.",
            Scope.TRAFFIC, footer=2, footer_open=3),
    Command("traffic.trigger", "t", "trigger", "trigger",
            "Choose a sample event and send it, signed.",
            Scope.TRAFFIC, footer=3, footer_open=4),
    Command("traffic.follow", "f", "follow", "follow",
            "Follow what is new, or stop following.", Scope.TRAFFIC, footer=4),
    Command("traffic.next-failing", "right_curly_bracket", "failing(1)", "next failing",
            "Go to the next exchange that failed.", Scope.TRAFFIC),
    Command("traffic.previous-failing", "left_curly_bracket", "failing(-1)", "previous failing",
            "Go to the previous exchange that failed.", Scope.TRAFFIC),
    Command("traffic.pin", "m", "pin", "pin",
            "Keep this exchange whatever its age; press it again to keep it no longer.",
            Scope.TRAFFIC, footer_open=5),
    Command("traffic.remove", "delete", "remove", "delete",
            "Delete this exchange and the calls it caused; u brings them back.",
            Scope.TRAFFIC, footer_open=6),
    Command("traffic.undo", "u", "undo", "undo",
            "Take back what was deleted or pinned last.", Scope.TRAFFIC),
    Command("tab.previous", "left_square_bracket", "tab(-1)", "previous tab",
            "Show the previous tab of the details.", Scope.TRAFFIC),
    Command("tab.next", "right_square_bracket", "tab(1)", "tabs",
            "Show the next tab of the details.",
            Scope.TRAFFIC, footer=5, footer_open=2, shown="[ ]"),
    Command("tab.timeline", "c", "show_tab('timeline')", "timeline",
            "Show what this exchange caused, and when.", Scope.TRAFFIC),
    Command("tab.logs", "l", "show_tab('logs')", "its logs",
            "Show what was logged while this exchange was handled.", Scope.TRAFFIC),
    Command("processes.restart", "r,ctrl+r", "restart", "restart",
            "Start the selected worker anew, or start it when it is stopped.",
            Scope.PROCESSES, footer=2, footer_open=2),
    Command("processes.stop", "K", "stop", "stop",
            "Stop the selected worker; requests to it are then refused.",
            Scope.PROCESSES, footer=3, footer_open=3),
    Command("logs.follow", "f", "follow", "follow",
            "Follow what is new, or stop following.", Scope.LOGS, footer=2),
    Command("logs.cause", "c", "cause", "its exchange",
            "Go to the exchange that the selected line belongs to.",
            Scope.LOGS, footer=3, footer_open=2),
    _move("down", "down,j", "step(1)", "down", "Go one row down."),
    _move("up", "up,k", "step(-1)", "up", "Go one row up."),
    _move("page-down", "pagedown,ctrl+f", "page(1)", "page down", "Go one page down."),
    _move("page-up", "pageup,ctrl+b", "page(-1)", "page up", "Go one page up."),
    _move("half-down", "ctrl+d", "half_page(1)", "half a page down", "Go half a page down."),
    _move("half-up", "ctrl+u", "half_page(-1)", "half a page up", "Go half a page up."),
    _move("oldest", "g,home", "oldest", "oldest", "Go to the top."),
    _move("newest", "G,end", "newest", "newest", "Go to the bottom; follow what is new there."),
    Command("view.right", "right", "sideways(1)", "right",
            "Show what is further right.", Scope.VIEW, palette=False),
    Command("view.left", "left", "sideways(-1)", "left",
            "Show what is further left.", Scope.VIEW, palette=False),
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
    Command("prompt.older", "up", "recall(-1)", "earlier",
            "Bring back what was entered before.", Scope.PROMPT, palette=False),
    Command("prompt.newer", "down", "recall(1)", "later",
            "Bring back what was entered after it.", Scope.PROMPT, palette=False),
    Command("prompt.submit", "enter", "submit", "enter",
            "Enter what is typed.", Scope.PROMPT, palette=False),
    Command("prompt.cancel", "escape", "cancel", "cancel",
            "Change nothing.", Scope.PROMPT, palette=False),
)  # fmt: skip


FOOTER_KEYS = 6
PLACE_SCOPES = (Scope.TRAFFIC, Scope.PROCESSES, Scope.LOGS)


def of(*scopes: Scope) -> list[Command]:
    """Return the commands of some scopes in the registry's order."""
    return [command for command in COMMANDS if command.scope in scopes]


def bindings(*scopes: Scope) -> list[Binding]:
    """Return the key bindings of some scopes."""
    return [
        Binding(
            command.keys,
            command.action,
            command.label,
            show=False,
            id=command.id,
            tooltip=command.help,
            priority=command.id == "quit",
        )
        for command in of(*scopes)
    ]


def footer(place: Scope, *, opened: bool) -> list[Command]:
    """Return the commands that the footer of a place names, the most useful first.

    *opened*: the details have the focus, not the list.
    """
    ranked = [
        (command.footer_open if opened else command.footer, command)
        for command in of(Scope.PLACE, place)
    ]
    named = sorted((each for each in ranked if each[0]), key=lambda each: each[0])
    return [command for _, command in named][:FOOTER_KEYS]


def palette(place: Scope) -> list[Command]:
    """Return the commands that can be run by name in a place, those of the place first."""
    found = [command for command in of(place, Scope.PLACE, Scope.APP) if command.palette]
    return sorted(found, key=lambda command: command.scope is not place)


def unique_keys(commands: Iterable[Command]) -> dict[str, str]:
    """Return which command each key belongs to; raises `ValueError` when two want one key."""
    owners: dict[str, str] = {}
    for command in commands:
        for key in command.keys.split(","):
            if key in owners:
                raise ValueError(f"{key!r} belongs to {owners[key]!r} and to {command.id!r}.")
            owners[key] = command.id
    return owners
