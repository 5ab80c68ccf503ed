"""One small, realistic project for pictures and tests of the screen: a real store, a told status.

Times are fixed (20 November 2026, 14:05 UTC), so that each run draws the same picture.
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from tests.snap import modules, usage
from tests.snap.platform import ToldPlatform
from tests.snap.producer import ToldProducer
from tests.snap.raised import HELD
from tests.snap.raised import TRACEBACK as TRACEBACK
from tests.snap.secrets import ToldSecrets
from tests.snap.story import BEGIN_US as BEGIN_US
from tests.snap.story import NOW_US as NOW_US
from tests.snap.story import OK_K0 as OK_K0
from tests.snap.story import STALE as STALE
from tests.snap.story import Story as Story
from tests.snap.story import issue as issue
from tests.snap.story import message as message
from tests.snap.story import signed as signed
from tests.snap.story import trace_of as trace_of
from textual._context import visible_screen_stack

from kiket_console.engine_status import EngineStatus
from kiket_console.model import (
    Crash,
    Draining,
    Handler,
    Notice,
    Problem,
    Worker,
    WorkerState,
)
from kiket_console.store.writer import Writer
from kiket_console.ui.app import ConsoleApp
from kiket_console.ui.screens.edit import CHECK_DELAY_S
from kiket_console.ui.screens.place import DETAILS_DELAY_S
from kiket_console.wire import (
    Edit,
    Event,
    Preview,
    Result,
    Selection,
    Template,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from textual.app import App
    from textual.pilot import Pilot


def tell(story: Story) -> None:
    """Tell a few minutes of work: most is well, some is not."""
    story.log("serving on the project's socket, 3 handlers", of=None)
    for number in range(40, 44):
        of = story.webhook("issue.created", "v1", issue(number), 200, 3_200 + number * 10)
        story.call(of, "POST extensions/logs", 204, 410, after_us=1_900)
        story.log(f"labelled KIK-{number}", of=of)
    story.webhook("sla.breach", "v1", issue(41, minutes_over=12), 200, 1_480)
    late = story.webhook(
        "issue.updated", "v2", issue(42), 401, 820, word="stale k1", judgement=STALE,
        answer=b'{"detail": "The timestamp is 412 s old; the limit is 300 s."}',
    )  # fmt: skip
    story.webhook("issue.updated", "v2", issue(42), 200, 2_870, word="re-signed", replay_of=late)
    story.log("reloaded app.py", "INFO")
    story.log("deprecated: CRM v1 goes away in March", stream="stderr")
    bad = story.webhook(
        "issue.transitioned", "v1", issue(43, status="done"), 500, 18_900,
        answer=b'{"detail": "Internal Server Error"}',
    )  # fmt: skip
    story.call(bad, "GET custom_data/contacts", 200, 3_800, after_us=2_100)
    story.call(bad, "POST notifications", 429, 6_400, after_us=9_700)
    story.span(
        bad, "issue.transitioned v1", 18_300, after_us=1_700, status="error", message="KeyError"
    )
    story.log("retrying CRM", "WARNING", of=bad, after_us=6_100)
    story.log(
        f"issue.transitioned failed\n{TRACEBACK}", "ERROR", of=bad, after_us=19_700, frames=HELD
    )
    story.webhook(
        "comment.created", "v1", issue(44, comment="Größe passt 🎉"), 404, 610,
        answer=b'{"detail": "No handler for comment.created v1"}',
    )  # fmt: skip
    story.pin(bad)
    story.webhook(
        "issue.updated", "v2", issue(45), 200, 2_910, gap_us=6_000_000,
        failed_first="marketing#2 ended before it answered.",
    )  # fmt: skip
    story.webhook("issue.created", "v1", issue(46), 200, 3_050, gap_us=4_200_000)
    story.log("labelled KIK-46")


def write_store(path: Path, story: Story | None = None) -> None:
    """Write the scene (or another *story*) to a new store."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if story is None:
        for end, raw, changed_ns in _store_of_the_scene():
            file = path.with_name(path.name + end)
            file.write_bytes(raw)
            file.chmod(0o600)
            os.utime(file, ns=(changed_ns, changed_ns))
        return
    writer = Writer(path)
    try:
        writer.submit([*story.rows, *usage.rows(NOW_US)]).result(timeout=120)
    finally:
        writer.close()


@cache
def _store_of_the_scene() -> list[tuple[str, bytes, int]]:
    """Return how each file of the scene's store ends, what it holds, when it was changed (ns).

    It is written once in a process: hundreds of tests begin with a copy.
    """
    tell(story := Story())
    with TemporaryDirectory() as folder:
        write_store(path := Path(folder, "store"), story)
        return [
            (file.name.removeprefix(path.name), file.read_bytes(), file.stat().st_mtime_ns)
            for file in path.parent.iterdir()
        ]


def worker(**changes: object) -> Worker:
    """Return the project's worker as it serves."""
    facts: dict[str, object] = {
        "name": "marketing",
        "kind": "extension",
        "state": WorkerState.SERVING,
        "serving": True,
        "evidence": "answered its health check",
        "evidence_us": NOW_US - 4_000_000,
        "started_us": NOW_US - 12_000_000,
        "pid": 8121,
        "starts": 4,
        "reloads": 3,
        "restarts": 0,
        "extension_id": "com.example.marketing",
        "extension_version": "1.4.0",
        "entry": "app:sdk",
        "guessed": "The entry app:sdk was found in app.py.",
        "interpreter": ".venv/bin/python",
        "handlers": (
            Handler("issue.created", "v1", "app.py", 12),
            Handler("issue.created", "v2", "app.py", 20),
            Handler("issue.updated", "v2", "app.py", 28),
            Handler("issue.transitioned", "v1", "app.py", 38),
            Handler("sla.breach", "v1", "app.py", 55),
        ),
        "unhandled": ("comment.created",),
        "secrets": (("WEBHOOK_SECRET", True), ("CRM_TOKEN", False)),
        "dialects": ("k0", "k1", "sw1"),
        "last_reload": "app.py",
        "last_reload_us": NOW_US - 12_000_000,
        "last_reload_ms": 31.0,
        "cpu_percent": 1.2,
        "memory_bytes": 48 << 20,
        "folder": "/srv/marketing",
        "watched": ("/srv/marketing", "/srv/shared"),
        "environment": ("HOME", "KIKET_BASE_URL", "LANG", "PATH", "VIRTUAL_ENV"),
    }
    return Worker(**(facts | changes))  # type: ignore[arg-type]  # one dict for all kinds


def module(**changes: object) -> Worker:
    """Return a module of the project as it serves; *changes* are of its facts."""
    return worker(
        name="billing",
        kind="module",
        pid=8130,
        entry="billing/main.py",
        evidence="announced, and its address answers",
        started_us=NOW_US - 240_000_000,
        starts=1,
        reloads=0,
        last_reload="",
        extension_id="",
        extension_version="",
        handlers=(),
        unhandled=(),
        secrets=(("DATABASE_URL", True), ("MAIL_KEY", False)),
        dialects=(),
        guessed="",
        cpu_percent=0.3,
        memory_bytes=22 << 20,
        metrics="3 values",
        metrics_us=NOW_US - 6_000_000,
        folder="/srv/billing",
        watched=("/srv/billing",),
        module=modules.facts(NOW_US, **changes),
    )


BROKEN = {
    "state": WorkerState.BROKEN,
    "problem": Problem(
        "NameError: name 'contacs' is not defined",
        "crm.py",
        17,
        (
            "Traceback (most recent call last):",
            '  File "/srv/marketing/app.py", line 3, in <module>',
            "    from crm import contacts",
            '  File "/srv/marketing/crm.py", line 17, in <module>',
            "    by_mail = {contact.mail: contact for contact in contacs}",
            "NameError: name 'contacs' is not defined",
        ),
    ),
}


def status(*workers: Worker, **changes: object) -> EngineStatus:
    """Return what an engine says of the scene."""
    facts: dict[str, object] = {
        "version": "0.1.0",
        "pid": 8100,
        "folder": "/srv/marketing",
        "project": "marketing",
        "started_us": NOW_US - 240_000_000,
        "gateway_url": "http://127.0.0.1:8700",
        "platform_url": "http://127.0.0.1:41233",
        "store": "/home/dev/.local/state/kiket-console/store.sqlite3",
        "recording": "ok",
        "durability": "full",
        "vault": "Secret Service",
        "exchanges": 1204,
        "dropped_logs": 0,
        "rate_per_s": 12.4,
        "p95_us": 18_000,
        "error_share": 0.004,
        "workers": workers or (worker(),),
        "written_us": NOW_US - 2_000_000,
        "vault_us": NOW_US - 95_000_000,
    }
    return EngineStatus(**(facts | changes))  # type: ignore[arg-type]  # one dict for all kinds


def several() -> EngineStatus:
    """Return what an engine says of three extensions: one serves, one gave up, one is a command."""
    return status(
        worker(draining=(Draining("marketing#3", 8101, NOW_US - 3_000_000),)),
        worker(
            name="billing", state=WorkerState.FATAL, serving=False, pid=None, handlers=(),
            problem=Problem("It ended 5 times within 60 s; r starts it again."),
            cpu_percent=None, memory_bytes=None, evidence="", restarts=5,
            crashes=(
                Crash(NOW_US - 31_000_000, "billing#4", "billing#4 was killed by SIGKILL."),
                Crash(NOW_US - 9_000_000, "billing#5", "billing#5 ended with exit status 1."),
            ),
        ),
        worker(
            name="search", entry="node server.js", interpreter="", guessed="", handlers=(),
            unhandled=(), note="its secrets are in its environment", extension_id="",
            extension_version="",
            evidence="answered a signed self-test", pid=8130, last_reload="", last_reload_us=0,
        ),
        interrupted=3, refused=12,
    )  # fmt: skip


CRASHED = {
    "state": WorkerState.BACKOFF,
    "serving": False,
    "pid": None,
    "cpu_percent": None,
    "memory_bytes": None,
    "restarts": 2,
    "evidence": "starts again in 7.4 s",
    "next_try_us": NOW_US + 7_400_000,
    "problem": Problem("marketing#4 was killed by SIGKILL after 0.3 s."),
    "crashes": (
        Crash(NOW_US - 41_000_000, "marketing#3", "marketing#3 ended with exit status 1."),
        Crash(NOW_US - 4_000_000, "marketing#4", "marketing#4 was killed by SIGKILL after 0.3 s."),
    ),
}

FULL_DISK = {
    "recording": "The store /home/dev/.local/state/kiket-console/store.sqlite3 could not be "
    "written: database or disk is full.",
    "recording_since_us": NOW_US - 12_000_000,
}

TEMPLATES = (
    Template("issue.created", "v1", True, "An issue was created", {}),
    Template("issue.updated", "v2", True, "An issue's fields were changed", {}),
    Template("issue.transitioned", "v1", True, "An issue moved to another status", {}),
    Template("sla.breach", "v1", True, "An issue is over its time", {}),
    Template("comment.created", "v1", False, "Somebody commented on an issue", {}),
    Template("project.archived", "v1", False, "A project was archived", {}),
)


PREVIEW = Preview(
    "marketing",
    "POST /v/v2/webhooks/issue.updated HTTP/1.1\nhost: localhost\n"
    "content-type: application/json\nx-kiket-delivery: dlv_27f0c9\n"
    "x-kiket-signature: sha256=9c4ff2d1\nx-kiket-timestamp: 1795183509\ncontent-length: 212",
    b"{}",
    212,
    (("k1", "1795183509."),),
    True,
    "Signature and timestamp are fine.",
    True,
)


class ToldEngine:
    """An engine that says what it was told to; it stands in for a process."""

    def __init__(self, said: EngineStatus | None = None, newest: Notice | None = None) -> None:
        self.said = said or status()
        self.newest = newest or Notice(0, 0, 0, 1)
        self.asked: list[tuple[str, ...]] = []
        self.read: list[int] = []
        self.result = Result(1204, "forwarded", 200, 2_900, "")
        self.news: asyncio.Queue[Notice | Exception] = asyncio.Queue()
        self.events: list[Event] = []
        self.edits: list[Edit] = []
        self.platform = ToldPlatform()
        self.secrets = ToldSecrets(NOW_US)
        self.modules = modules.ToldModules(self.asked)
        self.producer = ToldProducer()

    async def status(self) -> EngineStatus:
        """Return the status."""
        return self.said

    async def notices(self) -> AsyncIterator[Notice]:
        """Yield a first notice, then each of `news`."""
        yield self.newest
        while True:
            news = await self.news.get()
            if isinstance(news, Exception):
                raise news
            yield news

    async def send_event(self, event: Event) -> Result:
        """Note that an event was triggered, and to whom where that was said."""
        whom = [event.extension] if event.extension else []
        self.asked.append(("trigger", event.name, event.version, *whom))
        self.events.append(event)
        return self.result

    async def preview_event(self, event: Event) -> Preview:
        """Say what would be sent."""
        self.events.append(event)
        return replace(PREVIEW, raw_body=event.raw_payload or b"{}")

    async def replay(self, exchange_id: int, way: str = "resigned", version: str = "") -> Result:
        """Note that an exchange was replayed."""
        self.asked.append(("replay", str(exchange_id), way, *([version] if version else [])))
        return self.result

    async def send(
        self, exchange_id: int, edit: Edit, way: str = "resigned", *, linked: bool = True
    ) -> Result:
        """Note what was sent, edited."""
        self.asked.append(("send", str(exchange_id), way, str(linked)))
        self.edits.append(edit)
        return self.result

    async def preview(
        self, exchange_id: int, edit: Edit, way: str = "resigned", *, linked: bool = True
    ) -> Preview:
        """Say what would be sent."""
        del exchange_id, way, linked
        return replace(PREVIEW, raw_body=edit.raw_payload or b"{}")

    async def retry(self, exchange_id: int) -> Result:
        """Note that an attempt was asked for."""
        self.asked.append(("attempt", str(exchange_id)))
        return self.result

    async def cancel_retries(self, ids: Sequence[int]) -> Selection:
        """Note what is to be tried no more."""
        self.asked.append(("give up", *map(str, ids)))
        return Selection(tuple(ids))

    async def pin(self, ids: Sequence[int], *, pinned: bool) -> Selection:
        """Note what was pinned."""
        self.asked.append(("pin", *map(str, ids), str(pinned)))
        return Selection(tuple(ids))

    async def note(self, ids: Sequence[int], text: str) -> Selection:
        """Note what was noted."""
        self.asked.append(("note", *map(str, ids), text))
        return Selection(tuple(ids))

    async def mark_read(self, ids: Sequence[int]) -> Selection:
        """Note what was looked at."""
        self.read.extend(ids)
        return Selection(tuple(ids))

    async def remove(self, ids: Sequence[int]) -> Selection:
        """Note what was removed."""
        self.asked.append(("remove", *map(str, ids)))
        return Selection(tuple(ids))

    async def restore(self, ids: Sequence[int]) -> Selection:
        """Note what was brought back."""
        self.asked.append(("restore", *map(str, ids)))
        return Selection(tuple(ids))

    async def templates(self, extension: str = "") -> tuple[Template, ...]:
        """Return a few samples; those that a command has handlers for are unknown."""
        return TEMPLATES[4:] if extension == "search" else TEMPLATES

    async def worker(self, name: str, verb: str) -> Worker:
        """Note what was asked of a worker."""
        self.asked.append(("worker", name, verb))
        return self.said.workers[0]

    async def stop(self) -> None:
        """Note that all is to stop."""
        self.asked.append(("stop",))

    async def close(self) -> None:
        """Have nothing to close."""


def screen_text(app: App[Any]) -> str:
    """Return what is on screen as text, without the blanks at the ends of lines."""
    visible_screen_stack.set(app._background_screens)  # what is seen behind a dialog
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(text for text, *_ in strip).rstrip() for strip in strips)


LOOKS = 300
"""A busy machine may leave a console little of a minute: it is looked at so often at least."""


async def until(pilot: Pilot[Any], true: Callable[[], bool], *, seconds: float = 60) -> None:
    """Let the console work until something is true; fail when it does not become so."""
    deadline, looks = asyncio.get_running_loop().time() + seconds, 0
    while not true():
        looks += 1
        if looks > LOOKS and asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"It did not happen:\n{screen_text(pilot.app)}")
        await pilot.pause(0.01)


FILTERING = {"typed", "scan", "compare", "make", "levels"}
LOOKING = {"ask", "look", "check"}
"""Groups of workers that end when what a filter, a difference or a menu shows is there."""


async def filtered(pilot: Pilot[Any]) -> None:
    """Wait until what was typed as a filter is taken in, and what it shows is there."""
    workers = pilot.app.workers
    await until(pilot, lambda: all(w.is_finished for w in workers if w.group in FILTERING))


async def settled(pilot: Pilot[Any]) -> None:
    """Wait until the console is connected and shows the details of the selected row."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    await until(pilot, lambda: app.link.up and app.status is not None)
    await filtered(pilot)
    await pilot.pause(DETAILS_DELAY_S * 2)
    await until(pilot, lambda: all(w.is_finished for w in app.workers if w.group == "samples"))
    await pilot.pause()
    if app.screen is not app.place:  # a dialog may look at what was typed once that rests
        await pilot.pause(CHECK_DELAY_S * 2)
        await until(pilot, lambda: all(w.is_finished for w in app.workers if w.group in LOOKING))
        await pilot.pause()
