"""What `run --headless` says while it runs, read from the store like any other client does.

Being a thread with a reader of its own it keeps nothing in memory and never slows the engine: when
nobody reads its output it stands still, and goes on from where it stood.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from kiket_console.commands import colour
from kiket_console.commands.documents import document
from kiket_console.errors import DISK_FULL, ConsoleError
from kiket_console.exporting.members import exchange_members, log_members
from kiket_console.store.reader import Reader
from kiket_console.text import visible

if TYPE_CHECKING:
    from typing import Any

    from kiket_console.model import Exchange, LogLine, Worker
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire import EngineInfo

PAGE = 128
LATE_S = 0.25
"""How often is looked when nobody woke us."""
PAUSE_S = 0.05
"""Between two looks, so that what is committed meanwhile is read and printed together."""
END_TIMEOUT_S = 3.0
"""How long the end waits for whoever reads what is printed."""
WORDS = 1000
"""Of what the engine says itself, the newest so many wait to be printed."""


class Teller(threading.Thread):
    """Print exchanges and log lines as they are committed, and workers as they change.

    As NDJSON on stdout, else as lines on stderr, or on stdout when those are what is wanted. One
    that *is_quiet* prints nothing of what is recorded, and does not read it.
    """

    def __init__(
        self,
        paths: ProjectPaths,
        *,
        as_json: bool,
        to_stdout: bool = False,
        is_quiet: bool = False,
    ) -> None:
        super().__init__(name="teller", daemon=True)
        self._as_json = as_json
        self._is_quiet = is_quiet
        self._on_stderr = not (as_json or to_stdout)
        self._paint = colour.paint(err=self._on_stderr)
        self._reader = Reader(paths.store)
        self._exchange_id = self._log_id = 0
        self._is_placed = False
        with suppress(ConsoleError):  # damaged: the engine salvages it before it is ready
            self._place(certain=not paths.store.exists())
        self._open_ids: list[int] = []
        self._news = threading.Event()
        self._end = threading.Event()
        self._workers: dict[str, tuple[object, ...]] = {}
        self._gateway_url = ""
        self._words: deque[str] = deque(maxlen=WORDS)
        self._last_words = ""

    def _place(self, *, certain: bool) -> None:
        """Begin after what is there; a store of an older version seems to be empty."""
        self._exchange_id, _, self._log_id = self._reader.newest()
        self._is_placed = certain or self._exchange_id > 0 or self._log_id > 0

    def wake(self) -> None:
        """Look soon; something was committed."""
        if not self._is_quiet:
            self._news.set()

    def ready(self, engine: EngineInfo) -> None:
        """Say where the engine serves."""
        self._gateway_url = engine.gateway_url
        if not self._is_placed:
            self._place(certain=True)
        if self._as_json:
            names = type(engine).__struct_fields__
            self._say("ready", **{name: getattr(engine, name) for name in names})
        else:
            where = self._paint("accent", f"{engine.gateway_url}/webhooks/{{event}}")
            self._talk(f"{self._paint('strong', 'Ready.')} Send webhooks to {where}")

    def note(self, sentence: str) -> None:
        """Say something a person should know."""
        if self._as_json:
            self._say("note", sentence=sentence)
        else:
            self._talk(f"{self._paint('warning', 'Note:')} {visible(sentence)}")

    def worker(self, worker: Worker) -> None:
        """Say how a worker is, if that is news."""
        problem = worker.problem
        news = (worker.state, worker.serving, worker.starts, problem)
        if self._workers.get(worker.name) == news:
            return
        self._workers[worker.name] = news
        where = f"{problem.file}:{problem.line}" if problem and problem.file else ""
        sentence = problem.sentence if problem else ""
        if self._as_json:
            self._say(
                "worker",
                name=worker.name,
                state=worker.state,
                serving=worker.serving,
                starts=worker.starts,
                pid=worker.pid,
                last_reload=worker.last_reload,
                problem=sentence,
                where=where,
            )
        else:
            said = f": {problem.told}" if problem else ""
            name = self._paint("strong", visible(worker.name))
            role = "error" if problem else ""
            told = f"{name} is {self._paint(role, f'{worker.state}{visible(said)}')}"
            if worker.kind == "module" and worker.serving and not problem:
                where = f"{self._gateway_url}/m/{visible(worker.name)}/"
                told = f"{told}, its routes below {self._paint('accent', where)}"
            self._talk(told)

    def stopped(self, reason: str) -> None:
        """Say what is left to say, and that the engine has ended."""
        self._last_words = document(type="stopped", reason=reason) if self._as_json else "Stopped."
        self._end.set()
        self._news.set()
        self.join(END_TIMEOUT_S)

    def run(self) -> None:
        """Print what is new, until `stopped`."""
        try:
            while not self._end.is_set():
                self._news.wait(LATE_S)
                self._news.clear()
                while self._tell_some():
                    pass
                self._end.wait(PAUSE_S)
            while self._tell_some():
                pass
            self._print(self._last_words)
        except OSError:
            return  # whoever read our output has gone, a terminal perhaps; there are other clients
        finally:
            self._reader.close()

    def _tell_some(self) -> bool:
        """Print a page of what is new; tell whether there was any."""
        while self._words:
            self._print(self._words.popleft())
        if self._is_quiet or not self._is_placed:
            return False
        try:
            return self._tell_recorded()
        except ConsoleError:  # being salvaged; its page is told when it can be read
            return False

    def _tell_recorded(self) -> bool:
        fresh = self._reader.ids(self._exchange_id)[:PAGE]
        if fresh:
            self._exchange_id = fresh[-1]
        self._open_ids.extend(fresh)
        page = self._reader.page(self._open_ids[:PAGE])
        ended = [exchange for exchange in page if not exchange.is_open]
        still_open = [exchange.id for exchange in page if exchange.is_open]
        self._open_ids = still_open + self._open_ids[PAGE:]
        told = [self._exchange(exchange) for exchange in ended]
        log_ids = self._reader.log_ids(self._log_id, limit=PAGE)
        for line in self._reader.log_page(log_ids):
            self._log_id = line.id
            told.extend(self._log(line))
        if told:
            self._print("\n".join(told))
        return bool(fresh or ended or log_ids)

    def _exchange(self, exchange: Exchange) -> str:
        if self._as_json:
            return document(type="exchange", **exchange_members(exchange))
        from kiket_console.commands.lines import exchange_line  # it paints: not for the start

        return exchange_line(exchange, paint=self._paint)

    def _log(self, line: LogLine) -> list[str]:
        if self._as_json:
            return [document(type="log", **log_members(line))]
        from kiket_console.commands.lines import log_lines  # as above

        return log_lines(line, self._paint)

    def _say(self, kind: str, **members: Any) -> None:
        self._words.append(document(type=kind, **members))
        self._news.set()

    def _talk(self, line: str) -> None:
        self._words.append(line)
        self._news.set()

    def _print(self, line: str) -> None:
        try:
            colour.echo(line, err=self._on_stderr)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise  # else: on with what comes once there is room; the store has all
