"""A scripted session on the bundled sample: traffic of every kind, then a gentle stream of it.

Everything goes through the control API, as a person's own commands do.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from kiket_console.client import Client, EngineGone
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.model import Headers
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire import Result

SAMPLE: Final = "marketing"
OPENING_PAUSE_S: Final = 0.12
STREAM_PAUSES_S: Final = (0.6, 1.6)
"""Between two deliveries of the stream, at random within these."""
AGE_S: Final = 412
"""Of the stale delivery; the limit is 300."""
SEED: Final = 7
"""So that every demo plays the same."""


@dataclass(frozen=True, slots=True)
class Step:
    """One delivery: an event of the sample's `events` folder, or one by name."""

    event: str
    version: str = "v1"
    file: str = ""
    headers: Headers = ()
    dialect: str = ""
    """How it is signed, where it is not as the extension wants it."""


def opening() -> tuple[Step, ...]:
    """Return what a newcomer should see at once: what works, and each way in which it does not."""
    then = datetime.now(UTC) - timedelta(seconds=AGE_S)
    stale = (("x-kiket-timestamp", then.isoformat()),)
    forged = (("x-kiket-signature", "0" * 64),)
    return (
        Step("issue.created", "v1", "issue.created.v1.json"),
        Step("issue.created", "v2", "issue.created.v2.json"),
        Step("issue.transitioned", "v1", "issue.transitioned.v1.json"),
        Step("issue.transitioned", "v1", "issue.transitioned.v1.bulk.json"),
        Step("campaign.created", "v1", "campaign.created.v1.json"),
        Step("issue.updated", "v1", "issue.updated.v1.json", headers=forged, dialect="k0"),
        Step("issue.updated", "v1", "issue.updated.v1.json", headers=stale, dialect="k0"),
        Step("issue.created", "v3"),
        Step("workflow.sla_breach", "v1", "workflow.sla_breach.v1.json"),
    )


STREAM: Final = (
    Step("issue.updated", "v1", "issue.updated.v1.json"),
    Step("issue.created", "v1", "issue.created.v1.json"),
    Step("issue.transitioned", "v1", "issue.transitioned.v1.json"),
    Step("issue.created", "v2", "issue.created.v2.json"),
    Step("workflow.sla_breach", "v1", "workflow.sla_breach.v1.json"),
    Step("issue.updated", "v1"),
    Step("campaign.created", "v1", "campaign.created.v1.json"),
    Step("issue.transitioned", "v1", "issue.transitioned.v1.bulk.json"),
)


async def play(paths: ProjectPaths, *, seconds: float | None = None) -> None:
    """Play the session until cancelled; with *seconds* given, stop the engine after so long."""
    async with Client(paths) as client:
        try:
            async with asyncio.timeout(seconds):
                await _play(client, paths.folder / "events")
        except TimeoutError:
            await client.stop()
        except EngineGone:
            return  # it was stopped while we asked


async def _play(client: Client, events: Path) -> None:
    failed: Result | None = None
    for step in opening():
        result = await _send(client, step, events)
        if result is not None and result.status == 400 and step.file.endswith("bulk.json"):
            failed = result
        await asyncio.sleep(OPENING_PAUSE_S)
    if failed is not None:
        await client.pin((failed.exchange_id,))
        await client.replay(failed.exchange_id)
    chance = random.Random(SEED)  # noqa: S311 - a rhythm, not a secret
    for step in itertools.cycle(STREAM):
        await asyncio.sleep(chance.uniform(*STREAM_PAUSES_S))
        await _send(client, step, events)


async def _send(client: Client, step: Step, events: Path) -> Result | None:
    """Send one delivery; None when the engine did not take it (it is stopping, or too busy)."""
    raw_payload = (events / step.file).read_bytes() if step.file else None
    try:
        return await client.trigger(
            step.event,
            version=step.version,
            raw_payload=raw_payload,
            headers=step.headers,
            dialect=step.dialect,
        )
    except EngineGone:
        raise
    except ConsoleError:
        return None
