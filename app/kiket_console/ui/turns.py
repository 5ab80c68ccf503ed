"""What a person is told once: that a worker went wrong, and that it is well again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.model import WorkerState
from kiket_console.text import visible
from kiket_console.ui.paint.line import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kiket_console.model import Problem, Worker
    from kiket_console.ui.app import ConsoleApp

_LONGEST = 110
"""So many cells of what is wrong are told; Processes shows all of it."""


MOST = 3
"""How many workers are spoken of at once: more sentences would hide what they are about."""


class Turns:
    """Remember what was wrong with each worker, so that the same problem is told once."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[object, ...]] = {}

    def news(self, workers: Sequence[Worker]) -> list[tuple[str, bool]]:
        """Return what is new of *workers*: sentences, each with whether it is bad news."""
        told: list[tuple[str, bool]] = []
        for worker in workers:
            before = self._wrong.get(worker.name)
            wrong = _wrong(worker)
            if wrong is not None and wrong != before:
                self._wrong[worker.name] = wrong
                whose = f"{visible(worker.name)}: " if len(workers) > 1 else ""
                told.append((whose + _bad_news(worker), True))
            elif before is not None and wrong is None and worker.state is WorkerState.SERVING:
                del self._wrong[worker.name]
                told.append((f"{visible(worker.name)} is well again: it serves.", False))
        return told


def tell(console: ConsoleApp, news: Sequence[tuple[str, bool]]) -> None:
    """Say what is new of workers."""
    for sentence, bad in news[:MOST]:
        console.say(sentence, error=bad)
    if len(news) > MOST:
        key = console.registry.key("place.processes")
        console.say(f"{len(news) - MOST} workers more have news: {key} shows them.")


def _wrong(worker: Worker) -> tuple[object, ...] | None:
    """Return what makes two problems the same one; None when nothing is wrong."""
    if worker.state is WorkerState.BROKEN:
        problem = worker.problem
        place = problem and (problem.sentence, problem.file, problem.line)
        return worker.state, place, worker.serving
    if worker.state is WorkerState.SERVING and worker.problem is not None:
        return worker.state, worker.problem.sentence
    if worker.state in (WorkerState.BACKOFF, WorkerState.FATAL):
        return (worker.state,)  # its sentence counts seconds
    return None


def _bad_news(worker: Worker) -> str:
    problem = worker.problem
    if problem is None:
        return f"{visible(worker.name)} is {worker.state.value}. 2 shows it."
    sentence = visible(problem.sentence)
    if worker.state is not WorkerState.BROKEN:
        more = " It is started again." if worker.state is WorkerState.BACKOFF else ""
        return f"{sentence}{more}"
    where = f"{visible(problem.file)}:{problem.line}: " if problem.file and problem.line else ""
    where = "" if sentence.startswith(where) else where
    serves = "the old code serves" if worker.serving else "nothing serves"
    sentence = shortened(sentence.removesuffix("."), _LONGEST)
    return f"{where}{sentence}; {serves}. 2 {_more(problem)}"


def _more(problem: Problem) -> str:
    """Return what else there is to read about a problem."""
    if not problem.traceback:
        return "shows it"
    is_traceback = bool(problem.file) or any("Traceback (" in line for line in problem.traceback)
    return "for the traceback" if is_traceback else "for its last lines"
