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
        "open", "logs.filter", "logs.next-error", "logs.source", "logs.timeline", "logs.worker",
    ),
    (Scope.LOGS, Mode.DETAILS): (
        "back", "logs.source", "logs.timeline", "logs.next-error", "logs.copy",
    ),
    (Scope.LOGS, Mode.SELECTION): ("back", "logs.pick-range", "logs.copy"),
    (Scope.LOGS, Mode.EMPTY): ("logs.filter", "close"),
    (Scope.LOGS, Mode.FILTERED): ("back", "logs.filter", "logs.suspend", "close"),
    (Scope.METRICS, Mode.LIST): (
        "open", "metrics.timeline", "metrics.details", "metrics.window", "metrics.since",
        "metrics.left",
    ),
    (Scope.METRICS, Mode.DETAILS): (
        "back", "metrics.exchanges", "metrics.timeline", "metrics.logs", "metrics.window",
        "metrics.since",
    ),
    (Scope.METRICS, Mode.EMPTY): ("metrics.window", "place.traffic", "close"),
    (Scope.METRICS, Mode.FILTERED): ("back", "metrics.filter", "close"),
    (Scope.PRODUCER, Mode.LIST): (
        "producer.send", "producer.write", "producer.dry-run", "producer.edit", "producer.template",
        "producer.ways",
    ),
    (Scope.PRODUCER, Mode.WRITING): (
        "producer.send", "producer.dry-run", "back", "producer.form", "producer.external",
        "producer.keep",
    ),
    (Scope.PRODUCER, Mode.DETAILS): (
        "back", "producer.edit", "producer.resend", "producer.copy", "producer.timeline",
        "view.search",
    ),
    (Scope.PRODUCER, Mode.EMPTY): (
        "producer.send", "producer.write", "producer.dry-run", "producer.template",
        "producer.ways", "producer.profile",
    ),
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
    (Scope.SECRETS, Mode.LIST): (
        "secrets.add", "secrets.edit", "secrets.rotate", "secrets.reveal", "secrets.copy",
        "secrets.remove",
    ),
    (Scope.SECRETS, Mode.DETAILS): (
        "back", "secrets.edit", "secrets.rotate", "secrets.reveal", "secrets.copy",
        "secrets.restore",
    ),
    (Scope.SECRETS, Mode.MISSING): (
        "secrets.add", "secrets.import", "secrets.filter", "secrets.undo",
    ),
    (Scope.SECRETS, Mode.EMPTY): ("secrets.add", "secrets.import", "close"),
    (Scope.SECRETS, Mode.FILTERED): ("back", "secrets.filter", "close"),
    (Scope.SECRET, Mode.LIST): (
        "secret.save", "secret.next", "secret.cancel",
    ),
    (Scope.NAMES, Mode.LIST): (
        "names.take", "names.toggle", "names.all", "names.scope", "names.cancel",
    ),
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
    (Scope.PREVIEW, Mode.LIST): ("preview.close", "preview.copy", "view.search"),
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
