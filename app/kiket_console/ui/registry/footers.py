"""What the footer names: for each place and mode the ids of commands, the most useful first."""

from __future__ import annotations

from typing import Final

from kiket_console.ui.command import Mode, Scope

MOST: Final = 6

FOOTERS: Final[dict[tuple[Scope, Mode], tuple[str, ...]]] = {
    (Scope.TRAFFIC, Mode.LIST): (
        "open", "traffic.filter", "traffic.replay", "traffic.edit", "traffic.diff",
        "traffic.trigger",
    ),
    (Scope.TRAFFIC, Mode.SELECTION): (
        "back", "traffic.pick-range", "traffic.replay", "traffic.mark", "traffic.note",
        "traffic.remove",
    ),
    (Scope.TRAFFIC, Mode.DETAILS): (
        "back", "tab.previous", "view.search", "view.turn", "traffic.replay", "traffic.mark",
    ),
    (Scope.TRAFFIC, Mode.EMPTY): ("traffic.trigger", "close"),
    (Scope.TRAFFIC, Mode.FILTERED): (
        "back", "traffic.filter", "traffic.suspend", "traffic.trigger", "close",
    ),
    (Scope.PROCESSES, Mode.LIST): (
        "open", "processes.restart", "processes.stop", "processes.logs", "processes.source",
        "close",
    ),
    (Scope.PROCESSES, Mode.DETAILS): (
        "back", "processes.restart", "processes.stop", "processes.logs", "processes.source",
        "processes.kill",
    ),
    (Scope.PROCESSES, Mode.EMPTY): ("close",),
    (Scope.LOGS, Mode.LIST): (
        "open", "logs.filter", "logs.next-error", "logs.source", "logs.cause", "logs.worker",
    ),
    (Scope.LOGS, Mode.DETAILS): (
        "back", "logs.source", "logs.cause", "logs.next-error", "logs.copy",
    ),
    (Scope.LOGS, Mode.SELECTION): ("back", "logs.pick-range", "logs.copy"),
    (Scope.LOGS, Mode.EMPTY): ("logs.filter", "close"),
    (Scope.PLATFORM, Mode.LIST): (
        "open", "platform.add", "platform.filter", "platform.fail", "platform.settings", "close",
    ),
    (Scope.PLATFORM, Mode.INSIDE): (
        "open", "back", "platform.add", "platform.edit", "platform.remove", "platform.filter",
    ),
    (Scope.PLATFORM, Mode.DETAILS): (
        "back", "platform.edit", "view.search", "view.turn", "platform.copy", "platform.remove",
    ),
    (Scope.PLATFORM, Mode.EMPTY): ("platform.add", "back", "platform.fail", "close"),
    (Scope.PLATFORM, Mode.FILTERED): ("back", "platform.filter", "close"),
    (Scope.ROW, Mode.LIST): (
        "row.save", "row.changes", "row.leave", "row.external", "row.revert",
    ),
    (Scope.DIFF, Mode.LIST): (
        "diff.next", "diff.previous-tab", "diff.ignore", "diff.unordered", "diff.swap",
        "diff.close",
    ),
    (Scope.EDITOR, Mode.LIST): (
        "editor.send", "editor.dry-run", "editor.changes", "editor.leave", "editor.keep",
        "editor.external",
    ),
    (Scope.MESSAGE, Mode.LIST): (
        "message.send", "message.leave", "message.external", "message.revert",
    ),
    (Scope.SETUP, Mode.LIST): ("setup.next", "setup.send", "setup.source", "setup.close"),
    (Scope.PREVIEW, Mode.LIST): ("preview.close", "view.search"),
    (Scope.WAYS, Mode.LIST): ("ways.send", "ways.down", "ways.cancel"),
    (Scope.PROGRESS, Mode.LIST): ("progress.stop",),
    (Scope.TRIGGER, Mode.LIST): (
        "trigger.send", "trigger.next", "trigger.dry-run", "trigger.send-as", "trigger.cancel",
        "trigger.retry",
    ),
    (Scope.PROMPT, Mode.LIST): (
        "prompt.submit", "prompt.complete", "prompt.older", "prompt.cancel",
    ),
}  # fmt: skip
