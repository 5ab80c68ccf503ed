"""A scripted session on bundled samples: traffic of every kind, then a gentle stream of it.

An extension takes webhooks, and beside it a module is asked by messages. Everything goes through
the control API, as a person's own commands do. Now and then somebody saves a file of the
extension, and one of these saves is a mistake: Metrics tells which (`docs/metrics.md`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.client import Client, EngineGone
from kiket_console.errors import ConsoleError
from kiket_console.wire import ForcedFailure, IpcMessage

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.model import Headers
    from kiket_console.paths import ProjectPaths
    from kiket_console.wire import Result

SAMPLE: Final = "marketing"
MODULE: Final = "greeter"
MODULE_SAMPLES: Final = "modules"
"""The folder of the samples that the module is one of."""
_PROJECT: Final = f"""\
[[extension]]

[[module]]
name = "{MODULE}"
path = "{MODULE_SAMPLES}"
entry = "basic_module.py"
secrets = ["GREETING"]
"""
OPENING_PAUSE_S: Final = 0.12
STREAM_PAUSES_S: Final = (0.3, 0.9)
"""Between two deliveries of the stream, at random within these."""
AGE_S: Final = 412
"""Of the stale delivery; the limit is 300."""
SEED: Final = 7
"""So that every demo plays the same."""


class Step(Struct, frozen=True):
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
    Step("issue.updated", "v1", "issue.updated.v1.json"),
    Step("issue.created", "v2", "issue.created.v2.json"),
    Step("workflow.sla_breach", "v1", "workflow.sla_breach.v1.json"),
    Step("issue.updated", "v1", "issue.updated.v1.json"),
    Step("campaign.created", "v1"),
    Step("issue.updated", "v1", "issue.updated.v1.json"),
    Step("issue.transitioned", "v1", "issue.transitioned.v1.bulk.json"),
    Step("campaign.created", "v1", "campaign.created.v1.json"),
)

LISTING: Final = ForcedFailure("GET issues", status=0, delay_ms=320)
"""The platform takes its time to list issues; only code that asks for all of them notices."""


class Save(Struct, frozen=True):
    """What somebody writes into a file of the extension, and when."""

    after: int
    """So many deliveries of the stream have gone by."""
    file: str
    edits: tuple[tuple[str, str], ...]
    """What is there, and what takes its place."""


RANKING: Final = """\
async def rank(lead: leads.Lead, score: int, context: HandlerContext) -> int:
    \"""Return how many open leads are above *lead*; the platform lists them all for that.\"""
    began = time.perf_counter()
    answer = await context.client.get("/api/v1/ext/issues", params={"per_page": 100})
    others = answer.json()["issues"]
    took_ms = (time.perf_counter() - began) * 1000
    log.warning(
        "%s: ranking it waited %.0f ms for the platform to list all %d issues",
        lead.key, took_ms, len(others),
    )
    return sum(leads.PRIORITY_POINTS.get(str(each["priority"]), 0) > score for each in others)


"""
RESCORED: Final = '    return {"ok": True, "issue": lead.key, "rescored": True, "score": score}'
RANKED: Final = f"""\
    above = await rank(lead, score, context)
{RESCORED[:-1]}, "above": above}}"""
SAVES: Final = (
    Save(12, "marketing/sla.py", (
        ('"""How late we are."""', '"""How late we are, in minutes."""'),
    )),
    Save(34, "main.py", (
        ("import os\n", "import os\nimport time\n"),
        ('@sdk.webhook("issue.updated"', RANKING + '@sdk.webhook("issue.updated"'),
        (RESCORED, RANKED),
    )),
    Save(75, "marketing/funnel.py", (
        ('"""The stages that a lead passes, and its moves between them."""',
         '"""The stages that a lead passes on its way to an offer, and its moves between them."""'),
    )),
)  # fmt: skip
"""The second makes one handler slow; the others change nothing."""

GUESTS: Final = ("Ada", "Grace", "Edsger", "Barbara", "Alan")
GREET_EVERY: Final = 3
"""So many deliveries go by between two greetings."""


def lay_out(samples: Path, folder: Path) -> None:
    """Copy what is played on into a new *folder*: the extension, and the module beside it."""
    litter = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(samples / SAMPLE, folder, ignore=litter)
    modules = shutil.ignore_patterns("__pycache__", ".*_cache", "kiket.toml")
    shutil.copytree(samples / MODULE_SAMPLES, folder / MODULE_SAMPLES, ignore=modules)
    (folder / "kiket.toml").write_text(_PROJECT, "utf-8")


async def play(
    paths: ProjectPaths,
    *,
    seconds: float | None = None,
    pauses_s: tuple[float, float] = STREAM_PAUSES_S,
) -> None:
    """Play the session until cancelled; with *seconds* given, stop the engine after so long.

    *pauses_s* are between two deliveries of the stream, at random within these.
    """
    async with Client(paths) as client:
        try:
            async with asyncio.timeout(seconds):
                await _play(client, paths.folder, pauses_s)
        except TimeoutError:
            await client.stop()
        except EngineGone:
            return  # it was stopped while we asked


async def _play(client: Client, folder: Path, pauses_s: tuple[float, float]) -> None:
    events = folder / "events"
    await client.platform.set(failures=(LISTING,))
    failed: Result | None = None
    for step in opening():
        result = await _send(client, step, events)
        if result is not None and result.status == 400 and step.file.endswith("bulk.json"):
            failed = result
        await asyncio.sleep(OPENING_PAUSE_S)
    if failed is not None:
        await client.pin((failed.exchange_id,))
        await client.replay(failed.exchange_id)
    guests = itertools.cycle(GUESTS)
    await _greet(client, next(guests))
    await client.secrets.set("GREETING", "Welcome")  # the module is handed it as it runs
    await _greet(client, next(guests))
    chance = random.Random(SEED)  # noqa: S311 - a rhythm, not a secret
    for number, step in enumerate(itertools.cycle(STREAM)):
        await asyncio.sleep(chance.uniform(*pauses_s))
        await _send(client, step, events)
        for each in SAVES:
            if each.after == number:
                await asyncio.to_thread(save, folder, each)
        if number % GREET_EVERY == 0:
            await _greet(client, next(guests))


def save(folder: Path, what: Save) -> None:
    """Save a file of the extension; one that somebody has changed since is left alone."""
    path = folder / what.file
    text = path.read_text("utf-8")
    for old, new in what.edits:
        if text.count(old) != 1:
            return
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


async def _greet(client: Client, guest: str) -> None:
    """Ask the module to greet somebody; nothing happens where it cannot be asked."""
    request = {"method": "GET", "uri": f"/greet/{guest}", "headers": {"accept": "application/json"}}
    message = IpcMessage(MODULE, json.dumps(request).encode(), op="http_request")
    try:
        await client.modules.send(message)
    except EngineGone:
        raise
    except ConsoleError:
        return


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
