"""The parts that measure workers and tell what was measured, each handed the others it needs.

scraper ──► sampler ──► store          meter, status ──► exposition
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kiket_console.engine.telemetry.prometheus import Counted, Exposition
from kiket_console.engine.telemetry.sampling import Sampler
from kiket_console.engine.telemetry.scraping import Scraper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from kiket_console.config import Config
    from kiket_console.engine.forward import Forwarder
    from kiket_console.engine.supervisor import Supervisor
    from kiket_console.engine.telemetry.meter import Meter
    from kiket_console.engine_status import EngineStatus
    from kiket_console.store.records import Committed, NewLog, Row


class Measuring:
    """Measures *workers*; `exposition` tells of them, of what *meter* counted and was *dropped*.

    What is measured is handed to *submit*, unless the settings do without telemetry.
    """

    def __init__(
        self,
        *,
        workers: Supervisor,
        forwarder: Forwarder,
        meter: Meter,
        config: Config,
        submit: Callable[[Sequence[Row]], Future[Committed]],
        status: Callable[[], EngineStatus],
        on_change: Callable[[], None],
        on_log: Callable[[NewLog], None],
        dropped: Callable[[], Mapping[str, int]],
    ) -> None:
        self.sampler = Sampler(workers, submit, on_change, keeps=config.telemetry)
        self._scraper = Scraper(workers, forwarder, self.sampler.add, on_log)
        self._scrapes = config.telemetry and config.scrape
        self.exposition = Exposition(
            status,
            lambda: Counted(
                meter.totals, {**dropped(), "samples": self.sampler.dropped}, meter.uncounted
            ),
        )

    async def run(self) -> None:
        """Measure until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sampler.run())
            if self._scrapes:
                tasks.create_task(self._scraper.run())
