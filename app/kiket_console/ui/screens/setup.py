"""The setup wizard of an extension, as people meet it who install it; nothing is asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.containers import Vertical
from textual.screen import ModalScreen

from kiket_console.errors import ConsoleError
from kiket_console.text import plural, visible
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.frames import targets
from kiket_console.ui.paint.findings import finding_lines
from kiket_console.ui.paint.setup import step_lines, wizard_title
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.screens.copying import Copying
from kiket_console.ui.threads import hand_over
from kiket_console.ui.widgets.bars import Footer, Rule, TabBar
from kiket_console.ui.widgets.ink import INK_CLASSES
from kiket_console.ui.widgets.text_view import TextView

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from kiket_console.model import Worker
    from kiket_console.setup_wizard import Setup, Step
    from kiket_console.ui.app import ConsoleApp

TITLE_LIMIT = 24
"""Cells of a step's title in its tab."""


def show_setup(console: ConsoleApp, worker: Worker) -> None:
    """Read the wizard of a worker's extension and show it, or say why there is none."""
    if worker.module is not None:
        console.say(f"{visible(worker.name)} is a module; extensions alone have a setup.")
        return

    def read() -> None:
        from kiket_console.setup_wizard import read_setup

        try:
            setup = read_setup(Path(worker.folder))
        except ConsoleError as error:
            hand_over(console, console.say, str(error), error=True)
            return
        hand_over(console, show, setup)

    def show(setup: Setup) -> None:
        if setup.steps or setup.findings:
            console.push_screen(SetupScreen(console, setup, worker.name))
        else:
            name = visible(setup.path.name)
            console.say(f"{name} describes no setup wizard; its steps would stand under setup.")

    console.run_worker(read, thread=True, exclusive=True, group="setup")


class SetupScreen(ModalScreen[None], Copying[None]):
    """Show one step at a time."""

    COMPONENT_CLASSES: ClassVar[set[str]] = INK_CLASSES
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.SETUP)]

    def __init__(self, console: ConsoleApp, setup: Setup, extension: str) -> None:
        super().__init__()
        self._extension = extension
        self.console = console
        self._setup = setup
        self._at = 0

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        with Vertical(id="dialog", classes="-page"):
            yield Rule()
            yield TabBar()
            yield TextView(id="step")
            yield Footer()

    def on_mount(self) -> None:
        """Show the first step."""
        self.query_one(Rule).active = True
        self.query_one(Footer).show(self.console.registry.footer(Scope.SETUP))
        self.query_one(TextView).focus()
        self._show()

    def _show(self) -> None:
        setup = self._setup
        steps = plural(len(setup.steps), "step")
        self.query_one(Rule).show(f"Setup of {wizard_title(setup)}", [(steps, "muted")])
        labels = [_label(number, step) for number, step in enumerate(setup.steps, start=1)]
        self.query_one(TabBar).show(labels, self._at)
        self.query_one(TextView).show(partial(_lines, setup, self._at, self.console.folder))

    def action_step(self, by: int) -> None:
        """Go to another step; from the last to the first."""
        if self._setup.steps:
            self._at = (self._at + by) % len(self._setup.steps)
            self._show()

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """Go to the step that was clicked."""
        self._at = event.index
        self._show()

    def on_text_view_followed(self, event: TextView.Followed) -> None:
        """Open the place that the line under the cursor names."""
        from kiket_console.ui.external import open_target

        open_target(self.console, event.target)

    def action_send(self) -> None:
        """Let the person send what a step tests with."""
        steps = self._setup.steps
        tests = [*steps[self._at :], *steps[: self._at]]  # this step, or else the next test
        action = next((each.action for each in tests if each.kind == "test"), "")
        if not action:
            self.console.say("No step of this setup tests anything.")
            return
        self.dismiss(None)
        self.console.deliveries.trigger(action, self._extension)

    def action_source(self) -> None:
        """Open the manifest in an editor, at what is wrong under the cursor or at this step."""
        from kiket_console.ui.external import open_file, open_target

        text = self.query_one(TextView)
        if target := text.source.target(text.cursor):
            open_target(self.console, target)
            return
        steps = self._setup.steps
        open_file(self.console, self._setup.path, steps[self._at].line if steps else 0)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss(None)


def _label(number: int, step: Step) -> str:
    title = visible(step.title)
    if len(title) > TITLE_LIMIT:
        title = title[: TITLE_LIMIT - 1] + "…"
    wrong = any(each.severity == "error" for each in step.findings)
    return f"{number} {title}{' ✗' if wrong else ''}"


def _lines(setup: Setup, at: int, folder: Path, width: int) -> Lines:
    lines = step_lines(setup.steps[at], width, folder) if setup.steps else []
    if setup.findings:
        lines += [[], *finding_lines(setup.findings, width, folder)]
    return Lines(lines, targets(lines))
