"""Processes: what runs, how sure we are, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kiket_console.text import plural, visible
from kiket_console.ui import moment
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.paint import processes
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.paint.worker import about
from kiket_console.ui.rows import ProcessRows
from kiket_console.ui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource


class ProcessesScreen(PlaceScreen):
    """The list of workers and what is known of one."""

    PLACE = Scope.PROCESSES
    TITLE = "Processes"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.PROCESSES)]

    def __init__(self, console: ConsoleApp) -> None:
        self._rows = ProcessRows(lambda: console.status)
        super().__init__(console, self._rows)

    def summary(self) -> Line:
        """Return how many serve."""
        workers = self._rows.workers
        serving = sum(worker.serving for worker in workers)
        count = plural(len(workers), "worker")
        return [(f"{count}, {serving} serving", "muted")] if workers else ()

    def status_changed(self) -> None:
        """Draw the workers as they are now."""
        super().status_changed()
        self.list.redraw()
        self.list.sync()
        self.show_summary()
        self.show_details()

    def show_details(self) -> None:
        """Show what is known of the selected worker."""
        worker = self._rows.selected
        if worker is None:
            return
        sign, role = processes.state_sign(worker)
        self.details_rule.show(
            visible(worker.name), [(f"{sign} {processes.state_word(worker)}", role)]
        )
        self.text.show(self._about, stay=True)

    def action_restart(self) -> None:
        """Start the selected worker anew."""
        worker = self._rows.selected
        if worker is not None:
            stopped = worker.state.value in ("stopped", "fatal")
            self.console.requests.command_worker(worker.name, "start" if stopped else "restart")

    def action_stop(self) -> None:
        """Stop the selected worker."""
        worker = self._rows.selected
        if worker is not None:
            self.console.requests.command_worker(worker.name, "stop")

    def _about(self, width: int) -> LineSource:
        worker, status = self._rows.selected, self.console.status
        if worker is None or status is None:
            return Lines()
        return Lines(about(worker, status, width, moment.now_us()))

    def tick(self) -> None:
        """Count seconds."""
        super().tick()
        self.list.changed(list(range(self._rows.count)))
