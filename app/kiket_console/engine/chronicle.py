"""What the Logs say of a worker's life, beside what its code writes, and what charts mark of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct, field

from kiket_console.engine.health import silent
from kiket_console.settings_file import PROJECT_FILE
from kiket_console.store.records import NewLog
from kiket_console.telemetry.nouns import Reload

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.model import Problem

_LOGGER = "kiket_console"


class Cause(Struct, frozen=True):
    """Why code is started: a file was saved, or something else happened."""

    file: str = ""
    """Empty for a start by hand, after a crash, or with the engine."""
    is_code: bool = False
    """Whether Python code alone was saved, and nothing that says how it is run."""
    seen_s: float = field(default_factory=time.monotonic)


class Chronicle:
    """Writes a line for each turn that one worker's life takes."""

    def __init__(
        self,
        worker: str,
        on_log: Callable[[NewLog], None],
        on_reload: Callable[[Reload], None] = lambda _: None,
    ) -> None:
        self._worker = worker
        self._on_log = on_log
        self._on_reload = on_reload
        self._silent = ""
        self._failed = False
        self._doubted: Problem | None = None

    def failed(self, problem: Problem) -> None:
        """Say that code crashed: one record with its traceback."""
        self._failed = True
        self._on_log(line(self._worker, "ERROR", "\n".join([problem.sentence, *problem.traceback])))

    def did_not_start(self, label: str, cause: Cause, problem: Problem) -> None:
        """Say that the start called *label* did not come to serve: see `failed` and `serves`."""
        self.failed(problem)
        self._mark(label, cause, problem.sentence)

    def serves(self, label: str, cause: Cause) -> float:
        """Say that the start called *label* serves; in the Logs, if the one before failed.

        Returns how long it took since its *cause* (ms).
        """
        after_ms = self._mark(label, cause) / 1000
        if self._failed:
            self._failed = False
            text = f"{cause.file} saved: new code serves" if cause.file else "serves again"
            self._on_log(line(self._worker, "INFO", f"{text} after {after_ms:.0f} ms"))
        return after_ms

    def lost(self, manifest: str) -> None:
        """Say that the manifest is not there any more, and that the code starts all the same."""
        text = f"{manifest} is gone; the code starts without its id, settings and secrets"
        self._on_log(line(self._worker, "WARNING", text))

    def removed(self) -> None:
        """Say that the project has no such extension any more."""
        self._on_log(line(self._worker, "INFO", f"{PROJECT_FILE} names it no more; it was stopped"))

    def unfit(self, why: Problem) -> None:
        """Say why installed packages are not imported before a save any more."""
        text = (
            f"reloads take longer from now on: installed packages cannot be imported ahead "
            f"({why.sentence})"
        )
        self._on_log(line(self._worker, "INFO", text))

    def drains(self, label: str, limit_s: float) -> None:
        """Say that the replaced start called *label* still has requests to answer."""
        text = f"{label} answers what it took before the save, for {limit_s:.0f} s at most"
        self._on_log(line(self._worker, "INFO", text))

    def unfinished(self, label: str, limit_s: float) -> None:
        """Say that requests to the start called *label* were cut off by its end."""
        text = f"{label} still had requests after {limit_s:.0f} s and was ended"
        self._on_log(line(self._worker, "WARNING", text))

    def cut_short(self, label: str, allowed: int) -> None:
        """Say that the start called *label* is ended although it may have requests."""
        text = f"{label} was ended: more than {allowed} older processes had requests to answer"
        self._on_log(line(self._worker, "WARNING", text))

    def doubts(self, problem: Problem | None) -> bool:
        """Say what is wrong with what serves, once; return whether that is news."""
        if problem == self._doubted:
            return False
        self._doubted = problem
        if problem is not None:
            self._on_log(line(self._worker, "WARNING", problem.sentence))
        return True

    def hung(self, label: str, silent_s: float) -> None:
        """Say that the start called *label* is ended because it has been silent for too long."""
        text = f"{label} {silent(silent_s)}; it is ended and started anew"
        self._on_log(line(self._worker, "ERROR", text))

    def checked(self, label: str, *, silent_s: float | None) -> bool:
        """Say that the start called *label* fell silent, or answers again (*silent_s* is None).

        Returns whether that is news.
        """
        if (silent_s is not None) is (self._silent == label):
            return False
        self._silent = "" if silent_s is None else label
        if silent_s is None:
            told = line("engine", "INFO", f"{label} answers its health check again")
        else:
            told = line(
                "engine",
                "WARNING",
                f"{label} {silent(silent_s)}: something blocks its event loop",
            )
        self._on_log(told)
        return True

    def _mark(self, label: str, cause: Cause, problem: str = "") -> int:
        took_us = round((time.monotonic() - cause.seen_s) * 1_000_000)
        at_us = time.time_ns() // 1000
        self._on_reload(Reload(at_us, self._worker, label, cause.file, took_us, problem))
        return took_us


def line(worker: str, level: str, text: str) -> NewLog:
    """Return a log line of now."""
    return NewLog(time.time_ns() // 1000, worker, "log", level, _LOGGER, text)
