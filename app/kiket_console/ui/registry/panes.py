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
    Command("view.turn", "enter,space", "turn", "open/fold",
            "Fold or unfold what begins here; go to what the line leads to.",
            Scope.VIEW, palette=False),
    Command("view.right", "right", "sideways(1)", "right",
            "Unfold what begins here; else show what is further right.",
            Scope.VIEW, palette=False),
    Command("view.left", "left", "sideways(-1)", "left",
            "Fold what begins here; else show what is further left, or go to what holds this.",
            Scope.VIEW, palette=False),
    Command("view.fold-more", "shift+left", "fold_level(-1)", "fold a level",
            "Fold one level more.", Scope.VIEW, pair="view.fold-less", palette=False),
    Command("view.fold-less", "shift+right", "fold_level(1)", "unfold a level",
            "Unfold one level more.", Scope.VIEW, palette=False),
    Command("view.fold-all", "less_than_sign", "fold_all", "fold all",
            "Fold everything.", Scope.VIEW, pair="view.unfold-all"),
    Command("view.unfold-all", "greater_than_sign", "unfold_all", "unfold all",
            "Unfold everything.", Scope.VIEW),
    Command("view.search", "slash", "search", "search",
            "Look for a text in all of this, also where it is folded.", Scope.VIEW),
    Command("view.next-match", "n", "match(1)", "next",
            "Go to the next place that was found; in a timeline without a search, to what failed "
            "or took long.", Scope.VIEW, palette=False),
    Command("view.previous-match", "N", "match(-1)", "previous",
            "Go to the place that was found before.", Scope.VIEW, palette=False),
    Command("view.end-search", "escape", "end_search", "end search",
            "Mark nothing any more; then step out.", Scope.VIEW, palette=False),
    Command("view.pretty", "P", "pretty", "as sent",
            "Show the text as it was sent, or laid out again.", Scope.VIEW),
    Command("view.wrap", "W", "wrap", "wrap",
            "Wrap long lines, or no longer.", Scope.VIEW),
)  # fmt: skip
