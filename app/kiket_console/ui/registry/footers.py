"""What the footer names: for each place and mode the ids of commands, the most useful first."""

from __future__ import annotations

from typing import Final

from kiket_console.ui.command import Mode, Scope

MOST: Final = 6

FOOTERS: Final[dict[tuple[Scope, Mode], tuple[str, ...]]] = {
    (Scope.TRAFFIC, Mode.LIST): (
        "open", "traffic.replay", "traffic.trigger", "traffic.follow", "tab.next", "close",
    ),
    (Scope.TRAFFIC, Mode.DETAILS): (
        "back", "tab.next", "traffic.replay", "traffic.trigger", "traffic.pin", "traffic.remove",
    ),
    (Scope.TRAFFIC, Mode.EMPTY): ("traffic.trigger", "close"),
    (Scope.PROCESSES, Mode.LIST): ("open", "processes.restart", "processes.stop", "close"),
    (Scope.PROCESSES, Mode.DETAILS): ("back", "processes.restart", "processes.stop"),
    (Scope.PROCESSES, Mode.EMPTY): ("close",),
    (Scope.LOGS, Mode.LIST): ("open", "logs.follow", "logs.cause", "close"),
    (Scope.LOGS, Mode.DETAILS): ("back", "logs.cause"),
    (Scope.LOGS, Mode.EMPTY): ("close",),
}  # fmt: skip
