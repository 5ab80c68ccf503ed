"""A console that fails somewhere, to be run in a terminal: `python -m … FOLDER WHERE`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import NoReturn

from tests.snap import scene
from textual import work

from kiket_console.paths import ProjectPaths
from kiket_console.ui import program
from kiket_console.ui.app import ConsoleApp
from kiket_console.ui.widgets.views import ListView

SECRET = "the-value-of-a-local"


def fail(*_: object, **__: object) -> NoReturn:
    """Fail with a value at hand that nobody may see."""
    local = SECRET + "-in-a-frame"
    raise RuntimeError("it failed" if local else "")


class Failing(ConsoleApp):
    """A console whose key `f2` fails in the way it was told to."""

    where = ""

    def key_f2(self) -> None:
        """Fail."""
        if self.where == "render":
            ListView.draw = fail  # type: ignore[method-assign]  # on purpose
            assert self.place is not None
            self.place.list.redraw()
        if self.where == "thread":
            self._fail_in_thread()

    @work(thread=True)
    def _fail_in_thread(self) -> None:
        fail()


def main() -> int:
    """Run it to its end."""
    folder, where = Path(sys.argv[1]), sys.argv[2]
    paths = ProjectPaths(folder)
    if not paths.store.exists():
        paths.make()
        scene.write_store(paths.store)
    Failing.where = where
    setattr(program, "ConsoleApp", Failing)  # noqa: B010 - what run_console makes
    Failing._client = lambda _: scene.ToldEngine()  # type: ignore[assignment, method-assign]  # nobody answers
    return program.run_console(paths)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    sys.exit(main())
