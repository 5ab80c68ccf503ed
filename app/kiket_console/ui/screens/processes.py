"""Processes: what runs, how sure we are, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kiket_console.model import WorkerState
from kiket_console.text import plural, visible
from kiket_console.ui import moment
from kiket_console.ui.actions import Scope, bindings
from kiket_console.ui.checks import Checks
from kiket_console.ui.frames import targets
from kiket_console.ui.paint import processes
from kiket_console.ui.paint.findings import result_lines
from kiket_console.ui.paint.module import routes_url
from kiket_console.ui.paint.source import Lines
from kiket_console.ui.paint.worker import about, webhooks_url
from kiket_console.ui.rows import ProcessRows
from kiket_console.ui.samples import Samples
from kiket_console.ui.screens.layout import Layout
from kiket_console.ui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from textual.geometry import Size

    from kiket_console.model import Worker
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource
    from kiket_console.ui.widgets.text_view import TextView

TAIL_LINES = 6
_ENDED = (WorkerState.STOPPED, WorkerState.STOPPING, WorkerState.FATAL)


class ProcessesScreen(PlaceScreen):
    """The list of workers and what is known of one."""

    PLACE = Scope.PROCESSES
    TITLE = "Processes"
    BINDINGS: ClassVar[list[Any]] = [*bindings(Scope.PLACE, Scope.PROCESSES)]

    def __init__(self, console: ConsoleApp) -> None:
        self._rows = ProcessRows(lambda: console.status)
        super().__init__(console, self._rows)
        self._checks = Checks(self, self.show_details)
        self._samples = Samples(self, console.another_reader, self.show_details)

    def natural_layout(self, size: Size) -> Layout:  # noqa: ARG002 - there are few rows
        """Show a worker below the list in any size."""
        return Layout.STACKED

    def summary(self) -> Line:
        """Return how many serve."""
        workers = self._rows.workers
        serving = sum(worker.answers for worker in workers)
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
        self._checks.look(worker)
        self._samples.look(worker)
        sign, role = processes.state_sign(worker)
        self.details_rule.show(
            visible(worker.name), [(f"{sign} {processes.state_word(worker)}", role)]
        )
        self.text.show(self._about, stay=True)

    def action_restart(self, name: str = "") -> None:
        """Start a worker anew; the selected one unless another is named."""
        if (worker := self._worker(name)) is not None:
            self._command(worker, "start" if worker.state in _ENDED else "restart")

    def action_stop(self, name: str = "") -> None:
        """Stop a worker, or start it when it is stopped."""
        if (worker := self._worker(name)) is not None:
            self._command(worker, "start" if worker.state is WorkerState.STOPPED else "stop")

    def action_start(self, name: str = "") -> None:
        """Start a worker."""
        worker = self._worker(name)
        if worker is not None and worker.serving:
            self.console.say(f"{visible(worker.name)} serves already.")
        elif worker is not None:
            self._command(worker, "start")

    def action_kill(self, name: str = "") -> None:
        """Ask, then kill a worker."""
        from kiket_console.ui.screens.kill import KillScreen, Sure

        worker = self._worker(name)
        if worker is None:
            return

        def answered(answer: Sure | None) -> None:
            if answer is Sure.KILL:
                self._command(worker, "kill")

        self.console.push_screen(KillScreen(worker), answered)

    def action_undo(self) -> None:
        """Take back what was done last."""
        self.console.requests.undo()

    def action_send(self, name: str = "") -> None:
        """Choose what to send to a worker: a message, or an event."""
        worker = self._worker(name)
        if worker is None:
            return
        if worker.module is not None:
            self.console.messages.write(worker.name)
        else:
            self.console.deliveries.trigger(extension=worker.name)

    def action_rotate(self, name: str = "") -> None:
        """Hand out a new value of one of a worker's secrets."""
        from kiket_console.ui.rotating import rotate

        if (worker := self._worker(name)) is not None:
            rotate(self, worker)

    def action_logs(self) -> None:
        """Show what the selected worker logged."""
        worker = self._rows.selected
        if worker is not None:
            self.console.show_logs(worker.name)

    def action_timeline(self) -> None:
        """Show what the selected worker did last, and why."""
        worker = self._rows.selected
        newest = self.console.reader.newest_of(worker.name) if worker is not None else None
        if newest is not None:
            self.console.show_timeline(newest)
        elif worker is not None:
            self.console.say(f"{visible(worker.name)} has had nothing to do lately.")

    def action_source(self) -> None:
        """Open what is wrong with the selected worker or its manifest, or else a handler of it."""
        from kiket_console.ui.external import open_file, open_target

        worker = self._rows.selected
        if worker is None:
            return
        if self.opened and (target := self.text.source.target(self.text.cursor)):
            open_target(self.console, target)
            return
        found = [(worker.problem.file, worker.problem.line)] if worker.problem else []
        if (checked := self._checks.of(worker)) is not None:
            errors = (each for each in checked.findings if each.severity == "error")
            found += [(str(each.path), each.line) for each in errors]
        found += [(handler.file, handler.line) for handler in worker.handlers]
        file, line = next((each for each in found if each[0]), ("", 0))
        if file:
            open_file(self.console, file, line)
        else:
            self.console.say(f"No place in the code of {visible(worker.name)} is known.")

    def action_setup(self) -> None:
        """Show the setup wizard of the selected worker's extension."""
        from kiket_console.ui.screens.setup import show_setup

        if (worker := self._rows.selected) is not None:
            show_setup(self.console, worker)

    def on_text_view_followed(self, event: TextView.Followed) -> None:
        """Open the place that the line under the cursor names."""
        from kiket_console.ui.external import open_target

        open_target(self.console, event.target)

    def action_copy(self) -> None:
        """Copy where the selected worker's webhooks go to, or a module's requests."""
        from kiket_console.ui.clipboard import copy

        worker, status = self._rows.selected, self.console.status
        if worker is None or status is None:
            return
        if worker.module is not None:
            copy(self.console, routes_url(worker, status), "The routes' URL")
        else:
            copy(self.console, webhooks_url(worker, status), "The webhooks' URL")

    def _command(self, worker: Worker, verb: str) -> None:
        self.console.requests.command_worker(worker.name, verb)

    def _worker(self, name: str) -> Worker | None:
        """Return the worker of that name, or the selected one; say so when there is none.

        What stands behind a name's last dot is enough where it is one worker's.
        """
        if not name:
            return self._rows.selected
        workers = self._rows.workers
        found = next((each for each in workers if each.name == name), None)
        short = [each for each in workers if each.name.endswith(f".{name}")]
        if found is None and len(short) == 1:
            found = short[0]
        if found is None:
            known = ", ".join(visible(each.name) for each in self._rows.workers)
            self.console.say(f'There is no worker "{visible(name)}". Known: {known}.', error=True)
        return found

    def _about(self, width: int) -> LineSource:
        worker, status = self._rows.selected, self.console.status
        if worker is None or status is None:
            return Lines()
        tail = self.console.reader.recent_logs(worker.name, TAIL_LINES)
        result = self._checks.of(worker)
        checked = result_lines(result, width, self.console.folder) if result else ()
        used, own = self._samples.of(worker), self._samples.engine
        link = self.console.link
        gone_us = 0 if link.up or link.silent else link.since_us
        lines = about(worker, status, width, moment.now_us(), tail, checked, used, own, gone_us)
        return Lines(lines, targets(lines))

    def tick(self) -> None:
        """Count seconds."""
        super().tick()
        self.list.changed(list(range(self._rows.count)))
        if (worker := self._rows.selected) is not None:
            self._checks.look(worker)
            self._samples.look(worker)
