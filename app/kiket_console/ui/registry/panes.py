"""Moves in lists and texts."""

from __future__ import annotations

from kiket_console.ui.command import Command, Scope


def _move(id_: str, keys: str, action: str, label: str, help_: str) -> Command:
    return Command(f"list.{id_}", keys, action, label, help_, Scope.LIST, palette=False)


COMMANDS = (
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
)  # fmt: skip
