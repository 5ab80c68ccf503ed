"""How the console is left: asked twice at once, all is stopped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.notifications import Notify

from kiket_console.ui.toast import Sentence

if TYPE_CHECKING:
    from kiket_console.engine_status import EngineStatus
    from kiket_console.ui.app import ConsoleApp
    from kiket_console.ui.screens.quit import Leave

TWICE_WITHIN_S = 1.5


class Leaving:
    """Asks how to leave *app*; a demo cannot be detached from."""

    def __init__(self, app: ConsoleApp, *, demo: bool) -> None:
        self._app = app
        self._demo = demo
        self._asked_s = -TWICE_WITHIN_S
        self._told_s = -TWICE_WITHIN_S

    def ask(self) -> None:
        """Ask how to leave; asked twice at once, stop all."""
        from kiket_console.ui.screens.quit import Leave, QuitScreen

        now_s = time.monotonic()
        if now_s - self._asked_s < TWICE_WITHIN_S:
            self._leave(Leave.STOP)
            return
        self._asked_s = now_s
        if isinstance(self._app.screen, QuitScreen):
            return
        answers = (Leave.STOP, Leave.STAY) if self._demo else tuple(Leave)
        self._app.push_screen(QuitScreen(self._sentences(), answers), self._leave)

    def tell_how(self) -> None:
        """Say how to leave, and ask when it is wanted twice."""
        from kiket_console.ui.screens.quit import QuitScreen

        if isinstance(self._app.screen, QuitScreen):
            return  # it asks already
        now_s = time.monotonic()
        if now_s - self._told_s < TWICE_WITHIN_S:
            self.ask()
        else:
            self._told_s = now_s
            sentence = Sentence("Press ctrl+c again to leave.", timeout=TWICE_WITHIN_S)
            self._app.post_message(Notify(sentence))

    def _sentences(self) -> list[str]:
        status = self._app.status
        if self._demo:
            return ["Stop all ends the demo and leaves nothing behind."]
        if self._app.link.ever and not (self._app.link.up or self._app.link.silent):
            return ["The engine has gone, and its workers with it."]
        if status is None or not self._app.link.up:
            return ["The engine cannot be reached.", "Detach leaves everything as it is."]
        running = status.running
        lost = ["Stop all forgets the secrets of this session."] if _forgets(status) else []
        if running == 1:
            return ["1 worker runs. Detach keeps it and the recording.", *lost]
        if not running:
            return ["No worker runs. Detach keeps the engine and the recording.", *lost]
        return [f"{running} workers run. Detach keeps them and the recording.", *lost]

    def _leave(self, answer: Leave | None) -> None:
        from kiket_console.ui.screens.quit import Leave

        if answer in (Leave.DETACH, Leave.STOP):
            self._app.exit(answer is Leave.STOP)


def _forgets(status: EngineStatus) -> bool:
    """Tell whether a person chose to keep secrets for as long as the engine runs."""
    return status.vault == "this session only"
