"""Commands of Processes."""

from __future__ import annotations

from kiket_console.ui.command import Argument, Command, Scope

COMMANDS = (
    Command("processes.restart", "r,ctrl+r", "restart", "restart",
            "Start the selected worker anew, or start it when it is stopped.",
            Scope.PROCESSES, argument=Argument.WORKER),
    Command("processes.stop", "s", "stop", "stop / start",
            "Stop the selected worker, so that requests to it are refused; start it when it is "
            "stopped. u takes it back.", Scope.PROCESSES, argument=Argument.WORKER),
    Command("processes.start", "", "start", "start",
            "Start the selected worker when it is stopped or was given up.",
            Scope.PROCESSES, argument=Argument.WORKER),
    Command("processes.kill", "K", "kill", "kill now",
            "Kill the selected worker and all that it started, without time to finish; asks first.",
            Scope.PROCESSES, argument=Argument.WORKER),
    Command("processes.undo", "u", "undo", "undo",
            "Take back the last stop or start.", Scope.PROCESSES),
    Command("processes.send", "t", "send", "send",
            "Choose a message and send it to the selected module, or an event to the selected "
            "extension.", Scope.PROCESSES, names="send", argument=Argument.WORKER),
    Command("processes.rotate", "R", "rotate", "rotate a secret",
            "Choose a secret of the selected worker, hand its new value to the modules that have "
            "it, and show who took it.", Scope.PROCESSES, names="rotate",
            argument=Argument.WORKER),
    Command("processes.logs", "l", "logs", "its logs",
            "Show what the selected worker logged.", Scope.PROCESSES, names="its-logs"),
    Command("processes.timeline", "c", "timeline", "timeline",
            "Show the timeline of the selected worker's newest exchange; esc comes back.",
            Scope.PROCESSES),
    Command("processes.source", "O", "source", "open in editor",
            "Open the place of the problem, the manifest's first error, or else the first handler, "
            "in your editor.",
            Scope.PROCESSES),
    Command("processes.setup", "w", "setup", "setup wizard",
            "Show the setup wizard of the selected extension as people meet it who install it.",
            Scope.PROCESSES),
    Command("setup.next", "right_square_bracket,tab", "step(1)", "steps",
            "Go to the next step.", Scope.SETUP, palette=False, pair="setup.previous"),
    Command("setup.previous", "left_square_bracket,shift+tab", "step(-1)", "step before",
            "Go to the step before.", Scope.SETUP, palette=False),
    Command("setup.send", "t", "send", "send the test",
            "Choose an event and send it, beginning with the one that this step tests with.",
            Scope.SETUP, palette=False),
    Command("setup.source", "O", "source", "open in editor",
            "Open the manifest in your editor, at this step or at what is wrong under the cursor.",
            Scope.SETUP, palette=False),
    Command("setup.close", "escape,q", "close", "back",
            "Go back.", Scope.SETUP, palette=False),
    Command("processes.copy", "y", "copy", "copy URL",
            "Copy where the selected worker's webhooks go to.", Scope.PROCESSES),
)  # fmt: skip
