"""What modules tell at their /metrics, read every fifteen seconds while they serve.

    module that announced GET /metrics ──► text in Prometheus' format ──► samples by line

It is no traffic: nothing of it is recorded but the values.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from kiket_console.engine.chronicle import line
from kiket_console.engine.forward import NoAnswerError
from kiket_console.engine.orchestrator import routes
from kiket_console.text import plural, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.samples import Sample

    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.ports import Target
    from kiket_console.model import Headers, Worker
    from kiket_console.store.records import NewLog

EVERY_S: Final = 15.0
LOOK_EVERY_S: Final = 1.0
LIMIT_S: Final = 5.0
"""How long an answer may take."""
BYTES: Final = 1024 * 1024
"""Of one answer."""
VALUES: Final = 1000
"""Of one module; those beyond are left out."""
NAME: Final = 200
"""Characters of a line's name and labels; a longer one is left out."""
PATH: Final = "/metrics"
_ASKED: Final[Headers] = (("accept", "text/plain;version=0.0.4"),)
_LEFT_OUT: Final = ("_bucket", "_created")
"""Lines that say how others are made up."""


class Scraped(Protocol):
    """Who runs the modules."""

    def workers(self) -> tuple[Worker, ...]:
        """Return every worker as it is now."""

    def serving(self, name: str) -> Target | None:
        """Return where requests for worker *name* go now, or None when nothing serves."""

    def noted(self, name: str, **changes: object) -> None:
        """Note what is seen of worker *name*: fields of `Worker`."""


class Values(NamedTuple):
    """What an answer says."""

    by_name: dict[str, float]
    left_out: int
    """How many lines were too many, too long, or no number."""


class UnreadableError(Exception):
    """An answer that is none of a /metrics; the text says why."""


class Scraper:
    """Reads the /metrics of *scraped* through *forwarder*, and gives *add* the values by name."""

    def __init__(
        self,
        scraped: Scraped,
        forwarder: Forwarder,
        add: Callable[[str, Mapping[str, float]], None],
        on_log: Callable[[NewLog], None],
    ) -> None:
        self._scraped = scraped
        self._forwarder = forwarder
        self._add = add
        self._on_log = on_log
        self._told: dict[str, str] = {}
        self._asked: dict[str, tuple[str, float]] = {}

    async def run(self) -> None:
        """Read again and again, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for worker in self._scraped.workers():
                    path = announced(worker)
                    target = self._scraped.serving(worker.name) if path else None
                    if target is not None and target.port and self._is_due(target):
                        tasks.create_task(self._scrape(worker.name, target, path))
                await asyncio.sleep(LOOK_EVERY_S)

    def _is_due(self, target: Target) -> bool:
        """Tell whether a module is to be read now: it is new code, or was read a while ago."""
        now_s = time.monotonic()
        label, at_s = self._asked.get(target.worker_name, ("", 0.0))
        if label == target.label and now_s - at_s < EVERY_S:
            return False
        self._asked[target.worker_name] = target.label, now_s
        return True

    async def _scrape(self, name: str, target: Target, path: str) -> None:
        try:
            found = await self._read(target, path)
        except UnreadableError as error:
            said = f"cannot be read: {error}"
        except NoAnswerError as error:
            said = f"did not answer: {error.sentence}"
        else:
            self._add(name, found.by_name)
            said = plural(len(found.by_name), "value")
            if found.left_out:
                said += f", {found.left_out:,} left out"
            self._told.pop(name, None)
            self._scraped.noted(name, metrics=said, metrics_us=time.time_ns() // 1000)
            return
        self._scraped.noted(name, metrics=said, metrics_us=time.time_ns() // 1000)
        if self._told.get(name) != said:  # once, however long it lasts
            self._told[name] = said
            self._on_log(line(name, "WARNING", f"Its {PATH} {said}"))

    async def _read(self, target: Target, path: str) -> Values:
        """Return what is told at *path*; raises `UnreadableError`, `NoAnswerError`."""
        raw = b""
        for each in dict.fromkeys((path, routes.unversioned(path) or path)):
            answer = await self._forwarder.forward(
                target, "GET", each, _ASKED, b"", timeout_s=LIMIT_S
            )
            status, raw = answer.status, answer.raw_body
            if answer.room is not None:
                answer.room.give_back()
            if status == 200:
                break
        if status != 200:
            raise UnreadableError(f"it answers {status}.")
        if len(raw) > BYTES:
            raise UnreadableError(f"it has more than {BYTES // 1024:,} KiB.")
        return await asyncio.to_thread(values, raw)


def announced(worker: Worker) -> str:
    """Return the path at which a module that serves tells its metrics; empty: nowhere."""
    facts = worker.module
    if facts is None or not worker.serving:
        return ""
    for each in facts.endpoints:
        path = "/" + each.path.strip("/")
        methods = {method.upper() for method in each.methods}
        is_open = not each.auth and ("GET" in methods or not methods)
        if is_open and PATH in (path, routes.unversioned(path)):
            return path
    return ""


def values(raw: bytes) -> Values:
    """Read Prometheus' text format; raises `UnreadableError` for what is none."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        found = text_string_to_metric_families(raw.decode())
        return _chosen(sample for family in found for sample in family.samples)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        # The parser knows its format, and raises what comes when a text has another.
        reason = visible(str(error).partition("\n")[0])[:NAME] or type(error).__name__
        raise UnreadableError(f"it is not in Prometheus' text format ({reason}).") from error


def _chosen(samples: Iterable[Sample]) -> Values:
    by_name: dict[str, float] = {}
    left_out = 0
    for sample in samples:
        if sample.name.endswith(_LEFT_OUT):
            continue
        name = named(sample.name, sample.labels)
        if len(by_name) >= VALUES or len(name) > NAME or not math.isfinite(sample.value):
            left_out += 1
        else:
            by_name[name] = float(sample.value)
    return Values(by_name, left_out)


def named(name: str, labels: Mapping[str, str]) -> str:
    """Write a line's name with its labels as Prometheus does: `requests_total{route="/"}`."""
    if not labels:
        return name
    written = (
        f'{key}="{labels[key].replace(chr(92), 2 * chr(92)).replace(chr(34), chr(92) + chr(34))}"'
        for key in sorted(labels)
    )
    return f"{name}{{{','.join(written)}}}"
