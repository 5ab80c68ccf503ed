"""Long work beside the routes: a report is asked for, made in the background, and looked at.

    curl http://127.0.0.1:8700/m/reports/reports -X POST
    curl http://127.0.0.1:8700/m/reports/reports/1

Work that is under way when the module is told to stop is finished first, or cancelled cleanly.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from pywatt_sdk import AnnouncedEndpoint, AppState, pywatt_module

PAGES = 3
PAGE_S = 0.1


@pywatt_module(
    endpoints=[
        AnnouncedEndpoint(path="/reports", methods=["POST"]),
        AnnouncedEndpoint(path="/reports/:number", methods=["GET"]),
    ]
)
async def create_app(app_state: AppState) -> FastAPI:
    numbers = itertools.count(1)
    waiting: asyncio.Queue[int] = asyncio.Queue(maxsize=100)
    reports: dict[int, str] = {}
    made = app_state.metrics.counter("reports_total")

    async def make_reports() -> None:
        while True:
            number = await waiting.get()
            for page in range(1, PAGES + 1):
                reports[number] = f"page {page} of {PAGES}"
                await asyncio.sleep(PAGE_S)  # the work
            reports[number] = "done"
            made.inc()
            waiting.task_done()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            maker = tasks.create_task(make_reports())
            yield
            await waiting.join()
            maker.cancel()

    app = FastAPI(title="Reports", lifespan=lifespan)

    @app.post("/reports", status_code=202)
    async def ask() -> dict[str, int]:
        number = next(numbers)
        try:
            waiting.put_nowait(number)
        except asyncio.QueueFull:
            raise HTTPException(503, "Too many reports are waiting; ask again later.") from None
        reports[number] = "waiting"
        return {"number": number}

    @app.get("/reports/{number}")
    async def look(number: int) -> dict[str, str]:
        if number not in reports:
            raise HTTPException(404, f"There is no report {number}.")
        return {"state": reports[number]}

    return app
